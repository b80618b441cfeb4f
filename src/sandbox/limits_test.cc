// Every limit holds, and is named with what was used of it.
#include <gtest/gtest.h>

#include <string>

#include "sandbox/sandbox_fixture.h"

namespace mecapy::sandbox {
namespace {

class LimitsHold : public SandboxTest {};

TEST_F(LimitsHold, WallTime) {
  model::Limits limits = quick();
  limits.timeout_s = 0.2;
  const Played run = calculate("time.sleep(60)", limits);
  EXPECT_EQ(run.code(), "timeout") << run.message();
  EXPECT_EQ(run.message(), "timeout: did not end within 0.2 s");
  EXPECT_GE(run.end.usage.wall_us, 200'000);
  EXPECT_LT(run.end.usage.wall_us, 400'000);
}

TEST_F(LimitsHold, CpuTime) {
  model::Limits limits = quick();
  limits.cpu_s = 0.3;
  const Played run = calculate("while True: pass", limits);
  EXPECT_EQ(run.code(), "cpu_limit") << run.message();
  EXPECT_TRUE(has(run.message(), "of 0.3 s of CPU time"));
  EXPECT_LT(run.end.usage.cpu_us, 600'000);
}

TEST_F(LimitsHold, Memory_FiguresAreTheLimits) {
  const Played run = calculate("blocks = []\nwhile True: blocks.append(bytearray(1 << 24))");
  EXPECT_EQ(run.code(), "out_of_memory") << run.message();
  EXPECT_EQ(run.message(), "out of memory: used 512 of 512 MiB");
}

TEST_F(LimitsHold, WhileAPackageIsImported_ItIsNamed) {
  const auto import = [](const std::string& module) {
    return "open('heavy.py', 'w').write(\"" + module + "\")\nimport fractions\nimport heavy\n";
  };
  const Played memory =
      calculate(import("import colorsys\\nx = []\\nwhile 1: x.append(b'1' * (1 << 24))"));
  EXPECT_TRUE(has(memory.message(), "of 512 MiB while importing heavy")) << memory.message();
  model::Limits brief = quick();
  brief.timeout_s = 1;
  const Played time = calculate(import("while 1: pass"), brief);
  EXPECT_TRUE(has(time.message(), " while importing heavy")) << time.message();
  const Played after = calculate(import("y = 1") + "while 1: pass", brief);
  EXPECT_EQ(after.code(), "timeout") << after.message();
  EXPECT_FALSE(has(after.message(), "importing")) << after.message();
}

TEST_F(LimitsHold, Memory_AnAllocationThatCannotBe_IsTold) {
  const Played run = calculate("np.zeros(1 << 40)");
  EXPECT_EQ(run.code(), "user_error");  // nothing was used: no limit was reached
  EXPECT_TRUE(has(run.message(), "MemoryError: Unable to allocate 8.00 TiB"));
}

TEST_F(LimitsHold, Disk) {
  const Played run = calculate(R"(
with open('big', 'wb') as file:
    for _ in range(100): file.write(bytes(1 << 20))
)");
  EXPECT_EQ(run.code(), "disk_limit") << run.message();
  EXPECT_TRUE(starts(run.message(), "the working folder is full: at most 64 MiB"));
}

TEST_F(LimitsHold, Processes) {
  const Played run = calculate("while os.fork() != 0: pass\ntime.sleep(60)");
  EXPECT_EQ(run.code(), "process_limit") << run.message();
  EXPECT_TRUE(starts(run.message(), "too many processes or threads: "));
  EXPECT_TRUE(has(run.message(), by_profile("at most 16 at once", "at once, at most 16")));
  EXPECT_EQ(run.evidence.pids_refused > 0, !in_container());
}

TEST_F(LimitsHold, Threads) {
  const Played run = calculate(
      "import threading\nwhile True: threading.Thread(target=time.sleep, args=(60,)).start()");
  EXPECT_EQ(run.code(), "process_limit") << run.message();
}

TEST_F(LimitsHold, Log) {
  const Played run = calculate("while True: print('x' * 100)");
  EXPECT_EQ(run.code(), "output_limit") << run.message();
  EXPECT_EQ(run.message(), "too much output: more than 64 KiB on stdout and stderr");
  EXPECT_EQ(run.log.size(), 64U * 1024);
}

TEST_F(LimitsHold, Result) {
  model::Limits limits = quick();
  limits.result_mb = 0.5;
  const Played run = calculate("return 'x' * (1 << 20)", limits);
  EXPECT_EQ(run.code(), "output_limit") << run.message();
  EXPECT_EQ(run.message(), "result too large: 1 MiB of at most 0.5 MiB");
}

TEST_F(LimitsHold, Artifacts) {
  model::Limits limits = quick();
  limits.artifacts_mb = 1;
  const Played run = calculate("open('big', 'wb').write(bytes(2 << 20))", limits);
  EXPECT_EQ(run.code(), "output_limit") << run.message();
  EXPECT_EQ(run.message(), "artifacts too large: 2 MiB of at most 1 MiB");
  const Played many = calculate("for i in range(300): open(f'f{i}', 'w')", limits);
  EXPECT_EQ(many.code(), "output_limit");
  EXPECT_TRUE(has(many.message(), "300 files"));
}

}  // namespace
}  // namespace mecapy::sandbox
