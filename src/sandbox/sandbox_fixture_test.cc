#include "sandbox/sandbox_fixture.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <utility>

#include "base/clock.h"
#include "sandbox/privileges.h"

namespace mecapy::sandbox {
namespace {

namespace fs = std::filesystem;

// Plays the front's part of one run.
class Player {
 public:
  Player(Sandbox& sandbox, std::uint64_t run, RunPipes pipes, std::string job, model::Limits limits)
      : sandbox_(sandbox),
        run_(run),
        pipes_(std::move(pipes)),
        job_(std::move(job)),
        limits_(limits),
        parser_(limits) {}

  Played play() {
    const base::Deadline deadline = base::after(patience() * std::chrono::seconds(40));
    while ((played_.ended_events == 0 || pipes_.channel || pipes_.log) &&
           std::chrono::steady_clock::now() < deadline && !lost_) {
      wait();
    }
    played_.end = judge(played_.evidence, played_.report, limits_);
    return std::move(played_);
  }

 private:
  void wait() {
    const short to_channel = static_cast<short>(POLLIN | (job_.empty() ? 0 : POLLOUT));
    pollfd fds[] = {{sandbox_.event_fd(), POLLIN, 0},
                    {pipes_.channel.get(), to_channel, 0},
                    {pipes_.log.get(), POLLIN, 0}};
    if (::poll(fds, 3, 1000) <= 0) return;
    if (fds[1].revents != 0) {
      write_job();
      read_channel();
    }
    if (fds[2].revents != 0) read_log();
    if (fds[0].revents != 0) read_events();
  }

  void write_job() {
    if (job_.empty() || !pipes_.channel) return;
    const ssize_t sent = ::send(pipes_.channel.get(), job_.data(), job_.size(), MSG_NOSIGNAL);
    if (sent > 0) job_.erase(0, static_cast<std::size_t>(sent));
    if (sent < 0 && errno != EAGAIN) job_.clear();
  }

  void read_channel() {
    char bytes[65536];
    const ssize_t got = ::read(pipes_.channel.get(), bytes, sizeof bytes);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return pipes_.channel.reset();
    std::vector<Frame> frames;
    const auto fed = parser_.feed({bytes, static_cast<std::size_t>(got)}, frames);
    for (Frame& frame : frames) take(frame);
    if (fed.has_error() && !played_.report.broken) {
      played_.report.broken = fed.error();
      sandbox_.kill(run_);
    }
  }

  void take(Frame& frame) {
    switch (frame.type) {
      case Frame::Type::progress:
        played_.progress.push_back(frame.payload);
        break;
      case Frame::Type::importing:
        played_.report.importing = frame.payload;
        break;
      case Frame::Type::artifact_begin:
        artifact_ = frame.payload;
        played_.artifacts[artifact_];
        break;
      case Frame::Type::artifact_data:
        played_.artifacts[artifact_] += frame.payload;
        break;
      case Frame::Type::artifact_end:
      case Frame::Type::checkpoint_begin:
      case Frame::Type::checkpoint_data:
      case Frame::Type::checkpoint_end:
        break;
      case Frame::Type::result: {
        const auto valid = check_json(frame.payload);
        if (valid.has_error()) played_.report.broken = valid.error();
        played_.report.result = std::move(frame.payload);
        break;
      }
      case Frame::Type::failure:
        played_.report.failure_json = std::move(frame.payload);
        break;
    }
  }

  void read_log() {
    char bytes[65536];
    const ssize_t got = ::read(pipes_.log.get(), bytes, sizeof bytes);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return pipes_.log.reset();
    played_.log.append(bytes, static_cast<std::size_t>(got));
    const auto most = static_cast<std::size_t>(limits_.log_kb * 1024);
    if (played_.log.size() <= most) return;
    played_.log.resize(most);
    if (!played_.report.log_overflow) sandbox_.kill(run_);
    played_.report.log_overflow = true;
  }

  void read_events() {
    const auto event = sandbox_.next_event();
    lost_ = event.has_error();
    if (lost_ || !event.value()) return;
    EXPECT_EQ(event.value()->run, run_);
    if (event.value()->kind == Event::Kind::started) {
      played_.started = true;
      return;
    }
    ++played_.ended_events;
    played_.evidence = event.value()->evidence;
  }

  Sandbox& sandbox_;
  std::uint64_t run_;
  RunPipes pipes_;
  std::string job_;
  model::Limits limits_;
  FrameParser parser_;
  Played played_;
  std::string artifact_;
  bool lost_ = false;
};

constexpr uid_t kStranger = 64200;  // nobody's

// What a serverless host does: clone and unshare with any new namespace, and all mounts, are
// answered EPERM. 0, or an errno.
int refuse_namespaces() {
  const std::unique_ptr<void, void (*)(scmp_filter_ctx)> filter(seccomp_init(SCMP_ACT_ALLOW),
                                                                seccomp_release);
  const std::uint32_t refuse = SCMP_ACT_ERRNO(EPERM);
  int error = 0;
  for (const int call : {SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(mount), SCMP_SYS(umount2),
                         SCMP_SYS(pivot_root), SCMP_SYS(chroot)}) {
    if (error == 0) error = seccomp_rule_add(filter.get(), refuse, call, 0);
  }
  for (const std::uint64_t flag : {CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNS, CLONE_NEWNET,
                                   CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP}) {
    if (error != 0) break;
    error = seccomp_rule_add(filter.get(), refuse, SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
  }
  if (error == 0) {
    error = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
  }
  return error == 0 ? seccomp_load(filter.get()) : error;
}

std::string from_environment(const char* name, const fs::path& otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise.string();
}

}  // namespace

::testing::AssertionResult has(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "no '" << part << "' in: " << text;
}

::testing::AssertionResult starts(const std::string& text, const std::string& part) {
  if (text.starts_with(part)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "not '" << part << "' but: " << text;
}

TestProfile test_profile() {
  const std::string name = from_environment("MECAPY_TEST_PROFILE", "host");
  if (name == "container") return TestProfile::container;
  if (name == "container_unprivileged") return TestProfile::container_unprivileged;
  EXPECT_EQ(name, "host") << "MECAPY_TEST_PROFILE";
  return TestProfile::host;
}

bool in_container() { return test_profile() != TestProfile::host; }

namespace {

// Shows the folder `source` at `target`, as it was before anything was mounted here.
void show(const base::Fd& source, const std::string& target, const char* variable) {
  ASSERT_EQ(::mkdir(target.c_str(), 0755), 0);
  ASSERT_EQ(::move_mount(source.get(), "", AT_FDCWD, target.c_str(), MOVE_MOUNT_F_EMPTY_PATH), 0);
  if (variable != nullptr) ::setenv(variable, target.c_str(), 1);
}

// Without a root of their own, runs reach runtime and packages by their paths, and a clone may lie
// in a folder that is closed to others (/root): in here they are in /mnt.
void make_reachable() {
  const Options options = test_options();
  const auto tree = [](const std::string& path) {
    return base::Fd(::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  };
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  const base::Fd programs = tree(fs::path(options.zygote_program).parent_path());
  const base::Fd runtime = tree(options.runtime_folder);
  const base::Fd packages = tree(options.site_packages);
  ASSERT_TRUE(programs && runtime && packages);
  ASSERT_EQ(::mount("mecapy", "/mnt", "tmpfs", 0, "mode=755"), 0);
  show(programs, "/mnt/programs", nullptr);
  show(runtime, "/mnt/runtime", "MECAPY_TEST_RUNTIME");
  show(packages, "/mnt/packages", "MECAPY_TEST_SITE_PACKAGES");
  const fs::path zygote = fs::path("/mnt/programs") / fs::path(options.zygote_program).filename();
  ::setenv("MECAPY_TEST_ZYGOTE", zygote.c_str(), 1);
}

}  // namespace

void enter_test_profile() {
  static bool entered = false;
  if (in_container() && ::geteuid() == 0 && !std::exchange(entered, true)) make_reachable();
  if (test_profile() != TestProfile::container_unprivileged || ::geteuid() != 0) return;
  ASSERT_EQ(refuse_namespaces(), 0);
  const StepFailure kept = keep_capabilities({CAP_SETUID, CAP_SETGID});
  ASSERT_FALSE(kept) << kept.step;
  ASSERT_EQ(::setgroups(0, nullptr), 0);
  ASSERT_EQ(::setresgid(kStranger, kStranger, kStranger), 0);
  ASSERT_EQ(::setresuid(kStranger, kStranger, kStranger), 0);
  ASSERT_EQ(::access(test_options().site_packages.c_str(), R_OK), 0)
      << "user " << kStranger << " must reach the build: " << test_options().site_packages;
}

int patience() {
  return std::max(1, std::atoi(from_environment("MECAPY_TEST_PATIENCE", "1").c_str()));
}

Options test_options() {
  const fs::path here = fs::read_symlink("/proc/self/exe").parent_path();
  Options options;
  options.profile = in_container() ? Profile::container : Profile::host;
  options.uid_base = 300'000;
  options.zygote_program = from_environment("MECAPY_TEST_ZYGOTE", here / "mecapy-zygote");
  options.runtime_folder = from_environment("MECAPY_TEST_RUNTIME", here / "runtime");
  options.site_packages =
      from_environment("MECAPY_TEST_SITE_PACKAGES", here / "venv/lib/python3.11/site-packages");
  return options;
}

std::unique_ptr<Sandbox> SandboxTest::sandbox_;
std::uint64_t SandboxTest::next_run_ = 1;

std::string Played::code() const {
  return end.failure ? std::string(model::row(end.failure->code).name)
                     : std::string(model::name(end.status));
}

std::string Played::message() const { return end.failure ? end.failure->message : ""; }

model::Limits SandboxTest::quick() {
  model::Limits limits;
  limits.timeout_s = 10 * patience();
  limits.memory_mb = 512;
  limits.disk_mb = 64;
  limits.processes = 16;
  limits.log_kb = 64;
  return limits;
}

void SandboxTest::SetUpTestSuite() {
  enter_test_profile();
  auto launched = launch(test_options());
  EXPECT_TRUE(launched) << launched.error().message;
  if (HasFailure()) ::_exit(1);
  sandbox_ = std::move(launched.value());
}

void SandboxTest::TearDownTestSuite() { sandbox_.reset(); }

void SandboxTest::TearDown() {
  const Played next =
      play("def calculate(inputs):\n    return sum(inputs['x'])\n", R"({"x":[1,2]})");
  EXPECT_EQ(next.code(), "completed") << next.message() << next.log;
  EXPECT_EQ(next.result(), "3");
  EXPECT_EQ(next.log, "");
}

Played SandboxTest::play_job(JobKind kind, const std::string& code, const std::string& inputs,
                             const model::Limits& limits, ZygoteKind zygote) {
  const std::uint64_t run = next_run_++;
  auto pipes = sandbox_->start(run, limits, zygote);
  if (pipes.has_error()) {
    ADD_FAILURE() << pipes.error().message;
    return {};
  }
  Player player(*sandbox_, run, std::move(pipes.value()), encode_job(kind, code, inputs, limits),
                limits);
  Played played = player.play();
  EXPECT_EQ(played.ended_events, 1);
  return played;
}

std::vector<Evidence> SandboxTest::wait_for_ends(int count) {
  std::vector<Evidence> ends;
  const base::Deadline deadline = base::after(patience() * std::chrono::seconds(20));
  while (static_cast<int>(ends.size()) < count && std::chrono::steady_clock::now() < deadline) {
    pollfd readable{sandbox_->event_fd(), POLLIN, 0};
    ::poll(&readable, 1, 1000);
    const auto event = sandbox_->next_event();
    if (event.has_error()) break;
    if (event.value() && event.value()->kind == Event::Kind::ended) {
      ends.push_back(event.value()->evidence);
    }
  }
  EXPECT_EQ(static_cast<int>(ends.size()), count);
  return ends;
}

Played SandboxTest::play(const std::string& code, const std::string& inputs,
                         const model::Limits& limits) {
  return play_job(JobKind::calculate, code, inputs, limits);
}

Played SandboxTest::play_kind(ZygoteKind zygote, const std::string& code) {
  return play_job(JobKind::calculate, code, "{}", quick(), zygote);
}

Played SandboxTest::calculate(const std::string& body, const model::Limits& limits) {
  std::string code =
      "import os, sys, time, math, ctypes\nimport numpy as np\n\n"
      "def calculate(inputs):\n";
  std::istringstream lines(body);
  for (std::string line; std::getline(lines, line);) code += "    " + line + "\n";
  return play(code, "{}", limits);
}

}  // namespace mecapy::sandbox
