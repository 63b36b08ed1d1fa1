"""One listing by a ledger: which windows it lists, which recordings it returns, and what it writes."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import replace

import pendulum

from airflow_provider_meetings.api.client import NOT_LISTED
from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.exclude import Exclude
from airflow_provider_meetings.api.ledger.items import DAY, TAKEN_FOR, Item, Seen, Settled, key_of, recording_digest
from airflow_provider_meetings.api.ledger.ledger import new_entry
from airflow_provider_meetings.api.ledger.marks import FORGOTTEN
from airflow_provider_meetings.api.ledger.state import Interval, State
from airflow_provider_meetings.api.models import Recording, RecordingState
from airflow_provider_meetings.api.query import WINDOW, RecordingRef

_MOMENT = 0.001
_EXISTED = frozenset({RecordingState.READY, RecordingState.GONE, RecordingState.EXCLUDED})


class LedgerRun:
    """One run. The ledger does not change until `changes` are written, before the recordings are returned.

    :param state: what the ledger holds.
    :param run: names the run; a retry has the same name.
    :param now: the moment of asking, in seconds since the epoch.
    :param revisit: in seconds; see `Item.next_check`.
    :param landed: the keys of what has a receipt; for a new ledger. Those that are too old to be watched stay out.
    :param exclude: None excludes nothing.
    """

    def __init__(
        self,
        state: State,
        *,
        run: str,
        now: float,
        revisit: float,
        landed: Container[str] = (),
        exclude: Exclude | None = None,
    ) -> None:
        self.entry = new_entry()
        self._exclude = exclude or Exclude({})
        self.changes = State()
        self._state = state
        self._run = run
        self._now = now
        self._revisit = revisit
        self._landed = landed
        self._shown: set[str] = set()
        self._complete: list[tuple[str, Interval]] = []
        # By meeting: those whose recording has an id are listed by their meeting all the same.
        self._by_meeting: dict[str, list[str]] = {}
        for key, item in state.items.items():
            if item.seen.meeting_id:
                self._by_meeting.setdefault(item.seen.meeting_id, []).append(key)

    def begin(self, selector: str, start: float | None) -> float:
        """Return where the listing of a selector begins: so that no gap remains, and what is watched is listed again.

        :param start: where the ledger begins; ignored later.
        """
        listed = self._state.listed_up_to(selector)
        if listed is not None:
            # A day more: a recording is watched from when it settled, mostly within a day after its start, and one that
            # no listing shows costs a request of its own.
            return max(self._state.since[selector], min(listed, self._now - self._revisit - DAY))
        if start is None:
            raise InvalidRequest(
                f"The ledger has not listed {selector} yet", next_step="Set start: the ledger begins there."
            )
        return start

    def wanted(self, ref: RecordingRef) -> RecordingRef | None:
        """Note that a listing shows a recording; return by which ids to ask for it, None if it is not needed now.

        A recording whose id is known is asked for by it: to ask for its meeting would be one more request.
        """
        key = key_of(ref)
        if key in self._landed and self._is_old(ref):
            return None
        known = {key: self._state.items.get(key) for key in (key, *self._by_meeting.get(ref.meeting_id or "", ()))}
        # One that was closed unsettled says nothing: its recording has its own item, or the report lacked the meeting.
        items = {key: item for key, item in known.items() if item and item.is_live}
        self._shown.update(known)
        due = [item for item in items.values() if self._is_due(item)]
        named = (item.ref for item in due if item.seen.recording_id)
        return next(named, ref) if due or not items else None

    def listed(self, selector: str, start: float, end: float, *, begins: bool) -> None:
        """Note that a window was listed whole.

        :param begins: whether the listings of the selector without an end continue from here.
        """
        self.changes.merge(
            State(intervals={selector: ((start, min(end, self._now)),)}, since={selector: start} if begins else {})
        )
        self._complete.append((selector, (start, end)))

    def take(self, recording: Recording, *, by_hand: bool = False) -> Recording | None:
        """Return a recording that the platform has answered with, if it must be landed or loaded; None if not.

        An item that another run took less than an hour ago is not returned, unless it has changed; what was forgotten
        is closed, and not returned.

        :param by_hand: whether the user has named it: it is returned also if it is not due, and its wait begins anew.
        """
        if not (recording.recording_id or recording.meeting_id or recording.meeting_number):
            return recording  # a refused owner: no recording, and asked for again by each listing
        listed_by = recording.listed_by or WINDOW
        recording, excluded_by = self._exclude.apply(recording)
        key = key_of(recording)
        self._shown.add(key)
        self._supersede(recording)
        item = self._state.items.get(key)
        if item is None and key in self._landed and self._is_old(recording):
            return None
        if item is None and recording.state is RecordingState.ABSENT and self._is_listed(recording):
            return None  # the later windows of an id may be empty
        if item and item.seen.state in _EXISTED and recording.state.is_pending:
            return None  # it has existed: the platform failed to answer; it stays due
        missing_since = None
        if item and item.seen.state in _EXISTED and recording.reason == NOT_LISTED:
            missing_since = item.seen.missing_since or self._now
            since = pendulum.from_timestamp(missing_since).isoformat()
            recording = replace(recording, state=RecordingState.GONE, reason=f"not listed since {since}")
        digest = recording_digest(recording)
        changed = item is None or item.seen.digest != digest
        is_first_miss = missing_since is not None and self._now - missing_since < DAY
        # A meeting that the report lacked, and shows again.
        returned = item and not item.is_live and item.seen.selector == WINDOW
        if item and (is_first_miss or not (by_hand or changed or returned or self._is_due(item))):
            if item.seen.missing_since != missing_since:
                seen = item.seen.replace(at=self._later(item), missing_since=missing_since)
                self.changes.items[key] = item.replace(seen=seen)
            return None
        seen = Seen(
            at=self._later(item),
            entry=self.entry,
            state=recording.state,
            digest=digest,
            selector=item.seen.selector if item else listed_by,
            run=self._run,
            taken_at=self._now,
            asked_at=self._now,
            reason=recording.reason,
            recording_id=recording.recording_id,
            meeting_id=recording.meeting_id,
            meeting_number=recording.meeting_number,
            started_at=recording.started_at.timestamp() if recording.started_at else None,
            missing_since=missing_since,
            open_since=self._open_since(item, by_hand=by_hand),
            excluded_by=excluded_by,
        )
        if recording.reason == FORGOTTEN:
            item = item or Item(seen=seen, first_seen=self._now)
            settled = Settled(at=self._now, entry=self.entry, digest=digest)
            self.changes.items[key] = item.replace(seen=seen, closed=item.closed | item.opened, settled=settled)
            return None
        self._open(key, item, seen, changed=changed)
        return replace(recording, revisit=item is not None and item.settled is not None)

    def due(self) -> Iterator[RecordingRef]:
        """Yield what must be asked for by its ids, after the listings: what is due and what complete listings lack."""
        for key, item in self._state.items.items():
            if key in self._shown:
                continue
            lacking = self._lacks(item)
            if lacking and item.seen.recording_id is None and item.seen.selector == WINDOW:
                # The report shows meetings with a recording: this one ended without one.
                self.changes.items[key] = item.replace(closed=item.closed | item.opened)
            elif self._is_due(item) or (lacking and item.seen.state == RecordingState.READY):
                yield item.ref

    def _open(self, key: str, item: Item | None, seen: Seen, *, changed: bool) -> None:
        """Open an item for this run, whose load closes it; what is still pending stays open as it is."""
        if item is None:
            item = Item(seen=seen, first_seen=self._now, opened=frozenset({self.entry}))
        elif changed or not item.is_open or not seen.is_pending:
            opened = item.opened | {self.entry}
            item = item.replace(opened=opened, closed=item.closed | item.opened)
        self.changes.items[key] = item.replace(seen=seen, first_seen=min(item.first_seen, self._now))

    def _open_since(self, item: Item | None, *, by_hand: bool) -> float:
        if item is None or not item.is_open or (by_hand and item.is_expired(self._now, self._revisit)):
            return self._now
        return min(item.waits_since, self._now)

    def _supersede(self, recording: Recording) -> None:
        """Close the item of a meeting whose recording has an id now: the recording has its own, and is asked for."""
        if recording.recording_id is None:
            return
        number = replace(recording, recording_id=None, meeting_id=None)
        for key in {
            key_of(one) for one in (replace(recording, recording_id=None), number, replace(number, started_at=None))
        }:
            if (item := self._state.items.get(key)) and item.is_live:
                seen = item.seen.replace(at=self._later(item), replaced_by=recording.recording_id)
                self.changes.items[key] = item.replace(seen=seen, closed=item.closed | item.opened)

    def _later(self, item: Item | None) -> float:
        """Return now, or a moment after what was seen before: by a clock that ran ahead it would win for years."""
        return self._now if item is None else max(self._now, item.seen.at + _MOMENT)

    def _is_due(self, item: Item) -> bool:
        if item.is_open and (item.seen.run == self._run or item.seen.is_pending):
            return not item.is_expired(self._now, self._revisit)
        if item.seen.taken_at > self._now + TAKEN_FOR and item.is_live:
            return True  # taken by a clock that ran ahead
        if item.seen.excluded_by and item.seen.excluded_by not in self._exclude:
            return True
        due = item.next_check(self._revisit)
        return due is not None and due <= self._now

    def _is_listed(self, recording: Recording) -> bool:
        """Return whether an answer is about the id of a selector that an earlier run has listed."""
        name = "meeting_id" if recording.meeting_id else "meeting_number"
        return (
            recording.listed_by == f"{name}:{getattr(recording, name)}" and recording.listed_by in self._state.intervals
        )

    def _lacks(self, item: Item) -> bool:
        """Return whether a complete listing should have shown an item, and has not."""
        started = item.seen.started_at
        return started is not None and any(
            item.seen.selector == selector and start <= started < end for selector, (start, end) in self._complete
        )

    def _is_old(self, recording: Recording | RecordingRef) -> bool:
        return recording.started_at is not None and recording.started_at.timestamp() < self._now - self._revisit
