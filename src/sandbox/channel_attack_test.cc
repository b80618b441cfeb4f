// Attacks on the channel: what a run sends is hostile. After each: one verdict (play), the
// supervisor alive and the next run clean (TearDown).
#include <cerrno>
#include <string>
#include <string_view>

#include "sandbox/protocol.h"
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

// The bytes of a report as only a sandbox's set-up sends it: that it failed, and with it the run.
std::string forged_report() {
  RunReport report;
  report.kind = RunReport::Kind::failed;
  report.error = EIO;
  report.step.set("forged");
  return {reinterpret_cast<const char*>(&report), sizeof report};
}

std::string hex_of(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    text += kDigits[static_cast<unsigned char>(byte) >> 4];
    text += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

// What holds the run's memory is stopped as early as a run can, often before its first instruction;
// then its stack is made to have it write the report to descriptor 4 (x86-64) and say how that
// went.
TEST_F(ChannelAttack, TheHolderOfTheMemory_HasNoWayToTheSupervisor) {
  const std::string code = R"(
import os
if os.getpid() == 2: os.kill(3, 19)
import ctypes, mmap, struct, time
libc = ctypes.CDLL(None)
def own(bytes): return ctypes.create_string_buffer(bytes, len(bytes))
def calculate(inputs):
    if os.getpid() != 2: return 'none'
    rows = [line.split() for line in open('/proc/self/maps')]
    def spans(keep): return [[int(p, 16) for p in r[0].split('-')] for r in rows if keep(r)]
    [(low, high)] = spans(lambda row: row[-1] == '[stack]')
    code = spans(lambda row: 'x' in row[1])
    said, got = own(bytes.fromhex(inputs['report'])), ctypes.c_long(0)
    program = (b'\x48\xc7\xc0\1\0\0\0\x48\xc7\xc7\4\0\0\0'                 # write(4,
               b'\x48\xbe' + struct.pack('<Q', ctypes.addressof(said)) +         #   said,
               b'\x48\xc7\xc2' + struct.pack('<I', len(said)) + b'\x0f\x05'      #   its size)
               b'\x48\xbe' + struct.pack('<Q', ctypes.addressof(got)) +          # got =
               b'\x48\x89\x06\xb8\x22\0\0\0\x0f\x05\xeb\xf7')                  # pause for ever
    page = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    page.write(program)
    at = ctypes.addressof(ctypes.c_char.from_buffer(page))
    assert libc.mprotect(ctypes.c_void_p(at), 4096, 5) == 0
    stack = ctypes.string_at(low, high - low)
    begins = [low + i for i in range(0, len(stack) - 16, 16)  # a function and no argument
              if stack[i + 8:i + 16] == bytes(8)
              and any(b <= int.from_bytes(stack[i:i + 8], 'little') < e for b, e in code)]
    for begin in begins[-1:]: ctypes.memmove(begin, struct.pack('<QQ', at, 0), 16)
    os.kill(3, 18)
    deadline = time.monotonic() + 0.03
    while got.value == 0 and time.monotonic() < deadline: os.sched_yield()
    return 'wrote' if got.value > 0 else 'none'
)";
  const std::string inputs = R"({"report":")" + hex_of(forged_report()) + R"("})";
  for (int i = 0; i < 20; ++i) {  // it is a race
    const Played run = play(code, inputs);
    ASSERT_EQ(run.code(), "completed") << run.message();
    ASSERT_EQ(run.result(), R"("none")");
  }
}

}  // namespace
}  // namespace mecapy::sandbox
