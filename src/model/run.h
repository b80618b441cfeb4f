// A run: one execution of one version of a task, from acceptance to its single recorded end.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/ids.h"
#include "model/limits.h"
#include "model/outcome.h"

namespace mecapy::model {

// queued -> running -> completed | failed | cancelled; running -> queued when the platform failed;
// queued -> failed | cancelled. Nothing leaves an end.
enum class RunStatus : std::uint8_t { queued, running, completed, failed, cancelled };
std::string_view name(RunStatus status);
std::optional<RunStatus> parse_status(std::string_view name);
// The names of all, in order, for words about them: "a, b or c" with ", " and " or ".
std::string status_names(std::string_view between, std::string_view before_last);
inline bool is_end(RunStatus s) { return s >= RunStatus::completed; }

// Where attempts run, by the names of the API.
inline constexpr std::string_view kLocal = "local";
inline constexpr std::string_view kServerless = "serverless_container";
inline constexpr std::string_view kDedicated = "dedicated_instance";  // a machine made for the run

// How long a run is expected to take, and by whom.
struct Estimate {
  double seconds = 0;
  std::string from;  // "caller", "history", "task" or "default"
  int samples = 0;   // earlier runs that history looked at
};

// Measured use of one attempt. Zero where it could not be measured.
struct Usage {
  std::int64_t wall_us = 0;  // from the run being ready to its end
  std::int64_t cpu_us = 0;   // user + system, all processes
  std::int64_t peak_memory_bytes = 0;
  std::int64_t setup_us = 0;  // from the order to the sandbox to the run being ready
  std::int64_t log_bytes = 0;
  std::int64_t result_bytes = 0;
  std::int64_t artifact_bytes = 0;
  // What its processes gave to write(2) and its like, by the kernel's count: files, log and result.
  // -1 when nobody could tell: the sandbox was killed, or the kernel does not count.
  std::int64_t written_bytes = -1;
};

// The members of Usage by the names they have on the worker's wire and as columns of the store.
struct UsageRow {
  std::string_view name;
  std::int64_t Usage::*field;
};
inline constexpr std::array kUsageTable = {
    UsageRow{"wall_us", &Usage::wall_us},
    UsageRow{"cpu_us", &Usage::cpu_us},
    UsageRow{"peak_memory_bytes", &Usage::peak_memory_bytes},
    UsageRow{"setup_us", &Usage::setup_us},
    UsageRow{"log_bytes", &Usage::log_bytes},
    UsageRow{"result_bytes", &Usage::result_bytes},
    UsageRow{"artifact_bytes", &Usage::artifact_bytes},
    UsageRow{"written_bytes", &Usage::written_bytes},
};

// One line of a bill. EUR are rounded to 10^-12.
struct CostComponent {
  std::string name;  // of kCostKinds (cost.h), as is the unit
  std::string item;  // of its price
  double quantity = 0;
  std::string unit;
  double free = 0;                   // of `quantity`, by the account's allowance
  std::optional<double> eur_each{};  // of one unit; nothing: the price is unknown
  std::optional<double> eur{};
};

// Whether what an account has for nothing every month is taken off. It is the account's: no single
// run can claim it.
enum class Allowances : std::uint8_t { left_out, counted };
std::string_view name(Allowances allowances);

struct Cost {
  std::vector<CostComponent> components{};
  double eur = 0;           // of those whose price is known
  bool complete = true;     // no price is unknown, and nothing is to come
  std::string prices_of{};  // date of the oldest price in it; "" when there is none
  Allowances allowances = Allowances::left_out;
  std::string why{};  // it is not complete; for people
};

struct Artifact {
  std::string name;       // checked: see is_artifact_name
  std::int64_t size = 0;  // bytes
  std::string content_type;
  std::string sha256;  // hex
  std::string key;     // in the object store
};

// Names of files (base/file_name.h) with '/' between them, at most 200 bytes in all: safe as a path
// below a folder, and in an object key.
inline constexpr std::size_t kLongestArtifactName = 200;
bool is_artifact_name(std::string_view name);

// A state that an attempt of a run saved, for the attempts after it.
struct Checkpoint {
  int attempt = 0;          // that saved it
  std::int64_t number = 0;  // among those of the attempt, from 1
  std::int64_t size = 0;    // bytes
  std::string sha256{};     // hex
  base::TimePoint saved_at{};
};
// Its name as an object.
std::string checkpoint_key(const std::string& run_id, const Checkpoint& checkpoint);
// Whether `key` is the name of a checkpoint of an attempt of `run`.
bool is_checkpoint_of(std::string_view key, const RunId& run);
// What watchers of the run are told when an attempt begins with it, as progress (JSON).
std::string resumed_progress(const Checkpoint& checkpoint);

// JSON or text that is carried inline when small and by object key when large.
struct Payload {
  std::string inline_bytes;  // used when key is empty
  std::string key;
  bool stored() const { return !key.empty(); }
};

// The name that the objects of an attempt have after their folder: the first attempt's is the run's
// id; a later one's has its number in it, so that a late attempt never touches what a recorded one
// wrote.
std::string object_stem(const std::string& run_id, int attempt);

// What one attempt ended with, as the worker reports it and the store records it.
struct RunEnd {
  RunStatus status = RunStatus::failed;  // completed, failed or cancelled
  Payload result{};                      // completed only
  std::optional<Failure> failure{};      // failed only
  Usage usage{};
  Payload log{};
  bool log_truncated = false;
  std::vector<Artifact> artifacts{};
  // The Python environment it ran in, as the worker names it; "" when that is not known.
  std::string environment{};
};

// Whether `key` is a name that an attempt of `run` (`attempt` alone, when it is known) gives to its
// result, its log, one of its artifacts or one of its checkpoints.
bool is_object_of(std::string_view key, const RunId& run, std::optional<int> attempt);

// Whether every object that `end` names is one that an attempt of `run` makes, and has the name
// that such an attempt gives it; of attempt `attempt` alone, when it is known. A worker that was
// sent no run id adds an id of its own to the name. Whoever tells an end, a worker or a cache,
// could else have another user's objects shown.
bool names_own_objects(const RunEnd& end, const RunId& run, std::optional<int> attempt);

// The end `failed` with `code` and `message`.
RunEnd failed_end(OutcomeCode code, std::string message);

// Where a run of a workflow belongs.
struct NodePlace {
  WorkflowRunId workflow_run_id{};
  int node = 0;  // its place in the definition
  int element = 0;
  int attempt = 1;  // of the run of the workflow
  int number = 1;   // among the runs of this element in that attempt
};

struct Run {
  RunId id{};
  TaskId task_id{};
  std::string user;
  int version = 1;
  RunStatus status = RunStatus::queued;
  int attempt = 0;  // 0 until claimed; each claim raises it
  Payload inputs{};
  std::optional<Limits> limits{};    // instead of those of its version; only on the way in
  std::optional<NodePlace> place{};  // the same
  RunEnd end{};  // meaningful once is_end(status); after a retry, failure holds the last platform
                 // fault
  std::int64_t artifact_count = 0;  // as the store tells it, also where it leaves end.artifacts out
  bool cancel_requested = false;
  // Of code and inputs, where the run may answer later ones, or be answered by an earlier one; "".
  std::string cache_key{};
  // The run whose end this one has, when it was not calculated; else empty. That one was
  // calculated.
  RunId cached_from{};
  WorkflowRunId workflow_run{};  // of a node of which it is; as the store tells it
  std::string backend{};         // where it goes, or went; "" where one backend is all there is
  std::optional<Estimate> estimate{};      // by which it was chosen
  std::string moved_from{};                // the backend whose limit it outlived; ""
  std::optional<Checkpoint> checkpoint{};  // the last that was saved
  int resumed_from = 0;        // the attempt whose checkpoint the last one began with; 0: with none
  std::string waiting{};       // why it is queued and not running, where that is known
  double expected_eur = 0;     // what budgets count of it until it has ended
  std::optional<Cost> cost{};  // of all its attempts and machines so far
  base::TimePoint queued_at{};
  std::optional<base::TimePoint> started_at{};
  std::optional<base::TimePoint> finished_at{};
};

// Everything a worker needs for one attempt.
struct Job {
  RunId run_id{};
  TaskId task_id{};
  std::string user;
  int attempt = 1;
  std::string code;
  Payload inputs{};
  Limits limits{};
  std::optional<Checkpoint> checkpoint{};  // to begin with
  std::chrono::microseconds waited{};      // from acceptance to this claim, by the store's clock
};

}  // namespace mecapy::model
