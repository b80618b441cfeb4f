// What is wrong with YAML that a parser has refused, in words for who wrote it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mecapy::cli {

struct YamlFault {
  int line = 0;  // 1-based
  std::string what;
};

// A parser notices most mistakes lines after they were made, and tells them in words of its own.
// This looks for those that people make: tabs in an indentation, indentations of no block, colons
// without a space behind them or without a key, texts that need quotes, quotes and brackets that
// nobody closes. The first one in lines up to `stopped`, where the parser gave up; nothing when
// none is found. Of YAML that has nothing wrong it may find something all the same.
std::optional<YamlFault> likely_fault(std::string_view yaml, int stopped);

}  // namespace mecapy::cli
