// The supervisor itself: what it survives, what it takes with it, and when it refuses to start.
#include "sandbox/supervisor.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <set>
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

std::vector<fs::path> slot_groups(pid_t supervisor) {
  std::vector<fs::path> slots;
  for (const fs::path& group : groups_of(supervisor)) {
    for (const auto& entry : fs::directory_iterator(group)) {
      if (entry.is_directory()) slots.push_back(entry.path());
    }
  }
  return slots;
}

std::vector<pid_t> members(const fs::path& group) {
  std::istringstream stream(read_text(AT_FDCWD, (group / "cgroup.procs").c_str()).value_or(""));
  std::vector<pid_t> pids;
  for (pid_t pid = 0; stream >> pid;) pids.push_back(pid);
  return pids;
}

// Polls instead of sleeping a guessed time; false after 10 s (times patience).
template <class Condition>
bool eventually(Condition condition) {
  const base::Deadline deadline = base::after(patience() * std::chrono::seconds(10));
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
  static std::vector<pid_t> zygotes() {
    std::vector<pid_t> all = children(supervisor());
    std::erase_if(all, [](pid_t pid) { return !is_zygote(pid); });
    return all;
  }
  static void signal_zygotes(int number) {
    for (const pid_t pid : zygotes()) ASSERT_EQ(::kill(pid, number), 0);
  }
  static bool is_zygote(pid_t pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/comm";
    // Runs are forks of the zygote and share its name, but not its pid namespace.
    const std::string ns = "/proc/" + std::to_string(pid) + "/ns/pid";
    std::error_code ignored;
    return read_text(AT_FDCWD, path.c_str()) == "mecapy-zygote\n" &&
           fs::read_symlink(ns, ignored) == fs::read_symlink("/proc/self/ns/pid");
  }
  static bool receives(pid_t pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/syscall";
    const std::string call = read_text(AT_FDCWD, path.c_str()).value_or("");
    return call.starts_with(std::to_string(SYS_recvmsg) + " ");
  }
  // The inits of prepared sandboxes of one kind: each has forked its run, which waits for a packet.
  static std::vector<pid_t> prepared(const std::string& kind = "numpy") {
    std::vector<pid_t> inits;
    for (const pid_t pid : children(supervisor())) {
      const std::string line =
          read_text(AT_FDCWD, ("/proc/" + std::to_string(pid) + "/cmdline").c_str()).value_or("");
      if (!line.starts_with("mecapy-zygote" + std::string(1, '\0') + kind + '\0')) continue;
      if (is_zygote(pid) || children(pid).size() != 1) continue;
      if (receives(children(pid).at(0))) inits.push_back(pid);
    }
    return inits;
  }
  // The next event is a `started`.
  static bool wait_for_start() {
    return eventually([] {
      const auto event = sandbox_->next_event();
      return event.has_value() && event.value() && event.value()->kind == Event::Kind::started;
    });
  }
};

TEST_F(SupervisorTest, EndedRun_LeavesNothingInItsCgroups) {
  const std::uint64_t run = next_run_++;
  auto pipes = sandbox_->start(run, quick());
  ASSERT_TRUE(pipes.has_value());
  const base::Fd channel = std::move(pipes->channel);
  const std::string job = encode_job(
      JobKind::calculate,
      "import os, time\ndef calculate(i):\n os.fork(); os.fork(); time.sleep(60)", "{}", quick());
  ASSERT_EQ(::write(channel.get(), job.data(), job.size()), static_cast<ssize_t>(job.size()));
  constexpr std::size_t kProcesses = 6;  // init, the holder of the memory, and four
  fs::path group;
  ASSERT_TRUE(eventually([&] {
    for (const fs::path& slot : slot_groups(supervisor())) {
      if (members(slot).size() == kProcesses) group = slot;
    }
    return !group.empty();
  }));
  const std::vector<pid_t> pids = members(group);
  sandbox_->kill(run);
  EXPECT_EQ(wait_for_ends(1).at(0).exit, Evidence::Exit::signalled);
  for (const pid_t pid : pids) EXPECT_TRUE(is_gone(pid)) << pid;
  for (const pid_t pid : members(group)) {  // of the next sandbox, if any
    EXPECT_EQ(std::ranges::count(pids, pid), 0) << pid;
  }
}

// Who hears of the end may use the memory.
TEST_F(SupervisorTest, EndOfALargeRun_IsToldWhenItsMemoryIsFree) {
  const std::uint64_t run = next_run_++;
  auto pipes = sandbox_->start(run, quick());
  ASSERT_TRUE(pipes.has_value());
  const std::string job =
      encode_job(JobKind::calculate, "import os\ndef calculate(i):\n os.kept = b'x' * (200 << 20)",
                 "{}", quick());
  ASSERT_EQ(::write(pipes->channel.get(), job.data(), job.size()),
            static_cast<ssize_t>(job.size()));
  std::int64_t held = 0;
  wait_for_ends(1);
  for (const fs::path& slot : slot_groups(supervisor())) {
    for (const char* file : {"memory.usage_in_bytes", "memory.current"}) {
      held += read_number(AT_FDCWD, (slot / file).c_str()).value_or(0);
    }
  }
  EXPECT_LT(held, 100 << 20);
}

// What the kernel holds for a run that has ended (dentries, page cache) counts against no other.
TEST_F(SupervisorTest, EachRun_HasAMemoryGroupOfItsOwn) {
  const auto inodes = [] {
    std::set<ino_t> found;
    const ControllerPlace memory = find_controllers()[static_cast<std::size_t>(Controller::memory)];
    for (const fs::path& group : slot_groups(supervisor())) {
      struct stat info {};
      if (group.string().starts_with(memory.folder) && ::stat(group.c_str(), &info) == 0) {
        found.insert(info.st_ino);
      }
    }
    return found;
  };
  const std::set<ino_t> before = inodes();
  ASSERT_FALSE(before.empty());
  // As many runs as there are sandboxes use at least one slot a second time.
  for (int i = 0; i <= test_options().sandboxes(); ++i) {
    EXPECT_EQ(calculate("return 1").code(), "completed");
  }
  EXPECT_NE(inodes(), before);
}

TEST_F(SupervisorTest, PreparedSandbox_StartsARunWithoutTheZygote) {
  ASSERT_TRUE(eventually([] { return !prepared().empty(); }));
  signal_zygotes(SIGSTOP);
  EXPECT_EQ(calculate("return 1").code(), "completed");
  signal_zygotes(SIGCONT);
}

TEST_F(SupervisorTest, PreparedSandbox_ThatDied_IsReplaced) {
  ASSERT_TRUE(eventually([] { return !prepared().empty(); }));
  for (const pid_t init : prepared()) {
    ASSERT_EQ(::kill(children(init).at(0), SIGKILL), 0);
    ASSERT_TRUE(eventually([&] { return is_gone(init); }));
  }
  EXPECT_EQ(calculate("return 1").code(), "completed");
}

TEST_F(SupervisorTest, PreparedSandboxes_AreOneMoreThanTheRuns) {
  EXPECT_EQ(calculate("return 1").code(), "completed");
  const std::uint64_t run = next_run_++;
  auto pipes = sandbox_->start(run, quick());
  ASSERT_TRUE(pipes.has_value());
  ASSERT_TRUE(wait_for_start());
  EXPECT_TRUE(eventually([] { return prepared().size() == 2; }));
  sandbox_->kill(run);
  (void)wait_for_ends(1);
}

// A zygote that was forked as often as it may: its sandboxes go with it, and runs go on.
class Rotation : public SupervisorTest {
 protected:
  static void SetUpTestSuite() {
    Options options = test_options();
    options.zygote_forks = 5;
    auto launched = launch(options);
    EXPECT_TRUE(launched) << launched.error().message;
    if (HasFailure()) ::_exit(1);
    sandbox_ = std::move(launched.value());
  }
  // The inode of the sealed file its memory is mapped from; empty when it is gone.
  static std::string template_of(pid_t pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/maps";
    std::istringstream maps(read_text(AT_FDCWD, path.c_str()).value_or(""));
    std::string range, mode, offset, device, inode, name;
    for (std::string line; std::getline(maps, line);) {
      std::istringstream(line) >> range >> mode >> offset >> device >> inode >> name;
      if (name == "/memfd:template") return inode;
    }
    return "";
  }
};

TEST_F(Rotation, AnOldTemplate_IsUsedByNoLaterRun) {
  const std::vector<pid_t> first = zygotes();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(calculate("return 1").code(), "completed");
  EXPECT_TRUE(eventually([&] { return zygotes().size() == 2 && zygotes() != first; }));
  EXPECT_TRUE(eventually([] {
    std::set<std::string> templates;
    for (const pid_t zygote : zygotes()) templates.insert(template_of(zygote));
    return templates.size() == 2 && !prepared().empty() &&
           std::ranges::all_of(prepared(),
                               [&](pid_t pid) { return templates.contains(template_of(pid)); });
  }));
}

// So that a fork has no page tables to copy (zygote/remap.h).
TEST_F(SupervisorTest, Zygote_HoldsNextToNoMemoryOfItsOwn) {
  EXPECT_EQ(calculate("return np.ones(3).sum()").code(), "completed");
  ASSERT_GE(zygotes().size(), 2U);
  for (const pid_t zygote : zygotes()) {
    const std::string path = "/proc/" + std::to_string(zygote) + "/smaps_rollup";
    const std::string text = read_text(AT_FDCWD, path.c_str()).value_or("");
    const std::size_t at = text.find("\nAnonymous:");
    ASSERT_NE(at, std::string::npos) << text;
    EXPECT_LT(std::stol(text.substr(at + std::strlen("\nAnonymous:"))), 4096) << text;  // KiB
  }
}

TEST_F(SupervisorTest, DeadZygote_IsReplacedAndRunningRunsGoOn) {
  const std::uint64_t run = next_run_++;
  auto pipes = sandbox_->start(run, quick());
  ASSERT_TRUE(pipes.has_value());
  ASSERT_TRUE(wait_for_start());
  const std::vector<pid_t> first = zygotes();
  signal_zygotes(SIGKILL);
  ASSERT_TRUE(eventually([&] {
    const std::vector<pid_t> now = zygotes();
    return now.size() == first.size() && std::ranges::find_first_of(now, first) == now.end();
  }));
  sandbox_->kill(run);
  const std::vector<Evidence> ends = wait_for_ends(1);
  EXPECT_EQ(ends.at(0).exit, Evidence::Exit::signalled);
}

TEST_F(SupervisorTest, ZygoteDeadBeforeTheClone_TheNextMakesTheRun) {
  ASSERT_TRUE(eventually([] {
    const std::vector<pid_t> all = zygotes();
    return all.size() >= 2 && std::ranges::all_of(all, receives);
  }));
  signal_zygotes(SIGSTOP);
  // No sandbox is left, nor in the making. One that a zygote had made and not yet told of is not
  // reaped before that zygote is gone.
  ASSERT_TRUE(eventually([&] {
    std::vector<pid_t> all = children(supervisor());
    for (const pid_t pid : all) {
      if (!is_zygote(pid)) ::kill(pid, SIGKILL);
    }
    std::erase_if(all, is_gone);
    return all == zygotes();
  }));
  const std::uint64_t run = next_run_++;
  auto pipes = sandbox_->start(run, quick());
  ASSERT_TRUE(pipes.has_value());
  ASSERT_TRUE(eventually([] {  // the supervisor has taken the order
    int unread = -1;
    return ::ioctl(sandbox_->event_fd(), SIOCOUTQ, &unread) == 0 && unread == 0;
  }));
  signal_zygotes(SIGKILL);
  ASSERT_TRUE(wait_for_start());
  sandbox_->kill(run);
  EXPECT_EQ(wait_for_ends(1).at(0).exit, Evidence::Exit::signalled);
}

TEST(Supervisor, FrontGone_TakesEverythingAndRemovesTheCgroups) {
  auto sandbox = launch(test_options());
  ASSERT_TRUE(sandbox.has_value()) << sandbox.error().message;
  const pid_t supervisor = children(::getpid()).at(0);
  auto pipes = sandbox.value()->start(1, model::Limits{});
  ASSERT_TRUE(eventually([&] { return children(supervisor).size() >= 2; }));
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
  ASSERT_TRUE(eventually([&] { return children(supervisor).size() >= 2; }));
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
