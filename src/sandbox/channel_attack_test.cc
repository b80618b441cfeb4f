// Attacks on the channel: what a run sends is hostile. After each: one verdict (play), the
// supervisor alive and the next run clean (TearDown).
#include "sandbox/sandbox_fixture.h"

namespace mecapy::sandbox {
namespace {

class ChannelAttack : public SandboxTest {
 protected:
  static model::Limits short_time() {
    model::Limits limits = quick();
    limits.timeout_s = 0.3;
    return limits;
  }
};

TEST_F(ChannelAttack, DeepResult_IsRejectedInWords) {
  const Played run = calculate("x = []\nfor _ in range(100000): x = [x]\nreturn x");
  EXPECT_EQ(run.code(), "invalid_result") << run.message();
  EXPECT_TRUE(has(run.message(), "is nested deeper than 100 levels"));
  const Played cycle = calculate("x = []\nx.append(x)\nreturn x");
  EXPECT_EQ(cycle.message(), "result contains itself");
}

TEST_F(ChannelAttack, DeepForgedJson_IsRejected) {
  const Played run = calculate(R"(
payload = b'[' * 100000
os.write(3, b'R' + len(payload).to_bytes(4, 'little') + payload)
os._exit(0))");
  EXPECT_EQ(run.code(), "invalid_result") << run.message();
  EXPECT_TRUE(has(run.message(), "nested deeper"));
}

TEST_F(ChannelAttack, ClosedChannel_IsNoResult) {
  const Played run = calculate("os.close(3)\nreturn 1");
  EXPECT_EQ(run.code(), "invalid_result") << run.message();
  EXPECT_TRUE(has(run.message(), "no result"));
}

TEST_F(ChannelAttack, PartialFrame_IsNoResult) {
  const Played run = calculate("os.write(3, b'R\\xff\\0\\0\\0{')\nos._exit(0)");
  EXPECT_EQ(run.code(), "invalid_result") << run.message();
}

TEST_F(ChannelAttack, GarbageFrame_IsRejected) {
  const Played run = calculate("os.write(3, b'garbage')\ntime.sleep(60)");
  EXPECT_EQ(run.code(), "invalid_result") << run.message();
  EXPECT_TRUE(has(run.message(), "unknown frame type"));
}

// The front's kill races with what the supervisor has yet to hear from the sandbox: that the run
// began, and that it ended. Each order must give the same verdict.
TEST_F(ChannelAttack, KillBeforeTheStartIsHeard_IsStillTheRunsFault) {
  for (int i = 0; i < 200; ++i) {
    const Played run = calculate("os.write(3, b'garbage')\nos._exit(0)");
    ASSERT_EQ(run.code(), "invalid_result") << run.message();
  }
}

TEST_F(ChannelAttack, OversizedFrame_IsRejectedBeforeItsBytes) {
  const Played run = calculate("os.write(3, b'R\\xff\\xff\\xff\\xff')\ntime.sleep(60)");
  EXPECT_EQ(run.code(), "output_limit") << run.message();
  EXPECT_TRUE(has(run.message(), "result too large: 4294967295 bytes"));
}

TEST_F(ChannelAttack, TwoResults_AreRejected) {
  const Played run = calculate("os.write(3, b'R\\1\\0\\0\\0001')\nreturn 2");
  EXPECT_EQ(run.code(), "invalid_result") << run.message();
}

TEST_F(ChannelAttack, ForgedPlatformFailure_IsTheCalculationsFault) {
  const Played run = calculate(R"(
payload = b'{"kind":"worker_lost","message":"retry me"}'
os.write(3, b'F' + len(payload).to_bytes(4, 'little') + payload)
os._exit(1))");
  EXPECT_EQ(run.code(), "invalid_result") << run.message();
}

TEST_F(ChannelAttack, ForgedResultThenALimit_IsTheLimit) {
  const Played run = calculate("os.write(3, b'R\\1\\0\\0\\0001')\ntime.sleep(60)", short_time());
  EXPECT_EQ(run.code(), "timeout") << run.message();
}

TEST_F(ChannelAttack, MonkeypatchedHarness_ChangesNoVerdict) {
  const Played run = calculate(R"(
import mecapy._harness as harness, mecapy._channel as channel
harness.encode = lambda *a: b'"patched"'
channel.Channel.is_mine = lambda self: True
while True: pass
)",
                               short_time());
  EXPECT_EQ(run.code(), "timeout") << run.message();
}

TEST_F(ChannelAttack, ForkedChildThatReturns_AnswersNothing) {
  const Played run =
      calculate("pid = os.fork()\nif pid: os.waitpid(pid, 0)\nreturn 'parent' if pid else 'child'");
  EXPECT_EQ(run.result(), "\"parent\"") << run.message();
}

TEST_F(ChannelAttack, KillItself_IsACrash) {
  const Played run = calculate("os.kill(os.getpid(), 9)");
  EXPECT_EQ(run.code(), "crashed") << run.message();
  EXPECT_TRUE(has(run.message(), "SIGKILL"));
}

TEST_F(ChannelAttack, LinksPipesAndDevices_AreNoArtifacts) {
  const Played run = calculate(R"(
os.symlink('/etc/passwd', 'link')
os.mkfifo('pipe')
os.symlink('/', 'root')
open('.hidden', 'w').write('x')
open('bad\nname', 'w').write('x')
open('good', 'w').write('x')
return 1)");
  EXPECT_EQ(run.code(), "completed") << run.message();
  EXPECT_EQ(run.artifacts.size(), 1U);
  EXPECT_EQ(run.artifacts.count("good"), 1U);
  EXPECT_TRUE(has(run.log, "'bad\\nname' is not kept as an artifact"));
}

TEST_F(ChannelAttack, PickleInTheResult_IsNeverLoaded) {
  const Played run = calculate(R"(
class Evil:
    def __reduce__(self): return (os.abort, ())
return Evil())");
  EXPECT_EQ(run.code(), "invalid_result") << run.message();
  EXPECT_EQ(run.message(), "result is an Evil, which has no encoding");
}

}  // namespace
}  // namespace mecapy::sandbox
