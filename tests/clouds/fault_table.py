"""The faults that can be ordered of a simulated cloud: one table, and the list of what is ordered.

An order names a fault, the operation it befalls and how often. Faults of machines befall the
machines that are made next. With a seed, faults come by chance, from the same table.
"""

import random
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from clouds.web import Json


class Kind(Enum):
    """Where it bites."""

    INSTEAD = "instead"  # nothing is done, and the answer says so
    AFTER = "after"  # it is done, and the answer does not say so
    LATE = "late"  # the same, and it is done when nobody waits for it any more
    LOST = "lost"  # the answer says that it is done, and it is not
    FATE = "fate"  # of a machine


@dataclass(frozen=True)
class Fault:
    """A row of the table."""

    name: str
    kind: Kind
    on: tuple[str, ...]  # operations it can befall; the first is the usual one
    chance: float = 0.0  # that it befalls one of them, of a cloud with a seed
    apis: tuple[str, ...] = ("scaleway", "openstack")
    waits: bool = False  # it shows after seconds only, or on machines that boot


_ASKS = (
    *("list", "get", "images", "get_volume", "get_address"),
    *("list_volumes", "list_addresses", "token"),
)
_MAKES = ("create", "create_address", "user_data", "poweron", "tag_volume")
_ENDS = ("terminate", "delete", "delete_volume", "delete_address")
_ALL = _MAKES + _ENDS + _ASKS
_SCALEWAY = ("scaleway",)
_OPENSTACK = ("openstack",)

TABLE = (
    Fault("busy_empty", Kind.INSTEAD, _ALL, 0.01),  # 429 without a body
    Fault("busy", Kind.INSTEAD, _ALL, 0.005),  # 429 that says so
    Fault("bad_gateway", Kind.INSTEAD, _ALL, 0.01),  # 502 of HTML
    Fault("error", Kind.INSTEAD, _ALL, 0.01),  # 500 of JSON, nothing done
    Fault("cut", Kind.INSTEAD, _ALL, 0.01),  # the connection is cut, nothing done
    Fault("silent", Kind.INSTEAD, _ALL, waits=True),  # no answer for `faults.patience_s`, then cut
    Fault("transient", Kind.INSTEAD, _MAKES + _ENDS, 0.005),  # 409: not now
    Fault("out_of_stock", Kind.INSTEAD, ("create", "poweron"), 0.03, _SCALEWAY),
    Fault("quota", Kind.INSTEAD, ("create", "create_address"), 0.01),
    Fault("quota_legacy", Kind.INSTEAD, ("create", "create_address"), 0.005, _SCALEWAY),
    Fault("forbidden", Kind.INSTEAD, ("create", *_ALL)),
    Fault("expired", Kind.INSTEAD, ("list", "get", "create", "delete"), 0.02, _OPENSTACK),  # 401
    Fault("made_error", Kind.AFTER, ("create", *_ALL), 0.02),  # 500
    Fault("made_bad_gateway", Kind.AFTER, ("create", *_ALL), 0.01),  # 502 of HTML
    Fault("made_cut", Kind.AFTER, ("create", *_ALL), 0.02),
    # Cut, and done `faults.late_s` later.
    Fault("made_late", Kind.LATE, ("create", "create_address"), 0.02, waits=True),
    Fault("slow", Kind.AFTER, _ALL, 0.02, waits=True),  # done and told, after `faults.slow_s`
    Fault("lost", Kind.LOST, ("terminate", "poweron", *_ENDS), 0.05),
    Fault("never_boots", Kind.FATE, ("create",), 0.03, waits=True),
    Fault("boots_slowly", Kind.FATE, ("create",), 0.03, waits=True),
    Fault("dies_half_way", Kind.FATE, ("create",), 0.06, waits=True),
    Fault("hangs_half_way", Kind.FATE, ("create",), 0.03, waits=True),  # yet it "runs"
    Fault("boots_twice", Kind.FATE, ("create",), 0.06, waits=True),  # the first is cut off: a reset
    Fault("two_at_once", Kind.FATE, ("create",), 0.04, waits=True),  # an evacuated host
    Fault("fails", Kind.FATE, ("create",), 0.04),  # starting, then stopped; BUILD, then ERROR
    Fault("stops_in_place", Kind.FATE, ("create",), 0.2, _SCALEWAY, waits=True),  # from inside
)
BY_NAME = {fault.name: fault for fault in TABLE}


@dataclass
class Order:
    """`times` of a fault, after `after` of its operation went well."""

    fault: Fault
    on: str
    times: int = 1
    after: int = 0

    @classmethod
    def read(cls, value: Json | str) -> "Order":
        """From JSON, or from NAME[:OPERATION[:TIMES[:AFTER]]]. ValueError when it is none."""
        if isinstance(value, str):
            parts = value.split(":")
            value = dict(zip(("fault", "on", "times", "after"), parts, strict=False))
        fault = BY_NAME.get(str(value.get("fault")))
        if fault is None:
            raise ValueError(f"no fault {value.get('fault')!r}: there are {', '.join(BY_NAME)}")
        on = str(value.get("on") or fault.on[0])
        if on not in (*fault.on, "any"):
            raise ValueError(f"{fault.name} cannot befall {on}: {', '.join(fault.on)}")
        if unknown := value.keys() - {"fault", "on", "times", "after"}:
            raise ValueError(f"no such words: {unknown}")
        return cls(fault, on, int(value.get("times") or 1), int(value.get("after") or 0))

    def befalls(self, operation: str) -> bool:
        """Whether it is this one's turn; counts."""
        if self.times == 0 or self.on not in (operation, "any"):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return True


class Faults:
    """What is ordered of one cloud, and what came of it."""

    def __init__(self, api: str, seed: int | None = None, rate: float = 1.0) -> None:
        """None; with a seed, by chance, `rate` times as often as the table says."""
        self.api = api
        self.slow_s = 0.5
        self.patience_s = 3.0
        self.late_s = 2.0
        self.played: Counter[str] = Counter()
        self._orders: list[Order] = []
        self._chance = None if seed is None else random.Random(seed)
        self._rate = rate
        self._lock = threading.Lock()

    def order(self, orders: Sequence[Order]) -> None:
        """These too."""
        with self._lock:
            self._orders += orders

    def forget(self) -> None:
        """None any more, neither ordered nor by chance."""
        with self._lock:
            self._orders.clear()
            self._chance = None

    def take(self, operation: str, fate: bool = False) -> Fault | None:
        """What befalls this operation, or the machine that is made now: its fate is `met` later."""
        with self._lock:
            for order in self._orders:
                if (order.fault.kind is Kind.FATE) == fate and order.befalls(operation):
                    return order.fault if fate else self._note(order.fault)
            if self._chance is None:
                return None
            for fault in TABLE:
                if (fault.kind is Kind.FATE) != fate or self.api not in fault.apis:
                    continue
                if operation not in fault.on or fault.chance == 0.0:
                    continue
                if self._chance.random() < fault.chance * self._rate:
                    return fault if fate else self._note(fault)
        return None

    def met(self, fate: str, bit: bool) -> None:
        """A machine came to its fate, and it did or did not matter; then it is the next one's."""
        if bit:
            with self._lock:
                self.played[fate] += 1
        else:
            self.gone(fate)

    def gone(self, fate: str) -> None:
        """A machine is gone: a fate that mattered to none yet is the next one's."""
        with self._lock:
            waits = any(one.fault.name == fate and one.times > 0 for one in self._orders)
            if fate and self.played[fate] == 0 and not waits:
                self._orders.append(Order(BY_NAME[fate], BY_NAME[fate].on[0]))

    def _note(self, fault: Fault) -> Fault:
        self.played[fault.name] += 1
        return fault
