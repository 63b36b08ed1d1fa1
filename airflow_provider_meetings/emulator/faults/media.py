"""Injected faults of media downloads, by file and by the number of the request."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal, get_args

from airflow_provider_meetings.emulator.faults.fault_list import FaultList

FaultKind = Literal["expired", "html", "cut", "stall", "trickle"]
FAULT_KINDS: Final[tuple[FaultKind, ...]] = get_args(FaultKind)

# The default of ``n``. Other kinds have no ``n``.
_DEFAULT_N: Final[dict[FaultKind, int]] = {"cut": 0, "stall": 0, "trickle": 1024}
_LOWEST_N: Final[dict[FaultKind, int]] = {"trickle": 1}


@dataclass
class MediaFault:
    """One injected fault, for the GET requests ``first`` to ``last`` of a file, counted since the fault was added.

    ``file``: a minute token, a record_file_id or the file name in a WeCom URL; None: every file, each with a count of
    its own. ``n``: bytes before a cut or a stall, or bytes per piece of a trickle.
    """

    kind: FaultKind
    file: str | None = None
    n: int = 0
    first: int = 1
    last: int | None = None

    def __post_init__(self) -> None:
        self.seen = Counter[tuple[str, ...]]()


class MediaFaults(FaultList[MediaFault]):
    """Hold the injected faults, and return for each request those that apply to it."""

    def add(
        self,
        kind: FaultKind,
        file: str | None = None,
        *,
        n: int | None = None,
        request: int | None = None,
        first: int = 1,
        last: int | None = None,
    ) -> MediaFault:
        """Make media requests fail. Faults of different kinds can apply to the same request.

        :param kind: one of :data:`FAULT_KINDS`.
        :param file: which file, see :class:`MediaFault`; None: all files.
        :param n: see :class:`MediaFault`.
        :param request: only the request with this number, from 1; sets ``first`` and ``last``.
        :param first: the first request that fails.
        :param last: the last request that fails; None: no end.
        :raises ValueError: the kind is unknown, or does not accept an argument.
        """
        if kind not in FAULT_KINDS:
            raise ValueError(f"kind must be one of {', '.join(FAULT_KINDS)}; not {kind!r}")
        if n is not None and kind not in _DEFAULT_N:
            raise ValueError(f"{kind} takes no n")
        n = _DEFAULT_N.get(kind, 0) if n is None else n
        if n < _LOWEST_N.get(kind, 0):
            raise ValueError(f"n of {kind} must be {_LOWEST_N.get(kind, 0)} or more")
        if request is not None:
            first = last = request
        if first < 1 or (last is not None and last < first):
            raise ValueError("requests are counted from 1, and last must not be before first")
        return self._append(MediaFault(kind, file, n, first, last))

    def take(self, names: tuple[str, ...], *, head: bool) -> dict[FaultKind, MediaFault]:
        """Return the faults of one request for the file with these names: the first fault of each kind.

        A HEAD request is answered as the next GET and does not count.
        """
        found: dict[FaultKind, MediaFault] = {}
        with self._lock:
            for fault in self._faults:
                if fault.file is not None and fault.file not in names:
                    continue
                number = fault.seen[names] + 1
                if not head:
                    fault.seen[names] = number
                if fault.first <= number and (fault.last is None or number <= fault.last):
                    found.setdefault(fault.kind, fault)
        return found

    def clear(self, file: str | None = None) -> None:
        """Remove the faults that were added for exactly this ``file``; None: all faults."""
        with self._lock:
            self._faults = [fault for fault in self._faults if file not in (None, fault.file)]
