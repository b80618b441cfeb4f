#include "clouds/slurm_words.h"

#include <algorithm>

namespace mecapy::clouds {
namespace {

using model::OutcomeCode;

struct StateRow {
  std::string_view word;
  Phase phase;
  std::optional<OutcomeCode> why{};
};

// man squeue, "JOB STATE CODES". A worker that has told the end of its run ends with 0; one that
// ended otherwise, was cancelled from outside or lost its node, has lost its run.
constexpr StateRow kStates[] = {
    {"PENDING", Phase::making},
    {"CONFIGURING", Phase::making},
    {"REQUEUED", Phase::making},
    {"REQUEUE_FED", Phase::making},
    {"REQUEUE_HOLD", Phase::making},
    {"SPECIAL_EXIT", Phase::making},
    {"RESV_DEL_HOLD", Phase::making},
    {"RUNNING", Phase::running},
    {"COMPLETED", Phase::over},
    {"FAILED", Phase::over, OutcomeCode::worker_lost},
    {"CANCELLED", Phase::over, OutcomeCode::worker_lost},
    {"TIMEOUT", Phase::over, OutcomeCode::timeout},
    {"DEADLINE", Phase::over, OutcomeCode::timeout},
    {"OUT_OF_MEMORY", Phase::over, OutcomeCode::out_of_memory},
    {"NODE_FAIL", Phase::over, OutcomeCode::worker_lost},
    {"BOOT_FAIL", Phase::over, OutcomeCode::worker_lost},
    {"PREEMPTED", Phase::over, OutcomeCode::worker_lost},
    {"REVOKED", Phase::over, OutcomeCode::worker_lost},
};

struct TroubleRow {
  std::string_view words;
  Trouble trouble;
};

// The first that is in the text; what is in none is refused.
constexpr TroubleRow kTroubles[] = {
    {"Unable to contact slurm controller", Trouble::passing},
    {"backup controller in standby", Trouble::passing},
    {"temporarily unable to accept job", Trouble::passing},
    {"Munge encode failed", Trouble::passing},  // munged is away
    {"Requested partition configuration not available now", Trouble::passing},
    {"timed out", Trouble::unknown},
    {"Zero Bytes were transmitted", Trouble::unknown},
    {"Unexpected message received", Trouble::unknown},
    {"Required partition not available", Trouble::out_of_stock},
    {"Requested nodes are busy", Trouble::out_of_stock},
    {"accounting/QOS policy", Trouble::quota},
    {"submit limit", Trouble::quota},
    {"QOSMax", Trouble::quota},
    {"AssocMax", Trouble::quota},
    {"AssocGrp", Trouble::quota},
};

// The value of ` NAME=` in a line of words, as its first occurrence has it.
std::string_view value_of(std::string_view line, std::string_view name) {
  for (std::size_t at = 0; (at = line.find(name, at)) != std::string_view::npos; ++at) {
    const bool begins = at == 0 || line[at - 1] == ' ';
    const std::size_t after = at + name.size();
    if (!begins || after >= line.size() || line[after] != '=') continue;
    const std::string_view rest = line.substr(after + 1);
    return rest.substr(0, rest.find_first_of(" \n"));
  }
  return {};
}

// OverMemoryKill ends a job so (jobacct_gather), and says it in no other way.
bool killed_for_memory(const SlurmJob& job) {
  return job.state == "FAILED" && job.reason == "JobLaunchFailure" && job.exit == "0:9";
}

}  // namespace

std::optional<SlurmJob> read_slurm_job(std::string_view line) {
  SlurmJob job{std::string(value_of(line, "JobId")), std::string(value_of(line, "JobName")),
               std::string(value_of(line, "JobState")), std::string(value_of(line, "Reason")),
               std::string(value_of(line, "ExitCode"))};
  if (job.id.empty() || job.state.empty()) return std::nullopt;
  return job;
}

Sight slurm_sight(const SlurmJob& job) {
  Sight sight{Phase::running, job.state, {}};
  const auto* row = std::ranges::find(kStates, std::string_view(job.state), &StateRow::word);
  if (row != std::end(kStates)) {
    sight.phase = row->phase;
    sight.why = row->why;
  }
  if (killed_for_memory(job)) {
    sight.said = "OUT_OF_MEMORY";
    sight.why = OutcomeCode::out_of_memory;
  } else if (!job.reason.empty() && job.reason != "None") {
    sight.said += " (" + job.reason + ")";
  }
  if (sight.phase == Phase::over && sight.why && !job.exit.empty() && job.exit != "0:0") {
    sight.said += ", exit " + job.exit;
  }
  return sight;
}

Trouble slurm_trouble(std::string_view errors) {
  const auto* row = std::ranges::find_if(kTroubles, [&](const TroubleRow& one) {
    return errors.find(one.words) != std::string_view::npos;
  });
  return row == std::end(kTroubles) ? Trouble::refused : row->trouble;
}

std::string slurm_minutes(std::chrono::seconds life) {
  return std::to_string(
      std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::minutes>(life).count()));
}

}  // namespace mecapy::clouds
