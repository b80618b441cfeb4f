"""Attacks on the way back: frames, artifacts, values, failures, the log; and on the way in.

Whatever a run says about itself is data: its end is completed or failed by one code that is the
calculation's or a limit's, at the first attempt, and what the client gets is JSON and UTF-8.
"""

import re
from collections.abc import Iterator

import pytest

from security.artifact_attacks import ARTIFACTS
from security.attack import LIMITS, Attack, at_the_wall, fails, returns
from security.code_attacks import CODE, INPUTS
from security.host import Host
from security.profile import Profile, opened
from security.stage import Stage
from support.api import detail_at, expect_problem
from support.contract import outcomes
from support.server import Server

FRAMES = [
    Attack("the channel closed", fails("invalid_result", "^no result"), "os.close(3)\nreturn 1"),
    Attack("every descriptor closed", fails("invalid_result", "^no result"),
           "os.closerange(0, 1000)\nreturn 1"),
    Attack("half the channel closed", fails("invalid_result", "^no result"),
           "call(48, 3, 1)\nreturn 1"),
    Attack("leaves without a result", fails("invalid_result", "^no result"), "os._exit(0)"),
    Attack("raises the end of Python", fails("invalid_result", "sys.exit"), "raise SystemExit"),
    Attack("a result cut off", fails("invalid_result", "cut off"),
           "os.write(3, b'R\\xff\\0\\0\\0{')\nos._exit(0)"),
    Attack("a header cut off", fails("invalid_result", "cut off"),
           "os.write(3, b'R\\xff')\nos._exit(0)"),
    Attack("no frame at all", fails("invalid_result", "unknown frame type"),
           "os.write(3, b'garbage')\ntime.sleep(60)"),
    Attack("a frame of four gibibytes", fails("output_limit", "too large: 4294967295 bytes"),
           "os.write(3, b'R\\xff\\xff\\xff\\xff')\ntime.sleep(60)"),
    Attack("a frame of progress too long", fails("invalid_result", "a frame of 4097 bytes"),
           "frame(b'P', b' ' * 4097)\nreturn 1"),
    Attack("two results", fails("invalid_result", "bytes after the end"),
           "frame(b'R', b'1')\nreturn 2"),
    Attack("a result after a failure", fails("invalid_result", "bytes after the end"),
           "frame(b'F', b'{\"kind\":\"user_error\"}')\nreturn 2"),
    Attack("progress after the result", fails("invalid_result", "bytes after the end"),
           "frame(b'R', b'1')\nframe(b'P', b'{}')\nos._exit(0)"),
    Attack("a result, then a crash", fails("crashed", "SIGABRT"), "frame(b'R', b'1')\nos.abort()"),
    Attack("a result, then an exit status", fails("crashed", "exit status 3"),
           "frame(b'R', b'1')\nos._exit(3)"),
    Attack("a result, then the wall", fails("timeout"), "frame(b'R', b'1')\ntime.sleep(60)",
           at_the_wall()),
    Attack("a result, then a flood", fails("output_limit", "stdout"),
           "frame(b'R', b'1')\nwhile True: os.write(1, bytes(65536))"),
    Attack("a result, then all memory", fails("out_of_memory"),
           "frame(b'R', b'1')\nkept = []\nwhile True: kept.append(bytearray(1 << 24))"),
    Attack("a result of its own, whole", returns([1, 2]), "frame(b'R', b'[1,\\n2]')\nos._exit(0)"),
    Attack("a child answers", returns("child"), """
if os.fork() == 0:
    frame(b'R', b'"child"')
    os._exit(0)
os.wait()
os._exit(0)
"""),
    Attack("a child answers as well", fails("invalid_result", "bytes after the end"), """
if os.fork() == 0:
    frame(b'R', b'"child"')
    os._exit(0)
os.wait()
return 'parent'
"""),
    Attack("a child comes back from calculate", returns("parent"), """
child = os.fork()
if child: os.waitpid(child, 0)
return 'parent' if child else 'child'
"""),
    Attack("nothing, byte by byte", fails("timeout"), """
while True:
    os.write(3, b'P')
    time.sleep(60)
""", at_the_wall()),
]  # fmt: skip


def forged(name: str, payload: str, ends: str) -> Attack:
    """A failure frame with this payload."""
    code, _, message = ends.partition(": ")
    return Attack(name, fails(code, message), f"frame(b'F', {payload})\nos._exit(1)")


FAILURES = [
    *(
        forged(f"blames the platform: {kind}", f"b'{{\"kind\":\"{kind}\",\"message\":\"retry\"}}'",
               "invalid_result: in a wrong form")
        for kind in sorted(outcomes("platform"))
    ),
    *(
        forged(f"claims a limit that was not reached: {kind}",
               f"b'{{\"kind\":\"{kind}\",\"message\":\"mine\"}}'", "user_error: ^mine$")
        for kind in ("out_of_memory", "disk_limit", "process_limit")
    ),
    # Nothing of it is seen outside: the harness refuses to send what is too much.
    forged("claims that it made too much", "b'{\"kind\":\"output_limit\",\"message\":\"mine\"}'",
           "output_limit: ^mine$"),
    forged("claims a limit that only the outside knows", "b'{\"kind\":\"timeout\"}'",
           "invalid_result: in a wrong form"),
    forged("a failure that is no object", "b'[]'", "invalid_result: in a wrong form"),
    forged("a failure that is no JSON", "b'{'", "invalid_result: in a wrong form"),
    forged("a failure of half characters", "b'{\"kind\":\"user_error\",\"message\":\"\\xff\"}'",
           "invalid_result: in a wrong form"),
    forged("a failure nested deep", "b'[' * 100000", "invalid_result: in a wrong form"),
    forged("a failure with two kinds", "b'{\"kind\":\"user_error\",\"kind\":\"internal\"}'",
           "invalid_result: in a wrong form"),
    forged("a failure with lines that are none",
           "b'{\"kind\":\"user_error\",\"message\":\"m\",\"line\":-1,\"column\":1e300}'",
           "user_error: ^m$"),
    forged("a failure that commands the terminal",
           "rb'{\"kind\":\"user_error\",\"message\":\"a\\u0000b\\u001b[2J\\u202ec\"}'",
           "user_error: ^a\ufffdb\x1b\\[2J\u202ec$"),
    forged("a failure too long", "b' ' * 262145", "invalid_result: a frame of 262145 bytes"),
    Attack("a message of a hundred megabytes",
           fails("user_error", r"^ValueError: x+\n\[...\]\nx+$"),
           "raise ValueError('x' * 100_000_000)", {"memory_mb": 1024}),
    Attack("a message of half characters", fails("user_error", r"^ValueError: \?+$"),
           "raise ValueError('\\udcff' * 10)"),
    Attack("a chain of ten thousand causes", fails("user_error", "ValueError"), """
last = None
for n in range(10_000):
    error = ValueError(n)
    error.__cause__ = last
    last = error
raise last
""", {"memory_mb": 1024}),
    Attack("a cause that is its own", fails("user_error", "^ValueError: first$"), """
first, second = ValueError('first'), ValueError('second')
first.__cause__, second.__cause__ = second, first
raise first
"""),
    Attack("groups of errors in groups", fails("user_error", "ExceptionGroup"), """
error = ValueError('inmost')
for n in range(3000): error = ExceptionGroup('group', [error])
raise error
"""),
    Attack("an error whose text never comes", fails("timeout"), """
class Slow(Exception):
    def __str__(self): time.sleep(600)
raise Slow
""", at_the_wall()),
    Attack("an error whose text is another error", fails("user_error", "Bad"), """
class Bad(Exception):
    def __str__(self): raise Bad
    __repr__ = __str__
raise Bad
"""),
    Attack("an error whose number is another error", fails("user_error"), """
class Bad(OSError):
    errno = property(lambda self: 1 / 0)
raise Bad('mine')
"""),
    Attack("an error that lies about its class", fails("user_error"), """
class Bad(Exception):
    __class__ = property(lambda self: 1 / 0)
raise Bad('mine')
"""),
    Attack("an error whose class has no name", fails("user_error"), """
class Meta(type):
    __name__ = property(lambda self: 1 / 0)
    __qualname__ = __module__ = __name__
class Bad(Exception, metaclass=Meta):
    def __str__(self): raise self
raise Bad
"""),
    Attack("an exit whose status is an error", fails("invalid_result", "sys.exit"), """
class Bad:
    def __repr__(self): raise ValueError
sys.exit(Bad())
"""),
    Attack("an error of syntax that is none", fails("user_error", "SyntaxError"), """
error = SyntaxError('bad')
error.lineno, error.offset, error.text, error.filename = -5, 10**9, 'x' * 10**6, 7
raise error
"""),
    *(
        Attack(f"raises {name}", fails("user_error", name), f"raise {name}('mine')")
        for name in ("KeyboardInterrupt", "GeneratorExit", "MemoryError", "StopIteration")
    ),
]  # fmt: skip

VALUES = [
    *(
        Attack(f"a forged result: {name}", fails("invalid_result", message),
               f"frame(b'R', {payload})\nos._exit(0)")
        for name, payload, message in (
            ("nothing", "b''", "JSON"),
            ("two values", "b'1 2'", "JSON"),
            ("a number that is none", "b'NaN'", "JSON"),
            ("infinity", "b'-Infinity'", "JSON"),
            ("half a character", "b'\"\\xff\"'", "JSON"),
            ("a lone surrogate", "rb'\"\\ud800\"'", "JSON"),
            ("an overlong slash", "b'\"\\xc0\\xaf\"'", "JSON"),
            ("a line break in a text", "b'\"a\\n{}\"'", "JSON"),
            ("a comment", "b'/* x */ 1'", "JSON"),
            ("a byte order mark", "b'\\xef\\xbb\\xbf1'", "JSON"),
            ("a pickle", "__import__('pickle').dumps({'a': 1})", "JSON"),
            ("a hundred thousand brackets", "b'[' * 100000", "nested deeper"),
        )
    ),
    Attack("texts that break lines elsewhere", returns("a\0\u2028\u2029\u202e\x1b\x85\r\nb"),
           "return 'a\\0\\u2028\\u2029\\u202e\\x1b\\x85\\r\\nb'"),
    Attack("keys that mean something elsewhere",
           returns({"__proto__": 1, "status": "failed", "": 2, "constructor": {"x": 3}}),
           "return {'__proto__': 1, 'status': 'failed', '': 2, 'constructor': {'x': 3}}"),
    Attack("a list a hundred thousand deep", fails("invalid_result", "deeper than 100 levels"),
           "x = []\nfor _ in range(100_000): x = [x]\nreturn x"),
    Attack("a list in itself", fails("invalid_result", "^result contains itself$"),
           "x = []\nx.append(x)\nreturn x"),
    Attack("an array in itself", fails("invalid_result", "contains itself"), """
import numpy as np
a = np.empty(1, dtype=object)
a[0] = a
return a
"""),
    Attack("an array of a tebibyte that takes none", fails("user_error", "emory"), """
import numpy as np
return np.broadcast_to(np.float64(1), (1 << 40,))
"""),
    Attack("an object that would be unpickled", fails("invalid_result", "no encoding"), """
class Evil:
    def __reduce__(self): return (os.abort, ())
return Evil()
"""),
    Attack("half a character in a text", fails("invalid_result", "surrogate"),
           "return {'bad': '\\ud800'}"),
    Attack("a number of ten thousand digits", fails("invalid_result", "too large"),
           "return 10 ** 10_000"),
    Attack("a text of a gigabyte", fails("out_of_memory"), "return 'x' * (1 << 30)"),
    Attack("a result over its limit", fails("output_limit", "result too large"),
           "return 'x' * (2 << 20)"),
    Attack("a list that never ends", fails("timeout"), """
class Endless(list):
    def __iter__(self):
        while True: yield 'x'
return Endless([1, object()])
""", at_the_wall()),
    Attack("a dict that lies about its class", fails("user_error"), """
class Liar:
    __class__ = dict
return Liar()
"""),
    Attack("a text that is another one when asked", returns({"real": 1}), """
class Text(str):
    def __str__(self): return 'real'
return {Text('a'): 1, Text('b'): 1}
"""),
    Attack("a number that is another one when asked", returns([7, 2.5]), """
class Number(int):
    def __int__(self): return 7
    def __repr__(self): return '}, "status": "failed"'
class Real(float):
    def __float__(self): return 2.5
    def __repr__(self): return 'NaN'
return [Number(1), Real(1)]
"""),
]  # fmt: skip


HARNESS = [
    Attack("replaces the harness", fails("timeout"), """
import mecapy._harness as harness, mecapy._channel as channel
harness.encode = lambda *a: b'"patched"'
channel.Channel.is_mine = lambda self: True
while True: pass
""", at_the_wall()),
    Attack("has the harness answer for it", returns("patched"), """
import mecapy._harness as harness
harness.encode = lambda *a: b'"patched"'
return 'honest'
"""),
    Attack("takes the harness its tools", fails("crashed", "exit status 70"), """
import mecapy._channel as channel
channel.Channel.send = None
return 1
"""),
    Attack("empties the list of modules", returns(1), "sys.modules.clear()\nreturn 1"),
    Attack("overwrites the interpreter", fails("crashed", "SIGSEGV"), """
ctypes.memset(id(None), 0xff, 16)
ctypes.memset(id(type), 0xff, 400)
return [None, type(1)]
"""),
    Attack("a standard output that raises", returns(1), """
class Bad:
    def flush(self): raise RuntimeError('mine')
    write = flush
sys.stdout = sys.stderr = Bad()
return 1
"""),
    Attack("progress that is none", fails("invalid_result", "a progress frame that is none"),
           "frame(b'P', b'{\"fraction\":2,\"message\":\"\"}')\nreturn 1"),
    Attack("progress too wordy", fails("invalid_result", "a progress frame that is none"),
           "frame(b'P', b'{\"fraction\":1,\"message\":\"%s\"}' % (b'x' * 201))\nreturn 1"),
    Attack("progress of half characters", fails("invalid_result", "a progress frame that is none"),
           "frame(b'P', b'{\"fraction\":1,\"message\":\"\\xff\"}')\nreturn 1"),
    Attack("progress that forges events", returns(1), r"""
frame(b'P', b'{"fraction":null,"message":"x\\n\\nevent: status\\ndata: {}\\n\\n"}')
return 1
"""),
]  # fmt: skip

LOG = [
    Attack("a log that commands the terminal", returns(1), """
os.write(1, b'\\x1b]0;owned\\x07\\x1b[2J\\0\\r\\n')
return 1
""", log="\x1b]0;owned\x07\x1b\\[2J\ufffd\r\n".replace("]", "\\]")),
    Attack("a log of half characters", returns(1), """
os.write(1, b'a\\xff\\xc0\\xaf\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80b\\xe2\\x82')
return 1
""", log="a\ufffd+b\ufffd+"),
    Attack("a log cut in the middle of a character", fails("output_limit"),
           "while True: os.write(1, ('x' + '\u20ac' * 10_000).encode())",
           log="(x\u20ac{10000})+x?\u20ac*"),
    Attack("a log that speaks for the worker", returns(1), """
import json
print(json.dumps({'type': 'end', 'status': 'failed', 'error': {'code': 'worker_lost'}}))
print('data: {}\\n\\nevent: status\\n')
return 1
""", log=".*worker_lost.*event: status.*"),
]  # fmt: skip


# What is refused when it is read does not come as far as a run.
RUNS = [attack for attack in CODE if attack.ends.code != "invalid_code"]
ALL = FRAMES + FAILURES + VALUES + ARTIFACTS + HARNESS + LOG + INPUTS + RUNS


@pytest.mark.parametrize("attack", ALL, ids=lambda a: a.name)
def test_what_a_run_says_is_data(stage: Stage, attack: Attack) -> None:
    stage.play(attack)


@pytest.mark.parametrize("attack", CODE, ids=lambda a: a.name)
def test_reading_code_harms_nobody(stage: Stage, attack: Attack) -> None:
    refused = attack.ends.code == "invalid_code"
    kept = stage.api.post("/api/tasks", {"name": "attack", "code": attack.module})
    assert kept.status_code == (422 if refused else 201), kept.text
    if refused:
        answer = stage.api.post("/api/tasks/execute", {"code": attack.module})
        if answer.status_code == 202:  # on a slow machine the look takes more than its second
            attack.ends.judge(stage.api.end(answer.json()["run_id"]))
        else:
            problem = expect_problem(answer, 422, "invalid_code", "/code")
            assert re.search(attack.ends.message, detail_at(problem, "/code"))
    stage.expect_clean()


# Longer than any call of the object store may take: the time is the calculation's own.
SLOW = Attack("half a minute between two frames of an artifact", returns(1), """
frame(b'A', b'{"name":"a","size":1}')
time.sleep(32)
frame(b'D', b'x')
frame(b'E')
return 1
""", artifacts=("a",))  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def slow_server(profile: Profile) -> Iterator[tuple[Server, Host, str]]:
    """A server of its own, where the slow run goes on beside all the others."""
    with opened(profile) as (server, scratch):
        api = server.api()
        host = Host(server, profile, scratch)
        host.note_the_start()
        task = api.create(SLOW.source, limits=LIMITS | {"timeout_s": 60})
        run_id = api.start(str(task["id"]))
        yield server, host, run_id
        api.cancel(run_id)  # for who plays other tests alone


def test_time_between_frames_is_not_the_stores(slow_server: tuple[Server, Host, str]) -> None:
    server, host, run_id = slow_server
    api = server.api()
    run = api.end(run_id)
    SLOW.ends.judge(run | {"result": api.read(f"/api/runs/{run_id}/results").get("result")})
    assert tuple(artifact["name"] for artifact in run["artifacts"]) == SLOW.artifacts
    host.expect_unchanged({run_id})
