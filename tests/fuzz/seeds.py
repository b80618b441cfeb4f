"""Where the fuzzer starts from: what honest and hostile peers have said, one file for each.

    python tests/fuzz/seeds.py build/fuzz/corpus

The corpus is made from the tables below, so that a person can read what is in it. Targets that cut
their input in pieces, or have several readers, take the first byte as a choice.
"""

import base64
import json
import sys
from pathlib import Path

Seeds = dict[str, bytes]


def frame(kind: str, payload: object = b"") -> bytes:
    """One frame of the channel (sandbox/channel.h); what is not bytes is told as JSON."""
    told = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return kind.encode() + len(told).to_bytes(4, "little") + told


def artifact(name: str, data: bytes, size: int | None = None) -> bytes:
    """A whole artifact, in one piece; `size` is what it declares."""
    declared = {"name": name, "size": len(data) if size is None else size}
    return frame("A", declared) + (frame("D", data) if data else b"") + frame("E")


def progress(fraction: object, message: str) -> bytes:
    """A progress frame."""
    return frame("P", {"fraction": fraction, "message": message})


CHANNEL: Seeds = {
    "result": frame("R", {"stress": 100.0}),
    "progress_then_result": progress(0.5, "half") + progress(None, "") + frame("R", [1, 2]),
    "importing": frame("I", b"pandas") + frame("I", b"") + frame("R", None),
    "artifacts": artifact("a/b.txt", b"xyz") + artifact("plot.png", b"") + frame("R", None),
    "checkpoint": frame("C", {"size": 2}) + frame("K", b"xy") + frame("S") + frame("R", None),
    "checkpoint_over_the_limit": frame("C", {"size": 1 << 30}),
    "artifact_in_pieces": frame("A", {"name": "a", "size": 3})
    + frame("D", b"xy")
    + frame("D", b"z")
    + frame("E")
    + frame("R", 1),
    "failure": frame("F", {"kind": "user_error", "message": "no", "traceback": "", "line": 3}),
    "failure_inside_artifact": frame("A", {"name": "a", "size": 9}) + frame("F", {}),
    "too_long_result": frame("R", b"[" + b"1," * 40 + b"1]"),
    "too_large_artifact": artifact("a", b"", 1 << 40),
    "artifacts_over_the_limit": artifact("a", b"x" * 30) + artifact("b", b"x" * 30),
    "longer_than_declared": artifact("a", b"xyz", 2),
    "shorter_than_declared": artifact("a", b"xyz", 9),
    "negative_size": artifact("a", b"", -1),
    "bad_names": artifact("../etc/passwd", b"x"),
    "hidden_name": artifact("a/.ssh", b"x"),
    "escaped_name": frame("A", b'{"name":"\\u0061","size":0}') + frame("E"),
    "name_twice": artifact("a", b"") + artifact("a", b""),
    "file_and_folder": artifact("a", b"") + artifact("a/b", b""),
    "empty_data": frame("A", {"name": "a", "size": 0}) + frame("D") + frame("E"),
    "two_results": frame("R", 1) + frame("R", 2),
    "partial_frame": frame("R", [1, 2, 3])[:-2],
    "header_only": b"R\xff\xff\xff\xff",
    "unknown_type": frame("Z", 1),
    "deep": frame("R", b"[" * 30 + b"]" * 30),
    "not_a_fraction": progress(2, "twice"),
}

JSON: Seeds = {
    "numbers": b"[0,-0,1.5,1e308,1e-400,-9223372036854775808,18446744073709551616,0.1]",
    "strings": '["","\\u00e9\\ud83d\\ude00\\n\\"","\u00e9\u4e2d"]'.encode(),
    "lone_surrogate": b'"\\ud800"',
    "object": b'{"a":{"b":[true,false,null]},"c":1}',
    "key_twice": b'{"a":1,"\\u0061":2}',
    "deep": b"[" * 20 + b"]" * 20,
    "deep_enough": b'{"a":' * 15 + b"[]" + b"}" * 15,
    "spaces": b' \t\r\n{ "a" : 1 } ',
    "behind_it": b"{} {}",
    "not_utf8": b'"\xff\xc3\xe2\x82"',
    "not_json": b"NaN",
    "control": b'"a\x00b\x1f"',
}

SOURCE = b"def calculate(inputs):\n    return inputs\n"
TASK = {
    "name": "bolt",
    "code": SOURCE.decode(),
    "inputs": {"force": 1000, "list": [1.5, None, "x"]},
    "limits": {"timeout_s": 5, "memory_mb": 512},
    "estimated_duration_s": 2.5,
    "description": "for people",
    "tags": ["steel", "M12"],
}
CODE64 = base64.b64encode(SOURCE).decode()
JOB = {
    "task_id": "0190-aa",
    "code": CODE64,
    "inputs_s3_key": "inputs/1.json",
    "user_id": "u",
    "run_id": "0190-bb",
    "attempt": 2,
    "inputs": {"force": 1},
    "limits": {"cpus": 1},
    "environment": "default",
    "entry": "calculate",
}
SAVED = {"number": 1, "bytes": 5, "sha256": "a" * 64}
USAGE = {"wall_us": 1, "cpu_us": 2, "peak_memory_bytes": 3, "setup_us": 4}
ARTIFACT = {
    "name": "a/b.txt",
    "size": 3,
    "content_type": "text/plain",
    "sha256": "0" * 64,
    "key": "artifacts/1/a/b.txt",
}
END = {
    "type": "end",
    "status": "completed",
    "result_key": "",
    "result": {"stress": 100.0},
    "usage": USAGE,
    "artifacts": [ARTIFACT],
    "logs_key": "",
    "log_truncated": False,
    "log": "text\n",
}
FAILED = END | {
    "status": "failed",
    "error": {"code": "user_error", "message": "no", "traceback": "t", "line": 1, "column": 2},
}

INPUTS = [{"name": "a", "required": True}, {"name": "b", "required": False}]
LOOK: dict[str, object] = {"imports": ["math"], "inputs": INPUTS, "results": ["x"]}

# By the number of the reader in wire_fuzz.cc.
BODIES: list[list[object]] = [
    [TASK, {"name": "x", "code": ""}, TASK | {"nmae": 1}, TASK | {"limits": {"memory_mb": 1e9}}],
    [{"code": SOURCE.decode(), "inputs": {}}, {"inputs": []}],
    [{"name": "y", "estimated_duration_s": None}, {"limits": {"cpus": 2}}, {"tags": ["a"]}],
    [{}, {"inputs": {"a": 1}, "version": 3}, {"version": 0}],
    [{}, {"a": 1}],
    [JOB, {"task_id": "a/b", "code": CODE64}, JOB | {"code": "%%%"}]
    + [JOB | {"checkpoint": SAVED | {"attempt": 1}}],
    [{"code": CODE64}, {"code": "="}],
    [{"type": "started"}, {"type": "log", "text": "x"}, END, FAILED, END | {"status": "running"}]
    + [{"type": "progress", "progress": {"fraction": 0.5, "message": "half"}}]
    + [{"type": "checkpoint"} | SAVED, {"type": "anew"}, {"type": "checkpoint", "number": 1e9}],
    [LOOK, {"imports": []}, {"inputs": [{"name": "", "required": 1}], "results": [1, "x" * 401]}],
]

LOG: Seeds = {
    "text": "sigma = 12,5 N/mm\u00b2 \u2713 \U0001f529\n".encode(),
    "cut": b"\xe2\x82",
    "not_utf8": b"\xff\xfe\x80abc\xc0\xaf\xed\xa0\x80\xf5\x80\x80\x80",
    "binary": bytes(range(256)),
}

KINDS = ["invalid_code", "user_error", "invalid_result", "out_of_memory", "disk_limit"]
KINDS += ["process_limit", "output_limit", "internal", "worker_lost", "timeout"]
FAILURE = {"message": "OSError: no space", "traceback": 'File "calc.py", line 3', "line": 3}
VERDICT: Seeds = {kind: json.dumps({"kind": kind} | FAILURE).encode() for kind in KINDS} | {
    "no_kind": b"{}",
    "wrong_types": b'{"kind":1,"message":[],"line":1e9,"column":-1}',
    "line_out_of_range": b'{"kind":"user_error","message":"","line":9223372036854775807}',
    "not_an_object": b"[]",
    "lone_surrogate": b'{"kind":"user_error","message":"\\udc80"}',
}

CHOICES = (b"\0", b"\x02", b"\x35", b"\xff")  # of cuts in a stream, of evidence for a verdict


def with_choices(seeds: Seeds) -> Seeds:
    """Each seed behind each choice."""
    return {
        f"{name}_{choice.hex()}": choice + seed
        for name, seed in seeds.items()
        for choice in CHOICES
    }


def bodies() -> Seeds:
    """Each body behind the number of its reader."""
    return {
        f"reader{reader}_{i}": bytes([reader]) + json.dumps(body).encode()
        for reader, told in enumerate(BODIES)
        for i, body in enumerate(told)
    }


RUN: dict[str, object] = {
    "id": "i",
    "status": "failed",
    "result": {"x": [1.10]},
    "progress": {"fraction": 0.5},
}
RUN |= {"error": {"code": "user_error", "message": "m", "line": 2}, "usage": {"wall_ms": 1}}
RUN |= {"artifacts": [{"name": "a/b.csv", "size": 3, "sha256": "0f"}], "artifact_count": 1}
CLIENT: Seeds = {
    "run": json.dumps(RUN).encode(),
    "page": json.dumps({"items": [RUN, {"name": "a, ]"}, "x", []], "next": "n"}).encode(),
    "task": json.dumps({"name": "n", "tags": ["a"], "limits": {"cpus": 1}, "inputs": {}}).encode(),
    "events": b": still here\n\nid: 1.2.3\r\nevent: log\ndata: {\ndata: }\n\ndata\n\n",
    "terminal": "\x1b]0;t\x07\u009b2J\u202e\r10 %\r\n\x7f".encode(),
    "text": b'"\\u001b\xc2\x9b"',
    "not_utf8": LOG["not_utf8"],
}

SUM: dict[str, object] = {"inputs": {"k": {"node": "k", "at": "/k~1n/0"}, "c": {"value": [1.0]}}}
SUM |= {"task": "t", "for_each": {"input": "list"}, "limits": {"memory_mb": 64}, "attempts": 2}
SUM |= {"on_error": "default", "default": None, "when": {"value": True}}
WORKFLOW: dict[str, object] = {
    "inputs": {"list": {"default": [1]}, "x": {}},
    "nodes": {"k": {"task": "t", "inputs": {"x": {"input": "x"}}}, "sum": SUM},
    "outputs": {"all": {"node": "sum"}},
}
CYCLE = {"task": "t", "inputs": {"k": {"node": "sum"}}}
WORKFLOWS: Seeds = {
    "definition": b"\0" + json.dumps(WORKFLOW).encode(),
    "cycle": b"\0" + json.dumps(WORKFLOW | {"nodes": {"sum": SUM, "k": CYCLE}}).encode(),
    "execute": b"\1" + json.dumps({"inputs": {"a": 1}, "version": 2, "force": ["k"]}).encode(),
    "resume": b"\1" + json.dumps({"versions": {"k": 3}, "force": []}).encode(),
    "pointer": b"\2/a~1b/1\n" + json.dumps({"a/b": [0, {"c": "\u00e9"}]}).encode(),
}

TARGETS = {
    "workflow": WORKFLOWS,
    "client": with_choices(CLIENT),
    "channel": with_choices(CHANNEL),
    "json": JSON,
    "wire": bodies(),
    "log_text": with_choices(LOG),
    "verdict": with_choices(VERDICT),
}


def main(folder: Path) -> None:
    """Write every seed to its own file, a folder for each target."""
    for target, seeds in TARGETS.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for name, seed in seeds.items():
            (folder / target / name).write_bytes(seed)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
