"""What can go wrong, by whose fault it was.

::

    MecaPyError
    ├── RunError                a run ended without a result, and not by the platform's fault
    │   ├── CalculationError    the calculation's: its code, its exception, its result
    │   └── LimitError          a limit of the run: time, memory, disk, output, ...
    ├── PlatformError           the platform's; it has been tried again already
    │   └── BusyError           too much work at once; `retry_after` says when to come again
    ├── NetworkError            the server was not reached, or the connection broke
    ├── UsageError              the caller's mistake
    │   ├── ConfigurationError  no server, no token, a package that is missing here
    │   ├── AuthenticationError the token is not, or no longer, good
    │   ├── NotFoundError       no such task, workflow, run or artifact of yours
    │   ├── InvalidRequestError `problems` names each wrong field
    │   │   └── WorkflowError   a workflow that cannot be, said in words of its nodes
    │   ├── ConflictError       the state does not allow it
    │   ├── BudgetExhausted     what you may spend this month is spent, or expected
    │   ├── EncodingError       an input has no encoding (also a TypeError)
    │   └── SourceError         a function cannot be taken along
    ├── RunCancelled            somebody cancelled the run
    └── WaitTimeout             it has not ended in the time given (also a TimeoutError); it goes on
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mecapy._values import Failure


# What a terminal takes as an order, or turns the line with: a server or a calculation wrote it.
_ORDERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def harmless(text: str) -> str:
    """A text for people, with its control characters written out, as ascii() does."""
    return _ORDERS.sub(lambda found: ascii(found[0])[1:-1], text)


class MecaPyError(Exception):
    """Everything this package raises by itself.

    Parameters
    ----------
    message : str
        For people.
    code : str, optional
        Stable, for programs: an outcome code of a run, or the server's code of an error.
    run_id : str, optional
        The run it is about.
    request_id : str, optional
        What to ask the operator about.

    Attributes
    ----------
    node : str or None
        The node by which a workflow run failed.
    element : int or None
        Of a node that runs once for each element of a list: which failed, from 0.
    """

    node: str | None = None
    element: int | None = None
    _passes = False  # by itself, so that asking again may help

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        run_id: str | None = None,
        request_id: str | None = None,
    ) -> None:
        message = harmless(message)
        super().__init__(message)
        self.message = message
        self.code = code
        self.run_id = run_id
        self.request_id = request_id

    def __reduce__(self) -> Any:
        return _revive, (type(self), self.args, self.__dict__)


def _revive(kind: type[MecaPyError], args: tuple[Any, ...], state: dict[str, Any]) -> MecaPyError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class RunError(MecaPyError):
    """A run that ended without a result.

    Attributes
    ----------
    failure : Failure
        Code, message, traceback and place in the author's code.
    """

    def __init__(self, message: str, *, failure: Failure, run_id: str | None = None) -> None:
        super().__init__(message, code=failure.code, run_id=run_id)
        self.failure = failure

    @property
    def traceback(self) -> str:
        """The author's own frames, and those of the libraries he called; may be empty."""
        return self.failure.traceback or ""

    @property
    def line(self) -> int | None:
        """The line in the author's code, 1-based."""
        return self.failure.line


class CalculationError(RunError):
    """The calculation's own fault.

    `code` is ``invalid_code``, ``user_error``, ``invalid_result`` or ``crashed``.
    """


class LimitError(RunError):
    """A limit was reached.

    `code` is ``timeout``, ``out_of_memory``, ``cpu_limit``, ``disk_limit``, ``process_limit`` or
    ``output_limit``.
    """


class PlatformError(MecaPyError):
    """The platform's fault: a run it could not finish, or an answer that says so.

    `code` of a run is ``worker_lost``, ``backend_unavailable``, ``storage_unavailable`` or
    ``internal``, or one that this package does not know.

    Attributes
    ----------
    failure : Failure or None
        Of a run that ended by it.
    """

    failure: Failure | None = None


class BusyError(PlatformError):
    """Too much work at once.

    Attributes
    ----------
    retry_after : float or None
        When the server wants to be asked again, seconds from now.
    """

    retry_after: float | None = None


class NetworkError(MecaPyError):
    """The server was not reached, or the connection broke.

    Attributes
    ----------
    sent : bool
        Whether the server may have had the request.
    """

    sent: bool = True
    _passes = True


class UsageError(MecaPyError):
    """The caller's mistake."""


class ConfigurationError(UsageError):
    """There is no server, no token or no package to use, or an address that will not do."""


class AuthenticationError(UsageError):
    """The token is not, or no longer, good."""


class NotFoundError(UsageError):
    """There is no such task, workflow, run or artifact of yours."""


class ConflictError(UsageError):
    """The state does not allow it."""


class BudgetExhausted(UsageError):
    """What you may spend this month is spent, or expected of runs that have not ended.

    What runs goes on; nothing new begins.
    """


class EncodingError(UsageError, TypeError):
    """A value that cannot be sent; says where in the inputs it is."""


class SourceError(UsageError):
    """A function that cannot be taken along; says what stands in the way."""


@dataclass(frozen=True)
class FieldProblem:
    """One wrong place of a request.

    Attributes
    ----------
    pointer : str
        JSON pointer (RFC 6901) into what was sent.
    detail : str
        What is wrong.
    line, column : int or None
        In source code, 1-based.
    """

    pointer: str
    detail: str
    line: int | None = None
    column: int | None = None


class InvalidRequestError(UsageError):
    """What was asked for will not do.

    Attributes
    ----------
    problems : tuple of FieldProblem
        Each wrong field.
    """

    problems: tuple[FieldProblem, ...] = ()


class WorkflowError(InvalidRequestError):
    """A workflow that cannot be; says what is wrong with which node, input or output."""


class RunCancelled(MecaPyError):
    """Somebody cancelled the run."""


class WaitTimeout(MecaPyError, TimeoutError):
    """The run has not ended in the time given; it goes on."""
