// The command line of a zygote, as sandbox/zygote_process.cc writes it:
// KIND MODULES DEVICES RUNTIME PACKAGES CACHE [READABLE...]
#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "zygote/interpreter.h"

namespace mecapy::zygote {

struct Arguments {
  const char* modules = nullptr;       // with spaces between them
  std::vector<std::string> devices{};  // of graphics processors
  PythonPlaces places{};
  std::vector<std::string> readable{};  // by runs, where no template hides the rest of the machine
};

// The words outlive what is read. Nothing where there are too few.
inline std::optional<Arguments> read_arguments(int count, char** words) {
  constexpr std::size_t kFixed = 7;
  const std::span<char*> all(words, static_cast<std::size_t>(count));
  if (all.size() < kFixed) return std::nullopt;
  std::istringstream devices(all[3]);
  const std::span<char*> readable = all.subspan(kFixed);
  return Arguments{all[2],
                   {std::istream_iterator<std::string>(devices), {}},
                   {all[4], all[5], all[6]},
                   {readable.begin(), readable.end()}};
}

}  // namespace mecapy::zygote
