// The JSON of the worker's contract: POST /execute (as in the seed, plus optional fields) and its
// streamed answer, one JSON object a line:
//   {"type":"started"}  {"type":"log","text":...}  {"type":"progress",...}  {"type":"end",...}
//   {"type":"checkpoint","number":...,"bytes":...,"sha256":...}  a state that the attempt saved
//   {"type":"anew"}  the checkpoint it was given cannot be used
// The last line alone is the seed's answer {status, result_key, ...}.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/look.h"
#include "model/run.h"

namespace mecapy::wire {

struct WorkerJob {
  model::Job job;              // ids are as sent, and may be any text
  std::string run_id;          // names objects; task_id without one: the worker adds to it
  bool inline_allowed = true;  // false for the seed's bare traffic: it wants a result_key
};

std::string execute_json(const model::Job& job);
// The seed's four fields and no more, for a worker that names results/TASK_ID.json by the task: the
// task's id in it is that of the attempt. The inputs must be an object.
std::string seed_execute_json(const model::Job& job);
// Untrusted: from whoever may call the worker. Ids are letters, digits and '-'; that of a task may
// have '.' within.
// Limits are checked against `ceilings`; absent ones are the defaults, lowered to them.
Result<WorkerJob> read_worker_execute(std::string_view body, const model::Limits& ceilings);

std::string check_json(std::string_view code);
// The code to look at. The answer is that of a run: it fails with invalid_code, or its result is
//   {"imports":[PACKAGE...],"inputs":[{"name":...,"required":...}...],"results":[MEMBER...]}
// of which a member that is not known is not there.
Result<std::string> read_worker_check(std::string_view body);
// What the result of a look says beside the imports. Untrusted; of what is not as it should be, or
// too much, nothing is known.
model::CodeFacts read_facts(std::string_view result);

// The environment that the worker's health tells of; "" when it tells none. Untrusted.
std::string read_health_environment(std::string_view body);

// One line of a worker's answer.
struct WorkerLine {
  enum class Type : std::uint8_t { started, log, progress, checkpoint, anew, end };
  Type type = Type::started;
  std::string text;                // log: UTF-8, wrong bytes as U+FFFD; progress: JSON
  model::RunEnd end{};             // end only
  model::Checkpoint checkpoint{};  // checkpoint only; without its attempt
};

std::string started_line();
std::string log_line(std::string_view text);
std::string progress_line(std::string_view progress_json);
std::string checkpoint_line(const model::Checkpoint& checkpoint);
std::string anew_line();
std::string end_line(const model::RunEnd& end);
// Untrusted: from a peer. A line without a type is an end, as a worker of the seed's sends it.
Result<WorkerLine> read_worker_line(std::string_view line);

}  // namespace mecapy::wire
