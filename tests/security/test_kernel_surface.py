"""Attacks on the kernel: each call that a calculation has no use for, by number and by argument.

Refused is EPERM, or ENOSYS where a library must believe that the kernel is older; the run goes on.
Another kernel interface altogether ends the process.
"""

import pytest

from security.attack import Attack, fails, returns
from security.stage import Stage


def calls(name: str, error: str, numbers: str) -> Attack:
    """Each of the system calls "name=number ..." (x86-64) gets this error and no other."""
    rows = dict(pair.split("=") for pair in numbers.split())
    body = """
found = {}
for name, number in inputs.items(): found[name] = refused(call, int(number), 0, 0, 0, 0, 0, 0)
return found
"""
    return Attack(name, returns(dict.fromkeys(rows, error)), body, inputs=rows)


CALLS = [
    calls("loads code into the kernel", "EPERM",
          "bpf=321 init_module=175 finit_module=313 delete_module=176 kexec_load=246"
          " kexec_file_load=320"),
    calls("looks into the kernel", "EPERM",
          "perf_event_open=298 syslog=103 lookup_dcookie=212 kcmp=312 name_to_handle_at=303"),
    calls("a ring of calls past the filter", "ENOSYS",
          "io_uring_setup=425 io_uring_enter=426 io_uring_register=427"),
    calls("calls whose flags no filter can see", "ENOSYS", "clone3=435 openat2=437"),
    calls("memory tricks of past escapes", "EPERM",
          "userfaultfd=323 memfd_create=319 memfd_secret=447 vmsplice=278 splice=275 tee=276"
          " remap_file_pages=216 process_madvise=440 process_mrelease=448 mseal=462"
          " map_shadow_stack=453 pkey_mprotect=329 pkey_alloc=330 mbind=237 set_mempolicy=238"
          " migrate_pages=256 move_pages=279 mincore=27 cachestat=451"),
    calls("pins memory", "EPERM", "mlock=149 mlock2=325 mlockall=151 munlock=150"),
    calls("other processes", "EPERM",
          "ptrace=101 process_vm_readv=310 process_vm_writev=311 pidfd_open=434 pidfd_getfd=438"
          " pidfd_send_signal=424 rt_sigqueueinfo=129 rt_tgsigqueueinfo=297 tkill=200"),
    calls("namespaces and mounts", "EPERM",
          "unshare=272 setns=308 mount=165 umount2=166 pivot_root=155 chroot=161 fsopen=430"
          " fsconfig=431 fsmount=432 fspick=433 open_tree=428 move_mount=429 mount_setattr=442"
          " statmount=457 listmount=458 open_tree_attr=467"),
    calls("privileges back", "EPERM",
          "setuid=105 setgid=106 setreuid=113 setregid=114 setresuid=117 setresgid=119"
          " setfsuid=122 setfsgid=123 setgroups=116 capset=126 seccomp=317 personality=135"
          " iopl=172 ioperm=173 modify_ldt=154 arch_prctl=158"),
    calls("its own second wall", "EPERM",
          "landlock_create_ruleset=444 landlock_add_rule=445 landlock_restrict_self=446"
          " lsm_set_self_attr=460 lsm_get_self_attr=459 lsm_list_modules=461"),
    calls("the machine", "EPERM",
          "reboot=169 swapon=167 swapoff=168 settimeofday=164 clock_settime=227 adjtimex=159"
          " clock_adjtime=305 sethostname=170 setdomainname=171 acct=163 quotactl=179"
          " quotactl_fd=443 vhangup=153 nfsservctl=180 syncfs=306 sync=162"),
    calls("its share of the CPU", "EPERM",
          "sched_setscheduler=144 sched_setparam=142 sched_setattr=314 sched_setaffinity=203"
          " setpriority=141 ioprio_set=251 setrlimit=160"),
    calls("keys of the machine", "EPERM", "add_key=248 request_key=249 keyctl=250"),
    calls("ears on files that others use", "EPERM",
          "inotify_init=253 inotify_init1=294 fanotify_init=300 fanotify_mark=301 flock=73"
          " open_by_handle_at=304"),
    calls("programs", "EPERM", "execve=59 execveat=322 uselib=134"),
    calls("sockets", "EPERM",
          "socket=41 connect=42 accept=43 accept4=288 bind=49 listen=50 getpeername=52"
          " setsockopt=54 sendmsg=46 recvmsg=47 sendmmsg=307 recvmmsg=299"),
    calls("objects that outlive a process", "EPERM",
          "shmget=29 shmat=30 shmctl=31 semget=64 semop=65 semctl=66 semtimedop=220 msgget=68"
          " msgsnd=69 msgrcv=70 msgctl=71 mq_open=240 mq_unlink=241"),
    calls("timers and descriptors the kernel keeps", "EPERM",
          "timer_create=222 timerfd_create=283 signalfd=282 signalfd4=289 io_setup=206"
          " io_submit=209 io_destroy=207"),
    calls("attributes of files", "ENOTSUP",
          "setxattr=188 lsetxattr=189 fsetxattr=190 getxattr=191 lgetxattr=192 fgetxattr=193"
          " listxattr=194 llistxattr=195 flistxattr=196"),
    calls("marks on files", "EPERM",
          "removexattr=197 lremovexattr=198 fremovexattr=199 setxattrat=463 getxattrat=464"
          " chown=92 fchown=93 lchown=94 fchownat=260 file_setattr=469"),
    calls("calls newer than the filter", "EPERM",
          "futex_waitv=449 futex_wake=454 futex_wait=455 futex_requeue=456 next=480 far=511"),
    Attack("a number past the end, and one below", returns(["EPERM", "EPERM"]), """
return [refused(call, 100_000), refused(call, -1)]
"""),
]  # fmt: skip

# Every argument is 64 bits wide: the upper half of an int must change nothing.
ARGUMENTS = [
    Attack("a process in new namespaces, by each flag", returns(["EPERM"] * 10), """
flags = (0x10000000, 0x20000000, 0x20000, 0x40000000, 0x8000000, 0x4000000, 0x2000000, 0x8000,
         0x2000, 0x80000000)
return [refused(call, 56, flag | 17, 0, 0, 0, 0) for flag in flags]
"""),
    Attack("settings of its own process", returns({}), """
found = {}
allowed = (3, 15, 16, 21, 39)
for option in [*range(1, 80), 0x53564d41, 0x59616d61]:
    if option in allowed: continue
    for high in (0, 1 << 32):
        how = refused(call, 157, option | high, 1, 0, 0, 0)
        if how != 'EPERM': found[str(option | high)] = how
return found
"""),
    Attack("locks, leases, owners and notices on shared files", returns({}), """
found, file = {}, os.open(os.__file__, os.O_RDONLY)
for command in [*range(5, 40), *range(1024, 1050)]:
    if command == 1030: continue
    for high in (0, 1 << 32):
        how = refused(call, 72, file, command | high, 0)
        if how != 'EPERM': found[str(command)] = how
return found
"""),
    Attack("device controls", returns({}), """
found = {}
terminal = {'TIOCSTI': 0x5412, 'TIOCLINUX': 0x541c, 'TIOCSCTTY': 0x540e, 'TIOCSETD': 0x5423,
            'TCSETS': 0x5402, 'FIOASYNC': 0x5452, 'FIOQSIZE': 0x5460, 'FICLONE': 0x40049409,
            'FIBMAP': 1, 'FIFREEZE': 0xc0045877, 'FS_IOC_SETFLAGS': 0x40086602,
            'FS_IOC_GETFLAGS': 0x80086601, 'RNDADDENTROPY': 0x40085203, 'RNDCLEARPOOL': 0x5206,
            'NS_GET_PARENT': 0xb702, 'NS_GET_USERNS': 0xb701, 'SIOCGIFCONF': 0x8912,
            'SIOCUNIXFILE': 0x89e0, 'PIDFD_GET_INFO': 0xc040ff0b, 'TIOCGPTPEER': 0x5441}
files = [3, 1, os.open('/dev/urandom', os.O_RDONLY), os.open(WORK, os.O_RDONLY)]
for name, request in terminal.items():
    for high in (0, 1 << 32, 0xffffffff << 32):
        for fd in files:
            how = refused(call, 16, fd, request | high, 0)
            if how != 'EPERM': found[name] = how
return found
"""),
    Attack("advice that tells of other processes' pages, or breaks some", returns({}), """
import mmap
room = mmap.mmap(-1, 8192, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
at = ctypes.addressof(ctypes.c_char.from_buffer(room))
found = {}
advice = {'REMOVE': 9, 'MERGEABLE': 12, 'UNMERGEABLE': 13, 'COLD': 20, 'PAGEOUT': 21,
          'COLLAPSE': 25, 'HWPOISON': 100, 'SOFT_OFFLINE': 101, 'GUARD_INSTALL': 102,
          'GUARD_REMOVE': 103, 'new': 26}
for name, value in advice.items():
    for high in (0, 1 << 32):
        how = refused(call, 28, at, 4096, value | high)
        if how != 'EPERM': found[name] = how
return found
"""),
    Attack("bytes out of band", returns(["EPERM", "EPERM", "EPERM", "EPERM"]), """
import socket
near, far = socket.socketpair()
near.send(b'ab')
return [refused(near.send, b'x', socket.MSG_OOB), refused(far.recv, 1, socket.MSG_OOB),
        refused(call, 44, 3, 0, 0, 1, 0, 0), refused(call, 44, 3, 0, 0, 1 | 1 << 32, 0, 0)]
"""),
    Attack("a handle of the platform's process, from the socket it holds", returns({}), """
found = {}
size = ctypes.c_uint32(4)
value = ctypes.create_string_buffer(64)
for option in (15, 17, 26, 31, 56, 59, 73, 77, 83):
    size.value = 4
    how = refused(call, 55, 3, 1, option, ctypes.addressof(value), ctypes.addressof(size))
    if how != 'EPERM': found[str(option)] = how
return found
"""),
    Attack("sends to an address", returns(["EPERM", "EPERM"]), """
import socket
near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
return [refused(near.sendto, b'x', b'\\0abstract'), refused(near.sendto, b'x', '/work/x')]
"""),
    Attack("pairs of other families", returns({}), """
found = {}
for family in [0, *range(2, 46)]:
    for high in (0, 1 << 32):
        how = refused(call, 53, family | high, 1, 0, ctypes.create_string_buffer(8))
        if how != 'EPERM': found[str(family)] = how
return found
"""),
    Attack("locks that lend priority", returns(["ENOSYS"] * 6), """
word = ctypes.c_uint32(0)
at = ctypes.addressof(word)
return [refused(call, 202, at, operation, 0, 0, at, 0) for operation in (6, 7, 8, 11, 12, 13)]
"""),
    Attack("robust lists of others", returns(["EPERM", "EPERM"]), """
head, size = ctypes.c_void_p(), ctypes.c_size_t()
return [refused(call, 274, pid, ctypes.byref(head), ctypes.byref(size)) for pid in (1, 2)]
"""),
    Attack("device nodes", returns(["EPERM", "EPERM", "EPERM"]), """
import stat
device = os.makedev(1, 1)
return [refused(os.mknod, '/tmp/mem', 0o600 | stat.S_IFCHR, device),
        refused(os.mknod, '/tmp/disk', 0o600 | stat.S_IFBLK, device),
        refused(os.mknod, '/tmp/socket', 0o600 | stat.S_IFSOCK, device)]
"""),
]  # fmt: skip

MACHINE_CODE = """
import mmap
code = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 7)
code.write(bytes.fromhex('{}'))
entry = ctypes.addressof(ctypes.c_char.from_buffer(code))
ctypes.CFUNCTYPE(ctypes.c_long)(entry)()
return 1
"""
INTERFACES = [
    # mov eax, 20; int 0x80; ret: getpid of 32-bit programs.
    Attack("the calls of 32-bit programs", fails("crashed", "SIGSYS"),
           MACHINE_CODE.format("b814000000cd80c3")),
    Attack("the calls of x32 programs", fails("crashed", "SIGSYS"), "call(0x40000000 | 39)"),
    Attack("x32's own numbers", fails("crashed", "SIGSYS"), "call(0x40000000 | 520, 0, 0, 0)"),
    # A far return into the 32-bit code segment, and there int 0x80.
    Attack("a jump into 32-bit mode", fails("crashed"),
           MACHINE_CODE.format("6a23488d0506000000504 8cbb814000000cd80c3".replace(" ", ""))),
    # cli; in al, dx; hlt; rdmsr: each faults outside the kernel.
    Attack("instructions of the kernel: cli", fails("crashed", "SIGSEGV"),
           MACHINE_CODE.format("fac3")),
    Attack("instructions of the kernel: in", fails("crashed", "SIGSEGV"),
           MACHINE_CODE.format("ecc3")),
    Attack("instructions of the kernel: rdmsr", fails("crashed", "SIGSEGV"),
           MACHINE_CODE.format("b9000000000f32c3")),
    Attack("an address of the kernel", fails("crashed", "SIGSEGV"),
           "ctypes.string_at(0xffffffff81000000, 8)"),
    Attack("the kernel's address as a buffer", returns(["EFAULT", "EFAULT"]), """
file = os.open(TMP + '/x', os.O_RDWR | os.O_CREAT)
return [refused(call, 1, file, 0xffffffff81000000, 8), refused(call, 0, 0, 0xffffffff81000000, 8)
        if os.write(file, b'12345678') and not os.lseek(file, 0, 0) and os.dup2(file, 0) == 0
        else None]
"""),
    Attack("the page of the oldest calls", returns(True), """
child = os.fork()
if child == 0:
    ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_long, ctypes.c_long)(0xffffffffff600000)(0, 0)
    os._exit(0)
return os.waitpid(child, 0)[1] in (0, 11)  # as the kernel was started: gettimeofday, or a fault
"""),
    Attack("the page at nothing", returns("EPERM"),
           "return refused(call, 9, 0, 4096, 3, 0x32, 0xffffffffffffffff, 0)"),
]  # fmt: skip

PROC = [
    Attack("writes to its own entries in /proc", returns({}), """
found = {}
for name in ('oom_score_adj', 'oom_adj', 'timerslack_ns', 'coredump_filter', 'sched', 'autogroup',
             'comm', 'clear_refs', 'attr/current', 'attr/exec', 'attr/keycreate', 'loginuid',
             'uid_map', 'gid_map', 'setgroups', 'mem', 'timens_offsets', 'make-it-fail',
             'task/2/comm', 'projid_map'):
    how = refused(os.open, '/proc/self/' + name, os.O_WRONLY)
    if how == 'done': found[name] = how
return found
"""),
    Attack("reads what /proc hides", returns({}), """
found = {}
for name in ('1/environ', '1/mem', '1/root', '1/fd', '1/maps', 'self/mem', 'self/environ',
             'self/pagemap', 'self/map_files', 'self/auxv', 'self/stack', 'self/syscall',
             'self/personality', 'self/io', 'kcore', 'kallsyms', 'kmsg', 'keys', 'modules', 'sys',
             'sysrq-trigger', 'sysvipc', 'bus', 'fs', 'interrupts', 'timer_list', 'mounts/x',
             'net/tcp', 'config.gz', 'cmdline', 'version', 'meminfo', 'stat', 'cpuinfo'):
    try:
        fd = os.open('/proc/' + name, os.O_RDONLY)
        told = os.read(fd, 100)
    except OSError: continue
    if told: found[name] = len(told)  # an engine masks with /dev/null
return found
"""),
    Attack("another namespace through the links of /proc", returns({}), """
found = {}
for name in ('net', 'mnt', 'pid', 'user', 'uts', 'ipc', 'cgroup', 'time', 'pid_for_children'):
    try: file = os.open('/proc/self/ns/' + name, os.O_RDONLY)
    except OSError: continue
    for high in (0, 1 << 32):
        seen = {refused(call, 308, file, 0), refused(call, 16, file, 0xb701 | high),
                refused(call, 16, file, 0xb702 | high), refused(call, 16, file, 0xb704 | high)}
        if seen != {'EPERM'}: found[name] = sorted(seen)
return found
"""),
    Attack("its own program through /proc", returns(["EPERM", True]), """
how = refused(os.open, '/proc/self/exe', os.O_RDWR)
return [refused(os.execv, '/proc/self/exe', ['x']), how in ('EACCES', 'ETXTBSY', 'EROFS')]
"""),
    Attack("executes what it wrote, by every way there is", returns(["EPERM"] * 5), """
import subprocess
program = TMP + '/x'
with open(program, 'wb') as file: file.write(b'#!/bin/sh\\n')
os.chmod(program, 0o755)
return [refused(os.execv, '/lib64/ld-linux-x86-64.so.2', ['x', program]),
        refused(os.execv, program, ['x']), refused(os.posix_spawn, program, ['x'], {}),
        refused(subprocess.run, ['/bin/true']),
        refused(os.execve, os.open(program, os.O_RDONLY), ['x'], {})]
"""),
    Attack("loads a library it wrote", returns([True, "EPERM"]), """
import mmap, shutil
shutil.copy('/usr/lib/python3.11/lib-dynload/_json.cpython-311-x86_64-linux-gnu.so', 'l.so')
try: ctypes.CDLL(WORK + '/l.so'); kept_out = False
except OSError as error: kept_out = 'failed to map segment' in str(error)
file = os.open('l.so', os.O_RDWR)
how = refused(mmap.mmap, file, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)
os.remove('l.so')
return [kept_out, how]
"""),
]  # fmt: skip


@pytest.mark.parametrize("attack", CALLS + ARGUMENTS + INTERFACES + PROC, ids=lambda a: a.name)
def test_the_kernel_is_reached_only_where_allowed(stage: Stage, attack: Attack) -> None:
    stage.play(attack)
