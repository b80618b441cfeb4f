"""What the soak sends: honest calculations and hostile ones, each with the end it must get."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FRAME = """
import os
def frame(kind, payload):
    os.write(3, kind + len(payload).to_bytes(4, 'little') + payload)
"""


@dataclass(frozen=True)
class Calculation:
    """One calculation, how often it is sent, and its end."""

    code: str
    weight: int
    ends: frozenset[str] = frozenset({"completed"})  # status, or the failure's code
    limits: dict[str, float] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    objects: int = 0  # it leaves in the object store: artifacts, large inputs, logs and results


def _body(lines: str, before: str = "") -> str:
    indented = "\n".join(f"    {line}" for line in lines.splitlines())
    return f"import os, sys, time\n{before}\ndef calculate(inputs):\n{indented}\n"


def _hostile(
    code: str,
    *ends: str,
    weight: int = 2,
    limits: dict[str, float] | None = None,
    objects: int = 0,
) -> Calculation:
    small = {"timeout_s": 1.0, "memory_mb": 128.0, "disk_mb": 8.0, "processes": 16.0}
    return Calculation(code, weight, frozenset(ends), small | (limits or {}), objects=objects)


PROBE = Calculation((HERE / "calculations" / "numpy_solve.py").read_text(), 30)

HONEST = {
    "numpy": PROBE,
    "full stack": Calculation((HERE / "calculations" / "full_stack.py").read_text(), 6),
    "scipy": Calculation(_body("return optimize.brentq(lambda x: x * x - 2, 0, 2)",
                               "from scipy import optimize"), 4),
    "pandas": Calculation(_body("return pd.DataFrame({'a': [1, 2]}).sum()",
                                "import pandas as pd"), 4),
    "figure": Calculation(_body("plt.plot([1, 2]); return 1",
                                "import matplotlib.pyplot as plt"), 1, objects=1),
    "files": Calculation(_body("[open(n, 'w').write(n * 100) for n in 'abc']\nreturn 3"), 4,
                         objects=3),
    "large result": Calculation(_body("return 'x' * 100_000"), 2, objects=1),
    "large inputs": Calculation(_body("return len(inputs['x'])"), 2,
                                inputs={"x": "i" * 100_000}, objects=1),
    "log": Calculation(_body("for i in range(300): print('line', i)\nreturn 1"), 4),
    "threads": Calculation(
        _body("t = [threading.Thread(target=time.sleep, args=(0.01,)) for _ in range(8)]\n"
              "[x.start() for x in t]; [x.join() for x in t]\nreturn 1", "import threading"), 2),
    "raises": Calculation(_body("raise ValueError('no')"), 4, frozenset({"user_error"})),
}  # fmt: skip

HOSTILE = {
    "fork bomb": _hostile(
        _body("while True:\n    try: os.fork()\n    except OSError: pass"), "timeout", "cpu_limit",
        "process_limit",
    ),
    "forks that stay": _hostile(
        _body("for _ in range(8):\n    if os.fork() == 0: time.sleep(99)\nreturn 1"), "completed"
    ),
    "thread bomb": _hostile(
        _body("while True: threading.Thread(target=time.sleep, args=(9,)).start()",
              "import threading"), "process_limit",
    ),
    "memory bomb": _hostile(
        _body("kept = []\nwhile True: kept.append(b'x' * (1 << 20))"), "out_of_memory"
    ),
    "memory bomb of forks": _hostile(
        _body("for _ in range(6): os.fork()\nkept = []\nwhile True: kept.append(b'x' * (1 << 20))"),
        "out_of_memory", "process_limit",
    ),
    "disk": _hostile(
        _body("with open('f', 'wb') as f:\n    while True: f.write(bytes(1 << 16))"), "disk_limit"
    ),
    "inodes": _hostile(
        _body("i = 0\nwhile True:\n    open(f'f{i}', 'w').close(); i += 1"), "disk_limit"
    ),
    "descriptors": _hostile(_body("kept = []\nwhile True: kept.append(os.pipe())"), "user_error"),
    "output": _hostile(
        _body("while True: print('x' * 1000)"), "output_limit", objects=1
    ),  # its log, cut
    "spins": _hostile(_body("while True: pass"), "timeout", "cpu_limit",
                      limits={"timeout_s": 0.5}),
    "sleeps deaf": _hostile(
        _body("for s in range(1, 32):\n"
              "    try: signal.signal(s, signal.SIG_IGN)\n    except OSError: pass\n"
              "while True:\n    try: time.sleep(99)\n    except BaseException: pass",
              "import signal"), "timeout", limits={"timeout_s": 0.5},
    ),
    "kills itself": _hostile(_body("os.kill(os.getpid(), 9)"), "crashed"),
    "kills all": _hostile(_body("os.kill(-1, 9)\nreturn 1"), "crashed", "completed", "user_error"),
    "segfault": _hostile(_body("ctypes.string_at(1)", "import ctypes"), "crashed"),
    "leaves": _hostile(_body("os._exit(0)"), "invalid_result"),
    "closes the channel": _hostile(_body("os.close(3)\nreturn 1"), "invalid_result", "crashed"),
    "two results": _hostile(FRAME + _body("frame(b'R', b'1'); frame(b'R', b'2')\nreturn 1"),
                            "invalid_result"),
    "half a frame": _hostile(FRAME + _body("os.write(3, b'R\\xff\\0\\0\\0[')\nos._exit(0)"),
                             "invalid_result"),
    "a bad name": _hostile(
        FRAME + _body("frame(b'A', b'{\"name\":\"../x\",\"size\":1}')\nreturn 1"),
        "invalid_result",
    ),
    "an artifact cut off": _hostile(
        FRAME + _body("frame(b'A', b'{\"name\":\"x\",\"size\":9}')\n"
                      "frame(b'D', b'1')\nos._exit(0)"), "invalid_result",
    ),
    "deep result": _hostile(
        FRAME + _body("frame(b'R', b'[' * 100_000 + b']' * 100_000)\nos._exit(0)"),
        "invalid_result",
    ),
    "links and devices": _hostile(
        _body("os.symlink('/etc/passwd', 'a'); os.mkfifo('b'); open('c', 'w').close()\nreturn 1"),
        "completed", objects=1,
    ),  # c alone
    "shared memory": _hostile(
        _body("open('/dev/shm/x', 'wb').write(bytes(1 << 20)); open('/tmp/y', 'w').write('y')\n"
              "return 1"), "completed",
    ),
    "forbidden calls": _hostile(
        _body("libc = ctypes.CDLL(None)\n"
              "return [libc.syscall(n, 0, 0, 0, 0, 0) for n in (41, 101, 165, 272, 321, 425)]",
              "import ctypes"), "completed",
    ),
}  # fmt: skip

ALL = {f"honest {name}": it for name, it in HONEST.items()} | {
    f"hostile {name}": it for name, it in HOSTILE.items()
}
