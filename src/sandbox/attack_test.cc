// Attacks. After each: one verdict (play), the supervisor alive and the next run clean (TearDown).
#include <sys/syscall.h>

#include <csignal>

#include "sandbox/sandbox_fixture.h"

namespace mecapy::sandbox {
namespace {

class Attack : public SandboxTest {
 protected:
  // `body` with call(number, *arguments): 0, or the errno of the system call.
  static Played native(const std::string& body) {
    return calculate(R"(
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    ctypes.set_errno(0)
    return 0 if libc.syscall(number, *arguments) >= 0 else ctypes.get_errno()
)" + body);
  }

  // The errno of each system call of `numbers`, called without arguments.
  static std::string errnos(std::initializer_list<long> numbers) {
    std::string list;
    for (const long number : numbers) list += std::to_string(number) + ", ";
    return native("return [call(n, 0, 0, 0, 0, 0, 0) for n in (" + list + ")]").result();
  }

  // "[1,1,...]"
  static std::string all(std::size_t count, int error) {
    std::string list;
    for (std::size_t i = 0; i < count; ++i) list += (i == 0 ? "" : ",") + std::to_string(error);
    return "[" + list + "]";
  }

  static void expect_denied(std::initializer_list<long> numbers) {
    EXPECT_EQ(errnos(numbers), all(numbers.size(), EPERM));
  }

  static model::Limits short_time() {
    model::Limits limits = quick();
    limits.timeout_s = 0.3 * patience();
    return limits;
  }
};

// --- exhaustion ---

TEST_F(Attack, ForkBombThatSwallowsErrors_EndsAtTheWall) {
  const Played run = calculate(R"(
while True:
    try: os.fork()
    except OSError: pass
)",
                               short_time());
  // A cgroup refuses; who only watches ends the run.
  EXPECT_EQ(run.code(), by_profile("timeout", "process_limit")) << run.message();
  EXPECT_EQ(run.evidence.pids_refused > 0, !in_container());
  EXPECT_TRUE(has(run.message(), by_profile("forks were refused at the limit of 16 processes",
                                            "at once, at most 16")));
}

TEST_F(Attack, ForkingChildTakesAllMemory_TheWholeRunDies) {
  const Played run = calculate(R"(
if os.fork() == 0:
    blocks = []
    while True: blocks.append(bytearray(1 << 24))
time.sleep(60)
)");
  EXPECT_EQ(run.code(), "out_of_memory") << run.message();
  EXPECT_EQ(run.message(), "out of memory: used 512 of 512 MiB");
  EXPECT_FALSE(run.evidence.deadline_fired);
}

TEST_F(Attack, FilesAndMemoryTogether_CountAgainstOneLimit) {
  model::Limits limits = quick();
  limits.memory_mb = 64;
  limits.disk_mb = by_profile(1024, 128);
  const Played run = calculate(R"(
with open('big', 'wb') as file:
    while True: file.write(bytes(1 << 20))
)",
                               limits);
  EXPECT_EQ(run.code(), by_profile("out_of_memory", "disk_limit")) << run.message();
}

TEST_F(Attack, EveryWritablePlace_SharesOneSize) {
  const Played run = calculate(R"(
total = 0
places = [os.getcwd(), os.environ['TMPDIR']] + ['/dev/shm'] * (os.getcwd() == '/work')
for place in places:
    try:
        with open(place + '/a', 'wb', buffering=0) as file:
            while True: total += file.write(bytes(1 << 20))
    except OSError as error:
        last = error.errno
os.remove('a')
return [total <= 64 << 20, last])");
  if (in_container()) {
    EXPECT_EQ(run.code(), "disk_limit") << run.message();
  } else {
    EXPECT_EQ(run.result(), "[true,28]") << run.message();  // ENOSPC
  }
}

TEST_F(Attack, Inodes_AreBounded) {
  const Played run =
      calculate("for i in range(10**6): open(f\"{os.environ['TMPDIR']}/{i}\", 'w').close()");
  EXPECT_EQ(run.code(), "disk_limit") << run.message();
}

TEST_F(Attack, FileDescriptors_AreBounded) {
  const Played run = calculate("files = []\nwhile True: files.append(os.open('.', os.O_RDONLY))");
  EXPECT_EQ(run.code(), "user_error") << run.message();
  EXPECT_TRUE(has(run.message(), "Too many open files"));
}

TEST_F(Attack, PetabyteSparseFile_IsRefusedUnread) {
  const Played run = calculate(
      "fd = os.open('huge', os.O_CREAT | os.O_RDWR)\nos.ftruncate(fd, 1 << 50)\nreturn 1");
  EXPECT_EQ(run.code(), "user_error") << run.message();  // EFBIG; nothing was written
  model::Limits limits = quick();
  limits.artifacts_mb = 1;
  const Played sparse = calculate(
      "fd = os.open('sparse', os.O_CREAT | os.O_RDWR)\nos.ftruncate(fd, 60 << 20)\nreturn 1",
      limits);
  EXPECT_EQ(sparse.code(), "output_limit") << sparse.message();
}

TEST_F(Attack, OneEndlessLine_IsCutAtTheLimit) {
  const Played run = calculate("while True: os.write(1, b'x' * 65536)");
  EXPECT_EQ(run.code(), "output_limit") << run.message();
  EXPECT_TRUE(run.end.log_truncated);
  EXPECT_EQ(run.log.size(), 64U * 1024);
}

TEST_F(Attack, SpinWithoutTheInterpreter_EndsAtTheWall) {
  const Played run = calculate("ctypes.CDLL(None).pause()", short_time());
  EXPECT_EQ(run.code(), "timeout") << run.message();
  const Played spin = calculate("10 ** 10 ** 10", short_time());
  EXPECT_EQ(spin.code(), "timeout");
}

TEST_F(Attack, BacktrackingExpression_EndsAtTheWall) {
  const Played run = calculate("import re\nre.match('(a+)+$', 'a' * 60 + 'b')", short_time());
  EXPECT_EQ(run.code(), "timeout") << run.message();
}

TEST_F(Attack, IgnoredSignals_DoNotDelayTheEnd) {
  const Played run = calculate(R"(
import signal
for number in range(1, 64):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))
while True: pass
)",
                               short_time());
  EXPECT_EQ(run.code(), "timeout") << run.message();
  model::Limits cpu = quick();
  cpu.cpu_s = 0.2;
  EXPECT_EQ(
      calculate("import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass",
                cpu)
          .code(),
      "cpu_limit");
}

TEST_F(Attack, SwallowedBaseException_EndsAtTheWall) {
  const Played run = calculate(R"(
while True:
    try: time.sleep(60)
    except BaseException: pass
)",
                               short_time());
  EXPECT_EQ(run.code(), "timeout") << run.message();
}

TEST_F(Attack, StackOverflow_IsACrash) {
  const Played run = calculate(R"(
sys.setrecursionlimit(10**9)
class Deep:
    def __repr__(self): return repr(self)
repr(Deep())
)");
  EXPECT_EQ(run.code(), "crashed") << run.message();
  EXPECT_EQ(run.evidence.status, SIGSEGV);
}

// --- reaching out ---

TEST_F(Attack, Sockets_AreDenied) {
  const Played run = calculate(R"(
import socket
def refused(*kind):
    try: socket.socket(*kind)
    except PermissionError: return True
vsock = getattr(socket, 'AF_VSOCK', 40)
kinds = [(socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET6, socket.SOCK_DGRAM),
         (socket.AF_INET, socket.SOCK_RAW, 1), (socket.AF_PACKET, socket.SOCK_RAW),
         (socket.AF_UNIX, socket.SOCK_STREAM), (socket.AF_NETLINK, socket.SOCK_RAW), (vsock, 1)]
return [refused(*kind) for kind in kinds])");
  EXPECT_EQ(run.result(), "[true,true,true,true,true,true,true]") << run.message();
}

TEST_F(Attack, MetadataServiceAndDns_AreUnreachable) {
  const Played run = calculate(R"(
import socket, urllib.request
seen = []
for reach in (lambda: urllib.request.urlopen('http://169.254.169.254/', timeout=1),
              lambda: socket.getaddrinfo('example.org', 80),
              lambda: socket.create_connection(('127.0.0.1', 22), 1)):
    try: seen.append(str(reach()))
    except OSError: pass
return seen)");
  EXPECT_EQ(run.result(), "[]") << run.message();
}

TEST_F(Attack, SocketPair_CannotCarryAnAddress) {
  const Played run = native(R"(
import socket
near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
try: near.sendto(b'x', b'\0abstract')
except PermissionError: return [call(42, near.fileno(), 0, 0), call(49, near.fileno(), 0, 0)])");
  EXPECT_EQ(run.result(), "[1,1]") << run.message();  // connect, bind
}

TEST_F(Attack, OtherProcesses_AreOutOfReach) {
  expect_denied({SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_open,
                 SYS_pidfd_getfd, SYS_kcmp, SYS_process_madvise});
  const Played run = calculate(R"(
denied = 0
for pid in (-1,):
    try: os.kill(pid, 9)
    except PermissionError: denied += 1
for path in ('/proc/1/mem', '/proc/1/environ', '/proc/1/root/etc/passwd', '/proc/1/fd/0',
             '/proc/self/mem', '/proc/self/environ'):
    try: open(path, 'rb').read(1)
    except OSError: denied += 1
try: seen = sorted(int(p) for p in os.listdir('/proc') if p.isdigit())
except PermissionError: seen = []
return [denied, seen])");
  EXPECT_EQ(run.result(), by_profile("[7,[2]]", "[7,[]]")) << run.message();
}

TEST_F(Attack, KillInit_ChangesNothing) {
  const Played run = calculate(R"(
try: os.kill(1, 9)
except OSError: pass
return 'alive')");
  EXPECT_EQ(run.result(), "\"alive\"") << run.message();
}

TEST_F(Attack, KernelSubsystems_AreDenied) {
  expect_denied({SYS_bpf,
                 SYS_perf_event_open,
                 SYS_userfaultfd,
                 SYS_kexec_load,
                 SYS_kexec_file_load,
                 SYS_init_module,
                 SYS_finit_module,
                 SYS_delete_module,
                 SYS_keyctl,
                 SYS_add_key,
                 SYS_request_key,
                 SYS_syslog,
                 SYS_acct,
                 SYS_quotactl,
                 SYS_iopl,
                 SYS_ioperm,
                 SYS_modify_ldt,
                 SYS_personality,
                 SYS_fanotify_init,
                 SYS_inotify_init1,
                 SYS_memfd_create,
                 SYS_memfd_secret,
                 SYS_open_by_handle_at,
                 SYS_vmsplice,
                 SYS_move_pages,
                 SYS_mbind,
                 SYS_mlock,
                 SYS_flock});
  EXPECT_EQ(errnos({SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, SYS_clone3,
                    SYS_openat2}),
            all(5, ENOSYS));
}

TEST_F(Attack, NamespacesAndMounts_AreDenied) {
  expect_denied({SYS_unshare, SYS_setns, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot,
                 SYS_fsopen, SYS_fsmount, SYS_open_tree, SYS_move_mount, SYS_mount_setattr});
  const Played run = native(
      "return [call(56, flag | 17, 0, 0, 0, 0) for flag in "
      "(0x10000000, 0x20000000, 0x20000, 0x40000000, 0x8000000, 0x4000000, 0x2000000, 0x8000)]");
  EXPECT_EQ(run.result(), all(8, EPERM));  // clone with each namespace flag, and CLONE_PARENT
}

TEST_F(Attack, TheSetUpsOwnCalls_AreGone) {
  expect_denied({SYS_setresuid, SYS_setresgid, SYS_setgroups, SYS_capset, SYS_sethostname,
                 SYS_seccomp, SYS_landlock_create_ruleset, SYS_landlock_add_rule,
                 SYS_landlock_restrict_self, SYS_sendmsg, SYS_recvmsg});
  const Played run = native(
      "return [call(157, option, 1, 0, 0, 0) for option in (1, 4, 8, 22, 24, 38, 47)] + "
      "[call(302, 0, 7, ctypes.create_string_buffer(16), 0)]");
  EXPECT_EQ(run.result(), all(8, EPERM)) << run.message();  // prctl; prlimit64
}

TEST_F(Attack, TheMachine_CannotBeChanged) {
  expect_denied({SYS_reboot, SYS_swapon, SYS_swapoff, SYS_settimeofday, SYS_clock_settime,
                 SYS_adjtimex, SYS_setdomainname, SYS_nfsservctl, SYS_vhangup,
                 SYS_sched_setaffinity, SYS_setpriority, SYS_ioprio_set});
}

TEST_F(Attack, NoProgram_CanBeExecuted) {
  const Played run = calculate(R"(
import subprocess
seen = []
script = os.environ['TMPDIR'] + '/x'
open(script, 'wb').write(b'#!/bin/sh\n')
os.chmod(script, 0o755)
for start in (lambda: os.execv('/lib64/ld-linux-x86-64.so.2', ['x']),
              lambda: os.execv(script, ['x']), lambda: subprocess.run(['/bin/true']), lambda: os.posix_spawn(script, ['x'], {})):
    try: start(); seen.append('ran')
    except OSError as error: seen.append(type(error).__name__)
return [seen, os.path.exists('/usr/bin'), os.path.exists('/bin'), os.system('true') != 0])");
  const std::string refused =
      R"([["PermissionError","PermissionError","PermissionError","PermissionError"],)";
  EXPECT_EQ(run.result(), refused + by_profile("false,false,true]", "true,true,true]"))
      << run.message();
}

TEST_F(Attack, TheRoot_IsReadOnlyAndBare) {
  const Played run = calculate(R"(
written = []
for path in ('/', '/usr/lib', '/etc', '/mecapy', '/mecapy/runtime/mecapy', '/mecapy/env', '/dev', '/mecapy/cache',
             '/mnt', '/proc/self', '/proc/sys/kernel', '/sys'):
    try: open(path + '/x', 'w'); written.append(path)
    except OSError: pass
for path in ('/etc/passwd', '/mecapy/runtime/mecapy/_harness.py', '/proc/self/oom_score_adj',
             '/proc/sysrq-trigger', '/dev/mem', '/dev/kmsg'):
    try: open(path, 'r+b'); written.append(path)
    except OSError: pass
def listed(path):
    try: return sorted(os.listdir(path))
    except PermissionError: return 'closed'
return [written, listed('/'), listed('/dev')])");
  EXPECT_EQ(
      run.result(),
      by_profile(R"([[],["dev","etc","lib","lib64","mecapy","mnt","proc","tmp","usr","work"],)"
                 R"(["null","shm","urandom","zero"]])",
                 R"([[],"closed","closed"])"))
      << run.message();
}

TEST_F(Attack, EveryMount_IsReadOnlyOrBounded) {
  const Played run = calculate(R"(
def flags(path): return os.statvfs(path).f_flag
fixed = ('/', '/usr/lib', '/usr/share/zoneinfo', '/mecapy/env', '/mecapy/runtime', '/dev/null')
free = ('/work', '/tmp', '/dev/shm', '/proc')
noexec = os.ST_NOEXEC | os.ST_NOSUID | os.ST_NODEV
return [[path for path in fixed if not flags(path) & os.ST_RDONLY],
        [path for path in fixed if not flags(path) & os.ST_NOSUID],
        [path for path in free if flags(path) & noexec != noexec]])");
  EXPECT_EQ(run.result(), "[[],[],[]]") << run.message();
}

TEST_F(Attack, TheIdentity_IsBare) {
  const Played run = calculate(R"(
status = dict(line.split(':\t', 1) for line in open('/proc/self/status').read().splitlines())
wanted = ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb')
return [os.getresuid(), os.getgroups(), os.uname().nodename, status['NoNewPrivs'],
        status['Seccomp'], sorted({status[name] for name in wanted}), sorted(os.environ)])");
  EXPECT_EQ(run.result(),
            R"([[1000,1000,1000],[],"mecapy","1","2",["0000000000000000"],)"
            R"(["HOME","LANG","LOGNAME","MALLOC_ARENA_MAX","MPLBACKEND","MPLCONFIGDIR",)"
            R"("OMP_NUM_THREADS","OPENBLAS_NUM_THREADS","TMPDIR","USER"]])")
      << run.message();
}

TEST_F(Attack, OnlyItsOwnDescriptors_AreOpen) {
  const Played run = calculate(R"(
def is_open(fd):
    try: return bool(os.fstat(fd))
    except OSError: return False
return [fd for fd in range(256) if is_open(fd)])");
  EXPECT_EQ(run.result(), "[0,1,2,3]") << run.message();
}

// One slot after another has the same network namespace, and each slot its own.
TEST_F(Attack, Sockets_AreSeenByTheirRunOnly) {
  const std::string looks = R"(
import socket
def count(): return open('/proc/self/net/unix').read().count('\n') - 1
def calculate(inputs):
    try: seen = count()
    except PermissionError: return 'closed'
    kept = socket.socketpair()
    return [seen, count()]
)";
  for (int i = 0; i <= 2 * test_options().sandboxes(); ++i) {
    EXPECT_EQ(play(looks).result(), by_profile("[0,2]", R"("closed")"));
  }
}

TEST_F(Attack, Leftovers_DoNotReachTheNextRun) {
  const Played left = calculate(R"(
for place in [os.getcwd(), os.environ['TMPDIR']] + ['/dev/shm'] * (os.getcwd() == '/work'):
    open(place + '/left', 'w').write('secret')
import fcntl
for fd in (0, 1, 2, 3): fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_APPEND)
if os.fork() == 0: time.sleep(60)
return 1)");
  EXPECT_EQ(left.code(), "completed") << left.message();
  const Played next = calculate(
      "def listed(p):\n"
      "    try: return [f for f in os.listdir(p) if f != '.matplotlib']\n"
      "    except PermissionError: return 'closed'\n"
      "return [listed(p) for p in ('.', os.environ['TMPDIR'], '/dev/shm')] + "
      "[[p for p in listed('/proc') if p.isdigit()]] + "
      "[__import__('fcntl').fcntl(fd, 3) & os.O_APPEND for fd in (0, 1, 2, 3)]");
  EXPECT_EQ(next.result(),
            by_profile(R"([[],[],[],["2"],0,0,0,0])", R"([[],[],"closed",[],0,0,0,0])"))
      << next.message();
  expect_denied({SYS_shmget, SYS_semget, SYS_msgget, SYS_mq_open});
}

TEST_F(Attack, NoMemory_IsSharedWithTheZygoteOrOtherRuns) {
  const Played run = calculate(
      "return [line for line in open('/proc/self/maps') if line.split()[1].endswith('s')]");
  EXPECT_EQ(run.result(), "[]") << run.message();
}

TEST_F(Attack, LocksOnSharedFiles_AreDenied) {
  const Played run = calculate(R"(
import fcntl
with open(os.__file__) as file:
    denied = 0
    for lock in (lambda: fcntl.flock(file, fcntl.LOCK_SH), lambda: fcntl.lockf(file, fcntl.LOCK_SH),
                 lambda: fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)):
        try: lock()
        except PermissionError: denied += 1
return denied)");
  EXPECT_EQ(run.result(), "3") << run.message();
}

TEST_F(Attack, ForeignAbi_KillsTheProcess) {
  // The x32 bit on getpid: the filter must not take it for the number without the bit.
  const Played run = native("call(0x40000000 | 39)\nreturn 1");
  EXPECT_EQ(run.code(), "crashed") << run.message();
  EXPECT_EQ(run.evidence.status, SIGSYS);
}

}  // namespace
}  // namespace mecapy::sandbox
