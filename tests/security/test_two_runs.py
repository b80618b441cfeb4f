"""Two runs, one after the other or at one time: neither finds anything of the other."""

import json
import secrets

import pytest

from security.attack import LIMITS, Attack, returns
from security.stage import Stage

# The two halves come apart and are never put together, so that the look does not find itself.
SEARCH = """
first, second = (inputs[half].encode() for half in ('first', 'second'))
near, far = os.pipe()
os.set_blocking(far, False)
def holds(data):
    at = data.find(first)
    while at >= 0 and data[at + len(first):at + len(first) + len(second)] != second:
        at = data.find(first, at + 1)
    return at >= 0
def own_ranges():
    for line in open('/proc/self/maps').readlines():
        words = line.split()
        if words[1][0] == 'r' and '[v' not in line: yield [int(p, 16) for p in words[0].split('-')]
def copied(begin, end):  # by the kernel, which tells of what is not there
    data = bytearray()
    while begin < end:
        try: count = call(1, far, begin, min(65536, end - begin))
        except OSError: begin += 4096
        else:
            data += os.read(near, count)
            begin += count
    return data
found, seen = [], 0
try: ranges = list(own_ranges())
except PermissionError: ranges = inputs['ranges']
for begin, end in ranges:
    data = copied(begin, end)
    seen += len(data)
    if holds(data): found.append(begin)
import mecapy._places
for folder, _, files in os.walk(mecapy._places.cache):
    for name in files:
        if holds(open(os.path.join(folder, name), 'rb').read()): found.append(name)
return [found, seen > 10 << 20]
"""


@pytest.mark.parametrize("first_line", ["", "import numpy"])
def test_nothing_of_an_earlier_run_is_in_memory(stage: Stage, first_line: str) -> None:
    first, second = secrets.token_hex(12), secrets.token_hex(12)
    keeps = f"{first_line}\ndef calculate(inputs):\n    kept = [inputs['x'] + c for c in 'abc']\n"
    code = keeps + f"    return len(kept)  # {first + second}\n"
    for _ in range(3):
        assert stage.run(code, {"x": first + second})["result"] == 3
    body = f"{first_line}\n{SEARCH}"
    halves = {"first": first, "second": second}
    search = Attack("search", returns([[], True]), body, {"memory_mb": 1024}, halves, memory="all")
    stage.play(search)


WAITS = """
for place in PLACES: open(place + '/mine', 'w').write('mine')
os.mkfifo(TMP + '/pipe')
import json, socket
pair = socket.socketpair()
files = [place + '/mine' for place in PLACES] + [TMP + '/pipe']
print(json.dumps([os.getpid(), files]), flush=True)
time.sleep(60)
"""
LOOKS = """
number, files = inputs['other']
reached = [pid for pid in {*range(3, 5000), number} - OWN
           if refused(os.kill, pid, 9) == 'done']
shown = [path for path in files + [os.path.dirname(path) + '/..' for path in files]
         if path.startswith('/tmp/mecapy') and 'done' in (refused(os.listdir, path), refused(
             os.open, path, os.O_WRONLY | os.O_NONBLOCK), refused(os.rename, path, TMP + '/took'))]
try: sockets = open('/proc/self/net/unix').read().splitlines()[1:]
except PermissionError: sockets = []
return [reached, shown, [path for path in files if os.path.exists(path)], sockets]
"""


def test_a_run_at_the_same_time_is_not_seen(stage: Stage) -> None:
    source = Attack("waits", returns(None), WAITS).source
    task = stage.api.create(source, limits=dict(LIMITS))
    waiting = stage.api.start(str(task["id"]))
    stage.api.wait_for_log(waiting, "\n")
    other = json.loads(stage.api.log(waiting))
    looking = stage.run(
        Attack("looks", returns(None), LOOKS).source, {"other": other}, dict(LIMITS)
    )
    there = other[1] if stage.profile.one_user else []  # docs/security.md: that a path exists
    assert looking["result"] == [[], [], there, []], looking
    assert stage.api.run(waiting)["status"] == "running"
    stage.api.cancel(waiting)
    assert stage.api.end(waiting)["status"] == "cancelled"
    stage.expect_clean()
