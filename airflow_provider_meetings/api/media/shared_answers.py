"""Answers of a platform that are kept for a minute, so that one serves all files of a recording."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")

KEPT_SECONDS = 60.0
"""WeCom's links are valid for six hours, those of its sister product for five minutes."""


@dataclass(slots=True)
class _Kept(Generic[T]):
    since: float
    lock: Lock = field(default_factory=Lock)
    answer: T | None = None
    taken: set[str] = field(default_factory=set)


class SharedAnswers(Generic[T]):
    """Share answers between threads; no kind is taken from one answer twice: its link may have expired.

    :param clock: seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._kept: dict[Hashable, _Kept[T]] = {}

    def get(self, key: Hashable, kind: str | None, fetch: Callable[[], T]) -> T:
        """Return the answer of `key`; `fetch` it if there is none, it is old, or `kind` was taken from it already.

        :param kind: None takes nothing.
        """
        with self._lock:
            now = self._clock()
            self._kept = {k: kept for k, kept in self._kept.items() if abs(now - kept.since) < KEPT_SECONDS}
            kept = self._kept.setdefault(key, _Kept(now))
        with kept.lock:
            if kept.answer is None or kind in kept.taken:
                kept.answer, kept.since, kept.taken = fetch(), self._clock(), set()
            if kind is not None:
                kept.taken.add(kind)
            return kept.answer
