#include "model/run.h"

#include <algorithm>
#include <array>

#include "base/file_name.h"

namespace mecapy::model {
namespace {

constexpr std::array<std::string_view, 5> kStatusNames = {"queued", "running", "completed",
                                                          "failed", "cancelled"};

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
  if (name.size() > kLongestArtifactName) return false;
  while (true) {
    const std::size_t slash = name.find('/');
    if (!base::is_file_name(name.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    name.remove_prefix(slash + 1);
  }
}

std::string object_stem(const std::string& run_id, int attempt) {
  return attempt <= 1 ? run_id : run_id + "." + std::to_string(attempt);
}

}  // namespace mecapy::model
