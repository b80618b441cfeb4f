// For tests: one launched sandbox per suite, and a front that plays a run to its end.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sandbox/channel.h"
#include "sandbox/sandbox.h"
#include "sandbox/verdict.h"

namespace mecapy::sandbox {

// MECAPY_TEST_PROFILE: in which profile the suites run, and as whom (`host`, as root, when unset).
enum class TestProfile : std::uint8_t {
  host,
  container,               // as root: each run a user of its own
  container_unprivileged,  // another user, no capability, the kernel refuses new namespaces
};
TestProfile test_profile();
bool in_container();
// What is expected by profile.
template <class T>
T by_profile(const T& host, const T& container) {
  return in_container() ? container : host;
}
inline std::string by_profile(const char* host, const char* container) {
  return in_container() ? container : host;
}

// Makes this process what the test profile says, once. Before anything is launched.
void enter_test_profile();

// Where the built program, the environment and the runtime are: MECAPY_TEST_ZYGOTE,
// MECAPY_TEST_SITE_PACKAGES, MECAPY_TEST_RUNTIME, else beside the test program.
Options test_options();

// How many times as long as usual a test waits, and honest runs may take: MECAPY_TEST_PATIENCE, for
// machines that are emulated, else 1. Limits under test stay what they are.
int patience();

::testing::AssertionResult has(const std::string& text, const std::string& part);
::testing::AssertionResult starts(const std::string& text, const std::string& part);

// All that one run gave.
struct Played {
  model::RunEnd end;
  Evidence evidence;
  ChannelReport report;
  std::string log;
  std::map<std::string, std::string> artifacts;
  std::vector<std::string> progress;  // payloads
  bool started = false;
  int ended_events = 0;

  std::string code() const;     // of the failure, "completed" or "cancelled"
  std::string message() const;  // of the failure
  std::string result() const { return report.result.value_or("(none)"); }
};

class SandboxTest : public ::testing::Test {
 protected:
  // Ends the program when the sandbox cannot be launched: GoogleTest would skip the tests, and
  // ctest call that a success.
  static void SetUpTestSuite();
  static void TearDownTestSuite();
  // Checks what holds after every test: the supervisor lives and the next run is clean.
  void TearDown() override;

  // Runs `code` to its end. Expects exactly one `ended` event.
  static Played play(const std::string& code, const std::string& inputs = "{}",
                     const model::Limits& limits = quick());
  static Played play_job(JobKind kind, const std::string& code, const std::string& inputs,
                         const model::Limits& limits, ZygoteKind zygote = ZygoteKind::numpy);
  static Played play_kind(ZygoteKind zygote, const std::string& code);
  // `body` indented into calculate(inputs), after the usual imports.
  static Played calculate(const std::string& body, const model::Limits& limits = quick());
  // The evidence of the next `count` ended events, from whichever runs; within 20 s times patience.
  static std::vector<Evidence> wait_for_ends(int count);
  static model::Limits quick();  // 10 s (times patience), 512 MiB, 16 processes

  static std::unique_ptr<Sandbox> sandbox_;
  static std::uint64_t next_run_;
};

}  // namespace mecapy::sandbox
