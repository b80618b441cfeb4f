#include "sandbox/syscall_table.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <csignal>

namespace mecapy::sandbox {

// CHILD_SETTID lets glibc know its new tid.
const std::uint64_t kInitCloneFlags =
    CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_CHILD_SETTID | SIGCHLD;

// CLONE_PARENT makes init the supervisor's child; the exit signal is then the zygote's own, SIGCHLD
// (kernel/fork.c, copy_process), so the low byte stays 0.
const std::uint64_t kContainerInitCloneFlags = CLONE_PARENT | CLONE_CHILD_SETTID;

namespace {

using enum SyscallUse;

constexpr std::uint64_t kForbiddenCloneFlags =
    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
    CLONE_NEWCGROUP | CLONE_PARENT | CLONE_PTRACE | CLONE_UNTRACED | CLONE_IO;

ArgumentCheck equals(unsigned argument, std::uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, 0xffffffff, value};  // int arguments: upper half ignored
}
ArgumentCheck null(unsigned argument) { return {argument, SCMP_CMP_EQ, 0}; }
ArgumentCheck no_bits(unsigned argument, std::uint64_t bits) {
  return {argument, SCMP_CMP_MASKED_EQ, bits, 0};
}
// An int argument of flags: these and no other.
ArgumentCheck only_bits(unsigned argument, std::uint32_t bits) {
  return no_bits(argument, static_cast<std::uint32_t>(~bits));
}
// The commands of NVIDIA's driver (open-gpu-kernel-modules: nv-ioctl-numbers.h, uvm_ioctl.h,
// uvm_linux_ioctl.h): type 'F' of any size and direction; bare small numbers; 0x30000001 and 2.
constexpr ArgumentCheck kNvidiaControl{1, SCMP_CMP_MASKED_EQ, 0xff00, 'F' << 8};
constexpr ArgumentCheck kNvidiaMemory{1, SCMP_CMP_MASKED_EQ, 0xffffff00, 0};
constexpr ArgumentCheck kNvidiaMemoryOpen{1, SCMP_CMP_MASKED_EQ, 0xfffffffc, 0x30000000};

ArgumentCheck futex(std::uint32_t operation) {
  constexpr std::uint32_t kFlags = FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME;
  return {1, SCMP_CMP_MASKED_EQ, static_cast<std::uint32_t>(~kFlags), operation};
}

std::vector<ArgumentCheck> socket_option(int option) {
  return {equals(1, SOL_SOCKET), equals(2, static_cast<std::uint64_t>(option))};
}

}  // namespace

const std::vector<SyscallRow>& syscall_table() {
  static const std::vector<SyscallRow> table = {
      // Files. What can be reached is decided by the mounts and Landlock, not here.
      {SCMP_SYS(read), run, {}, "files, the channel, pipes"},
      {SCMP_SYS(write), run, {}, "files, the channel, the log, pipes"},
      {SCMP_SYS(readv), run, {}, "files"},
      {SCMP_SYS(writev), run, {}, "files; glibc's abort message"},
      {SCMP_SYS(pread64), run, {}, "files"},
      {SCMP_SYS(pwrite64), run, {}, "files"},
      {SCMP_SYS(preadv), run, {}, "os.preadv"},
      {SCMP_SYS(pwritev), run, {}, "os.pwritev"},
      // Past the cache, libraries would be read from the machine's disk without end.
      {SCMP_SYS(open), run, {no_bits(1, O_DIRECT)}, "older libraries"},
      {SCMP_SYS(openat), run, {no_bits(2, O_DIRECT)}, "files"},
      {SCMP_SYS(creat), run, {}, "older libraries"},
      {SCMP_SYS(openat2), absent, {}, "its arguments sit behind a pointer"},
      {SCMP_SYS(close), run, {}, "files"},
      {SCMP_SYS(close_range), run, {}, "os.closerange; the set-up"},
      {SCMP_SYS(lseek), run, {}, "files"},
      {SCMP_SYS(stat), run, {}, "files"},
      {SCMP_SYS(lstat), run, {}, "files"},
      {SCMP_SYS(fstat), run, {}, "files"},
      {SCMP_SYS(newfstatat), run, {}, "files"},
      {SCMP_SYS(statx), run, {}, "files"},
      {SCMP_SYS(statfs), run, {}, "shutil.disk_usage"},
      {SCMP_SYS(fstatfs), run, {}, "os.fstatvfs; init's look at the working folder"},
      {SCMP_SYS(access), run, {}, "files"},
      {SCMP_SYS(faccessat), run, {}, "files"},
      {SCMP_SYS(faccessat2), run, {}, "files"},
      {SCMP_SYS(getdents), run, {}, "folders, older libraries"},
      {SCMP_SYS(getdents64), run, {}, "folders"},
      {SCMP_SYS(getcwd), run, {}, "folders"},
      {SCMP_SYS(chdir), run, {}, "os.chdir"},
      {SCMP_SYS(fchdir), run, {}, "os.fchdir"},
      {SCMP_SYS(mkdir), run, {}, "folders"},
      {SCMP_SYS(mkdirat), run, {}, "folders"},
      {SCMP_SYS(rmdir), run, {}, "folders"},
      {SCMP_SYS(rename), run, {}, "files"},
      {SCMP_SYS(renameat), run, {}, "files"},
      {SCMP_SYS(renameat2), run, {}, "files"},
      {SCMP_SYS(link), run, {}, "files; multiprocessing's semaphores"},
      {SCMP_SYS(linkat), run, {}, "files"},
      {SCMP_SYS(symlink), run, {}, "files"},
      {SCMP_SYS(symlinkat), run, {}, "files"},
      {SCMP_SYS(readlink), run, {}, "files"},
      {SCMP_SYS(readlinkat), run, {}, "files"},
      {SCMP_SYS(unlink), run, {}, "files"},
      {SCMP_SYS(unlinkat), run, {}, "files"},
      {SCMP_SYS(mknod), run, {{1, SCMP_CMP_MASKED_EQ, S_IFMT, S_IFIFO}}, "os.mkfifo"},
      {SCMP_SYS(mknodat), run, {{2, SCMP_CMP_MASKED_EQ, S_IFMT, S_IFIFO}}, "os.mkfifo"},
      {SCMP_SYS(chmod), run, {}, "files"},
      {SCMP_SYS(fchmod), run, {}, "files"},
      {SCMP_SYS(fchmodat), run, {}, "files"},
      {SCMP_SYS(umask), run, {}, "files"},
      {SCMP_SYS(utimensat), run, {}, "os.utime"},
      {SCMP_SYS(truncate), run, {}, "files"},
      {SCMP_SYS(ftruncate), run, {}, "files"},
      {SCMP_SYS(fallocate), run, {}, "files; shared memory of multiprocessing"},
      // Not POSIX_FADV_DONTNEED, which takes pages of libraries out of everybody's cache.
      {SCMP_SYS(fadvise64), run, {equals(3, POSIX_FADV_NORMAL)}, "os.posix_fadvise"},
      {SCMP_SYS(fadvise64), run, {equals(3, POSIX_FADV_RANDOM)}, "os.posix_fadvise"},
      {SCMP_SYS(fadvise64), run, {equals(3, POSIX_FADV_SEQUENTIAL)}, "os.posix_fadvise"},
      {SCMP_SYS(fadvise64), run, {equals(3, POSIX_FADV_WILLNEED)}, "os.posix_fadvise"},
      {SCMP_SYS(fadvise64), run, {equals(3, POSIX_FADV_NOREUSE)}, "os.posix_fadvise"},
      // What a run writes is gone at its end. Of a library's file, each of these flushes the
      // machine's disk.
      {SCMP_SYS(fsync), needless, {}, "files"},
      {SCMP_SYS(fdatasync), needless, {}, "files"},
      {SCMP_SYS(msync), needless, {}, "numpy.memmap"},
      {SCMP_SYS(sendfile), run, {}, "shutil.copyfile"},
      {SCMP_SYS(copy_file_range), run, {}, "os.copy_file_range"},
      {SCMP_SYS(dup), run, {}, "files"},
      {SCMP_SYS(dup2), run, {}, "files"},
      {SCMP_SYS(dup3), run, {}, "files"},
      {SCMP_SYS(pipe), run, {}, "pipes"},
      {SCMP_SYS(pipe2), run, {}, "pipes"},
      // No locks, leases, owners or notifications: they act on inodes that all runs share
      // read-only.
      {SCMP_SYS(fcntl), run, {equals(1, F_DUPFD)}, "files"},
      {SCMP_SYS(fcntl), run, {equals(1, F_DUPFD_CLOEXEC)}, "os.dup"},
      {SCMP_SYS(fcntl), run, {equals(1, F_GETFD)}, "os.get_inheritable"},
      {SCMP_SYS(fcntl), run, {equals(1, F_SETFD)}, "os.set_inheritable"},
      {SCMP_SYS(fcntl), run, {equals(1, F_GETFL)}, "os.get_blocking"},
      {SCMP_SYS(fcntl), run, {equals(1, F_SETFL), no_bits(2, O_DIRECT)}, "os.set_blocking"},
      {SCMP_SYS(ioctl), run, {equals(1, TCGETS)}, "isatty"},
      {SCMP_SYS(ioctl), run, {equals(1, TIOCGWINSZ)}, "os.get_terminal_size"},
      {SCMP_SYS(ioctl), run, {equals(1, FIONREAD)}, "bytes waiting in a pipe"},
      {SCMP_SYS(ioctl), run, {equals(1, FIONBIO)}, "socket.setblocking"},
      {SCMP_SYS(ioctl), run, {equals(1, FIOCLEX)}, "os.set_inheritable"},
      {SCMP_SYS(ioctl), driver, {kNvidiaControl}, "/dev/nvidiactl, /dev/nvidia0"},
      {SCMP_SYS(ioctl), driver, {kNvidiaMemory}, "/dev/nvidia-uvm"},
      {SCMP_SYS(ioctl), driver, {kNvidiaMemoryOpen}, "/dev/nvidia-uvm: begins and ends"},
      {SCMP_SYS(ioctl), run, {equals(1, FIONCLEX)}, "os.set_inheritable"},
      {SCMP_SYS(poll), run, {}, "waiting"},
      {SCMP_SYS(ppoll), run, {}, "waiting"},
      {SCMP_SYS(select), run, {}, "waiting; time.sleep"},
      {SCMP_SYS(pselect6), run, {}, "waiting"},
      {SCMP_SYS(epoll_create1), run, {}, "asyncio"},
      {SCMP_SYS(epoll_ctl), run, {}, "asyncio"},
      {SCMP_SYS(epoll_wait), run, {}, "asyncio"},
      {SCMP_SYS(epoll_pwait), run, {}, "asyncio"},
      {SCMP_SYS(eventfd2), run, {}, "os.eventfd"},
      // A pair inside the process, for asyncio and multiprocessing.Pipe. No socket can be made that
      // has an address, and none of the pair can be given one.
      {SCMP_SYS(socketpair), run, {equals(0, AF_UNIX)}, "asyncio's wake-up, multiprocessing.Pipe"},
      // No MSG_OOB: out-of-band data of Unix sockets is code that nothing needs, and was a way out
      // before (CVE-2025-38236).
      {SCMP_SYS(sendto),
       run,
       {null(4), only_bits(3, MSG_DONTWAIT | MSG_NOSIGNAL | MSG_EOR | MSG_MORE)},
       "send on a pair, without an address"},
      {SCMP_SYS(recvfrom),
       run,
       {only_bits(3, MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC | MSG_WAITALL)},
       "recv on a pair"},
      {SCMP_SYS(shutdown), run, {}, "pairs"},
      {SCMP_SYS(getsockname), run, {}, "Python asks it of every socket object"},
      // By name: SO_PEERPIDFD of the channel is a handle of the front's process (Linux 6.5).
      {SCMP_SYS(getsockopt), run, socket_option(SO_TYPE), "Python asks it of every socket object"},
      {SCMP_SYS(getsockopt), run, socket_option(SO_DOMAIN),
       "Python asks it of every socket object"},
      {SCMP_SYS(getsockopt), run, socket_option(SO_PROTOCOL), "Python asks it of every object"},
      {SCMP_SYS(getsockopt), run, socket_option(SO_ERROR), "asyncio"},
      {SCMP_SYS(getsockopt), run, socket_option(SO_SNDBUF), "the size of a pair's buffers"},
      {SCMP_SYS(getsockopt), run, socket_option(SO_RCVBUF), "the size of a pair's buffers"},
      {SCMP_SYS(sendmsg), setup, {}, "the zygote's and init's reports"},
      {SCMP_SYS(recvmsg), setup, {}, "descriptors from the supervisor"},
      // Memory.
      // The machine's huge pages count against no limit of the run's (hugetlbfs_reserv.rst).
      {SCMP_SYS(mmap), run, {no_bits(3, MAP_HUGETLB)}, "memory, libraries"},
      {SCMP_SYS(munmap), run, {}, "memory"},
      {SCMP_SYS(mremap), run, {}, "memory"},
      {SCMP_SYS(mprotect), run, {}, "memory, libraries, thread stacks"},
      // Not MADV_MERGEABLE, which tells one run what another's pages hold, nor what poisons,
      // collapses or evicts pages.
      {SCMP_SYS(madvise), run, {equals(2, MADV_NORMAL)}, "mmap.madvise"},
      {SCMP_SYS(madvise), run, {equals(2, MADV_RANDOM)}, "mmap.madvise"},
      {SCMP_SYS(madvise), run, {equals(2, MADV_SEQUENTIAL)}, "mmap.madvise"},
      {SCMP_SYS(madvise), run, {equals(2, MADV_WILLNEED)}, "mmap.madvise"},
      {SCMP_SYS(madvise), run, {equals(2, MADV_DONTNEED)}, "malloc, thread stacks"},
      {SCMP_SYS(madvise), run, {equals(2, MADV_FREE)}, "allocators"},
      {SCMP_SYS(madvise), run, {equals(2, MADV_DONTFORK)}, "mmap.madvise"},
      {SCMP_SYS(madvise), run, {equals(2, MADV_DOFORK)}, "mmap.madvise"},
      {SCMP_SYS(madvise), run, {equals(2, MADV_HUGEPAGE)}, "numpy's large arrays"},
      {SCMP_SYS(madvise), run, {equals(2, MADV_NOHUGEPAGE)}, "allocators"},
      {SCMP_SYS(madvise), run, {equals(2, MADV_DONTDUMP)}, "mmap.madvise"},
      {SCMP_SYS(madvise), run, {equals(2, MADV_DODUMP)}, "mmap.madvise"},
      {SCMP_SYS(madvise), setup, {equals(2, MADV_POPULATE_WRITE)}, "copies hot pages ahead"},
      {SCMP_SYS(process_madvise), setup, {equals(3, MADV_POPULATE_WRITE)}, "and all at once"},
      {SCMP_SYS(pidfd_open), setup, {}, "of itself, for process_madvise"},
      {SCMP_SYS(brk), run, {}, "memory"},
      // Processes and threads, inside the run's own pid namespace.
      {SCMP_SYS(clone), run, {no_bits(0, kForbiddenCloneFlags)}, "threads, os.fork"},
      {SCMP_SYS(clone), setup, {{0, SCMP_CMP_EQ, kInitCloneFlags}}, "the init of a run"},
      {SCMP_SYS(clone), setup, {{0, SCMP_CMP_EQ, kContainerInitCloneFlags}}, "the init of a run"},
      {SCMP_SYS(clone3), absent, {}, "its flags sit behind a pointer; glibc then uses clone"},
      {SCMP_SYS(fork), run, {}, "os.fork in older libraries"},
      {SCMP_SYS(wait4), run, {}, "child processes"},
      {SCMP_SYS(waitid), run, {}, "child processes"},
      {SCMP_SYS(exit), run, {}, "threads"},
      {SCMP_SYS(exit_group), run, {}, "processes"},
      {SCMP_SYS(futex), run, {futex(FUTEX_WAIT)}, "locks"},
      {SCMP_SYS(futex), run, {futex(FUTEX_WAKE)}, "locks"},
      {SCMP_SYS(futex), run, {futex(FUTEX_REQUEUE)}, "condition variables of older libraries"},
      {SCMP_SYS(futex), run, {futex(FUTEX_CMP_REQUEUE)}, "condition variables of older libraries"},
      {SCMP_SYS(futex), run, {futex(FUTEX_WAKE_OP)}, "condition variables of older libraries"},
      {SCMP_SYS(futex), run, {futex(FUTEX_WAIT_BITSET)}, "locks with a deadline"},
      {SCMP_SYS(futex), run, {futex(FUTEX_WAKE_BITSET)}, "locks"},
      // Locks that lend priority are the part of futex that past escapes went through
      // (CVE-2014-3153, CVE-2021-3347); glibc takes ENOSYS for a kernel without them.
      {SCMP_SYS(futex), absent, {futex(FUTEX_LOCK_PI)}, "priority inheritance"},
      {SCMP_SYS(futex), absent, {futex(FUTEX_UNLOCK_PI)}, "priority inheritance"},
      {SCMP_SYS(futex), absent, {futex(FUTEX_TRYLOCK_PI)}, "priority inheritance"},
      {SCMP_SYS(futex), absent, {futex(FUTEX_WAIT_REQUEUE_PI)}, "priority inheritance"},
      {SCMP_SYS(futex), absent, {futex(FUTEX_CMP_REQUEUE_PI)}, "priority inheritance"},
      {SCMP_SYS(futex), absent, {futex(FUTEX_LOCK_PI2)}, "priority inheritance"},
      {SCMP_SYS(set_robust_list), run, {}, "thread start"},
      {SCMP_SYS(get_robust_list), run, {equals(0, 0)}, "threads, of itself"},
      {SCMP_SYS(rseq), run, {}, "thread start"},
      {SCMP_SYS(set_tid_address), run, {}, "thread start"},
      {SCMP_SYS(gettid), run, {}, "threads"},
      {SCMP_SYS(getpid), run, {}, "processes"},
      {SCMP_SYS(getppid), run, {}, "processes"},
      {SCMP_SYS(getpgid), run, {}, "processes"},
      {SCMP_SYS(getpgrp), run, {}, "processes"},
      {SCMP_SYS(getsid), run, {}, "processes"},
      {SCMP_SYS(setpgid), run, {}, "processes"},
      {SCMP_SYS(setsid), run, {}, "processes; the set-up"},
      {SCMP_SYS(sched_yield), run, {}, "locks, BLAS threads"},
      {SCMP_SYS(sched_getaffinity), run, {}, "os.cpu_count, BLAS threads"},
      {SCMP_SYS(sched_getparam), run, {}, "thread attributes"},
      {SCMP_SYS(sched_getscheduler), run, {}, "thread attributes"},
      {SCMP_SYS(getcpu), run, {}, "malloc arenas"},
      {SCMP_SYS(getpriority), run, {}, "os.getpriority"},
      // Signals: to one process at a time, never to a group or to all (kill(-1)).
      {SCMP_SYS(kill), run, {no_bits(0, 0x80000000)}, "os.kill, multiprocessing's terminate"},
      {SCMP_SYS(kill),
       setup,
       {{0, SCMP_CMP_MASKED_EQ, 0x80000000, 0x80000000}},
       "a watching init ends all of its run"},
      {SCMP_SYS(tgkill), run, {}, "raise, abort, pthread_kill"},
      {SCMP_SYS(rt_sigaction), run, {}, "signals"},
      {SCMP_SYS(rt_sigprocmask), run, {}, "signals"},
      {SCMP_SYS(rt_sigreturn), run, {}, "signals"},
      {SCMP_SYS(rt_sigpending), run, {}, "signals"},
      {SCMP_SYS(rt_sigsuspend), run, {}, "signals"},
      {SCMP_SYS(rt_sigtimedwait), run, {}, "signals"},
      {SCMP_SYS(sigaltstack), run, {}, "faulthandler"},
      {SCMP_SYS(pause), run, {}, "signal.pause"},
      {SCMP_SYS(alarm), run, {}, "signal.alarm"},
      {SCMP_SYS(setitimer), run, {}, "signal.setitimer"},
      {SCMP_SYS(getitimer), run, {}, "signal.getitimer"},
      {SCMP_SYS(restart_syscall), run, {}, "the kernel, after a signal"},
      // Time and information. None of it names another run, another user or the host.
      {SCMP_SYS(clock_gettime), run, {}, "time"},
      {SCMP_SYS(clock_getres), run, {}, "time"},
      {SCMP_SYS(clock_nanosleep), run, {}, "time.sleep"},
      {SCMP_SYS(nanosleep), run, {}, "sleep"},
      {SCMP_SYS(gettimeofday), run, {}, "time"},
      {SCMP_SYS(time), run, {}, "time"},
      {SCMP_SYS(times), run, {}, "os.times"},
      {SCMP_SYS(getrusage), run, {}, "time.process_time, resource"},
      {SCMP_SYS(getrandom), run, {}, "random seeds, uuid, secrets"},
      {SCMP_SYS(sysinfo), run, {}, "os.sysconf"},
      {SCMP_SYS(uname), run, {}, "platform"},
      {SCMP_SYS(getrlimit), run, {}, "resource"},
      {SCMP_SYS(prlimit64), run, {null(2)}, "resource.getrlimit: reading only"},
      {SCMP_SYS(prlimit64), setup, {{2, SCMP_CMP_NE, 0}}, "the run's resource limits"},
      {SCMP_SYS(getuid), run, {}, "os.getuid"},
      {SCMP_SYS(geteuid), run, {}, "os.geteuid"},
      {SCMP_SYS(getgid), run, {}, "os.getgid"},
      {SCMP_SYS(getegid), run, {}, "os.getegid"},
      {SCMP_SYS(getresuid), run, {}, "os.getresuid"},
      {SCMP_SYS(getresgid), run, {}, "os.getresgid"},
      {SCMP_SYS(getgroups), run, {}, "os.getgroups"},
      {SCMP_SYS(capget), run, {}, "the self-check"},
      {SCMP_SYS(prctl), run, {equals(0, PR_SET_NAME)}, "thread names"},
      {SCMP_SYS(prctl), run, {equals(0, PR_GET_NAME)}, "thread names"},
      {SCMP_SYS(prctl), run, {equals(0, PR_GET_DUMPABLE)}, "reading"},
      {SCMP_SYS(prctl), run, {equals(0, PR_GET_SECCOMP)}, "the self-check"},
      {SCMP_SYS(prctl), run, {equals(0, PR_GET_NO_NEW_PRIVS)}, "the self-check"},
      // Only until the run's last step.
      {SCMP_SYS(unshare), setup, {equals(0, CLONE_NEWCGROUP)}, "the cgroup as the root of all"},
      {SCMP_SYS(unshare),
       setup,
       {equals(0, CLONE_NEWCGROUP | CLONE_NEWTIME)},
       "and clocks of its own"},
      {SCMP_SYS(setns), setup, {equals(1, CLONE_NEWUSER)}, "into the slot's namespaces"},
      {SCMP_SYS(setns), setup, {equals(1, CLONE_NEWNET)}, "into the slot's namespaces"},
      {SCMP_SYS(mount), setup, {}, "the run's own mounts"},
      {SCMP_SYS(umount2), setup, {}, "the run's own mounts"},
      {SCMP_SYS(sethostname), setup, {}, "the run's host name"},
      {SCMP_SYS(setpriority), setup, {}, "a watched run gives way to its init"},
      {SCMP_SYS(setresuid), setup, {}, "the run's user"},
      {SCMP_SYS(setresgid), setup, {}, "the run's group"},
      {SCMP_SYS(capset), setup, {}, "giving up capabilities"},
      {SCMP_SYS(landlock_create_ruleset), setup, {}, "Landlock"},
      {SCMP_SYS(landlock_add_rule), setup, {}, "Landlock"},
      {SCMP_SYS(landlock_restrict_self), setup, {}, "Landlock"},
      {SCMP_SYS(prctl), setup, {equals(0, PR_SET_PDEATHSIG)}, "dying with the supervisor"},
      {SCMP_SYS(prctl), setup, {equals(0, PR_SET_CHILD_SUBREAPER)}, "init without a pid namespace"},
      {SCMP_SYS(prctl), setup, {equals(0, PR_SET_DUMPABLE)}, "hiding /proc/PID from others"},
      {SCMP_SYS(prctl), setup, {equals(0, PR_SET_NO_NEW_PRIVS)}, "no new privileges"},
      {SCMP_SYS(prctl), setup, {equals(0, PR_CAPBSET_DROP)}, "giving up capabilities"},
      {SCMP_SYS(prctl), setup, {equals(0, PR_CAP_AMBIENT)}, "giving up capabilities"},
      {SCMP_SYS(prctl), setup, {equals(0, PR_SET_SECCOMP)}, "the second filter"},
      // Marks on files that others could read.
      {SCMP_SYS(getxattr), unsupported, {}, "shutil.copy2, copytree"},
      {SCMP_SYS(lgetxattr), unsupported, {}, "shutil.copy2, copytree"},
      {SCMP_SYS(fgetxattr), unsupported, {}, "shutil.copy2, copytree"},
      {SCMP_SYS(listxattr), unsupported, {}, "shutil.copy2, copytree"},
      {SCMP_SYS(llistxattr), unsupported, {}, "shutil.copy2, copytree"},
      {SCMP_SYS(flistxattr), unsupported, {}, "shutil.copy2, copytree"},
      {SCMP_SYS(setxattr), unsupported, {}, "shutil.copy2, copytree"},
      {SCMP_SYS(lsetxattr), unsupported, {}, "shutil.copy2, copytree"},
      {SCMP_SYS(fsetxattr), unsupported, {}, "shutil.copy2, copytree"},
      // Present or not, told to be absent.
      {SCMP_SYS(io_uring_setup), absent, {}, "would act outside every filter"},
      {SCMP_SYS(io_uring_enter), absent, {}, "would act outside every filter"},
      {SCMP_SYS(io_uring_register), absent, {}, "would act outside every filter"},
  };
  return table;
}

}  // namespace mecapy::sandbox
