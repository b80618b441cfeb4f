"""Attacks on other runs, on what is shared with them, and by what is left behind.

After each the machine is looked at (stage.py); some look at the next run, or one beside them.
"""

import pytest

from security.attack import Attack, at_the_wall, fails, returns
from security.stage import Stage

FILES_OF_THE_MACHINE = """
places = ('/etc/shadow', '/etc/hostname', '/root', '/var', '/run', '/home', '/sys', '/boot', '/srv',
          '/usr/bin', '/usr/sbin', '/bin', '/sbin', '/opt', '/proc/1/root/etc/shadow', '/mnt/work',
          '/proc/self/root/etc/shadow', '/proc/self/cwd/../etc/shadow', '/dev/mem', '/dev/kmsg',
          '/dev/tty', '/dev/pts', '/dev/kvm', '/dev/fuse', '/dev/vda', '/.dockerenv')
"""
REACH = [
    Attack("looks for other processes", returns([["2"], []]), """
try: seen = sorted(name for name in os.listdir('/proc') if name.isdigit())
except PermissionError: seen = []
return [seen, [pid for pid in {*range(3, 40_000)} - OWN if refused(os.kill, pid, 0) != 'ESRCH']]
"""),
    Attack("signals every process there may be", returns([]), """
own = os.getpid()
numbers = {*range(2, 40_000), *range(max(2, own - 2000), own + 2000)} - OWN
return [pid for pid in numbers for sign in (1, -1) if refused(os.kill, sign * pid, 23) == 'done']
"""),
    Attack("signals everybody", returns(["EPERM", "EPERM"]), """
return [refused(os.kill, -1, 9), refused(call, 62, 0xffffffff, 9)]
"""),
    Attack("signals its whole group", fails("crashed", "SIGKILL"), "os.kill(0, 9)"),
    Attack("kills, stops and confuses init", returns("alive"), """
for init in {1, os.getppid()}:
    for number in range(1, 65): refused(os.kill, init, number)
    refused(call, 62, init | 1 << 32, 9)
    refused(call, 234, init, init, 9)
time.sleep(0.05)
return 'alive'
"""),
    Attack("fills the queue of signals that all runs share", returns([True, "EAGAIN"]), """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, [40])
own, count, how = os.getpid(), 0, 'done'
while how == 'done' and count < 1000:
    how = refused(call, 234, own, own, 40)
    count += 1
return [count <= 257, how]
"""),
    Attack("takes the supervisor's name", returns("mecapy-superv"), """
name = ctypes.create_string_buffer(b'mecapy-superv')
call(157, 15, ctypes.addressof(name), 0, 0, 0)
if os.fork() == 0: time.sleep(60)
call(157, 16, ctypes.addressof(name), 0, 0, 0)
return name.value.decode()
"""),
    Attack("writes to every descriptor but its own", returns([]), """
forged = b'R' + (1).to_bytes(4, 'little') + b'1'
return [fd for fd in range(4, 1024) if refused(os.write, fd, forged) != 'EBADF']
"""),
    Attack("looks for the machine's files", returns([]), FILES_OF_THE_MACHINE + """
return [place for place in places if os.path.exists(place)]
"""),
    Attack("opens the machine's files", returns([]), FILES_OF_THE_MACHINE + """
return [place for place in places if 'done' in (
    refused(os.open, place, os.O_RDONLY), refused(os.listdir, place),
    refused(os.link, place, WORK + '/link'), refused(os.truncate, place, 0))
    or changes(os.chmod, place, 0o700) or changes(os.utime, place)]
"""),
    Attack("secrets in its surroundings", returns([[], True]), """
shown = ' '.join(f'{k}={v}' for k, v in os.environ.items()).lower()
return [[word for word in ('token', 'secret', 'key', 'passw') if word in shown],
        sorted(os.environ) == ['HOME', 'LANG', 'LOGNAME', 'MALLOC_ARENA_MAX', 'MPLBACKEND',
                               'MPLCONFIGDIR', 'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'TMPDIR',
                               'USER']]
"""),
    Attack("any network", returns([]), """
import socket, urllib.request
reached = []
for reach in (lambda: urllib.request.urlopen('http://169.254.169.254/latest/meta-data', timeout=1),
              lambda: socket.getaddrinfo('example.org', 80),
              lambda: socket.create_connection(('127.0.0.1', inputs['port']), 1),
              lambda: socket.create_server(('127.0.0.1', 0)), lambda: socket.if_nameindex()):
    try: reached.append(repr(reach()))
    except OSError: pass
for kind in ((2, 1), (10, 2), (2, 3, 1), (17, 3), (1, 1), (16, 3), (40, 1), (38, 5), (15, 3)):
    try: reached.append(repr(socket.socket(*kind)))
    except OSError: pass
return reached
""", inputs={"port": 8080}),
    Attack("writes where all runs read", returns([]), """
import mecapy._places
written = []
shared = (mecapy._places.packages, mecapy._places.cache, os.path.dirname(mecapy.__file__))
for place in (*shared, '/', '/usr/lib', '/usr/lib/python3.11', '/etc', '/mecapy',
              '/mecapy/runtime/mecapy', '/mecapy/env', '/mecapy/env/numpy', '/dev',
              '/mecapy/cache', '/mecapy/cache/ready', '/mnt', '/proc/self', '/proc'):
    for act in (lambda p: os.close(os.open(p + '/x', os.O_CREAT | os.O_WRONLY)),
                lambda p: os.mkdir(p + '/d'), lambda p: os.symlink('/', p + '/l'),
                lambda p: os.mkfifo(p + '/f'), lambda p: os.rename(p, TMP + '/moved'),
                lambda p: os.link('/etc/passwd', p + '/k')):
        if refused(act, place) == 'done': written.append(place)
    if changes(os.chmod, place, 0o700) or changes(os.utime, place): written.append(place)
for file in ('/etc/passwd', mecapy.__file__, os.__file__):
    for act in (lambda p: open(p, 'r+b'), lambda p: os.truncate(p, 0), lambda p: os.remove(p),
                lambda p: os.link(p, TMP + '/link')):
        if refused(act, file) == 'done': written.append(file)
    if changes(os.chmod, file, 0o700) or changes(os.utime, file): written.append(file)
return written
"""),
    Attack("byte code for the next one to import", returns([[], True]), """
import importlib.util, py_compile, json
made = []
for module in (os, json, sys.modules['mecapy._harness']):
    try: made.append(py_compile.compile(module.__file__, doraise=True))
    except OSError: pass
return [made, sys.dont_write_bytecode]
"""),
    Attack("locks on files that all runs see", returns(["EPERM"] * 5), """
import fcntl
file = os.open(os.__file__, os.O_RDONLY)
return [refused(fcntl.flock, file, fcntl.LOCK_EX | fcntl.LOCK_NB),
        refused(fcntl.lockf, file, fcntl.LOCK_SH), refused(fcntl.fcntl, file, fcntl.F_NOTIFY, 1),
        refused(fcntl.fcntl, file, fcntl.F_SETLEASE, fcntl.F_RDLCK),
        refused(fcntl.fcntl, file, 37, bytes(32))]
"""),
    Attack("mounts that others could write through", returns([[], []]), """
fixed = ('/', '/usr/lib', '/usr/share/zoneinfo', '/mecapy/env', '/mecapy/runtime', '/dev/null')
free = ('/work', '/tmp', '/dev/shm', '/proc', '/mecapy/cache')
noexec = os.ST_NOEXEC | os.ST_NOSUID | os.ST_NODEV
def flags(path): return os.statvfs(path).f_flag
return [[p for p in fixed if not flags(p) & os.ST_RDONLY or not flags(p) & os.ST_NOSUID],
        [p for p in free if flags(p) & noexec != noexec]]
"""),
    Attack("its group of limits", returns([["/"], []]), """
groups = {line.strip().split(':', 2)[2] for line in open('/proc/self/cgroup')}
return [sorted(groups), [line for line in open('/proc/self/mountinfo') if ' cgroup' in line]]
"""),
]  # fmt: skip

SHARED = [
    Attack("changes what Python knows of numbers", fails("crashed"), """
for small in range(2, 200):
    ctypes.c_uint32.from_address(id(small) + 24).value = 7
return [sum(i * i for i in range(1000))]
"""),
    Attack("replaces everything the next run will call", returns("patched"), """
import builtins, json, math, random, uuid, traceback, linecache
for module in (json, math, random, uuid, traceback, linecache):
    for name in list(vars(module)):
        if callable(getattr(module, name)) and not name.startswith('__'):
            if module is not json: setattr(module, name, lambda *a, **k: 0)
builtins.sum = builtins.sorted = lambda *a, **k: 0
frame(b'R', b'"patched"')
os._exit(0)
"""),
    Attack("writes over the template's memory", returns(True), """
near, far = os.pipe()
if os.fork() == 0:
    call(37, 1)  # what is left of it may hang
    for begin, end in inputs['ranges']:
        if libc.mprotect(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), 3): continue
        os.write(far, (end - begin).to_bytes(8, 'little'))
        libc.memset(ctypes.c_void_p(begin), 0x41, ctypes.c_size_t(end - begin))
os.wait()
os.close(far)
sizes = os.read(near, 65536)
begun = sum(int.from_bytes(sizes[at:at + 8], 'little') for at in range(0, len(sizes), 8))
return begun > 0
""", {"memory_mb": 256}, memory="template"),
    Attack("a shared hand on the template", returns([[], []]), """
opened, shared = [], []
for line in open('/proc/self/maps').readlines():
    words = line.split()
    if words[1].endswith('s'): shared.append(words[-1])
    how = refused(os.open, '/proc/self/map_files/' + words[0], os.O_RDWR)
    if how == 'done': opened.append(words)
return [opened, shared]
"""),
    Attack("lets go of the template's pages", returns(True), """
if os.fork() == 0:
    call(37, 1)
    for begin, end in inputs['ranges']: refused(call, 28, begin, end - begin, 4)
    os._exit(0)
os.wait()
return True
""", memory="template"),
    Attack("stirs the machine's randomness", returns([True, "EPERM"]), """
how = refused(os.open, '/dev/urandom', os.O_WRONLY)
return [how in ('EACCES', 'done'), refused(call, 16, os.open('/dev/urandom', 0), 0x40085203, 0)]
"""),
    Attack("works the disk below the files that all runs read",
           returns([["done"] * 3, ["EPERM"] * 3]), """
import fcntl
fd, far = os.open(os.__file__, os.O_RDONLY), os.pipe()[1]
page = libc.mmap
page.restype = ctypes.c_void_p
at = page(None, ctypes.c_size_t(4096), 1, 1, fd, ctypes.c_long(0))
return [[refused(call, 74, far), refused(call, 75, far), refused(call, 26, at, 4096, 5)],
        [refused(call, 221, fd, 0, 0, 4), refused(os.open, os.__file__, os.O_DIRECT),
         refused(fcntl.fcntl, fd, fcntl.F_SETFL, os.O_DIRECT)]]
"""),
    Attack("sows the seeds of the next run", returns(1), """
import random
import numpy as np
np.random.seed(1)
random.seed(1)
return 1
"""),
]  # fmt: skip

LEFT = [
    Attack("leaves a child in the place of what holds its memory", returns("left"), """
for held in OWN - {os.getpid()}: os.kill(held, 9)
if os.fork() == 0: time.sleep(100)
return 'left'
"""),
    Attack("stops, wakes and ends what holds its memory", returns("alone"), """
for held in OWN - {os.getpid()}:
    for number in (19, 18, *range(1, 65)): refused(os.kill, held, number)
return 'alone'
"""),
    Attack("leaves files, links and pipes in every place", returns(1), """
for place in PLACES:
    open(place + '/.left', 'w').write('secret')
    os.symlink('/etc/passwd', place + '/.link')
    os.mkfifo(place + '/.pipe')
    os.makedirs(place + '/.folder/below', 0o000)
return 1
"""),
    Attack("leaves a daemon", returns(1), """
if os.fork() == 0:
    refused(os.setsid)
    if os.fork() == 0:
        os.closerange(0, 256)
        while True: time.sleep(1)
    os._exit(0)
os.wait()
return 1
"""),
    Attack("leaves a process behind and fails", fails("user_error", "^ValueError: parent$"), """
if os.fork() == 0: time.sleep(600)
raise ValueError('parent')
"""),
    Attack("leaves processes that fork all the while", returns(1), """
for _ in range(4):
    if os.fork() == 0:
        while True:
            try:
                if os.fork(): os._exit(0)
            except OSError: pass
return 1
"""),
    Attack("leaves stopped processes that ignore every signal", returns(1), """
import signal
for _ in range(4):
    if os.fork() == 0:
        for number in range(1, 32): refused(signal.signal, number, signal.SIG_IGN) \\
            if number not in (9, 19) else None
        os.kill(os.getpid(), 19)
return 1
"""),
    Attack("leaves children that hold log and channel open", returns("done"), """
for _ in range(8):
    if os.fork() == 0: time.sleep(600)
print('printed')
return 'done'
""", log="printed\n"),
    Attack("leaves a process in a system call that cannot be cut short", returns(1), """
if os.fork() == 0:
    os.mkfifo(TMP + '/pipe')
    os.open(TMP + '/pipe', os.O_RDONLY)
if call(56, 0x4000 | 17, 0, 0, 0, 0) == 0:
    os._exit(0)
return 1
"""),
    Attack("ends while its threads fork", returns(1), """
import threading
go = threading.Event()
def forks():
    go.wait()
    while True:
        try:
            if os.fork() == 0: time.sleep(60)
        except OSError: pass
for _ in range(3): threading.Thread(target=forks, daemon=True).start()
go.set()
return 1
"""),
    Attack("is ended while it fills every place", fails("timeout"), """
for place in PLACES:
    if os.fork() == 0:
        n = 0
        while True:
            n += 1
            refused(os.mkdir, f'{place}/.{n}')
while True: pass
""", at_the_wall()),
    Attack("changes the descriptors it shares", returns([True, True]), """
import fcntl
for fd in (0, 1, 2, 3):
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_APPEND | os.O_NONBLOCK)
for fd in (0, 1, 2, 3): fcntl.fcntl(fd, fcntl.F_SETFL, os.O_RDWR)
os.umask(0o777)
os.chdir(TMP)
return [True, True]
"""),
]  # fmt: skip


@pytest.mark.parametrize("attack", REACH + SHARED + LEFT, ids=lambda a: a.name)
def test_no_other_run_is_reached(stage: Stage, attack: Attack) -> None:
    stage.play(attack)
