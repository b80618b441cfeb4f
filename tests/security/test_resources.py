"""Attacks that use more than was granted: time, memory, processes, files, output.

Each ends with the limit by its name, or with the error that Python makes of the bound; never as the
platform's fault, never later than the wall.
"""

import pytest

from security.attack import Attack, at_the_wall, fails, returns
from security.stage import Stage

TIME = [
    # jmp to itself; ctypes gives the interpreter's lock away meanwhile.
    Attack("spins in native code that holds no lock", fails("timeout", r"0\.4 s"), """
import mmap
code = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 7)
code.write(b'\\xeb\\xfe')
ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
""", at_the_wall()),
    Attack("waits in native code that holds no lock", fails("timeout"),
           "libc.pause()", at_the_wall()),
    Attack("sleeps past the wall", fails("timeout"), "time.sleep(600)", at_the_wall()),
    Attack("swallows every exception", fails("timeout"), """
while True:
    try: time.sleep(60)
    except BaseException: pass
""", at_the_wall()),
    Attack("ignores and blocks every signal", fails("timeout"), """
import signal
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True: pass
""", at_the_wall()),
    Attack("ignores the signal of its CPU limit", fails("cpu_limit", r"of 0\.2 s of CPU"), """
import signal
signal.signal(signal.SIGXCPU, signal.SIG_IGN)
while True: pass
""", {"cpu_s": 0.2}),
    Attack("spreads its CPU time over many children", fails("cpu_limit"), """
while True:
    if os.fork() == 0:
        until = time.process_time() + 0.02
        while time.process_time() < until: pass
        os._exit(0)
    os.wait()
""", {"cpu_s": 0.3}),
    Attack("an expression that backtracks for ever", fails("timeout"),
           "import re\nre.match('(a+)+$', 'a' * 60 + 'b')", at_the_wall()),
    Attack("a power with more digits than atoms", fails("timeout"),
           "10 ** 10 ** 10", at_the_wall()),
    Attack("stops itself", fails("timeout"), "os.kill(os.getpid(), 19)", at_the_wall()),
    Attack("stops every process of its own, itself last", fails("timeout"), """
child = os.fork()
if child == 0:
    time.sleep(600)
os.kill(child, 19)
os.kill(os.getpid(), 19)
""", at_the_wall()),
    Attack("the first thread goes, another one stays", fails("timeout"), """
import threading
threading.Thread(target=time.sleep, args=(600,)).start()
call(60, 0)
""", at_the_wall()),
    Attack("a finaliser that never returns", fails("timeout"), """
class Hangs:
    def __del__(self): time.sleep(600)
hangs = Hangs()
del hangs
return 1
""", at_the_wall()),
    Attack("a look at every step that never returns", fails("timeout"), """
def step(*_): time.sleep(600)
sys.setprofile(step)
return 1
""", at_the_wall()),
    Attack("a collector's callback that never returns", fails("timeout"), """
import gc
gc.callbacks.append(lambda *_: time.sleep(600))
gc.collect()
return 1
""", at_the_wall()),
    Attack("hooks for the end of Python that hang: there is none", returns(1), """
import atexit, threading
atexit.register(time.sleep, 600)
class Hangs:
    def __del__(self): time.sleep(600)
sys.modules['hangs'] = Hangs()
return 1
"""),
    Attack("a thread in native code outlives the result", returns("done"), """
import threading
threading.Thread(target=libc.pause).start()
return 'done'
"""),
    Attack("a timer of signals without end", returns([True, 1]), """
import signal
count = 0
def tick(*_):
    nonlocal count
    count += 1
signal.signal(signal.SIGALRM, tick)
signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
while count < 100: pass
signal.setitimer(signal.ITIMER_REAL, 0)
return [count >= 100, 1]
"""),
]  # fmt: skip

MEMORY = [
    Attack("a child takes all memory", fails("out_of_memory", "^out of memory: used 128 of 128"),
           """
if os.fork() == 0:
    kept = []
    while True: kept.append(bytearray(1 << 24))
time.sleep(60)
"""),
    Attack("every child takes a share", fails("out_of_memory"), """
for _ in range(12):
    if os.fork() == 0:
        kept = bytearray(os.urandom(1 << 20)) * 16
        time.sleep(60)
time.sleep(60)
"""),
    Attack("an array of a tebibyte", returns("MemoryError"), """
import numpy as np
try: np.ones(1 << 37)
except MemoryError: return 'MemoryError'
"""),
    Attack("a tebibyte of address space that is never touched", returns(True), """
import mmap
room = mmap.mmap(-1, 1 << 40, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
room[1 << 39] = 1
return room[1 << 39] == 1
"""),
    Attack("files and memory together", fails("out_of_memory"), """
kept = bytearray(40 << 20)
with open('big', 'wb') as file:
    while True: file.write(bytes(1 << 20))
""", {"memory_mb": 64, "disk_mb": 1024}),
    Attack("shared memory without a file", fails("out_of_memory"), """
import mmap
kept = []
while True:
    room = mmap.mmap(-1, 1 << 24)
    kept.append(room)
    for at in range(0, 1 << 24, 4096): room[at] = 1
"""),
    Attack("every child takes a share that is not its own alone", fails("out_of_memory"), """
import mmap
for _ in range(12):
    if os.fork() == 0:
        room = mmap.mmap(-1, 1 << 25)
        for at in range(0, 1 << 25, 4096): room[at] = 1
        time.sleep(60)
time.sleep(60)
"""),
    Attack("pipes full of unread bytes, in many processes", fails("out_of_memory"), """
def fill():
    ends = []
    while True:
        try: ends.append(os.pipe())
        except OSError: break
        os.set_blocking(ends[-1][1], False)
        try:
            while True: os.write(ends[-1][1], bytes(65536))
        except OSError: pass
    time.sleep(60)
for _ in range(12):
    if os.fork() == 0: fill()
time.sleep(60)
""", {"memory_mb": 64}),
    Attack("socket pairs full of unread bytes, in many processes", fails("out_of_memory"), """
import socket
def fill():
    ends = []
    while True:
        try: ends.append(socket.socketpair())
        except OSError: break
        ends[-1][0].setblocking(False)
        try:
            while True: ends[-1][0].send(bytes(65536))
        except OSError: pass
    time.sleep(60)
for _ in range(12):
    if os.fork() == 0: fill()
time.sleep(60)
""", {"memory_mb": 64}),
    Attack("more mappings than the kernel keeps", returns("ENOMEM"), """
import mmap
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
for n in range(200_000):
    if libc.mmap(None, 4096, 1 + n % 2, 0x22, -1, 0) in (None, ctypes.c_void_p(-1).value):
        return errno.errorcode[ctypes.get_errno()]
"""),
    Attack("page tables for memory it never fills", fails("out_of_memory"), """
import mmap
room = mmap.mmap(-1, 1 << 44, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000, mmap.PROT_READ)
for at in range(0, 1 << 44, 1 << 21): room[at]
""", {"memory_mb": 64}),
    Attack("huge pages of the machine's pool", returns("EPERM"), """
import mmap
return refused(mmap.mmap, -1, 1 << 21, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000)
"""),
    Attack("memory that cannot be reclaimed", returns(["EPERM", "EPERM", "EPERM"]), """
import mmap
locked = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x2000
return [refused(mmap.mmap, -1, 4096, locked), refused(call, 149, 0, 4096), refused(call, 151, 3)]
"""),
    Attack("the stack grows without end", fails("crashed", "SIGSEGV"), """
sys.setrecursionlimit(10**9)
class Deep:
    def __repr__(self): return repr(self)
repr(Deep())
"""),
    Attack("frames of Python without end", fails("out_of_memory"), """
sys.setrecursionlimit(10**9)
f = lambda x: f(x)
f(0)
"""),
    Attack("a packed bomb as artifact and result is not unpacked", returns(True), """
import zlib
bomb = b''
for _ in range(20): bomb = zlib.compress(bytes(1 << 20) + bomb)
with open('bomb.z', 'wb') as file: file.write(zlib.compress(bytes(100 << 20)))
return len(bomb) < 25_000
""", {"memory_mb": 256}, artifacts=("bomb.z",)),
]  # fmt: skip

PROCESSES = [
    Attack("forks without end", fails("process_limit", "at most 16"), "while True: os.fork()"),
    Attack("forks without end and swallows the errors", fails("timeout", "forks were refused"), """
while True:
    try: os.fork()
    except OSError: pass
""", at_the_wall()),
    Attack("starts threads without end", fails("process_limit", "at most 16"), """
import threading
while True: threading.Thread(target=time.sleep, args=(60,)).start()
"""),
    Attack("children that die and are never waited for", fails("process_limit", "at most 16"), """
while True:
    if os.fork() == 0: os._exit(0)
"""),
    Attack("orphans that die: init reaps them", returns(True), """
for _ in range(200):
    child = os.fork()
    if child == 0:
        if os.fork() == 0: os._exit(0)
        os._exit(0)
    os.waitpid(child, 0)
until = time.monotonic() + 10
def start():  # none of the dead takes a place
    while time.monotonic() < until:
        try: return os.fork() or time.sleep(60)
        except OSError: pass
return all([start() for _ in range(14)])
"""),
    Attack("shares its memory with what it starts", returns("EPERM"), "return refused(call, 58)"),
    Attack("clones that wait for each other", fails("process_limit"), """
silent = os.open('/dev/null', os.O_WRONLY)  # else their complaints may end it first
for fd in (1, 2): os.dup2(silent, fd)
while True:
    if call(56, 0x4000 | 17, 0, 0, 0, 0) == 0: os.fork()
"""),
    Attack("raises its own limits", returns(["EPERM", "ValueError", 0]), """
import resource
new = (ctypes.c_uint64 * 2)(1 << 40, 1 << 40)
try: resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
except (ValueError, OSError) as error: how = 'ValueError'
return [refused(call, 302, 0, 7, new, 0), how, resource.getrlimit(resource.RLIMIT_CORE)[1]]
"""),
    Attack("more real-time signals than a queue holds", returns(True), """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {40})
sent = 0
while sent < 200_000 and refused(os.kill, os.getpid(), 40) == 'done': sent += 1
return sent > 0
""", {"cpu_s": 20}),
]  # fmt: skip

FILES = [
    Attack("fills the working folder", fails("disk_limit", "at most 8 MiB"), """
with open('big', 'wb') as file:
    while True: file.write(bytes(1 << 20))
"""),
    Attack("fills every writable place: they share one size", returns([True, "ENOSPC"]), """
total = 0
for place in PLACES:
    try:
        with open(place + '/a', 'wb', buffering=0) as file:
            while True: total += file.write(bytes(1 << 20))
    except OSError as error:
        last = errno.errorcode[error.errno]
os.remove(WORK + '/a')
return [total <= 8 << 20, last]
"""),
    Attack("fills it with files of nothing", fails("disk_limit"),
           "for n in range(10**6): open(f'{TMP}/{n}', 'w').close()"),
    Attack("fills a folder that it closes to everybody", fails("disk_limit"), """
os.mkdir('closed')
for n in range(64):
    os.chmod('closed', 0o700)
    with open(f'closed/{n}', 'wb') as file:
        os.chmod('closed', 0)
        file.write(bytes(1 << 20))
return 1
"""),
    Attack("closes what lies above its folder, and fills it", fails("disk_limit"), """
refused(os.chmod, os.path.dirname(WORK), 0)
for n in range(64):
    with open(f'{n}', 'wb') as file: file.write(bytes(1 << 20))
return 1
"""),
    Attack("opens files without end", fails("user_error", "Too many open files"),
           "files = []\nwhile True: files.append(os.open('.', os.O_RDONLY))"),
    Attack("makes events and polls without end", returns(["EMFILE", "EMFILE"]), """
import select
kept = []
def events():
    while True: kept.append(os.eventfd(0))
def polls():
    while True: kept.append(select.epoll())
first = refused(events)
for fd in kept[:50]: os.close(fd)
return [first, refused(polls)]
"""),
    Attack("polls that watch each other in a circle", returns("ELOOP"), """
import select
one, two = select.epoll(), select.epoll()
one.register(two)
return refused(two.register, one)
"""),
    Attack("a sparse file of a pebibyte", fails("user_error", "File too large"),
           "fd = os.open('huge', os.O_CREAT | os.O_RDWR)\nos.ftruncate(fd, 1 << 50)\nreturn 1"),
    Attack("a sparse file larger than the artifacts' limit", fails("output_limit", "artifacts"), """
fd = os.open('sparse', os.O_CREAT | os.O_RDWR)
os.ftruncate(fd, 7 << 20)
return 1
""", {"artifacts_mb": 1}),
    Attack("folders in folders until no name is left", returns(True), """
depth = 0
try:
    while True:
        os.mkdir('d' * 200)
        os.chdir('d' * 200)
        depth += 1
except OSError: pass
return depth > 500
"""),
    Attack("renames a folder into itself", returns(["EINVAL", "EINVAL", "ELOOP"]), """
os.chdir(TMP)
os.makedirs('a/b')
os.symlink(TMP + '/loop', 'loop')
return [refused(os.rename, 'a', 'a/b/c'), refused(os.rename, 'a', 'a/b'),
        refused(os.listdir, 'loop')]
"""),
    Attack("asks for names that are not there", returns(True), """
for n in range(100_000): os.path.lexists(f'/usr/lib/no-such-name-{n}')
return True
""", {"memory_mb": 64}),
    Attack("prints without end, in one line", fails("output_limit", "64 KiB"),
           "while True: os.write(1, b'x' * 65536)", log="x{65536}"),
    Attack("prints without end, from every process", fails("output_limit", "64 KiB"), """
os.fork()
os.fork()
while True: print('x' * 1000)
"""),
    Attack("leaves a core behind", fails("crashed", "SIGABRT"), "os.abort()"),
]  # fmt: skip


@pytest.mark.parametrize("attack", TIME + MEMORY + PROCESSES + FILES, ids=lambda a: a.name)
def test_more_than_was_granted(stage: Stage, attack: Attack) -> None:
    stage.play(attack)
