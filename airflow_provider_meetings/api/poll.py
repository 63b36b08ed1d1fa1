"""Poll for recordings: keep the state of each item, and ask again only for what is pending."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, Literal

import pendulum

from airflow_provider_meetings.api.client import MeetingsClient, deduplicate
from airflow_provider_meetings.api.errors import (
    Gone,
    InvalidRequest,
    MeetingsApiError,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerError,
)
from airflow_provider_meetings.api.models import Recording, RecordingState
from airflow_provider_meetings.api.query import RecordingQuery, RecordingRef, item_key

Until = Literal["ready", "settled"]

MAX_ITEMS = 1_000
"""The most items of a wait, and the most recordings of one item."""
PARTLY = "partly"
"""The state of a pending item of which a recording has a final state."""
EMPTY = ""
"""The state of an owner without recordings: it is asked again, but no wait is for it alone."""
_PENDING = {None, EMPTY, PARTLY, *(str(state) for state in RecordingState if state.is_pending)}
_FAILURES = {RecordingState.GONE: Gone, RecordingState.FORBIDDEN: PermissionDenied, RecordingState.UNKNOWN: NotFound}
_REASONS, _REASON_LENGTH = 50, 200
_IDS = ("recording_id", "meeting_id", "meeting_number", "owner_id")


class Poll:
    """The states of a query's items so far; an item is one id, or one recording of an earlier listing.

    An item that the platform fails to answer is pending, and the error is its reason.

    :param until: ``ready``: a recording that will never be ready is an error; ``settled``: it is not.
    :param known: what `known` of another process returned: its states count, but final ones are asked for once more.
    :param keep: whether the recordings are needed; without them only the states are kept.
    :raises InvalidRequest: if the query selects no item, or more than 1,000.
    """

    def __init__(
        self, query: RecordingQuery, until: Until, known: Mapping[str, Any] | None = None, *, keep: bool = True
    ) -> None:
        known = known or {}
        self.query = query
        self.until = until
        self.states: dict[str, str] = dict(known.get("states", {}))
        """By `item_key`, also of items that are not in the query."""
        self.answered: bool = known.get("answered", False)
        """Whether the platform has ever answered; then an id that fails is no failure of the platform."""
        self._reasons: dict[str, str] = dict(known.get("reasons", {}))
        self._keep = keep
        self._items = query.items()
        if not self._items:
            raise InvalidRequest("A wait for a window needs owner_ids, or ids: give one of them")
        if len(self._items) > MAX_ITEMS:
            raise _too_many(f"{len(self._items)} items")
        self._recordings: dict[str, tuple[Recording, ...]] = {}
        self._failed: set[str] = set()
        self._late = False
        self._round: deque[RecordingQuery] = deque()
        self._failure: MeetingsApiError | None = None
        self._lost = False

    @property
    def waiting(self) -> list[str]:
        """The keys of the items that are pending; empty owners only if something else is pending too."""
        keys = [key for key in self._items if self.states.get(key) in _PENDING and not self._late]
        # A copy: after a deadline, a thread that the platform does not answer may still use the poll.
        alone = all(self.states.get(key) == EMPTY for key in keys) and any(list(self.states.values()))
        return [] if alone else keys

    @property
    def unfetched(self) -> list[str]:
        """The keys of the items whose recordings another process has seen: also a deleted one has an id."""
        seen = [key for key in self._items if (state := self.states.get(key)) == PARTLY or state not in _PENDING]
        return [key for key in seen if key not in self._recordings] if self._keep else []

    @property
    def left(self) -> int:
        """The number of questions that the round has left."""
        return len(self._round)

    def ask(self, client: MeetingsClient, most: int | None = None) -> bool:
        """Ask once for each pending item, or if there is none, for the recordings of the others.

        :param most: the number of questions to ask now; None means all.
        :returns: whether the round has ended; otherwise the next call continues it.
        :raises MeetingsApiError: for an error that is not about one id; ServerError also if the platform fails to
            answer for every id, and has never answered for one. The answers before it stay; the next call continues.
        :raises Gone, PermissionDenied, NotFound: with ``ready``, for a recording that will never be ready.
        """
        if not self._round:
            if (start := self.query.start) and start > pendulum.now():
                raise InvalidRequest(
                    f"start ({start.isoformat()}) is in the future: no recording can be in the window yet",
                    next_step="Run the task after the start of the window.",
                )
            self._failure, self._lost = None, False
            if keys := self.waiting or self.unfetched:
                self._round.extend(client._questions(self.query.only(self._items[key] for key in keys)))
        for _ in range(min(most or self.left, self.left)):
            question = self._round.popleft()
            try:
                self._ask(client, question)
            except MeetingsApiError as error:
                # Last: an id whose error ends each round must not keep the others from being asked.
                self._round.append(question)
                self._failure = error
                raise
        if self._round:
            return False
        if self._failure and not self.answered:
            raise self._failure
        return True

    def _ask(self, client: MeetingsClient, question: RecordingQuery) -> None:
        keys = [item_key(ids) for ids in question.ids()]
        # The next poll repeats a failed call. Before the first answer, no other answer is lost by an error.
        client.transport.caller.repeat_failures = not (self.answered or self._failure)
        try:
            answer = client.check(question)
        except (RateLimited, ServerError) as error:
            self._reasons.update(dict.fromkeys(keys, str(error)))
            self._failed.update(keys)
            if isinstance(error, RateLimited) or error.concerns_all or (error.lost and (self._lost or self._late)):
                raise
            self._failure, self._lost = error, error.lost
            return
        if len(answer) > MAX_ITEMS:
            raise _too_many(f"{next(filter(None, next(question.ids()).values()))} has {len(answer)} recordings")
        self.answered, self._lost = True, False
        for key, recordings in _by_item(keys, answer).items():
            self._keep_answer(key, recordings)

    def _keep_answer(self, key: str, recordings: tuple[Recording, ...]) -> None:
        self._failed.discard(key)
        self._reasons.pop(key, None)
        self.states[key], reason = _state_of(recordings)
        if reason:
            self._reasons[key] = reason
        if self._keep:
            self._recordings[key] = recordings
        for recording in recordings if self.until == "ready" else ():
            if error := _FAILURES.get(recording.state):
                raise error(
                    f"{recording.platform} recording {recording.label} will never be ready, it is {recording.state}: "
                    f"{recording.reason or 'no reason'}",
                    next_step="Leave it out, or use until='settled' to accept this state.",
                )

    def expire(self) -> None:
        """Stop waiting: from now on, pending items are overdue, and the first call without an answer ends a round."""
        self._late = True
        self._round.clear()

    def results(self, client: MeetingsClient) -> list[Recording]:
        """Return the recordings of all items, in the query's order, each once; what is still pending is overdue."""
        found: list[Recording] = []
        for key, item in self._items.items():
            reason = self._reasons.get(key)
            if (recordings := self._recordings.get(key)) is None:
                state = self.states.get(key, "absent")
                known = RecordingState.PROCESSING if state in {"ready", PARTLY, EMPTY} else RecordingState(state)
                recordings = client._unanswered(self.query.only([item]), reason or "", known)
            elif key not in self._failed:
                reason = None
            found.extend(_overdue(recording, reason) for recording in recordings)
        return list(deduplicate(found, set()))

    def describe(self) -> str:
        """Return the number, ids and states of the pending items, and the last error, for a log line."""
        waiting = set(self.waiting)
        first = islice((key for key in self._items if key in waiting), 10)
        names = [f"{_label(*self._items[key])} ({self.states.get(key) or 'absent'})" for key in first]
        more = f" and {len(waiting) - 10} more" if len(waiting) > 10 else ""
        error = f". Last error: {self._failure}" if self._failure else ""
        return (", ".join(names) + more or "nothing listed yet") + error

    def rest(self, client: MeetingsClient) -> RecordingQuery:
        """Return the query of what is pending, with no more than is needed to ask for it."""
        by_recording = "recording_ids" in client.selectors
        items: list[tuple[str, str | RecordingRef]] = []
        for name, value in (self._items[key] for key in self.waiting or self.unfetched):
            if isinstance(value, RecordingRef):
                if by_recording and value.recording_id:
                    value = RecordingRef(recording_id=value.recording_id, meeting_id=None)
                else:
                    by_owner = value.listed_by if (value.listed_by or "").startswith("owner_id:") else None
                    number = None if value.meeting_id else value.meeting_number
                    value = replace(value, listed_by=by_owner, meeting_number=number)
            items.append((name, value))
        return self.query.only(items)

    def known(self, without: Container[str] = ()) -> dict[str, Any]:
        """Return what another process needs, as plain JSON: the states, and 50 errors or reasons of final states.

        :param without: the keys of items whose states are left out.
        """
        states = {key: state for key, state in list(self.states.items()) if key not in without}
        reasons = [
            (key, reason[:_REASON_LENGTH])
            for key, reason in list(self._reasons.items())
            if key in self._failed or self.states.get(key) not in _PENDING
        ]
        return {"states": states, "reasons": dict(reasons[:_REASONS]), "answered": self.answered}


def _too_many(what: str) -> InvalidRequest:
    return InvalidRequest(
        f"A wait takes at most {MAX_ITEMS:,} items: {what}",
        next_step="Map the sensor over batches (batches_to of the listing, then expand), or use smaller ones.",
    )


def _state_of(recordings: tuple[Recording, ...]) -> tuple[str, str | None]:
    """Return the state of an item, and the reason for it."""
    pending = [r for r in recordings if r.state.is_pending]
    if pending:
        return str(pending[0].state) if len(pending) == len(recordings) else PARTLY, pending[0].reason
    if not recordings:
        return EMPTY, None
    if any(r.state is RecordingState.READY for r in recordings) or len(recordings) > 1:
        return str(RecordingState.READY), None
    return str(recordings[0].state), recordings[0].reason


def _by_item(keys: list[str], answer: tuple[Recording, ...]) -> dict[str, tuple[Recording, ...]]:
    """Divide an answer among the items of its question."""
    if len(keys) == 1:
        return {keys[0]: answer}
    found: dict[str, tuple[Recording, ...]] = dict.fromkeys(keys, ())
    for recording in answer:
        own = (item_key({name: value}) for name in _IDS if (value := getattr(recording, name)))
        if key := next((key for key in own if key in found), None):
            found[key] += (recording,)
    return found


def _overdue(recording: Recording, error: str | None) -> Recording:
    if not recording.state.is_pending:
        return recording
    reason = f"still {recording.state} at the deadline" + (f": {error}" if error else "")
    return replace(recording, state=RecordingState.OVERDUE, reason=reason)


def _label(name: str, value: str | RecordingRef) -> str:
    if isinstance(value, RecordingRef):
        return next(filter(None, (value.recording_id, value.meeting_id, value.meeting_number, "?")))
    return f"{name.removesuffix('_ids').removesuffix('s').replace('_', ' ')} {value}"
