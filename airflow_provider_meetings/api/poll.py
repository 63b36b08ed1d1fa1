"""Poll for recordings: keep the answers, and ask again only for what is pending."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain, islice
from typing import Any, Literal

from airflow_provider_meetings.api.client import MeetingsClient, deduplicate
from airflow_provider_meetings.api.errors import Gone, NotFound, PermissionDenied, RateLimited, ServerError
from airflow_provider_meetings.api.models import Recording, RecordingState
from airflow_provider_meetings.api.query import SELECTORS, RecordingQuery

Until = Literal["ready", "settled"]

_FAILURES = {RecordingState.GONE: Gone, RecordingState.FORBIDDEN: PermissionDenied, RecordingState.UNKNOWN: NotFound}


class Poll:
    """The answers to a query so far, one for each of its ids.

    An id that the platform fails to answer is pending, and the error is its reason.

    :param until: ``ready``: a recording that will never be ready is an error; ``settled``: it is not.
    """

    def __init__(self, query: RecordingQuery, until: Until) -> None:
        self.query = query
        self.until = until
        self.answered = False
        self._answers: dict[RecordingQuery, tuple[Recording, ...]] = {}
        self._failed: set[RecordingQuery] = set()
        self._last_error = ""
        self._waiting: deque[RecordingQuery] = deque()

    def ask(self, client: MeetingsClient) -> bool:
        """Ask once for each id that is pending, and return whether none is any more; the answers before an error stay.

        :raises MeetingsApiError: for an error that is not about one id; ServerError also if the platform fails to
            answer for every id, and has never answered for one.
        :raises Gone, PermissionDenied, NotFound: with ``ready``, for a recording that will never be ready.
        """
        if not self._answers:
            self._waiting.extend(client._questions(self.query))
            self._answers = {question: client._unanswered(question, "not asked yet") for question in self._waiting}
            self._failed.update(self._waiting)
        failure: ServerError | None = None
        lost = False
        for _ in range(len(self._waiting)):
            # Last in the next round: an id whose error ends each round must not keep the others from being asked.
            self._waiting.rotate(-1)
            question = self._waiting[-1]
            # The next poll repeats a failed call. Before the first answer, no other answer is lost by an error.
            client.transport.caller.repeat_failures = not (self.answered or failure)
            try:
                answer = client.check(question)
            except (RateLimited, ServerError) as error:
                pending = self._answers[question]
                self._answers[question] = tuple(
                    replace(r, reason=str(error)) if r.state.is_pending else r for r in pending
                )
                self._failed.add(question)
                if isinstance(error, RateLimited) or error.concerns_all or (error.lost and lost):
                    raise
                failure, lost = error, error.lost
                continue
            self.answered, lost = True, False
            self._failed.discard(question)
            self._answers[question] = answer
            if answer and not any(recording.state.is_pending for recording in answer):
                self._waiting.pop()
        self._last_error = str(failure or "")
        if failure and not self.answered:
            raise failure
        return self._is_done()

    def _is_done(self) -> bool:
        for recording in self.recordings if self.until == "ready" else ():
            if error := _FAILURES.get(recording.state):
                raise error(
                    f"{recording.platform} recording {recording.label} will never be ready, it is {recording.state}: "
                    f"{recording.reason or 'no reason'}",
                    next_step="Leave it out, or use until='settled' to accept this state.",
                )
        # An owner without recordings is asked for again, but alone does not wait for the first one.
        return bool(self.recordings) and not any(recording.state.is_pending for recording in self.recordings)

    @property
    def recordings(self) -> tuple[Recording, ...]:
        """The recordings of all ids."""
        return tuple(chain.from_iterable(self.answers()))

    def answers(self, *, late: bool = False) -> list[tuple[Recording, ...]]:
        """Return the recordings of each id, in the query's order, each recording once.

        :param late: whether pending recordings are overdue.
        """
        found, seen = [], set[bytes]()
        for question, answer in self._answers.items():
            if late:
                answer = tuple(_overdue(r, question in self._failed) if r.state.is_pending else r for r in answer)
            found.append(tuple(deduplicate(answer, seen)))
        return found

    def describe(self) -> str:
        """Return the ids and states of the pending recordings, and the last error, for a log line."""
        names = [f"{r.label} ({r.state})" for r in self.recordings if r.state.is_pending]
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        error = f". Last error: {self._last_error}" if self._last_error else ""
        return (", ".join(names[:10]) + more or "nothing listed yet") + error

    def rest(self) -> tuple[RecordingQuery, str]:
        """Return the query of what is pending, and the other answers as JSON for `merge`; empty if there are none.

        The query has one settled id, by whose answer another poll tells a failing id from a failing platform.
        """
        waiting = set(self._waiting)
        settled = set([question for question in self._answers if question not in waiting][1:])
        asked = [question for question in self._answers if question not in settled] or [self.query]
        ids: dict[str, Any] = {name: tuple(chain(*(getattr(q, name) for q in asked))) for name in SELECTORS}
        answers = [
            [recording.to_dict() for recording in answer] if question in settled else None
            for question, answer in zip(self._answers, self.answers(), strict=True)
        ]
        return replace(self.query, **ids), json.dumps(answers) if settled else ""


def _overdue(recording: Recording, failed: bool) -> Recording:
    reason = f"still {recording.state} at the deadline" + (f": {recording.reason}" if failed else "")
    return replace(recording, state=RecordingState.OVERDUE, reason=reason)


def merge(settled: str, found: Iterable[Mapping[str, Any]], counts: Iterable[int]) -> list[dict[str, Any]]:
    """Return the recordings of a query, in its order, from the answers to the two parts of `Poll.rest`.

    :param counts: how many recordings of `found` each id has.
    """
    rest, sizes = iter(found), iter(counts)
    answers = (islice(rest, next(sizes)) if answer is None else answer for answer in json.loads(settled))
    recordings = map(Recording.from_dict, chain.from_iterable(answers))
    return [recording.to_dict() for recording in deduplicate(recordings, set())]
