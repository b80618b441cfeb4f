// The supervisor itself: what it survives, what it takes with it, and when it refuses to start.
#include "sandbox/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <sstream>

#include "base/clock.h"
#include "sandbox/cgroup.h"
#include "sandbox/kernel_file.h"
#include "sandbox/sandbox_fixture.h"

namespace mecapy::sandbox {
namespace {

namespace fs = std::filesystem;

// The pids of `parent`'s children.
std::vector<pid_t> children(pid_t parent) {
  const std::string path =
      "/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) + "/children";
  std::istringstream stream(read_text(AT_FDCWD, path.c_str()).value_or(""));
  std::vector<pid_t> pids;
  for (pid_t pid = 0; stream >> pid;) pids.push_back(pid);
  return pids;
}

std::vector<fs::path> groups_of(pid_t supervisor) {
  std::vector<fs::path> folders;
  for (const ControllerPlace& place : find_controllers()) {
    const fs::path folder = place.folder + "/mecapy-" + std::to_string(supervisor);
    if (place.version != 0 && fs::exists(folder)) folders.push_back(folder);
  }
  return folders;
}

// Polls instead of sleeping a guessed time; false after 10 s.
template <class Condition>
bool eventually(Condition condition) {
  const base::Deadline deadline = base::after(std::chrono::seconds(10));
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    ::poll(nullptr, 0, 2);
  }
  return true;
}

// Ended; an orphan may stay a zombie for as long as the machine's init likes.
bool is_gone(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  const std::string stat = read_text(AT_FDCWD, path.c_str()).value_or("");
  return stat.empty() || stat.find(") Z ") != std::string::npos;
}

class SupervisorTest : public SandboxTest {
 protected:
  static pid_t supervisor() { return children(::getpid()).at(0); }
  static pid_t zygote() { return children(supervisor()).at(0); }
  static bool is_zygote(pid_t pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/comm";
    // Runs are forks of the zygote and share its name, but not its pid namespace.
    const std::string ns = "/proc/" + std::to_string(pid) + "/ns/pid";
    std::error_code ignored;
    return read_text(AT_FDCWD, path.c_str()) == "mecapy-zygote\n" &&
           fs::read_symlink(ns, ignored) == fs::read_symlink("/proc/self/ns/pid");
  }
  // The next event is a `started`.
  static bool wait_for_start() {
    return eventually([] {
      const auto event = sandbox_->next_event();
      return event.has_value() && event.value() && event.value()->kind == Event::Kind::started;
    });
  }
};

TEST_F(SupervisorTest, EndedRun_LeavesItsCgroupsEmpty) {
  EXPECT_EQ(calculate("os.fork()\nos.fork()\ntime.sleep(0.01)\nreturn 1").code(), "completed");
  for (const fs::path& parent : groups_of(supervisor())) {
    for (const auto& slot : fs::directory_iterator(parent)) {
      if (!slot.is_directory()) continue;
      EXPECT_EQ(read_text(AT_FDCWD, (slot.path() / "cgroup.procs").c_str()), "") << slot.path();
    }
  }
  EXPECT_EQ(children(supervisor()).size(), 1U);  // the zygote alone
}

TEST_F(SupervisorTest, DeadZygote_IsReplacedAndRunningRunsGoOn) {
  const std::uint64_t run = next_run_++;
  auto pipes = sandbox_->start(run, quick());
  ASSERT_TRUE(pipes.has_value());
  const pid_t first = zygote();
  ASSERT_TRUE(wait_for_start());
  ASSERT_EQ(::kill(first, SIGKILL), 0);
  ASSERT_TRUE(eventually([&] {
    const auto all = children(supervisor());
    return std::ranges::any_of(all, [&](pid_t pid) { return pid != first && is_zygote(pid); });
  }));
  sandbox_->kill(run);
  const std::vector<Evidence> ends = wait_for_ends(1);
  EXPECT_EQ(ends.at(0).exit, Evidence::Exit::signalled);
}

TEST_F(SupervisorTest, ZygoteDeadBeforeTheClone_RunEndsAsZygoteDied) {
  const pid_t first = zygote();
  ASSERT_EQ(::kill(first, SIGSTOP), 0);
  auto pipes = sandbox_->start(next_run_++, quick());
  ASSERT_TRUE(pipes.has_value());
  ASSERT_EQ(::kill(first, SIGKILL), 0);
  const std::vector<Evidence> ends = wait_for_ends(1);
  EXPECT_EQ(ends.at(0).exit, Evidence::Exit::zygote_died);
  EXPECT_EQ(judge(ends.at(0), {}, quick()).failure->code, model::OutcomeCode::internal);
}

TEST(Supervisor, FrontGone_TakesEverythingAndRemovesTheCgroups) {
  auto sandbox = launch(test_options());
  ASSERT_TRUE(sandbox.has_value()) << sandbox.error().message;
  const pid_t supervisor = children(::getpid()).at(0);
  auto pipes = sandbox.value()->start(1, model::Limits{});
  ASSERT_TRUE(eventually([&] { return children(supervisor).size() == 2; }));
  const std::vector<pid_t> all = children(supervisor);
  const std::vector<fs::path> groups = groups_of(supervisor);
  EXPECT_FALSE(groups.empty());
  sandbox.value().reset();
  EXPECT_TRUE(is_gone(supervisor));
  for (const pid_t pid : all) EXPECT_TRUE(eventually([&] { return is_gone(pid); }));
  for (const fs::path& group : groups) EXPECT_FALSE(fs::exists(group)) << group;
}

TEST(Supervisor, KilledSupervisor_TakesEverythingAndIsTidiedUpByTheNext) {
  auto sandbox = launch(test_options());
  ASSERT_TRUE(sandbox.has_value()) << sandbox.error().message;
  const pid_t supervisor = children(::getpid()).at(0);
  auto pipes = sandbox.value()->start(1, model::Limits{});
  ASSERT_TRUE(eventually([&] { return children(supervisor).size() == 2; }));
  const std::vector<pid_t> all = children(supervisor);
  const std::vector<fs::path> groups = groups_of(supervisor);
  ASSERT_EQ(::kill(supervisor, SIGKILL), 0);
  for (const pid_t pid : all) EXPECT_TRUE(eventually([&] { return is_gone(pid); }));
  ASSERT_TRUE(eventually([&] { return sandbox.value()->next_event().has_error(); }));
  EXPECT_EQ(sandbox.value()->next_event().error().code, ErrorCode::sandbox);
  sandbox.value().reset();  // reaps it
  auto next = launch(test_options());
  ASSERT_TRUE(next.has_value()) << next.error().message;
  for (const fs::path& group : groups) EXPECT_FALSE(fs::exists(group)) << group;
}

TEST(Launch, WithoutTheEnvironment_RefusesAndSaysWhatToDo) {
  Options options = test_options();
  options.site_packages = "/nonexistent";
  const auto launched = launch(options);
  ASSERT_TRUE(launched.has_error());
  EXPECT_EQ(launched.error().code, ErrorCode::sandbox);
  EXPECT_TRUE(has(launched.error().message, "python environment"));
  EXPECT_TRUE(has(launched.error().message, "install the locked packages into /nonexistent"));
}

TEST(Launch, WithoutTheZygote_Refuses) {
  Options options = test_options();
  options.zygote_program = "/nonexistent";
  const auto launched = launch(options);
  ASSERT_TRUE(launched.has_error());
  EXPECT_TRUE(has(launched.error().message, "zygote program"));
}

TEST(Launch, AProgramThatIsNoZygote_Refuses) {
  Options options = test_options();
  options.zygote_program = "/bin/true";
  const auto launched = launch(options);
  ASSERT_TRUE(launched.has_error());
  EXPECT_TRUE(has(launched.error().message, "the zygote died while it loaded Python"));
}

TEST(Launch, WithoutRoot_RefusesAndSaysWhatToDo) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0) ::_exit(2);
    const auto launched = launch(test_options());
    const bool told =
        launched.has_error() && launched.error().message.find("start as root") != std::string::npos;
    ::_exit(told ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

TEST(Probe, EveryRequiredLayer_IsEnforcedHere) {
  const std::vector<Layer> layers = probe_layers(test_options());
  EXPECT_GE(layers.size(), 17U);
  for (const Layer& layer : layers) {
    if (layer.required) {
      EXPECT_EQ(layer.state, Layer::State::enforced) << layer.name << ": " << layer.detail;
    }
    if (layer.state != Layer::State::enforced) {
      EXPECT_FALSE(layer.advice.empty()) << layer.name;
    }
  }
}

}  // namespace
}  // namespace mecapy::sandbox
