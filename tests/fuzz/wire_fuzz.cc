// Bodies of requests, and lines of a worker (wire/api_json.h, wire/worker_json.h).
#include <algorithm>

#include "fuzz.h"
#include "model/bounds.h"
#include "wire/api_json.h"
#include "wire/json.h"
#include "wire/worker_json.h"

namespace mecapy::fuzz {
namespace {

// Every complaint is told to whoever sent the bytes.
void check_error(const Error& error) {
  const std::string problem = wire::problem_json(error, 422, "request");
  promise(wire::validate_json(problem).has_value(), "a problem is JSON");
}

void check_limits(const model::Limits& limits) {
  promise(model::check_limits(limits, model::default_ceilings()).has_value(),
          "limits stay within the ceilings");
}

template <wire::TaskKind kKind>
void task(std::string_view body) {
  const auto task = wire::read_task(body, kKind, model::default_ceilings());
  if (!task) return check_error(task.error());
  promise(wire::validate_json(wire::task_json(*task)).has_value(), "a task is JSON");
  promise(wire::validate_json(wire::task_summary_json(*task)).has_value(), "its summary is, too");
}

void patch(std::string_view body) {
  const auto patch = wire::read_patch(body, model::default_ceilings());
  if (!patch) return check_error(patch.error());
  const auto limits = wire::patched_limits(*patch, model::Limits{}, model::default_ceilings());
  if (!limits) return check_error(limits.error());
  check_limits(*limits);
}

void execute(std::string_view body) {
  const auto request = wire::read_execute(body);
  if (!request) return check_error(request.error());
  promise(!request->inputs || wire::validate_json(*request->inputs).has_value(), "inputs are JSON");
  promise(!request->version || *request->version > 0, "versions count from 1");
}

void cancel(std::string_view body) {
  if (const auto cancel = wire::read_cancel(body); !cancel) check_error(cancel.error());
}

void worker_execute(std::string_view body) {
  const auto job = wire::read_worker_execute(body, model::default_ceilings());
  if (!job) return check_error(job.error());
  check_limits(job->job.limits);
  promise(job->run_id.find_first_of("/\\") == std::string::npos && !job->run_id.starts_with('.'),
          "run ids are safe as keys");
  const auto& saved = job->job.checkpoint;
  promise(!saved || (saved->attempt > 0 && saved->number > 0 && saved->size > 0),
          "attempts, checkpoints and their bytes count from 1");
}

void worker_check(std::string_view body) {
  if (const auto code = wire::read_worker_check(body); !code) check_error(code.error());
}

void facts(std::string_view result) {
  const model::CodeFacts facts = wire::read_facts(result);
  const auto bounded = [](const std::string& name) {
    return !name.empty() && name.size() <= model::kLongestFact;
  };
  promise(!facts.inputs || facts.inputs->size() <= model::kMostFacts, "inputs are few");
  promise(!facts.inputs || std::ranges::all_of(*facts.inputs, bounded, &model::InputFact::name),
          "names of inputs are short");
  promise(!facts.results || facts.results->size() <= model::kMostFacts, "members are few");
  promise(!facts.results || std::ranges::all_of(*facts.results, bounded), "their names are short");
}

void check_progress(const std::string& progress) {
  promise(progress.size() <= model::kMostProgress, "a progress is short");
  const auto again = wire::read_worker_line(wire::progress_line(progress));
  promise(again.has_value() && again->text == progress, "a progress can be told on");
}

void check_checkpoint(const model::Checkpoint& checkpoint) {
  const auto again = wire::read_worker_line(wire::checkpoint_line(checkpoint));
  promise(again.has_value() && again->checkpoint.number == checkpoint.number &&
              again->checkpoint.size == checkpoint.size &&
              again->checkpoint.sha256 == checkpoint.sha256,
          "a checkpoint can be told on");
}

void worker_line(std::string_view text) {
  const auto line = wire::read_worker_line(text);
  if (!line) return check_error(line.error());
  using Type = wire::WorkerLine::Type;
  if (line->type == Type::progress) return check_progress(line->text);
  if (line->type == Type::checkpoint) return check_checkpoint(line->checkpoint);
  if (line->type != Type::end) return;
  for (const model::Artifact& artifact : line->end.artifacts) {
    promise(model::is_artifact_name(artifact.name), "names of artifacts are safe");
  }
  const auto again = wire::read_worker_line(wire::end_line(line->end));
  promise(again.has_value() && again->end.status == line->end.status, "an end can be told on");
}

using Reader = void (*)(std::string_view);
constexpr Reader kReaders[] = {task<wire::TaskKind::kept>,
                               task<wire::TaskKind::ad_hoc>,
                               patch,
                               execute,
                               cancel,
                               worker_execute,
                               worker_check,
                               worker_line,
                               facts};

}  // namespace
}  // namespace mecapy::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mecapy::fuzz;
  const Input input = read_input(data, size);
  kReaders[input.choice % std::size(kReaders)](input.bytes);
  return 0;
}
