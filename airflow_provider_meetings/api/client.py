"""The interface of every platform's client, in neutral terms."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any, ClassVar

import pendulum

from airflow_provider_meetings.api.costs import Requests, Volume
from airflow_provider_meetings.api.errors import Gone, InvalidRequest, MeetingsApiError, NotFound, NotReady, ServerError
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.media.session import MediaSession
from airflow_provider_meetings.api.models import Download, MediaFile, Recording, RecordingState
from airflow_provider_meetings.api.query import WINDOW, RecordingQuery, RecordingRef
from airflow_provider_meetings.api.windows import ListedWindow, Report, WindowOutcome, ignore, skipped

log = logging.getLogger(__name__)

NOT_LISTED = "no longer in the meeting's listing"
"""The reason of a listed recording that a platform, which cannot say that it is deleted, no longer lists."""

Wanted = Callable[[RecordingRef], RecordingRef | None]
"""Return the ids by which to ask for what a listing shows; None if its details are not needed."""


def everything(ref: RecordingRef) -> RecordingRef:
    """Return the ids as listed: all details are needed."""
    return ref


_STATES = {Gone: RecordingState.GONE, NotFound: RecordingState.UNKNOWN, NotReady: RecordingState.ABSENT}


class MeetingsClient(ABC):
    """Query one platform, with one identity.

    :param transport: sends the API requests, with the base URL and retries of the connection.
    :param tenant: the owner of the data; part of the key of every row.
    :param media_session: opens media links; None derives it from `transport`, without further allowed hosts.
    :param clock: what counts as now for meetings, in seconds since the epoch. Tokens, links and quotas follow the real
        clock.
    """

    platform: ClassVar[str]
    selectors: ClassVar[tuple[str, ...]]
    """The selectors of a `RecordingQuery` that the platform supports."""
    windowed: ClassVar[tuple[str, ...]] = ()
    """The selectors that the platform supports together with start and end."""
    visible: ClassVar[Mapping[str, str]] = {}
    """What the platform lists by a selector, as a sentence for a listing that found nothing."""
    kinds: ClassVar[tuple[str, ...]]
    """The kinds of media that the platform offers, one per format."""
    sharing_field: ClassVar[str] = ""
    """The field of a file's `source` with its sharing state; empty if the platform does not tell it."""
    linked_kinds: ClassVar[tuple[str, ...]] = ()
    """The kinds whose formats differ by file: `media` requests them."""
    states: ClassVar[Mapping[int, RecordingState]] = {}
    """The state that a code means for the object of the call, if its error does not say it; see `_state_of`."""
    object_codes: ClassVar[range] = range(0)
    """The codes of the meeting products: a request that one of them calls invalid has an unknown id."""

    def __init__(
        self,
        transport: Transport,
        *,
        tenant: str,
        media_session: MediaSession | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.transport = transport
        self.tenant = tenant
        self.clock = clock
        self.media_session = media_session or MediaSession(transport)

    def close(self) -> None:
        """Close the connections of the API and of the media hosts."""
        self.transport.close()
        self.media_session.close()

    def interrupt(self) -> None:
        """Stop what is in progress, in any thread: cut open media streams, end waits, retry nothing."""
        self.transport.interrupt()
        self.media_session.interrupt()

    def list(self, query: RecordingQuery, report: Report = ignore, wanted: Wanted = everything) -> Iterator[Recording]:
        """Yield each recording that `query` selects, once, in any state.

        A meeting that is queried by its id always yields an item: with state ``absent`` if it has no recording. An id
        that the platform refuses has a final state, one that it fails to answer is ``absent``; the reason says why.

        :param report: called with each window after its listing, also with those that the platform failed to list or
            refused.
        :raises InvalidRequest: before the first request, if the platform does not support the query.
        :raises ServerError: if the platform fails to answer for every id.
        """
        questions = self._questions(query)
        return deduplicate(self._answers(questions, report, len(questions), wanted), set())

    def _questions(self, query: RecordingQuery) -> tuple[RecordingQuery, ...]:
        """Split a query into one for each id.

        :raises InvalidRequest: if the platform does not support the query, or an id.
        """
        query.require(self.selectors, windowed=self.windowed, platform=self.platform)
        # Where recordings have no listing of their own, those of a meeting are listed together.
        return tuple(query.split(by_meeting="recording_ids" not in self.selectors))

    def _answers(
        self,
        questions: Iterable[RecordingQuery],
        report: Report,
        total: int | None = None,
        wanted: Wanted = everything,
    ) -> Iterator[Recording]:
        """Yield the answers to each question.

        :param total: the number of questions; if the platform fails to answer all of them, the last error is raised.
            None for what a listing has found: the platform has answered the listing.
        """
        failed, lost = 0, False
        for question in questions:
            listed_by = _selectors_of(question)
            unfinished: list[ListedWindow] = []

            def note(window: ListedWindow, unfinished: list[ListedWindow] = unfinished) -> None:
                # The error that follows says whether the platform failed or refused.
                (unfinished.append if window.outcome.is_incomplete else report)(window)

            try:
                for recording in self._list(question, note, wanted):
                    selector = listed_by.get(recording.recording_id, listed_by.get(None))
                    # What a listing consists of has the time of its own answer.
                    asked_at = recording.asked_at or pendulum.from_timestamp(self.clock())
                    yield replace(recording, listed_by=selector, asked_at=asked_at)
                lost = False
            except MeetingsApiError as error:
                state, reason = self._verdict(question, error, lost)
                is_failure = isinstance(error, ServerError)
                lost = isinstance(error, ServerError) and error.lost
                failed += is_failure
                outcome = WindowOutcome.FAILED if state is None or is_failure else WindowOutcome.REFUSED
                for window in _ended(question, unfinished, outcome, reason):
                    report(window)
                if state is None or failed == total:
                    raise
                for recording in self._unanswered(question, reason, state):
                    log.warning("%s is %s: %s", recording.label, recording.state, reason)
                    yield recording
            else:  # of what the listing consists of
                for window in unfinished:
                    report(window)

    def _answers_of_listed(self, questions: Iterable[RecordingQuery], report: Report) -> Iterator[Recording]:
        """Yield the answers to questions of which a listing consists; report only those that fail."""
        return self._answers(questions, lambda window: report(window) if window.outcome.is_incomplete else None)

    def _verdict(
        self, question: RecordingQuery, error: MeetingsApiError, lost: bool
    ) -> tuple[RecordingState | None, str]:
        """Return the state of what a question asks for, and its reason; None if other questions would fail as well.

        :param lost: whether the question before was lost.
        """
        if isinstance(error, ServerError) and not (error.concerns_all or (error.lost and lost)):
            return RecordingState.ABSENT, str(error)
        # A window alone names no object that could have the state.
        return None if question.selectors == (WINDOW,) else self._state_of(error), reason_of(error)

    def _state_of(self, error: MeetingsApiError) -> RecordingState | None:
        """Return the state of the object of a refused call; None if other calls would be refused as well.

        A permission may be that of the app or of the object: only `states` can say it.
        """
        default = _STATES.get(type(error))
        if isinstance(error, InvalidRequest) and error.code in self.object_codes:
            default = RecordingState.UNKNOWN
        return self.states.get(error.code or 0, default)

    def refuses(self, error: MeetingsApiError) -> bool:
        """Return whether the object of a call is gone, forbidden or unknown, while other calls may succeed."""
        state = self._state_of(error)
        return state is not None and not state.is_pending

    def _unanswered(
        self, query: RecordingQuery, reason: str, state: RecordingState = RecordingState.ABSENT
    ) -> tuple[Recording, ...]:
        """Return a recording for each id of a query, without anything else known of it."""
        known: dict[str, Any] = {"platform": self.platform, "tenant": self.tenant, "state": state, "reason": reason}
        known["asked_at"] = pendulum.from_timestamp(self.clock())
        return tuple(Recording(**{"recording_id": None, **ids, **known}) for ids in query.ids())

    def check(self, query: RecordingQuery) -> tuple[Recording, ...]:
        """Return the current state of everything that `query` selects."""
        return tuple(self.list(self._window_for_check(query)))

    def _window_for_check(self, query: RecordingQuery) -> RecordingQuery:
        return query

    @abstractmethod
    def _list(self, query: RecordingQuery, report: Report, wanted: Wanted) -> Iterator[Recording]:
        """Yield the recordings of one of the `_questions`; duplicates are allowed."""

    @abstractmethod
    def media(self, recording: Recording, kinds: Sequence[str]) -> Iterator[MediaFile]:
        """Yield the files of a ready recording that have one of `kinds`; may call the platform."""

    @abstractmethod
    def open(self, media: MediaFile) -> Download | Iterator[bytes] | None:
        """Resolve the link of a file, or return the content if the API serves it; None if there is no such file."""

    @abstractmethod
    def requests_of(self, query: RecordingQuery, volume: Volume, kinds: Sequence[str]) -> Iterator[Requests]:
        """Yield what it costs to list a query with one selector, and to land files of `kinds`; sends no request."""

    @abstractmethod
    def whoami(self) -> str:
        """Fetch a token and describe its identity, for the connection test."""


def _ended(
    question: RecordingQuery, unfinished: Sequence[ListedWindow], outcome: WindowOutcome, reason: str
) -> Iterator[ListedWindow]:
    """Yield the windows of a question whose listing ended by an error."""
    if not unfinished:  # without the name of the endpoint, which did not answer
        selector = next(filter(None, next(question.ids(), {}).values()), "")
        window = skipped(question.selectors[0], selector, question.start, question.end)
        unfinished = (replace(window, outcome=WindowOutcome.FAILED),)
    for window in unfinished:
        known = window.outcome is WindowOutcome.SKIPPED and outcome is WindowOutcome.FAILED
        yield window if known else replace(window, outcome=outcome, reason=reason)


def _selectors_of(question: RecordingQuery) -> dict[str | None, str | None]:
    """Return `Recording.listed_by` by recording id; None is the key for the others."""
    if question.recordings:
        return {ref.recording_id: ref.listed_by for ref in question.recordings}
    return {None: next((f"{name}:{value}" for ids in question.ids() for name, value in ids.items()), WINDOW)}


def deduplicate(recordings: Iterable[Recording], seen: set[bytes]) -> Iterator[Recording]:
    """Yield each recording whose key is not in `seen`, and add the key."""
    # Windows overlap at their ends, and pages shift while a list grows: a recording may be listed twice.
    for recording in recordings:
        if recording.recording_id or recording.meeting_id:
            ids: tuple[object, ...] = (recording.recording_id, recording.recording_id or recording.meeting_id)
        else:
            ids = (recording.meeting_number, recording.owner_id, recording.started_at)
        if (key := digest(repr(ids))) not in seen:
            seen.add(key)
            yield recording


def digest(key: str) -> bytes:
    """Return what stands for a key in a set that grows with a listing: 16 bytes."""
    return blake2b(key.encode(errors="surrogatepass"), digest_size=16).digest()


def reason_of(error: MeetingsApiError) -> str:
    """Return the platform's message and code, or what happened if there is none."""
    return error.what if error.code is None else f"{error.vendor_message} (code {error.code})".lstrip()
