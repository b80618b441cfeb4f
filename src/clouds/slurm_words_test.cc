#include "clouds/slurm_words.h"

#include <gtest/gtest.h>

namespace mecapy::clouds {
namespace {

using model::OutcomeCode;

Sight sight(std::string state, std::string reason, std::string exit) {
  return slurm_sight({"1", "n", std::move(state), std::move(reason), std::move(exit)});
}

TEST(SlurmWords, AJobIsReadFromScontrol) {
  const auto job = read_slurm_job(
      "JobId=3 JobName=mecapy-x-y UserId=nobody(65534) GroupId=nogroup(65534) MCS_label=N/A "
      "JobState=FAILED Reason=NonZeroExitCode Dependency=(null) Requeue=0 ExitCode=7:0 "
      "RunTime=00:00:01 Command=/f/job.sh JobName=other JobState=RUNNING\n");
  ASSERT_TRUE(job);
  EXPECT_EQ(job->id, "3");
  EXPECT_EQ(job->name, "mecapy-x-y");
  EXPECT_EQ(job->state, "FAILED");
  EXPECT_EQ(job->reason, "NonZeroExitCode");
  EXPECT_EQ(job->exit, "7:0");
  EXPECT_FALSE(read_slurm_job("No jobs in the system"));
  EXPECT_FALSE(read_slurm_job(""));
}

TEST(SlurmWords, EndsAreToldApart) {
  struct Row {
    const char *state, *reason, *exit;
    Phase phase;
    std::optional<OutcomeCode> why;
    const char* said;
  };
  const Row rows[] = {
      {"PENDING", "Resources", "0:0", Phase::making, {}, "PENDING (Resources)"},
      {"CONFIGURING", "None", "0:0", Phase::making, {}, "CONFIGURING"},
      {"RUNNING", "None", "0:0", Phase::running, {}, "RUNNING"},
      {"COMPLETING", "None", "0:0", Phase::running, {}, "COMPLETING"},
      {"SUSPENDED", "None", "0:0", Phase::running, {}, "SUSPENDED"},
      {"NEW_WORD", "None", "0:0", Phase::running, {}, "NEW_WORD"},
      {"COMPLETED", "None", "0:0", Phase::over, {}, "COMPLETED"},
      {"FAILED", "NonZeroExitCode", "71:0", Phase::over, OutcomeCode::worker_lost,
       "FAILED (NonZeroExitCode), exit 71:0"},
      {"FAILED", "JobLaunchFailure", "0:9", Phase::over, OutcomeCode::out_of_memory,
       "OUT_OF_MEMORY, exit 0:9"},
      {"FAILED", "JobLaunchFailure", "0:0", Phase::over, OutcomeCode::worker_lost,
       "FAILED (JobLaunchFailure)"},
      {"OUT_OF_MEMORY", "OutOfMemory", "0:125", Phase::over, OutcomeCode::out_of_memory,
       "OUT_OF_MEMORY (OutOfMemory), exit 0:125"},
      {"TIMEOUT", "TimeLimit", "0:0", Phase::over, OutcomeCode::timeout, "TIMEOUT (TimeLimit)"},
      {"NODE_FAIL", "NodeDown", "0:1", Phase::over, OutcomeCode::worker_lost,
       "NODE_FAIL (NodeDown), exit 0:1"},
      {"BOOT_FAIL", "None", "0:0", Phase::over, OutcomeCode::worker_lost, "BOOT_FAIL"},
      {"PREEMPTED", "None", "0:0", Phase::over, OutcomeCode::worker_lost, "PREEMPTED"},
      {"CANCELLED", "None", "0:15", Phase::over, OutcomeCode::worker_lost, "CANCELLED, exit 0:15"},
  };
  for (const Row& row : rows) {
    const Sight seen = sight(row.state, row.reason, row.exit);
    EXPECT_EQ(seen.phase, row.phase) << row.state;
    EXPECT_EQ(seen.why, row.why) << row.state;
    EXPECT_EQ(seen.said, row.said);
  }
}

TEST(SlurmWords, WhatIsWrongIsToldApartByWhatCanBeDone) {
  const std::pair<const char*, Trouble> rows[] = {
      {"Unable to contact slurm controller (connect failure)", Trouble::passing},
      {"error: Munge encode failed: Failed to access \"/run/munge/munge.socket.2\": No such file "
       "or directory (Did you start munged?)",
       Trouble::passing},
      {"Slurm temporarily unable to accept job, sleeping and retrying", Trouble::passing},
      {"Batch job submission failed: Socket timed out on send/recv operation", Trouble::unknown},
      {"Batch job submission failed: Zero Bytes were transmitted or received", Trouble::unknown},
      {"Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's "
       "size and/or time limits)",
       Trouble::quota},
      {"Batch job submission failed: Invalid partition name specified", Trouble::refused},
      {"Batch job submission failed: Invalid account or account/partition combination specified",
       Trouble::refused},
      {"Batch job submission failed: Requested node configuration is not available",
       Trouble::refused},
      {"Batch job submission failed: Required partition not available (inactive or drained)",
       Trouble::out_of_stock},
      {"something else", Trouble::refused},
  };
  for (const auto& [text, trouble] : rows) EXPECT_EQ(slurm_trouble(text), trouble) << text;
}

TEST(SlurmWords, ALifeIsWholeMinutesAndNeverLess) {
  EXPECT_EQ(slurm_minutes(std::chrono::seconds(0)), "1");
  EXPECT_EQ(slurm_minutes(std::chrono::seconds(60)), "1");
  EXPECT_EQ(slurm_minutes(std::chrono::seconds(61)), "2");
  EXPECT_EQ(slurm_minutes(std::chrono::hours(48)), "2880");
}

}  // namespace
}  // namespace mecapy::clouds
