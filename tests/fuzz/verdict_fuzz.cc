// The failure a run reports, judged (sandbox/verdict.h), and told on the worker's last line.
#include "sandbox/verdict.h"

#include <csignal>

#include "fuzz.h"
#include "wire/worker_json.h"

namespace mecapy::fuzz {
namespace {

using sandbox::Evidence;

// What was seen from outside, in all combinations that matter.
Evidence evidence_of(std::uint8_t choice) {
  Evidence evidence;
  evidence.exit = (choice & 1) != 0 ? Evidence::Exit::signalled : Evidence::Exit::exited;
  evidence.status = (choice & 1) != 0 ? SIGSEGV : (choice & 2) >> 1;
  evidence.disk_full = (choice & 4) != 0;
  evidence.pids_refused = (choice & 8) >> 3;
  evidence.peak_memory_bytes = (choice & 16) != 0 ? 3LL << 30 : 1 << 20;
  evidence.kill_requested = (choice & 32) != 0;
  evidence.oom_kills = (choice & 64) >> 6;
  evidence.deadline_fired = (choice & 128) != 0;
  return evidence;
}

void check_told(const model::RunEnd& end) {
  const std::string line = wire::end_line(end);
  promise(line.find('\n') == line.size() - 1, "an end is one line");
  const auto read = wire::read_worker_line(line);
  promise(read.has_value() && read->end.status == end.status, "an end is told as it was judged");
  promise(read->end.failure.has_value() == end.failure.has_value(), "with its failure");
  if (!end.failure) return;
  promise(read->end.failure->code == end.failure->code, "and the failure's code");
  promise(read->end.failure->line == end.failure->line, "and line");
  promise(is_utf8(read->end.failure->message), "and text that is text");
}

void check(const Evidence& evidence, const sandbox::ChannelReport& report) {
  const model::RunEnd end = sandbox::judge(evidence, report, model::Limits{});
  promise(model::is_end(end.status), "a verdict is an end");
  promise((end.status == model::RunStatus::failed) == end.failure.has_value(),
          "a failed run has one failure, no other run has any");
  promise(end.status != model::RunStatus::completed || (report.result && !report.failure_json),
          "no success without a result, none with a failure");
  if (end.failure) {
    promise(!model::is_platform_fault(end.failure->code), "a run cannot blame the platform");
    promise(end.failure->message.size() <= 9 * 1024, "messages are bounded");
    promise(end.failure->traceback.size() <= 64 * 1024, "tracebacks are bounded");
  }
  if (end.status != model::RunStatus::completed) check_told(end);
}

}  // namespace
}  // namespace mecapy::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mecapy::fuzz;
  const Input input = read_input(data, size);
  const auto evidence = evidence_of(input.choice);
  mecapy::sandbox::ChannelReport report;
  report.failure_json = std::string(input.bytes);
  check(evidence, report);
  report.result = "1";
  check(evidence, report);
  return 0;
}
