// What the API answers, as values. All texts are untrusted: whoever shows them makes them harmless.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/outcome.h"
#include "model/run.h"

namespace mecapy::client {

struct Artifact {
  std::string name{};
  std::int64_t size = 0;  // bytes
  std::string sha256{};   // hex
};

// How long a run was expected to take.
struct ExpectedTime {
  double seconds = 0;
  std::string source{};                   // "caller", "history", ...
  std::optional<std::int64_t> samples{};  // history: how many earlier runs
};

// The state that a run saved last.
struct SavedState {
  std::string saved_at{};
  int attempt = 0;
  std::int64_t size = 0;  // bytes
};

struct RunAnswer {
  std::string id;
  std::string task_id;
  int version = 0;
  std::string status{};  // "queued", ...
  int attempt = 0;
  bool cancel_requested = false;
  std::optional<model::Failure> failure{};  // a code that we do not know is internal, and in its
                                            // message
  std::string code{};                       // the failure's, as the server has it
  std::optional<model::Usage> usage{};      // times and memory
  std::optional<double> cost_eur{};
  std::string cost_open{};  // why that is not all; ""
  std::int64_t artifact_count = 0;
  std::vector<Artifact> artifacts{};
  std::optional<std::string> result{};  // JSON as it came
  std::string progress{};               // JSON, of a running run; "" when nothing is known
  std::string cached_from{};
  std::string backend{};
  std::optional<ExpectedTime> expected{};  // of one that has a duration
  std::string waiting{};                   // why it is queued
  std::string moved_from{};
  std::string workflow_run_id{};
  std::optional<SavedState> checkpoint{};
  int resumed_from = 0;  // the attempt; 0: none
  std::string queued_at{};
  std::string started_at{};
  std::string finished_at{};

  bool has_ended() const;
  bool was_cancelled() const { return status == "cancelled"; }
};
// unavailable for what is no run, or has no id that can be one.
Result<RunAnswer> read_run(const std::string& json);

// What `progress` said last.
struct Progress {
  std::optional<double> fraction{};
  std::string message{};
};
Progress read_progress(const std::string& json);

struct TaskAnswer {
  std::string id;
  std::string name{};
  std::string description{};
  std::vector<std::string> tags{};
  int version = 0;
  std::string code{};
  std::string inputs{};                                       // JSON
  std::vector<std::pair<std::string, std::string>> limits{};  // name and number
  std::optional<double> cache_ttl_s{};
  std::string updated_at{};
};
// unavailable for what is no task, or has no id that can be one.
Result<TaskAnswer> read_task(const std::string& json);

// A page of a list: each item as it came, valid JSON.
struct Page {
  std::vector<std::string> items{};
  std::string next{};  // cursor; "" on the last page
};
Result<Page> read_page(const std::string& json);

// The text member `name` of a JSON object; "" when there is none.
std::string text_member(const std::string& json, std::string_view name);
// Its integer member `name`; 0 when there is none, or it is negative or no int.
int integer_member(const std::string& json, std::string_view name);
// Whether its member `name` is true.
bool is_true(const std::string& json, std::string_view name);

}  // namespace mecapy::client
