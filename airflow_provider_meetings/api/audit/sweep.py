"""Find and remove what tries that died have left: bytes under no final name, and the checkpoints that lead to them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

import pendulum
from pendulum import DateTime

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.landing.layout import CHECKPOINT_SUFFIX, RECEIPT_SUFFIX, stem
from airflow_provider_meetings.api.landing.receipt import Checkpoint, Receipt
from airflow_provider_meetings.api.landing.store import Listed, ObjectStat, PartialUpload, Store
from airflow_provider_meetings.api.sanitize import harmless

# Over a weekend a failed task may wait for the person who clears it: until then it shall continue, not begin anew.
OLDER_THAN = timedelta(days=7)
# A file system tells who writes; of a multipart upload a store may tell only when it was begun.
YOUNGEST = timedelta(hours=1)


class SweepOutcome(StrEnum):
    """What became of a leftover."""

    STALE = "stale"
    REMOVED = "removed"
    YOUNG = "young"
    IN_USE = "in_use"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Swept:
    """One leftover of ours.

    :param kind: the store's word, or ``checkpoint``.
    :param size: bytes, where the store can tell.
    :param modified: when it or its checkpoint was last written to.
    """

    key: str
    uri: str
    kind: str
    size: int | None
    modified: DateTime
    fate: SweepOutcome
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON; `modified` in ISO 8601 UTC."""
        return {
            "key": self.key,
            "uri": self.uri,
            "kind": self.kind,
            "size": self.size,
            "modified": self.modified.isoformat(),
            "fate": str(self.fate),
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class _Mark:
    """A checkpoint as it stood when it was read."""

    listed: Listed
    name: str
    stat: ObjectStat | None


class Sweep:
    """Sweep a store once.

    A leftover is ours if a receipt or a checkpoint of ours in its folder shares its stem, or a checkpoint names it.

    :param older_than: what was written to more lately than this is left alone, as is all that it leads to.
    :param delete: remove; else only say what would be.
    :raises InvalidRequest: for an age below an hour.
    """

    def __init__(
        self,
        store: Store,
        *,
        older_than: timedelta = OLDER_THAN,
        delete: bool = False,
        now: Callable[[], DateTime] = lambda: pendulum.now("UTC"),
    ) -> None:
        if older_than < YOUNGEST:
            raise InvalidRequest(
                f"older_than must be at least an hour, got {older_than}: what is younger may be being written"
            )
        self._store = store
        self._delete = delete
        self._before = now() - older_than
        self._counts: Counter[str] = Counter()

    def swept(self) -> Iterator[Swept]:
        """Remove, or in a dry run look, and yield each leftover of ours with its fate; checkpoints come last.

        :raises OSError: if the store cannot be listed.
        """
        # Before the walk: a landing that begins meanwhile is young then, whichever of its traces is seen.
        leftovers = list(self._store.leftovers())
        marks, landed, objects = self._journals({_place(leftover.key) for leftover in leftovers})
        leading: dict[tuple[str, str], list[_Mark]] = defaultdict(list)
        naming: dict[tuple[str, str], list[_Mark]] = defaultdict(list)
        for mark in marks:
            leading[_place(mark.listed.key)].append(mark)
            naming[_split(mark.listed.key)[0], mark.name].append(mark)
        held: set[str] = set()
        for leftover in leftovers:
            place, name = _place(leftover.key), _split(leftover.key)
            led = [*leading.get(place, ()), *naming.get(name, ())]
            if (not led and place not in landed) or _split(leftover.handle) in objects:
                self._counts["not_ours"] += 1
                continue
            swept = self._leftover(leftover, led)
            if swept.fate not in {SweepOutcome.STALE, SweepOutcome.REMOVED}:
                held.update(mark.listed.key for mark in led)
            yield self._count(swept)
        for mark in marks:
            if mark.listed.key not in held:
                yield self._count(self._checkpoint(mark))

    def counts(self) -> dict[str, Any]:
        """Return, as plain JSON, what `swept` has counted so far; `bytes` are those removed, or to be removed."""
        return {
            "delete": self._delete,
            **{str(name): self._counts[name] for name in (*SweepOutcome, "not_ours", "bytes")},
        }

    def _journals(self, wanted: set[tuple[str, str]]) -> tuple[list[_Mark], set[tuple[str, str]], set[tuple[str, str]]]:
        """Read all checkpoints, and those receipts that could tell whose a leftover is, with the objects they name."""
        marks, landed, objects = [], set(), set()
        for listed in self._store.walk():
            place = _place(listed.key)
            if not place[1]:
                continue
            if listed.key.endswith(CHECKPOINT_SUFFIX):
                stat = self._store.stat(listed.key)
                if checkpoint := Checkpoint.from_bytes(self._store.read(listed.key)):
                    marks.append(_Mark(listed, checkpoint.name, stat))
            elif (
                place in wanted
                and listed.key.endswith(RECEIPT_SUFFIX)
                and (receipt := Receipt.from_bytes(self._store.read(listed.key)))
            ):
                landed.add(place)
                objects.add((place[0], receipt.name))  # one that looks like a leftover is none
        return marks, landed, objects

    def _leftover(self, leftover: PartialUpload, led: list[_Mark]) -> Swept:
        newest = max([leftover.modified, *(mark.listed.modified for mark in led)])

        def remove() -> bool:
            return self._store.remove(leftover)

        return self._judge(leftover.key, leftover.kind, leftover.size, newest, remove)

    def _checkpoint(self, mark: _Mark) -> Swept:
        key = mark.listed.key

        def remove() -> bool:
            if self._store.stat(key) != mark.stat:  # a landing has begun since
                return False
            self._store.delete(key)
            return True

        return self._judge(key, "checkpoint", mark.listed.size, mark.listed.modified, remove)

    def _judge(self, key: str, kind: str, size: int | None, newest: DateTime, remove: Callable[[], bool]) -> Swept:
        fate, reason = SweepOutcome.STALE, ""
        if newest >= self._before:
            fate = SweepOutcome.YOUNG
        elif self._delete:
            try:
                fate = SweepOutcome.REMOVED if remove() else SweepOutcome.IN_USE
            except OSError as error:  # the others are removed all the same
                fate, reason = SweepOutcome.FAILED, f"{type(error).__name__}: {error.strerror or error}"
        uri = harmless(self._store.uri(key), 2000)
        return Swept(harmless(key, 1000), uri, kind, size, newest, fate, harmless(reason))

    def _count(self, swept: Swept) -> Swept:
        self._counts[swept.fate] += 1
        if swept.fate in {SweepOutcome.STALE, SweepOutcome.REMOVED}:
            self._counts["bytes"] += swept.size or 0
        return swept


def _split(key: str) -> tuple[str, str]:
    folder, _, name = key.rpartition("/")
    return folder, name


def _place(key: str) -> tuple[str, str]:
    """Return folder and stem: what an object, its receipt and its checkpoint share."""
    folder, name = _split(key)
    return folder, stem(name)
