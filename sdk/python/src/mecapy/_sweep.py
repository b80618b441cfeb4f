"""Many runs of one function: as many at a time as asked for, in order, failures kept apart."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from mecapy import _notebook
from mecapy._errors import MecaPyError

if TYPE_CHECKING:
    from mecapy._async import AsyncMecaPy
    from mecapy._calculation import Calculation, _Calculation


@dataclass(frozen=True)
class SweepFailure:
    """One entry that gave no result.

    Attributes
    ----------
    index : int
        Its place in the inputs, from 0.
    inputs : dict
        What it received, by name.
    error : MecaPyError
        Why.
    """

    index: int
    inputs: dict[str, Any]
    error: MecaPyError


class Sweep(Sequence[Any]):
    """The results of `Calculation.map`, in the order of its inputs; None where there is none.

    Attributes
    ----------
    inputs : list of dict
        Of each run, by name.
    failures : list of SweepFailure
        Those that gave no result, in order.
    run_ids : list of str or None
        Of each run; None where none was begun.
    """

    def __init__(self, inputs: list[dict[str, Any]]) -> None:
        self.inputs = inputs
        self.failures: list[SweepFailure] = []
        self.run_ids: list[str | None] = [None] * len(inputs)
        self._results: list[Any] = [None] * len(inputs)

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...

    def __getitem__(self, index: Any) -> Any:
        return self._results[index]

    def __len__(self) -> int:
        return len(self._results)

    @property
    def ok(self) -> bool:
        """Whether each entry gave a result."""
        return not self.failures

    def results(self) -> list[Any]:
        """The results in order, when there are all.

        Raises
        ------
        MecaPyError
            That of the first failure.
        """
        if self.failures:
            raise self.failures[0].error
        return list(self._results)

    def to_frame(self) -> Any:
        """A pandas DataFrame, one row a run: inputs, then results (by name when they are dicts).

        Raises
        ------
        ImportError
            pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            text = "to_frame() needs pandas, which is not installed here: pip install pandas"
            raise ImportError(text, name=error.name) from error
        errors = {failure.index: str(failure.error) for failure in self.failures}
        rows = []
        for index, inputs in enumerate(self.inputs):
            value = self._results[index]
            told = value if isinstance(value, dict) else {"result": value}
            row = {**inputs, **({} if index in errors else told)}
            rows.append({**row, "error": errors.get(index)} if errors else row)
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        good = len(self) - len(self.failures)
        return f"<Sweep {good} of {len(self)} completed>"

    def _repr_html_(self) -> str:
        errors = {failure.index: str(failure.error) for failure in self.failures}
        return _notebook.sweep_html(self.inputs, self._results, errors)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._results)


class _Bar:
    """A line on standard error that tells how far a sweep is."""

    def __init__(self, total: int, shown: bool | None) -> None:
        self._total = total
        self._shown = sys.stderr.isatty() if shown is None else shown
        self._begin = time.monotonic()
        self._done = self._failed = 0

    def step(self, failed: bool) -> None:
        """One more has ended."""
        self._done += 1
        self._failed += failed
        if self._shown:
            width = 30
            full = width * self._done // self._total
            took = time.monotonic() - self._begin
            left = took / self._done * (self._total - self._done)
            words = f"{self._done}/{self._total}"
            words += f", {self._failed} failed" if self._failed else ""
            words += f", {left:.0f} s left" if self._done < self._total else f", {took:.1f} s"
            print(f"\r[{'#' * full}{'.' * (width - full)}] {words}\033[K", end="", file=sys.stderr)

    def close(self) -> None:
        """End the line."""
        if self._shown and self._done:
            print(file=sys.stderr)


async def map_on_loop(
    client: AsyncMecaPy,
    calculation: _Calculation,
    inputs: list[dict[str, Any]],
    concurrency: int,
    progress: bool | None,
) -> Sweep:
    """Run `calculation` for each of `inputs` on this event loop."""
    if concurrency < 1:
        raise ValueError(f"concurrency={concurrency}: at least one run at a time")
    written = calculation._written()
    sweep = Sweep(inputs)
    bar = _Bar(len(inputs), progress)
    waiting = iter(range(len(inputs)))

    async def work() -> None:
        for index in waiting:
            error: MecaPyError | None = None
            try:
                fields, origin = calculation._ordered(sweep.inputs[index], written)
                run = await client._execute(None, fields, fresh=False, timeout=None, origin=origin)
                sweep.run_ids[index] = run.id
                sweep._results[index] = await run.result()
            except MecaPyError as caught:
                error = caught
                sweep.run_ids[index] = sweep.run_ids[index] or caught.run_id
                sweep.failures.append(SweepFailure(index, sweep.inputs[index], caught))
            bar.step(error is not None)

    workers = [asyncio.ensure_future(work()) for _ in range(min(concurrency, len(inputs)))]
    try:
        if workers:  # not gather, which would cancel them by itself, and so twice
            ended, _ = await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
            for worker in ended:
                worker.result()
    except BaseException:
        for worker in workers:
            worker.cancel()
        await asyncio.wait(workers)  # each cancels its run
        raise
    finally:
        bar.close()
    sweep.failures.sort(key=lambda failure: failure.index)
    return sweep


def map_in_thread(
    calculation: Calculation,
    inputs: list[dict[str, Any]],
    concurrency: int,
    progress: bool | None,
) -> Sweep:
    """The same for who blocks: on an event loop of its own, also where one runs (a notebook)."""
    client = calculation._client._as_async()
    loop = asyncio.new_event_loop()
    outcome: list[Sweep | BaseException] = []
    ended = threading.Event()  # an interrupted Thread.join takes the thread for ended

    async def play() -> Sweep:
        async with client:
            return await map_on_loop(client, calculation, inputs, concurrency, progress)

    task = loop.create_task(play())

    def run() -> None:
        try:
            outcome.append(loop.run_until_complete(task))
        except BaseException as error:
            outcome.append(error)
        finally:
            loop.close()
            ended.set()

    threading.Thread(target=run, name="mecapy-map").start()
    try:
        ended.wait()
    except BaseException:  # Ctrl-C, or a signal that ends the program
        with contextlib.suppress(RuntimeError):  # it has ended meanwhile
            loop.call_soon_threadsafe(task.cancel)
        ended.wait()
        raise
    [end] = outcome
    if isinstance(end, BaseException):
        raise end
    return end
