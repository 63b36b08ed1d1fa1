"""What may go wrong with the bytes of a recording, and with which of its requests."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

FaultKind = Literal[
    "expired", "html", "json", "cut", "stall", "trickle", "no-range", "no-etag", "weak-etag", "no-length",
    "wrong-length", "changed", "redirect",
]  # fmt: skip
FAULT_KINDS: Final[tuple[FaultKind, ...]] = get_args(FaultKind)

# What ``n`` is where it is not given; kinds that are not here take none.
_DEFAULT_N: Final[dict[FaultKind, int]] = {"cut": 0, "stall": 0, "trickle": 1024, "wrong-length": 1, "redirect": 1}
_LOWEST_N: Final[dict[FaultKind, int]] = {"trickle": 1, "redirect": 1, "wrong-length": -(1 << 62)}


@dataclass(slots=True)
class MediaFault:
    """One order. It applies to the GETs number ``first`` to ``last`` of a file, counted from when it was given.

    ``file``: a minute token, a record_file_id or the file name in a WeCom address; None for every file, each counted
    by itself. ``n``: bytes before a cut or a stall, bytes per piece of a trickle, redirects, or by how much the
    declared length is wrong.
    """

    kind: FaultKind
    file: str | None = None
    n: int = 0
    first: int = 1
    last: int | None = None
    location: str = ""
    seen: Counter[str] = field(default_factory=Counter)

    def described(self) -> dict[str, object]:
        """Return the order as plain JSON."""
        return {name: getattr(self, name) for name in ("kind", "file", "n", "first", "last", "location")}

    def concerns(self, names: Iterable[str]) -> bool:
        """Tell whether a file with these names is meant."""
        return self.file is None or self.file in names

    def applies(self, number: int) -> bool:
        """Tell whether the request of that number is meant."""
        return self.first <= number and (self.last is None or number <= self.last)


class MediaFaults:
    """Keep the orders, and tell each request for media which apply to it."""

    def __init__(self) -> None:
        self._faults: list[MediaFault] = []
        self._lock = threading.Lock()

    def order(
        self,
        kind: FaultKind,
        file: str | None = None,
        *,
        n: int | None = None,
        request: int | None = None,
        first: int = 1,
        last: int | None = None,
        location: str = "",
    ) -> MediaFault:
        """Let requests for media go wrong; several faults of different kinds may meet in one answer.

        :param kind: one of :data:`FAULT_KINDS`.
        :param file: which file, see :class:`MediaFault`; None for all.
        :param n: see :class:`MediaFault`.
        :param request: only the request of this number, from 1; the same as ``first`` and ``last``.
        :param first: from the request of this number on.
        :param last: to the request of this number; None for all.
        :param location: where "redirect" leads; back to the same file if empty.
        :raises ValueError: an unknown kind, or a number that the kind does not take.
        """
        if kind not in FAULT_KINDS:
            raise ValueError(f"kind must be one of {', '.join(FAULT_KINDS)}; not {kind!r}")
        if n is not None and kind not in _DEFAULT_N:
            raise ValueError(f"{kind} takes no n")
        n = _DEFAULT_N.get(kind, 0) if n is None else n
        if n < _LOWEST_N.get(kind, 0):
            raise ValueError(f"n of {kind} must be {_LOWEST_N.get(kind, 0)} or more")
        if location and kind != "redirect":
            raise ValueError(f"{kind} takes no location")
        if request is not None:
            first = last = request
        if first < 1 or (last is not None and last < first):
            raise ValueError("requests are counted from 1, and last is not before first")
        fault = MediaFault(kind, file, n, first, last, location)
        with self._lock:
            self._faults.append(fault)
        return fault

    def take(
        self, names: tuple[str, ...], role: Literal["new", "head", "redirected"] = "new"
    ) -> dict[FaultKind, MediaFault]:
        """Return the faults of one request for the file of these names; the first of each kind.

        A HEAD shows the next request and counts for none; who follows a redirect is still the request before.
        """
        found: dict[FaultKind, MediaFault] = {}
        key = "\0".join(names)
        with self._lock:
            for fault in self._faults:
                if not fault.concerns(names):
                    continue
                number = fault.seen[key] + (role != "redirected")
                if role == "new":
                    fault.seen[key] = number
                if fault.applies(number):
                    found.setdefault(fault.kind, fault)
        return found

    def clear(self, file: str | None = None) -> None:
        """Forget the orders for ``file`` as it was named; all if None."""
        with self._lock:
            self._faults = [fault for fault in self._faults if file not in (None, fault.file)]

    def __iter__(self) -> Iterator[MediaFault]:
        with self._lock:
            return iter(list(self._faults))
