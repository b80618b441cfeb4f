// What a look at code finds without running it. Plain values.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "model/run.h"

namespace mecapy::model {

// What is told of one code at most: of more, nothing.
inline constexpr std::size_t kMostFacts = 200;        // inputs; members of results
inline constexpr std::size_t kLongestFact = 4 * 100;  // of a name: 100 characters, in bytes

struct InputFact {
  std::string name;
  bool required = true;  // no run ends well without it
};

// What no run of a code can contradict.
struct CodeFacts {
  std::optional<std::vector<InputFact>> inputs{};  // it reads no others; nothing: it may read any
  std::optional<std::vector<std::string>> results{};  // members its result may have; nothing: any
};

struct Look {
  std::optional<Failure> failure{};  // invalid_code: it cannot be a calculation
  CodeFacts facts{};                 // of one that can
};

}  // namespace mecapy::model
