"""Runs one calculation in the process that was made for it.

Everything here shares the interpreter with the author's code, which may change any of it: nothing
that protects others depends on this module. It is there to be of use to the author.
"""

from __future__ import annotations

import ast
import contextlib
import dis
import json
import linecache
import os
import sys
import types
from collections.abc import Iterable
from typing import Any

from mecapy import _artifacts, _checkpoint, _importing, _places, _progress
from mecapy._blas import set_threads
from mecapy._channel import MIB, Channel, Job
from mecapy._decoding import decode
from mecapy._encoding import EncodingError, encode
from mecapy._facts import facts_of
from mecapy._failure import CODE_FILE, Failure, from_exception, from_syntax, show
from mecapy._fonts import use_cache

_FAILED = 1  # exit status after a failure frame


def main(fd: int, blas_threads: int) -> int:
    """Read the job from `fd`, run it, answer. The exit status of the process."""
    channel = Channel(fd)
    set_threads(blas_threads)
    job = channel.read_job()
    if b"plot" in job.code:  # matplotlib, also by way of pandas; whoever hides it waits longer
        use_cache()
    _progress.connect(channel)
    _checkpoint.connect(channel, job.checkpoint, job.most_checkpoint_bytes)
    status = 0
    try:
        if job.kind == "check":
            _compile(job.code)
            told = json.dumps(_look(job.code), ensure_ascii=False)
            _flush()
            channel.send(b"R", told.encode())
        else:
            _importing.tell(channel)
            result = _calculate(job, channel)
            _progress.flush()
            _flush()
            channel.send(b"R", result)
    except Failure as failure:
        _leave_if_forked(channel, failure)
        _progress.flush()
        _flush()
        channel.send(b"F", failure.to_json())
        status = _FAILED
    return status


def wake(folder: str) -> None:
    """Make this copy of the zygote a process of its own, before it is given a job.

    Its working folders are below `folder`, or at the root when that is empty. numpy's global
    generator has got a new state already (src/zygote/interpreter.cc).
    """
    if folder:
        _places.set_for_run(folder)
        sys.path[0] = _places.work
    if "random" in sys.modules:
        sys.modules["random"].seed()


_REHEARSAL = b"""
import math


def calculate(inputs):
    return {"value": inputs["force"] / math.pi, "name": inputs["name"]}
"""


def rehearse() -> None:
    """Go once through what every run does: compile, call, encode."""
    module = types.ModuleType("calc")
    exec(_compile(_REHEARSAL), module.__dict__)
    encode(module.calculate(decode(b'{"force": 1.5, "name": "M12"}')))


def _source(code: bytes) -> str | bytes:
    """The author's text. It came as text, so a coding cookie in it says nothing.

    A file of another encoding, handed over as it is, stays bytes: then its cookie counts.
    """
    try:
        return code.decode("utf-8-sig")
    except UnicodeDecodeError:
        return code


def _compile(code: bytes) -> types.CodeType:
    try:
        compiled = compile(_source(code), CODE_FILE, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise from_syntax(error) from None
    if not _may_define_calculate(compiled):
        raise _no_calculate(code, compiled.co_names)
    return compiled


def _no_calculate(code: bytes, names: Iterable[str]) -> Failure:
    """The failure of code that names no ``calculate``, with the name that was meant.

    That is the one most like it, or that of the only function.
    """
    import difflib

    text = "the code has no function calculate(inputs)"
    meant = difflib.get_close_matches("calculate", names, 1, 0.7)
    if not meant:
        kinds = ast.FunctionDef, ast.AsyncFunctionDef
        tree = _tree(code)
        defined = {node.name for node in (tree.body if tree else ()) if isinstance(node, kinds)}
        meant = list(defined) if len(defined) == 1 else []
    return Failure("invalid_code", f"{text}; it has {meant[0]}" if meant else text)


def _tree(code: bytes) -> ast.Module | None:
    """The tree of code that compiles; None where that is too deep: a tree may be less deep."""
    try:
        return ast.parse(_source(code))
    except RecursionError:
        return None


def _look(code: bytes) -> dict[str, Any]:
    """What is known of code that compiles: see src/sandbox/channel.h."""
    tree = _tree(code)
    if tree is None:
        return {"imports": []}
    return {"imports": _imports(tree), **facts_of(tree).members()}


def _imports(tree: ast.Module) -> list[str]:
    """The top-level packages that the code imports anywhere, at most 100."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
    return sorted(found)[:100]


# What a module-level name can be bound by, without being spelled.
_HIDING_NAMES = ("globals", "exec", "vars", "setattr", "locals")


def _may_define_calculate(module: types.CodeType) -> bool:
    """Whether anything at module level may bind ``calculate``: the call will tell."""
    names = module.co_names  # every name that module-level code binds or uses
    if "calculate" in names or any(name in names for name in _HIDING_NAMES):
        return True
    return any(part.opname == "IMPORT_STAR" for part in dis.get_instructions(module))


def _calculate(job: Job, channel: Channel) -> bytes:
    compiled = _compile(job.code)
    try:
        inputs = decode(job.inputs) if job.inputs else {}
    except Exception as error:  # whatever numpy, pandas and the like make of them
        raise Failure("user_error", f"the inputs cannot be read: {error}") from None
    figures = _artifacts.Figures(_places.work)
    try:
        value = _call(compiled, job.code, inputs)
        _leave_if_forked(channel, None)
        result = encode(value, figures.save)
        figures.save_open()
    except (Failure, EncodingError) as error:
        raise error if isinstance(error, Failure) else _invalid(str(error)) from None
    except SystemExit as error:
        _leave_if_forked(channel, error)
        shown = "" if error.code is None else show(error.code)[:200]
        text = f"the calculation called sys.exit({shown}) before returning a result"
        raise _invalid(text) from None
    except BaseException as error:
        raise from_exception(error) from None
    if len(result) > job.result_bytes:
        size, most = len(result) / MIB, job.result_bytes / MIB
        text = f"result too large: {size:.6g} MiB of at most {most:.6g} MiB"
        raise Failure("output_limit", text)
    _artifacts.send_all(channel, _places.work, job.artifacts_bytes)
    return result


def _invalid(text: str) -> Failure:
    return Failure("invalid_result", text)


def _call(compiled: types.CodeType, code: bytes, inputs: Any) -> Any:
    """Run the module as ``calc``, then its ``calculate``. Tracebacks show its lines."""
    lines = code.decode("utf-8", "replace").splitlines(keepends=True)
    linecache.cache[CODE_FILE] = (len(code), None, lines, CODE_FILE)
    module = types.ModuleType("calc")
    module.__file__ = CODE_FILE
    sys.modules["calc"] = module
    exec(compiled, module.__dict__)
    calculate = getattr(module, "calculate", None)
    if calculate is None:
        raise _no_calculate(code, module.__dict__)
    if not callable(calculate):
        text = f"calculate is {type(calculate).__name__}, not a function"
        raise Failure("invalid_code", text)
    code_of = getattr(calculate, "__code__", None)
    line = getattr(code_of, "co_firstlineno", None)
    if isinstance(code_of, types.CodeType) and (text := _not_plain(code_of.co_flags)):
        raise Failure("invalid_code", text, _line_of(lines, line), line)
    try:
        value = calculate(inputs)
    except TypeError as error:
        trace = error.__traceback__
        if trace is None or trace.tb_next is not None:
            raise  # from inside
        text = f"calculate must take the inputs, calculate(inputs): {error}"
        raise Failure("invalid_code", text, _line_of(lines, line), line) from None
    if isinstance(value, types.CoroutineType):
        value.close()  # else Python warns of it
        raise _invalid(f"calculate returned a coroutine, which nothing awaits: {_PLAIN}")
    return value


_PLAIN = "a calculation is a plain function"


def _not_plain(flags: int) -> str:
    """Why a function of these flags of code (`dis.COMPILER_FLAG_NAMES`) gives no result."""
    kinds = {name for flag, name in dis.COMPILER_FLAG_NAMES.items() if flags & flag}
    if kinds & {"COROUTINE", "ASYNC_GENERATOR"}:
        return f"calculate is async: {_PLAIN}"
    return "calculate is a generator: return a value, do not yield" if "GENERATOR" in kinds else ""


def _line_of(lines: list[str], line: int | None) -> str:
    """Line `line` of the author's file, as a traceback shows it."""
    if line is None or not 0 < line <= len(lines):
        return ""
    return f'  File "{CODE_FILE}", line {line}\n    {lines[line - 1].strip()}\n'


def _leave_if_forked(channel: Channel, error: BaseException | None) -> None:
    """End a child that the calculation forked and that came back here: one answer per run."""
    if channel.is_mine():
        return
    if isinstance(error, SystemExit):
        os._exit(error.code if isinstance(error.code, int) else int(error.code is not None))
    if isinstance(error, Failure):
        print(error.traceback or error.message, file=sys.stderr)
    _flush()
    os._exit(_FAILED if error is not None else 0)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the author may have put anything in their place
            stream.flush()
