"""Find and remove what tasks leave: partial uploads and checkpoints of unfinished landings, and batches."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Any

import pendulum
from pendulum import DateTime

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.landing.checkpoint import Checkpoint
from airflow_provider_meetings.api.landing.layout import BATCH_SUFFIX, CHECKPOINT_SUFFIX, RECEIPT_SUFFIX, stem
from airflow_provider_meetings.api.landing.receipt import Receipt
from airflow_provider_meetings.api.landing.store import PROBE_NAME, ListedObject, ObjectStat, PartialUpload, Store
from airflow_provider_meetings.api.ledger.ledger import in_ledger
from airflow_provider_meetings.api.models import PlainJson
from airflow_provider_meetings.api.sanitize import printable

# A failed task may wait over a weekend until it is cleared, and should then resume.
DEFAULT_AGE = timedelta(days=7)
# A file system shows who is writing; a store may only show when a multipart upload was started.
MIN_AGE = timedelta(hours=1)


class SweepOutcome(StrEnum):
    """What the sweep did with an item."""

    STALE = "stale"
    REMOVED = "removed"
    YOUNG = "young"
    IN_USE = "in_use"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SweepItem(PlainJson):
    """One partial upload, checkpoint or batch of this provider.

    :param kind: the kind of the partial upload, ``checkpoint`` or ``batch``.
    :param size: bytes; None if the store does not report it.
    :param modified: time of the last write to it or to its checkpoint.
    """

    key: str
    uri: str
    kind: str
    size: int | None
    modified: DateTime
    outcome: SweepOutcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _FoundCheckpoint:
    """A checkpoint, the object that it names, and its stat when it was read."""

    listed: ListedObject
    name: str
    stat: ObjectStat | None


class Sweep:
    """Sweep a store once.

    A partial upload belongs to this provider if a checkpoint names its object, or if a receipt or checkpoint in its
    folder has the same stem, or if it is in the folder of a ledger, whose objects stay. Batches belong to it by their
    suffix.

    :param older_than: keep items that were written later than this ago, and everything that their checkpoint refers to.
    :param delete: remove items; by default only report them.
    :raises InvalidRequest: if `older_than` is below one hour.
    """

    def __init__(
        self,
        store: Store,
        *,
        older_than: timedelta = DEFAULT_AGE,
        delete: bool = False,
        now: Callable[[], DateTime] = lambda: pendulum.now("UTC"),
    ) -> None:
        if older_than < MIN_AGE:
            raise InvalidRequest(
                f"older_than must be at least one hour, got {older_than}: younger uploads may be in use"
            )
        self._store = store
        self._delete = delete
        self._before = now() - older_than
        self._counts: Counter[str] = Counter()

    def run(self) -> Iterator[SweepItem]:
        """Yield each item with its outcome; checkpoints come after partial uploads.

        :raises OSError: if the store cannot be listed.
        """
        # Listed before the walk: a landing that starts in between has a young checkpoint.
        uploads = list(self._store.partial_uploads())
        checkpoints, batches, landed, objects = self._read_records({_folder_and_stem(upload.key) for upload in uploads})
        by_stem: dict[tuple[str, str], list[_FoundCheckpoint]] = defaultdict(list)
        by_object: dict[tuple[str, str], list[_FoundCheckpoint]] = defaultdict(list)
        for checkpoint in checkpoints:
            by_stem[_folder_and_stem(checkpoint.listed.key)].append(checkpoint)
            by_object[_split(checkpoint.listed.key)[0], checkpoint.name].append(checkpoint)
        kept: set[str] = set()
        for upload in uploads:
            location = _folder_and_stem(upload.key)
            related = [*by_stem.get(location, ()), *by_object.get(_split(upload.key), ())]
            by_name = _split(upload.key)[1].startswith(PROBE_NAME) or upload.key.endswith(BATCH_SUFFIX)
            is_ours = related or location in landed or by_name or in_ledger(upload.key)
            if not is_ours or _split(upload.handle) in objects:
                self._counts["not_ours"] += 1
                continue
            item = self._sweep_upload(upload, related)
            if item.outcome not in {SweepOutcome.STALE, SweepOutcome.REMOVED}:
                kept.update(checkpoint.listed.key for checkpoint in related)
            yield item
        for checkpoint in checkpoints:
            if checkpoint.listed.key not in kept:
                yield self._sweep_checkpoint(checkpoint)
        for batch in batches:
            yield self._sweep(batch.key, "batch", batch.size, batch.modified, partial(self._store.delete, batch.key))

    def counts(self) -> dict[str, Any]:
        """Return the counts of `run` so far as plain JSON; `bytes` are removed, or removable without `delete`."""
        return {
            "delete": self._delete,
            **{str(name): self._counts[name] for name in (*SweepOutcome, "not_ours", "bytes")},
        }

    def _read_records(
        self, wanted: set[tuple[str, str]]
    ) -> tuple[list[_FoundCheckpoint], list[ListedObject], set[tuple[str, str]], set[tuple[str, str]]]:
        """Read all checkpoints, and the receipts at `wanted`, as (folder, stem).

        :returns: checkpoints, batches, those of `wanted` that have a receipt, and the objects of these receipts.
        """
        checkpoints, batches, landed, objects = [], [], set(), set()
        for listed in self._store.walk():
            if in_ledger(listed.key):
                continue
            if listed.key.endswith(BATCH_SUFFIX):
                batches.append(listed)
                continue
            location = _folder_and_stem(listed.key)
            if not location[1]:
                continue
            if listed.key.endswith(CHECKPOINT_SUFFIX):
                stat = self._store.stat(listed.key)
                if checkpoint := Checkpoint.from_bytes(self._store.read(listed.key)):
                    checkpoints.append(_FoundCheckpoint(listed, checkpoint.name, stat))
            elif (
                location in wanted
                and listed.key.endswith(RECEIPT_SUFFIX)
                and (receipt := Receipt.from_bytes(self._store.read(listed.key)))
            ):
                landed.add(location)
                objects.add((location[0], receipt.name))  # a landed object can have the name of a partial upload
        return checkpoints, batches, landed, objects

    def _sweep_upload(self, upload: PartialUpload, related: list[_FoundCheckpoint]) -> SweepItem:
        modified = max([upload.modified, *(checkpoint.listed.modified for checkpoint in related)])
        return self._sweep(upload.key, upload.kind, upload.size, modified, lambda: self._store.remove(upload))

    def _sweep_checkpoint(self, checkpoint: _FoundCheckpoint) -> SweepItem:
        listed = checkpoint.listed

        def remove() -> bool:
            if self._store.stat(listed.key) != checkpoint.stat:  # a landing has started since
                return False
            self._store.delete(listed.key)
            return True

        return self._sweep(listed.key, "checkpoint", listed.size, listed.modified, remove)

    def _sweep(
        self, key: str, kind: str, size: int | None, modified: DateTime, remove: Callable[[], bool | None]
    ) -> SweepItem:
        outcome, reason = SweepOutcome.STALE, ""
        if modified >= self._before:
            outcome = SweepOutcome.YOUNG
        elif self._delete:
            try:
                outcome = SweepOutcome.IN_USE if remove() is False else SweepOutcome.REMOVED
            except OSError as error:  # continue with the others
                outcome, reason = SweepOutcome.FAILED, f"{type(error).__name__}: {error.strerror or error}"
        self._counts[outcome] += 1
        if outcome in {SweepOutcome.STALE, SweepOutcome.REMOVED}:
            self._counts["bytes"] += size or 0
        uri = printable(self._store.uri(key), 2000)
        return SweepItem(printable(key, 1000), uri, kind, size, modified, outcome, printable(reason))


def _split(key: str) -> tuple[str, str]:
    folder, _, name = key.rpartition("/")
    return folder, name


def _folder_and_stem(key: str) -> tuple[str, str]:
    """Return what an object has in common with its receipt and checkpoint."""
    folder, name = _split(key)
    return folder, stem(name)
