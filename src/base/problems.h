// What is wrong with a request, as much of it as somebody reads: who writes it may be a stranger.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace mecapy::base {

inline constexpr std::size_t kMostProblems = 200;
inline constexpr std::size_t kMostSuggestions = 20;        // each is a search
inline constexpr std::size_t kLongestProblemPlace = 1000;  // bytes of a pointer that are told

class Problems {
 public:
  // Of what comes behind the first kMostProblems only the number is kept.
  void tell(std::string pointer, std::string detail);
  // `; did you mean "torque"?` of a name that is not among the `known`; "" where none is near, and
  // when it was asked for kMostSuggestions names before.
  std::string instead(std::string_view name, const std::vector<std::string_view>& known);
  bool empty() const { return problems_.empty(); }
  // In the order in which they were told; the last says how many more there are.
  std::vector<FieldProblem> all() &&;

 private:
  std::vector<FieldProblem> problems_{};
  std::size_t more_ = 0;
  std::size_t suggestions_ = 0;
};

}  // namespace mecapy::base
