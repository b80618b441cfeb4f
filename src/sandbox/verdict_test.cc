#include "sandbox/verdict.h"

#include <gtest/gtest.h>

#include <csignal>

namespace mecapy::sandbox {
namespace {

using model::OutcomeCode;
using model::RunStatus;

Evidence exited(int status) {
  Evidence evidence;
  evidence.exit = Evidence::Exit::exited;
  evidence.status = status;
  return evidence;
}

Evidence signalled(int signal) {
  Evidence evidence;
  evidence.exit = Evidence::Exit::signalled;
  evidence.status = signal;
  return evidence;
}

ChannelReport result() {
  ChannelReport report;
  report.result = "1";
  return report;
}

ChannelReport failure(const std::string& kind, const std::string& message = "said") {
  ChannelReport report;
  report.failure_json = R"({"kind":")" + kind + R"(","message":")" + message +
                        R"(","traceback":"t","line":3,"column":null})";
  return report;
}

OutcomeCode code(const Evidence& evidence, const ChannelReport& report) {
  const model::RunEnd end = judge(evidence, report, model::Limits{});
  EXPECT_EQ(end.status, RunStatus::failed);
  return end.failure ? end.failure->code : OutcomeCode::internal;
}

std::string message(const Evidence& evidence, const ChannelReport& report) {
  const model::RunEnd end = judge(evidence, report, model::Limits{});
  return end.failure ? end.failure->message : "";
}

TEST(Judge, Completed_NeedsResultExitZeroAndNoLimit) {
  EXPECT_EQ(judge(exited(0), result(), {}).status, RunStatus::completed);
  EXPECT_EQ(code(exited(0), {}), OutcomeCode::invalid_result);
  EXPECT_EQ(code(exited(1), result()), OutcomeCode::crashed);
  EXPECT_EQ(code(signalled(SIGSEGV), result()), OutcomeCode::crashed);
}

TEST(Judge, ALimitThatInitSawPassed_IsNamedWithItsFigure) {
  Evidence evidence = signalled(SIGKILL);
  evidence.passed = Evidence::Passed::memory;
  evidence.peak_memory_bytes = 2049LL << 20;
  EXPECT_EQ(message(evidence, result()), "out of memory: used 2048 of 2048 MiB");
  evidence.passed = Evidence::Passed::processes;
  evidence.peak_tasks = 70;
  EXPECT_EQ(message(evidence, result()), "too many processes or threads: 70 at once, at most 64");
  evidence.passed = Evidence::Passed::disk;
  EXPECT_EQ(code(evidence, result()), OutcomeCode::disk_limit);
  evidence.passed = Evidence::Passed::cpu;
  EXPECT_EQ(code(evidence, result()), OutcomeCode::cpu_limit);
}

TEST(Judge, EveryLimit_WinsOverAResult) {
  Evidence evidence = exited(0);
  evidence.oom_kills = 1;
  EXPECT_EQ(code(evidence, result()), OutcomeCode::out_of_memory);
  evidence = exited(0);
  evidence.deadline_fired = true;
  EXPECT_EQ(code(evidence, result()), OutcomeCode::timeout);
  evidence = exited(0);
  evidence.cpu_fired = true;
  EXPECT_EQ(code(evidence, result()), OutcomeCode::cpu_limit);
  ChannelReport loud = result();
  loud.log_overflow = true;
  EXPECT_EQ(code(exited(0), loud), OutcomeCode::output_limit);
  EXPECT_TRUE(judge(exited(0), loud, {}).log_truncated);
}

TEST(Judge, MessagesHoldTheFigures) {
  Evidence evidence = signalled(SIGKILL);
  evidence.oom_kills = 1;
  EXPECT_EQ(message(evidence, {}), "out of memory: used 2048 of 2048 MiB");
  evidence.peak_memory_bytes = 2040LL << 20;
  EXPECT_EQ(message(evidence, {}), "out of memory: used 2040 of 2048 MiB");
  evidence = signalled(SIGXCPU);
  evidence.cpu_us = 600'100'000;
  EXPECT_EQ(message(evidence, {}), "CPU limit: used 600.1 s of 600 s of CPU time");
  evidence = signalled(SIGKILL);
  evidence.deadline_fired = true;
  EXPECT_EQ(message(evidence, {}), "timeout: did not end within 600 s");
}

TEST(Judge, Signals_AreNamed) {
  EXPECT_EQ(message(signalled(SIGABRT), {}), "the process died of SIGABRT (Aborted)");
  EXPECT_EQ(code(signalled(SIGXFSZ), {}), OutcomeCode::crashed);
  Evidence full = signalled(SIGXFSZ);
  full.disk_full = true;
  EXPECT_EQ(code(full, {}), OutcomeCode::disk_limit);
  EXPECT_EQ(message(signalled(64), {}), "the process died of signal 64");
}

TEST(Judge, ALimitTheAuthorOnlyClaims_IsHisOwnError) {
  Evidence little = exited(1);
  little.peak_memory_bytes = 4 << 20;
  for (const char* kind : {"out_of_memory", "disk_limit", "process_limit"}) {
    EXPECT_EQ(code(little, failure(kind)), OutcomeCode::user_error) << kind;
  }
  EXPECT_EQ(code(signalled(SIGXCPU), {}), OutcomeCode::crashed);
}

// cgroup v2 without memory.peak (before Linux 5.19): no figure is told that nobody measured.
TEST(Judge, MemoryThatWasNotMeasured_IsNotToldAsUsed) {
  const Evidence unmeasured = exited(1);
  EXPECT_EQ(message(unmeasured, failure("out_of_memory")),
            "out of memory: an allocation failed where 2048 MiB are the limit (said)");
}

TEST(Judge, HarnessKinds_AreOnlyTheCalculationsOrLimits) {
  EXPECT_EQ(code(exited(1), failure("user_error")), OutcomeCode::user_error);
  EXPECT_EQ(code(exited(1), failure("invalid_code")), OutcomeCode::invalid_code);
  EXPECT_EQ(code(exited(1), failure("output_limit")), OutcomeCode::output_limit);
  for (const char* kind : {"timeout", "", "nonsense"}) {
    EXPECT_EQ(code(exited(1), failure(kind)), OutcomeCode::invalid_result) << kind;
  }
  for (const model::OutcomeRow& row : model::outcome_table()) {
    if (row.fault != model::Fault::platform) continue;
    EXPECT_EQ(code(exited(1), failure(std::string(row.name))), OutcomeCode::invalid_result)
        << row.name;
  }
  ChannelReport garbage;
  garbage.failure_json = "[[[";
  EXPECT_EQ(code(exited(1), garbage), OutcomeCode::invalid_result);
}

TEST(Judge, FailureFrame_CarriesPlaceAndTraceback) {
  const model::RunEnd end = judge(exited(1), failure("user_error"), {});
  EXPECT_EQ(end.failure->message, "said");
  EXPECT_EQ(end.failure->traceback, "t");
  EXPECT_EQ(end.failure->line, 3);
  EXPECT_FALSE(end.failure->column.has_value());
}

TEST(Judge, FullDisk_ExplainsAnOSErrorWithoutErrno) {
  Evidence evidence = exited(1);
  const ChannelReport report = failure("user_error", "OSError: 5 requested and 0 written");
  EXPECT_EQ(code(evidence, report), OutcomeCode::user_error);
  evidence.disk_full = true;
  EXPECT_EQ(code(evidence, report), OutcomeCode::disk_limit);
}

TEST(Judge, ALimitMetInAnImport_NamesIt) {
  ChannelReport report;
  report.importing = "pandas";
  Evidence evidence = signalled(SIGKILL);
  evidence.oom_kills = 1;
  evidence.peak_memory_bytes = std::int64_t{512} << 20;
  model::Limits limits;
  limits.memory_mb = 512;
  EXPECT_EQ(judge(evidence, report, limits).failure->message,
            "out of memory: used 512 of 512 MiB while importing pandas");
}

TEST(Judge, PlatformFailures_AreInternal) {
  Evidence evidence;
  evidence.exit = Evidence::Exit::setup_failed;
  evidence.setup_step = "mount /work";
  evidence.status = EPERM;
  EXPECT_EQ(code(evidence, {}), OutcomeCode::internal);
  EXPECT_EQ(message(evidence, {}),
            "the sandbox could not be set up: mount /work: Operation not permitted");
}

TEST(Judge, BrokenChannel_IsTheResultsFault) {
  ChannelReport report;
  report.broken = fail(ErrorCode::invalid_request, "garbage");
  Evidence evidence = signalled(SIGKILL);
  evidence.kill_requested = true;  // the front kills a run whose channel is damaged
  EXPECT_EQ(code(evidence, report), OutcomeCode::invalid_result);
  report.broken = fail(ErrorCode::too_large, "result too large: 9 bytes of at most 8");
  EXPECT_EQ(code(evidence, report), OutcomeCode::output_limit);
}

TEST(Judge, KillRequested_IsCancelledUnlessTheRunHadEnded) {
  Evidence evidence = signalled(SIGKILL);
  evidence.kill_requested = true;
  EXPECT_EQ(judge(evidence, {}, {}).status, RunStatus::cancelled);
  evidence = exited(0);
  evidence.kill_requested = true;
  EXPECT_EQ(judge(evidence, result(), {}).status, RunStatus::completed);
}

}  // namespace
}  // namespace mecapy::sandbox
