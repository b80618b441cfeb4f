#include "sandbox/verdict.h"

#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <csignal>
#include <cstring>
#include <string_view>

#include "sandbox/keeper.h"

namespace mecapy::sandbox {
namespace {

namespace json = boost::json;
using model::Failure;
using model::OutcomeCode;
using Passed = Evidence::Passed;

constexpr std::size_t kLongestMessage = 8 * 1024;     // bytes
constexpr std::size_t kLongestTraceback = 64 * 1024;  // bytes

std::string number(double value) {
  char text[48];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

// Three digits behind the point at most: what lies beyond is nobody's to act on.
std::string rounded(double value) { return number(std::round(value * 1000) / 1000); }
std::string seconds(double s) { return rounded(s) + " s"; }

// Whole MiB, rounded to the nearest: what a person compares with the limit.
std::string used_of(std::int64_t bytes, double limit_mb) {
  const double mb = std::min(std::round(static_cast<double>(bytes) / (1024.0 * 1024.0)), limit_mb);
  return "used " + number(mb) + " of " + number(limit_mb) + " MiB";
}

std::string signal_name(int signal) {
  const char* abbreviation = sigabbrev_np(signal);
  const char* description = sigdescr_np(signal);
  if (abbreviation == nullptr || description == nullptr) return "signal " + std::to_string(signal);
  return "SIG" + std::string(abbreviation) + " (" + description + ")";
}

// What the harness said about a failure. It comes from the run's own process, so it can only choose
// among the codes that are the calculation's or a limit's, never the platform's.
struct KindRow {
  std::string_view kind;
  OutcomeCode code;
};
constexpr std::array kKinds = {
    KindRow{"invalid_code", OutcomeCode::invalid_code},
    KindRow{"user_error", OutcomeCode::user_error},
    KindRow{"invalid_result", OutcomeCode::invalid_result},
    KindRow{"out_of_memory", OutcomeCode::out_of_memory},
    KindRow{"disk_limit", OutcomeCode::disk_limit},
    KindRow{"process_limit", OutcomeCode::process_limit},
    KindRow{"output_limit", OutcomeCode::output_limit},
};

std::string text_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  if (value == nullptr || !value->is_string()) return {};
  return {value->as_string().data(), value->as_string().size()};
}

std::optional<int> line_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  if (value->as_int64() < 1 || value->as_int64() > 100'000'000) return std::nullopt;
  return static_cast<int>(value->as_int64());
}

std::optional<Failure> parse_failure(const std::string& payload) {
  boost::system::error_code failed;
  const json::value value = json::parse(payload, failed);
  if (failed || !value.is_object()) return std::nullopt;
  const json::object& object = value.as_object();
  const std::string kind = text_of(object, "kind");
  for (const KindRow& row : kKinds) {
    if (row.kind != kind) continue;
    return Failure{row.code, text_of(object, "message").substr(0, kLongestMessage),
                   text_of(object, "traceback").substr(0, kLongestTraceback),
                   line_of(object, "line"), line_of(object, "column")};
  }
  return std::nullopt;
}

bool cpu_spent(const Evidence& evidence, const model::Limits& limits) {
  return static_cast<double>(evidence.cpu_us) / 1e6 >= 0.9 * limits.cpu_budget_s();
}

// Whether what was measured from outside bears out a limit that the harness names: an author may
// raise any exception himself. Of output nothing is seen outside, as the harness sends none of what
// is too much: it is believed, and an author who claims it fails his own run.
bool borne_out(OutcomeCode code, const Evidence& evidence, const model::Limits& limits) {
  switch (code) {
    case OutcomeCode::out_of_memory: {
      const bool measured = evidence.peak_memory_bytes > 0;  // else RLIMIT_AS is the limit
      const double mb = static_cast<double>(evidence.peak_memory_bytes) / (1024.0 * 1024.0);
      return !measured || mb >= 0.9 * limits.memory_mb;
    }
    case OutcomeCode::disk_limit:
      return evidence.disk_full;
    case OutcomeCode::process_limit:
      // Who only looks from time to time (peak_tasks) cannot tell what the kernel refused between
      // two looks: the harness is believed there.
      return evidence.pids_refused > 0 || evidence.peak_tasks > 0;
    case OutcomeCode::output_limit:
    case OutcomeCode::invalid_code:
    case OutcomeCode::user_error:
    case OutcomeCode::invalid_result:
    case OutcomeCode::crashed:
      return true;
    case OutcomeCode::timeout:
    case OutcomeCode::cpu_limit:
    case OutcomeCode::worker_lost:
    case OutcomeCode::backend_unavailable:
    case OutcomeCode::storage_unavailable:
    case OutcomeCode::internal:
      break;  // not the harness's to say
  }
  return false;
}

std::string full_folder(const model::Limits& limits) {
  return "the working folder is full: at most " + number(limits.disk_mb) + " MiB and " +
         std::to_string(disk_of(limits).inodes) + " files and folders";
}

std::string before_failing(const Evidence& evidence, const model::Limits& limits) {
  if (evidence.peak_memory_bytes <= 0) {  // not measured
    return "an allocation failed where " + number(limits.memory_mb) + " MiB are the limit";
  }
  return used_of(evidence.peak_memory_bytes, limits.memory_mb) + " before an allocation failed";
}

// Limits that the harness met inside the run get the figures measured from outside.
void add_figures(Failure& failure, const Evidence& evidence, const model::Limits& limits) {
  // numpy's tofile and others lose the errno of a full disk; the working folder itself does not.
  if (failure.code == OutcomeCode::user_error && evidence.disk_full &&
      failure.message.starts_with("OSError")) {
    failure.code = OutcomeCode::disk_limit;
  }
  if (!borne_out(failure.code, evidence, limits)) {
    // The interpreter's own words: it asked for more at once than there is, and used nothing of it.
    if (failure.code == OutcomeCode::out_of_memory && failure.message == "MemoryError") {
      failure.message += " (the memory limit is " + number(limits.memory_mb) + " MiB)";
    }
    failure.code = OutcomeCode::user_error;
  }
  const std::string said = failure.message.empty() ? "" : " (" + failure.message + ")";
  if (failure.code == OutcomeCode::out_of_memory) {
    failure.message = "out of memory: " + before_failing(evidence, limits) + said;
  } else if (failure.code == OutcomeCode::disk_limit) {
    failure.message = full_folder(limits) + said;
  } else if (failure.code == OutcomeCode::process_limit) {
    failure.message =
        "too many processes or threads: at most " + number(limits.processes) + " at once" + said;
  }
}

Failure from_harness(const Evidence& evidence, const ChannelReport& report,
                     const model::Limits& limits) {
  auto failure = parse_failure(*report.failure_json);
  if (!failure) {
    return {OutcomeCode::invalid_result, "the calculation reported its failure in a wrong form"};
  }
  add_figures(*failure, evidence, limits);
  return std::move(*failure);
}

// What the calculation was about when a limit was reached, as far as it has said so.
std::string meanwhile(const ChannelReport& report) {
  return report.importing.empty() ? "" : " while importing " + report.importing;
}

// A limit that was reached, whatever else happened: it is the cause of what followed.
std::optional<Failure> limit_reached(const Evidence& evidence, const ChannelReport& report,
                                     const model::Limits& limits) {
  if (evidence.oom_kills > 0 || evidence.passed == Passed::memory) {
    // Without a measurement, what the kernel killed for: the limit.
    const std::int64_t used = evidence.peak_memory_bytes > 0
                                  ? evidence.peak_memory_bytes
                                  : static_cast<std::int64_t>(limits.memory_mb * 1024 * 1024);
    return Failure{OutcomeCode::out_of_memory,
                   "out of memory: " + used_of(used, limits.memory_mb) + meanwhile(report)};
  }
  const bool by_signal = evidence.exit == Evidence::Exit::signalled && evidence.status == SIGXCPU &&
                         cpu_spent(evidence, limits);
  if (evidence.cpu_fired || evidence.passed == Passed::cpu || by_signal) {
    return Failure{OutcomeCode::cpu_limit, "CPU limit: used " +
                                               seconds(static_cast<double>(evidence.cpu_us) / 1e6) +
                                               " of " + seconds(limits.cpu_budget_s()) +
                                               " of CPU time" + meanwhile(report)};
  }
  if (evidence.passed == Passed::processes) {
    return Failure{
        OutcomeCode::process_limit,
        "too many processes or threads: " + number(static_cast<double>(evidence.peak_tasks)) +
            " at once, at most " + number(limits.processes)};
  }
  if (evidence.passed == Passed::disk) {
    return Failure{OutcomeCode::disk_limit, full_folder(limits)};
  }
  if (evidence.deadline_fired) {
    std::string message =
        "timeout: did not end within " + seconds(limits.timeout_s) + meanwhile(report);
    if (evidence.pids_refused > 0) {
      message += "; " + std::to_string(evidence.pids_refused) +
                 " forks were refused at the limit of " + number(limits.processes) + " processes";
    }
    return Failure{OutcomeCode::timeout, std::move(message)};
  }
  if (report.log_overflow) {
    return Failure{
        OutcomeCode::output_limit,
        "too much output: more than " + number(limits.log_kb) + " KiB on stdout and stderr"};
  }
  if (report.broken && report.broken->code == ErrorCode::too_large) {
    return Failure{OutcomeCode::output_limit, report.broken->message};
  }
  return std::nullopt;
}

Failure from_signal(const Evidence& evidence, const model::Limits& limits) {
  if (evidence.status == SIGXFSZ && evidence.disk_full) {
    return {OutcomeCode::disk_limit,
            "a file grew past the working folder's " + number(limits.disk_mb) + " MiB"};
  }
  std::string message = "the process died of " + signal_name(evidence.status);
  if (evidence.status == SIGSEGV || evidence.status == SIGBUS) {
    message += ": a fault in native code, or a recursion deeper than the 8 MiB stack";
  }
  return {OutcomeCode::crashed, std::move(message)};
}

Failure from_exit(const Evidence& evidence, const ChannelReport& report,
                  const model::Limits& limits) {
  if (report.failure_json) return from_harness(evidence, report, limits);
  if (evidence.status == 0) {
    return {OutcomeCode::invalid_result,
            "no result: the calculation ended its process before returning one"};
  }
  return {OutcomeCode::crashed, "the calculation ended its process with exit status " +
                                    std::to_string(evidence.status) + " and no result"};
}

std::optional<Failure> failure_of(const Evidence& evidence, const ChannelReport& report,
                                  const model::Limits& limits) {
  if (auto limit = limit_reached(evidence, report, limits)) return limit;
  switch (evidence.exit) {
    case Evidence::Exit::setup_failed:
      return Failure{OutcomeCode::internal,
                     "the sandbox could not be set up: " + evidence.setup_step + ": " +
                         std::strerror(evidence.status)};
    case Evidence::Exit::signalled:
    case Evidence::Exit::exited:
      break;
  }
  if (report.broken) return Failure{OutcomeCode::invalid_result, report.broken->message};
  if (evidence.exit == Evidence::Exit::signalled) return from_signal(evidence, limits);
  if (evidence.status == 0 && report.result && !report.failure_json) return std::nullopt;
  return from_exit(evidence, report, limits);
}

bool was_cancelled(const Evidence& evidence, const ChannelReport& report) {
  // A kill for too much output or a damaged channel is ours; one that came after the end is
  // nobody's.
  return evidence.kill_requested && !report.log_overflow && !report.broken &&
         evidence.exit != Evidence::Exit::exited;
}

}  // namespace

model::RunEnd judge(const Evidence& evidence, const ChannelReport& report,
                    const model::Limits& limits) {
  model::RunEnd end;
  end.usage.wall_us = evidence.wall_us;
  end.usage.cpu_us = evidence.cpu_us;
  end.usage.peak_memory_bytes = evidence.peak_memory_bytes;
  end.usage.written_bytes = evidence.written_bytes;
  end.usage.setup_us = evidence.setup_us;
  end.log_truncated = report.log_overflow;
  if (was_cancelled(evidence, report)) {
    end.status = model::RunStatus::cancelled;
    return end;
  }
  end.failure = failure_of(evidence, report, limits);
  end.status = end.failure ? model::RunStatus::failed : model::RunStatus::completed;
  if (!end.failure) {
    end.usage.result_bytes = static_cast<std::int64_t>(report.result->size());
  }
  return end;
}

}  // namespace mecapy::sandbox
