"""The items of a ledger; merging two versions of one is commutative and idempotent, whatever the clocks say."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Self

import msgspec
import msgspec.structs
import pendulum

from airflow_provider_meetings.api.ledger.marks import FORGOTTEN
from airflow_provider_meetings.api.models import Recording, RecordingState
from airflow_provider_meetings.api.query import RecordingRef

TAKEN_FOR = 3600.0
"""How long a run has an item for itself, in seconds; a retry of the same run may take it again at once."""
DAY = 86_400.0
_VOLATILE = frozenset({"asked_at", "listed_by", "reason", "revisit"})
IDS = ("recording_id", "meeting_id", "meeting_number")

FIRST, LAST = -62_135_596_800, 253_402_300_799
Time = Annotated[float, msgspec.Meta(ge=FIRST, lt=LAST + 1)]
"""Seconds, since the epoch or of a duration, that a datetime can be."""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A part of a ledger. Types are checked when it is read: anyone who can write to the store can write ledgers."""

    def replace(self, **changes: Any) -> Self:
        """Return a copy with other values."""
        return msgspec.structs.replace(self, **changes)


class Seen(Record, frozen=True, kw_only=True):
    """The latest answer of the platform about an item; times are seconds since the epoch, in all classes here.

    :param entry: the entry that has it; decides between two answers of the same time.
    :param digest: of the recording's values; a change of it is a change of the recording.
    :param selector: what it was listed by; see `Recording.listed_by`.
    :param run: the run that took the item, at `taken_at`.
    :param asked_at: when the contents of its files were last asked for.
    :param missing_since: when a complete listing first lacked it, after it was ready.
    :param open_since: when it was opened, if it was not open.
    :param excluded_by: what has excluded it; see `Exclude.apply`.
    :param replaced_by: the id of the recording, which has its own item since it is known.
    """

    at: Time
    entry: str
    state: RecordingState
    digest: str
    selector: str
    run: str
    taken_at: Time
    asked_at: Time
    reason: str | None = None
    recording_id: str | None = None
    meeting_id: str | None = None
    meeting_number: str | None = None
    started_at: Time | None = None
    missing_since: Time | None = None
    open_since: Time | None = None
    excluded_by: str | None = None
    replaced_by: str | None = None

    @property
    def is_pending(self) -> bool:
        """Return whether the recording may still become ready; an overdue one is asked for again."""
        return self.state is RecordingState.OVERDUE or self.state.is_pending


class Settled(Record, frozen=True, kw_only=True):
    """What the latest load of an item has written.

    :param digest: of the recording that was loaded; see `Seen`.
    :param missing: kinds of files that the platform did not have yet, and ``speakers`` if it may still change them.
    :param refused: kinds of files that the platform refused.
    """

    at: Time
    entry: str
    digest: str
    missing: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


class Item(Record, frozen=True, kw_only=True):
    """A recording, or a meeting whose recording has no id yet.

    It is open while one of the entries that `opened` it is not `closed`. Who closes it names the entries that it has
    read, so that no two clocks are compared: an item that was opened in between stays open.

    :param settled_at: when it was settled for the first time; its age counts from then.
    """

    seen: Seen
    first_seen: Time
    settled: Settled | None = None
    settled_at: Time | None = None
    opened: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()

    @property
    def is_open(self) -> bool:
        """Return whether what was last seen of it may not be landed and loaded yet."""
        return not self.opened <= self.closed

    @property
    def is_live(self) -> bool:
        """Return whether it is open, or was settled and is not replaced."""
        return self.is_open or (self.settled is not None and self.seen.replaced_by is None)

    @property
    def waits_since(self) -> float:
        """Return since when it waits to be settled: since it was opened, or asked for by hand after its wait."""
        return self.seen.open_since or self.first_seen

    def is_expired(self, now: float, revisit: float) -> bool:
        """Return whether the wait for a pending recording has ended: it was asked for at its end, and is no more."""
        end = self.waits_since + revisit
        return self.is_open and self.seen.is_pending and end <= min(now, self.seen.taken_at)

    def holds_back(self, now: float, revisit: float) -> bool:
        """Return whether no load has written it in its present state, and one will."""
        written = self.settled is not None and self.settled.digest == self.seen.digest
        return self.is_open and not written and not self.is_expired(now, revisit)

    def next_check(self, revisit: float) -> float | None:
        """Return when it is asked for again; None if never.

        :param revisit: for how long a settled item is watched and a pending one is waited for, in seconds.
        """
        if self.is_open:
            due = self.seen.taken_at + TAKEN_FOR
            return None if self.is_expired(due, revisit) else due
        if self.settled is None or not self.is_live or self.seen.reason == FORGOTTEN:
            return None  # not live: another item has taken its place
        since = self.first_seen if self.settled_at is None else self.settled_at
        if self.settled.missing:
            due = self.seen.asked_at + TAKEN_FOR
        else:
            distance = DAY
            while since + distance <= self.seen.asked_at:
                distance *= 2
            due = since + distance
        last = since + revisit
        return min(due, last) if self.seen.asked_at < last else None

    def has_left(self, now: float, revisit: float) -> bool:
        """Return whether it is settled, too old to be watched, and its receipts say the rest.

        Why a recording has none, or is deleted, only the ledger says where there is no warehouse.
        """
        answered = (
            self.settled is not None
            and self.is_live
            and (self.seen.state is not RecordingState.READY or self.settled.refused)
        )
        old = now > (self.first_seen if self.settled_at is None else self.settled_at) + revisit
        return old and not self.is_open and not answered and self.next_check(revisit) is None

    def merge(self, other: Self) -> Self:
        """Return the item with what both know."""
        settled = [one for one in (self.settled, other.settled) if one]
        times = [one for one in (self.settled_at, other.settled_at) if one is not None]
        return self.replace(
            seen=max(self.seen, other.seen, key=_order),
            first_seen=min(self.first_seen, other.first_seen),
            settled=max(settled, key=_order, default=None),
            settled_at=min(times, default=None),
            opened=self.opened | other.opened,
            closed=self.closed | other.closed,
        )

    @property
    def ref(self) -> RecordingRef:
        """Return the ids to ask for it again."""
        started = self.seen.started_at
        return RecordingRef(
            **{name: getattr(self.seen, name) for name in IDS},
            started_at=None if started is None else pendulum.from_timestamp(started),
            listed_by=self.seen.selector,
        )


def key_of(recording: Recording | RecordingRef) -> str:
    """Return the key of a recording's item: by its id, else by its meeting.

    A number has many meetings, so that its key has the start as well.
    """
    if recording.recording_id:
        return f"recording:{recording.recording_id}"
    if recording.meeting_id:
        return f"meeting:{recording.meeting_id}"
    started = recording.started_at
    return f"number:{recording.meeting_number}@{int(started.timestamp()) if started else ''}"


def recording_digest(recording: Recording) -> str:
    """Return what changes when the platform's values of a recording change."""
    # Not by msgspec, which refuses the lone surrogates and large numbers that a recording made by hand may have.
    values = {name: value for name, value in recording.to_dict().items() if name not in _VOLATILE}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _order(value: Seen | Settled) -> tuple[float, str, str]:
    return value.at, value.entry, repr(value)
