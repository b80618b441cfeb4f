// The profile container alone: what namespaces would do, done without them. After each: one verdict
// (play), the supervisor alive and the next run clean (TearDown).
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/test_folder.h"
#include "sandbox/contained_filter.h"
#include "sandbox/privileges.h"
#include "sandbox/process_tree.h"
#include "sandbox/sandbox_fixture.h"

namespace mecapy::sandbox {
namespace {

namespace fs = std::filesystem;

class Contained : public SandboxTest {
 protected:
  static void SetUpTestSuite() {
    EXPECT_TRUE(in_container()) << "set MECAPY_TEST_PROFILE";
    SandboxTest::SetUpTestSuite();
  }
  static bool is_gone(pid_t pid) { return ::kill(pid, 0) != 0 && errno == ESRCH; }
  static pid_t supervisor() { return children_of(::getpid()).at(0); }
  // `log` begins with the run's working folder.
  static void expect_gone(const std::string& log) {
    ASSERT_TRUE(starts(log, "/tmp/mecapy-runs-"));
    const fs::path folder = fs::path(log.substr(0, log.find('\n'))).parent_path();
    EXPECT_FALSE(fs::exists(folder)) << folder;
    EXPECT_TRUE(fs::exists(folder.parent_path()));
  }
  static bool eventually(const std::function<bool()>& holds) {
    const base::Deadline deadline = base::after(std::chrono::seconds(10));
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      ::poll(nullptr, 0, 5);
    }
    return true;
  }
};

TEST_F(Contained, TheIdentity_IsBare) {
  const Played run = calculate(R"(
libc = ctypes.CDLL(None)
uids = set(os.getresuid() + os.getresgid())
head = (ctypes.c_uint32 * 2)(0x20080522, 0)
sets = (ctypes.c_uint32 * 6)()
libc.syscall(125, head, sets)
return [len(uids), 0 in uids, os.getgroups(), libc.prctl(39, 0, 0, 0, 0), libc.prctl(21),
        libc.prctl(3), sum(sets), sorted(os.environ)])");
  EXPECT_EQ(run.result(),
            R"([1,false,[],1,2,0,0,)"
            R"(["HOME","LANG","LOGNAME","MALLOC_ARENA_MAX","MPLBACKEND","MPLCONFIGDIR",)"
            R"("OMP_NUM_THREADS","OPENBLAS_NUM_THREADS","TMPDIR","USER"]])")
      << run.message();
}

// The worker's own files, and where other runs have theirs.
TEST_F(Contained, TheFilesOfOthers_AreClosed) {
  std::string name = (fs::temp_directory_path() / "mecapy-secret-XXXXXX").string();
  const base::Fd secret(::mkstemp(name.data()));
  ASSERT_EQ(::write(secret.get(), "secret", 6), 6);
  const Played run = play(R"(
import os
def calculate(inputs):
    opened = []
    above = os.path.dirname(os.path.dirname(os.getcwd()))
    for path in [inputs['secret'], '/etc/passwd', '/proc/self/environ', '/etc/hostname']:
        try: opened.append(open(path).read())
        except OSError: pass
    for path in [above, os.path.dirname(above), '/', '/tmp', '/proc', '/sys', '/dev/shm', '/root']:
        try: opened.append(os.listdir(path))
        except OSError: pass
    for path in [above, os.path.dirname(os.getcwd()), '/tmp', '/dev/shm', '/var/tmp', '/run']:
        try: opened.append(open(path + '/left', 'w'))
        except OSError: pass
    return opened
)",
                          R"({"secret": ")" + name + R"("})");
  ::unlink(name.c_str());
  EXPECT_EQ(run.result(), "[]") << run.message();
}

// Landlock does not guard modes and times, which matters where all are one user; copies go on.
TEST_F(Contained, TheModesOfOthersFiles_StayAsTheyAre) {
  const base::TestFolder others;
  const std::string name = others.path("file");
  const base::Fd file(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::write(file.get(), "other", 5), 5);
  const timespec past[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(::futimens(file.get(), past), 0);
  const Played run = play(R"(
import os, shutil
def calculate(inputs):
    path = inputs['path']
    for act in (lambda: os.chmod(path, 0o666), lambda: os.chmod(os.path.dirname(path), 0),
                lambda: os.utime(path), lambda: os.truncate(path, 0)):
        try: act()
        except OSError: pass
    open('a', 'w').write('copied')
    return open(shutil.copy('a', 'b')).read()
)",
                          R"({"path": ")" + name + R"("})");
  EXPECT_EQ(run.result(), R"("copied")") << run.message();
  struct stat info {};
  ASSERT_EQ(::stat(name.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
  EXPECT_EQ(info.st_mtime, 1);
  EXPECT_EQ(info.st_size, 5);
  ASSERT_EQ(::stat(others.path("").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700U);
}

TEST_F(Contained, OtherProcesses_CannotBeSignalledOrLookedInto) {
  const std::string pids = std::to_string(::getpid()) + "," + std::to_string(supervisor());
  const Played run = play(R"(
import os
def calculate(inputs):
    reached = []
    for pid in inputs['pids'] + [os.getppid()]:
        for number in (0, 9, 19):
            try: os.kill(pid, number); reached.append(pid)
            except PermissionError: pass
        for name in ('environ', 'mem', 'maps', 'fd/0', 'cmdline'):
            try: reached.append(open(f'/proc/{pid}/{name}', 'rb').read(1))
            except OSError: pass
    return reached
)",
                          R"({"pids": [)" + pids + "]}");
  EXPECT_EQ(run.result(), "[]") << run.message();
}

TEST_F(Contained, WithoutLandlock_ThisProcessIsStillNotReadableByItsOwnUser) {
  const std::string path = "/proc/" + std::to_string(supervisor()) + "/environ";
  const base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(!file || ::geteuid() == 0);
}

TEST_F(Contained, TheProcessGroup_CannotBeLeft) {
  const Played run = calculate(R"(
pid = os.fork()
if pid == 0:
    denied = 0
    for leave in (os.setsid, lambda: os.setpgid(0, 0)):
        try: leave()
        except PermissionError: denied += 1
    os._exit(denied)
return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))");
  EXPECT_EQ(run.result(), "2") << run.message();
}

TEST_F(Contained, WhatOutlivesItsParent_EndsWithTheRun) {
  const Played run = calculate(R"(
near, far = os.pipe()
if os.fork() == 0:
    if os.fork() == 0:
        os.write(far, str(os.getpid()).encode())
        time.sleep(60)
    os._exit(0)
os.wait()
return int(os.read(near, 20)))");
  ASSERT_EQ(run.code(), "completed") << run.message();
  EXPECT_TRUE(is_gone(std::stoi(run.result())));
}

TEST_F(Contained, TheFolder_IsGoneAfterTheRun) {
  const Played run = calculate(R"(
deep = os.getcwd()
for _ in range(50):
    os.mkdir('d')
    os.chdir('d')
    open('file', 'w').write('x')
os.chdir(deep)
os.mkdir('closed')
open('closed/file', 'w').write('x')
os.symlink('/etc', 'closed/link')
os.chmod('closed', 0)
os.chmod(os.environ['TMPDIR'], 0)
print(deep)
raise ValueError('end here'))");
  EXPECT_EQ(run.code(), "user_error") << run.message();
  expect_gone(run.log);
  EXPECT_TRUE(fs::exists("/etc/passwd"));
}

TEST_F(Contained, FoldersTooDeepToMeasure_EndTheRun) {
  const Played run = calculate(
      "print(os.getcwd(), flush=True)\nwhile True:\n    os.mkdir('d')\n    os.chdir('d')");
  EXPECT_EQ(run.code(), "disk_limit") << run.message();
  expect_gone(run.log);
}

TEST_F(Contained, ManyFilesTogether_AreBounded) {
  const Played run = calculate(R"(
for i in range(1000):
    with open(f'f{i}', 'wb') as file: file.write(bytes(1 << 20))
)");
  EXPECT_EQ(run.code(), "disk_limit");
  EXPECT_EQ(run.message(),
            "the working folder is full: at most 64 MiB and 16384 files and folders");
}

TEST_F(Contained, CpuTimeOfChildrenNobodyWaitsFor_Counts) {
  model::Limits limits = quick();
  limits.cpu_s = 0.4;
  const Played run = calculate(R"(
import signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    if os.fork() == 0:
        end = time.process_time() + 0.05
        while time.process_time() < end: pass
        os._exit(0)
    try: os.wait()  # until it is gone; the kernel adds its time to nobody's
    except ChildProcessError: pass
)",
                               limits);
  EXPECT_EQ(run.code(), "cpu_limit") << run.message();
}

TEST_F(Contained, MemoryOfSeveralProcesses_CountsTogether) {
  const Played run = calculate(R"(
for _ in range(4):
    if os.fork() == 0:
        block = bytearray(200 << 20)
        time.sleep(60)
time.sleep(60)
)");
  EXPECT_EQ(run.code(), "out_of_memory");
  EXPECT_EQ(run.message(), "out of memory: used 512 of 512 MiB");
}

// As when the kernel ends it for want of memory.
TEST_F(Contained, KilledInit_TakesTheRunAndItsFolderWithIt) {
  const std::uint64_t number = next_run_++;
  auto pipes = sandbox_->start(number, quick());
  ASSERT_TRUE(pipes.has_value());
  const base::Fd channel = std::move(pipes->channel);
  const std::string job = encode_job(JobKind::calculate,
                                     "import os, time\ndef calculate(i):\n"
                                     " os.fork(); os.fork(); print(os.getppid(), flush=True)\n"
                                     " print(os.getcwd(), flush=True); time.sleep(60)",
                                     "{}", quick());
  ASSERT_EQ(::write(channel.get(), job.data(), job.size()), static_cast<ssize_t>(job.size()));
  pid_t init = -1;
  ASSERT_TRUE(eventually([&] {  // the sandbox with four processes
    for (const pid_t child : children_of(supervisor())) {
      if (TreeWatch(child).look(100).tasks == 4) init = child;
    }
    return init > 0;
  }));
  std::vector<pid_t> all = children_of(init);
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (const pid_t child : children_of(all[i])) all.push_back(child);
  }
  ASSERT_EQ(all.size(), 4U);
  char said[512] = {};
  ASSERT_TRUE(eventually([&] {
    const ssize_t got = ::read(pipes->log.get(), said, sizeof said - 1);
    return got > 0 && std::string(said).find("/tmp/mecapy-runs-") != std::string::npos;
  }));
  std::string folder = std::string(said).substr(std::string(said).find("/tmp/"));
  folder = fs::path(folder.substr(0, folder.find('\n'))).parent_path();
  ASSERT_EQ(::kill(init, SIGKILL), 0);
  EXPECT_EQ(wait_for_ends(1).at(0).exit, Evidence::Exit::signalled);
  for (const pid_t pid : all) EXPECT_TRUE(eventually([&] { return is_gone(pid); })) << pid;
  EXPECT_TRUE(eventually([&] { return !fs::exists(folder); })) << folder;
}

TEST_F(Contained, KilledSupervisor_LeavesNoProcessAndTheNextNoFolder) {
  const base::TestFolder scratch;  // others make their folders elsewhere
  Options options = test_options();
  options.scratch = scratch.path("");
  ::chmod(options.scratch.c_str(), 0755);  // as /tmp, runs pass through it
  auto other = launch(options);
  ASSERT_TRUE(other.has_value()) << other.error().message;
  const pid_t second = children_of(::getpid()).back();
  ASSERT_NE(second, supervisor());
  auto pipes = (*other)->start(1, quick());
  ASSERT_TRUE(pipes.has_value());
  ASSERT_TRUE(eventually([&] { return children_of(second).size() >= 3; }));
  const std::vector<pid_t> all = children_of(second);
  const auto folders = [&] {
    return std::distance(fs::directory_iterator(options.scratch), fs::directory_iterator());
  };
  const auto before = folders();
  ASSERT_EQ(::kill(second, SIGKILL), 0);
  for (const pid_t pid : all) EXPECT_TRUE(eventually([&] { return is_gone(pid); })) << pid;
  other->reset();
  auto next = launch(options);  // has one itself, and has removed that of the dead
  ASSERT_TRUE(next.has_value());
  EXPECT_LE(folders(), before);
}

TEST(ContainedFilter, WithoutScopes_OnlyTheProcessItselfCanBeSignalled) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    bool holds = !set_no_new_privs() && !confine_processes(SignalReach::itself);
    holds = holds && ::kill(::getpid(), 0) == 0;
    holds = holds && ::kill(::getppid(), 0) != 0 && errno == EPERM;
    holds = holds && ::setsid() < 0 && errno == EPERM;
    holds = holds && ::setpgid(0, 0) != 0 && errno == EPERM;
    const pid_t child = ::fork();
    if (child == 0) ::_exit(::kill(::getpid(), 0) != 0 && errno == EPERM ? 0 : 1);
    holds = holds && ::kill(child, 0) != 0 && errno == EPERM;
    int status = -1;
    holds = holds && ::waitpid(child, &status, 0) == child && status == 0;
    ::_exit(holds ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace mecapy::sandbox
