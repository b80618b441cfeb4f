#include "model/run.h"

#include <algorithm>
#include <array>

#include "base/file_name.h"
#include "base/listed.h"

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

std::string status_names(std::string_view between, std::string_view before_last) {
  return base::listed(kStatusNames, before_last, between);
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

namespace {

constexpr std::size_t kUuid = 36;  // characters

// Whether `stem` is what object_stem() makes of `run` and `attempt`, or of some attempt.
bool is_stem(std::string_view stem, const std::string& run, std::optional<int> attempt) {
  if (stem.size() > kUuid && stem[stem.size() - kUuid - 1] == '.' &&
      RunId::parse(stem.substr(stem.size() - kUuid))) {
    stem.remove_suffix(kUuid + 1);
  }
  if (attempt) return stem == object_stem(run, *attempt);
  if (!stem.starts_with(run)) return false;
  stem.remove_prefix(run.size());
  if (stem.empty()) return true;
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return stem.size() >= 2 && stem.front() == '.' && std::ranges::all_of(stem.substr(1), digit);
}

}  // namespace

namespace {

constexpr std::string_view kArtifacts = "artifacts/";
constexpr std::string_view kCheckpoints = "checkpoints/";

bool is_number(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !text.empty() && text.size() <= 12 && text.front() != '0' &&
         std::ranges::all_of(text, digit);
}

// What stands behind the attempt's name in the key of an artifact; "" in another key.
std::string_view artifact_name_in(std::string_view key) {
  if (!key.starts_with(kArtifacts)) return {};
  const std::size_t slash = key.find('/', kArtifacts.size());
  return slash == std::string_view::npos ? std::string_view() : key.substr(slash + 1);
}

}  // namespace

bool is_object_of(std::string_view key, const RunId& run, std::optional<int> attempt) {
  const auto is = [&](std::string_view before, std::string_view after) {
    return key.size() > before.size() + after.size() && key.starts_with(before) &&
           key.ends_with(after) &&
           is_stem(key.substr(before.size(), key.size() - before.size() - after.size()), run.str(),
                   attempt);
  };
  if (is("results/", ".json") || is("logs/", ".txt")) return true;
  if (key.starts_with(kCheckpoints)) {
    const std::size_t slash = key.find('/', kCheckpoints.size());
    return slash != std::string_view::npos && is_number(key.substr(slash + 1)) &&
           is_stem(key.substr(kCheckpoints.size(), slash - kCheckpoints.size()), run.str(),
                   attempt);
  }
  const std::string_view name = artifact_name_in(key);
  if (name.empty()) return false;
  const std::string_view stem =
      key.substr(kArtifacts.size(), key.size() - kArtifacts.size() - 1 - name.size());
  return is_stem(stem, run.str(), attempt) && is_artifact_name(name);
}

bool names_own_objects(const RunEnd& end, const RunId& run, std::optional<int> attempt) {
  const auto ours = [&](const std::string& key, std::string_view folder) {
    return key.starts_with(folder) && is_object_of(key, run, attempt);
  };
  return (!end.result.stored() || ours(end.result.key, "results/")) &&
         (!end.log.stored() || ours(end.log.key, "logs/")) &&
         std::ranges::all_of(end.artifacts, [&](const Artifact& one) {
           return ours(one.key, kArtifacts) && artifact_name_in(one.key) == one.name;
         });
}

std::string checkpoint_key(const std::string& run_id, const Checkpoint& checkpoint) {
  return std::string(kCheckpoints) + object_stem(run_id, checkpoint.attempt) + "/" +
         std::to_string(checkpoint.number);
}

bool is_checkpoint_of(std::string_view key, const RunId& run) {
  return key.starts_with(kCheckpoints) && is_object_of(key, run, std::nullopt);
}

std::string resumed_progress(const Checkpoint& checkpoint) {
  return R"({"fraction":null,"message":"taken up from the checkpoint of attempt )" +
         std::to_string(checkpoint.attempt) + "\"}";
}

std::string object_stem(const std::string& run_id, int attempt) {
  return attempt <= 1 ? run_id : run_id + "." + std::to_string(attempt);
}

}  // namespace mecapy::model
