#include "base/problems.h"

#include <utility>

#include "base/nearest.h"
#include "base/utf8.h"

namespace mecapy::base {

void Problems::tell(std::string pointer, std::string detail) {
  if (problems_.size() == kMostProblems) {
    ++more_;
    return;
  }
  if (pointer.size() > kLongestProblemPlace) {
    pointer = whole_characters(std::string_view(pointer).substr(0, kLongestProblemPlace));
  }
  problems_.push_back({std::move(pointer), std::move(detail), {}, {}});
}

std::string Problems::instead(std::string_view name, const std::vector<std::string_view>& known) {
  if (suggestions_ == kMostSuggestions) return "";
  ++suggestions_;
  const std::string near = nearest(name, known);
  return near.empty() ? "" : "; did you mean \"" + near + "\"?";
}

std::vector<FieldProblem> Problems::all() && {
  if (more_ > 0) {
    problems_.push_back({"", "and " + std::to_string(more_) + " more problems", {}, {}});
  }
  return std::move(problems_);
}

}  // namespace mecapy::base
