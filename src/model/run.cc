#include "model/run.h"

#include <algorithm>
#include <array>

namespace mecapy::model {
namespace {

constexpr std::array<std::string_view, 5> kStatusNames = {"queued", "running", "completed",
                                                          "failed", "cancelled"};

bool is_name_char(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-' || c == ' ';
}

bool is_part(std::string_view part) {
  return !part.empty() && part.front() != '.' && part.front() != ' ' && part.back() != ' ' &&
         std::ranges::all_of(part, is_name_char);
}

}  // namespace

std::string_view name(RunStatus status) {
  return kStatusNames.at(static_cast<std::size_t>(status));
}

std::optional<RunStatus> parse_status(std::string_view name) {
  const auto it = std::ranges::find(kStatusNames, name);
  if (it == kStatusNames.end()) return std::nullopt;
  return static_cast<RunStatus>(it - kStatusNames.begin());
}

RunEnd failed_end(OutcomeCode code, std::string message) {
  RunEnd end;
  end.status = RunStatus::failed;
  end.failure = Failure{code, std::move(message), "", {}, {}};
  return end;
}

bool is_artifact_name(std::string_view name) {
  if (name.empty() || name.size() > 128) return false;
  while (true) {
    const std::size_t slash = name.find('/');
    if (!is_part(name.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    name.remove_prefix(slash + 1);
  }
}

}  // namespace mecapy::model
