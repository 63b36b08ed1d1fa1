"""The interface of every platform's client, in neutral terms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pendulum import DateTime

from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.media.session import MediaSession
from airflow_provider_meetings.api.models import Download, MediaFile, PlainJson, Recording
from airflow_provider_meetings.api.query import RecordingQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedWindow(PlainJson):
    """Proof that one listing was read to its end, with its pages and items.

    `selector` is the id that was queried; `start` and `end` are None where the platform answers by id alone.
    """

    endpoint: str
    selector: str
    start: DateTime | None
    end: DateTime | None
    pages: int
    items: int
    complete: bool = True


Report = Callable[[ListedWindow], None]


def _ignore(window: ListedWindow) -> None:
    pass


class MeetingsClient(ABC):
    """Query one platform, with one identity.

    :param transport: sends the API requests, with the base URL and retries of the connection.
    :param tenant: the owner of the data; part of the key of every row.
    :param media_session: opens media links; None derives it from `transport`, without further allowed hosts.
    """

    platform: ClassVar[str]
    selectors: ClassVar[tuple[str, ...]]
    """The selectors of a `RecordingQuery` that the platform supports."""
    takes_window: ClassVar[bool]
    """Whether the platform supports start and end."""
    kinds: ClassVar[tuple[str, ...]]
    """The kinds of media that the platform offers, one per format."""

    def __init__(self, transport: Transport, *, tenant: str, media_session: MediaSession | None = None) -> None:
        self.transport = transport
        self.tenant = tenant
        self.media_session = media_session or MediaSession(transport)

    def close(self) -> None:
        """Close the connections of the API and of the media hosts."""
        self.transport.close()
        self.media_session.close()

    def interrupt(self) -> None:
        """Stop what is in progress, in any thread: cut open media streams, end waits, retry nothing."""
        self.transport.interrupt()
        self.media_session.interrupt()

    def list(self, query: RecordingQuery, report: Report = _ignore) -> Iterator[Recording]:
        """Yield each recording that `query` selects, once, in any state.

        A meeting that is queried by its id always yields an item: with state ``absent`` if it has no recording.

        :param report: called with each window after its listing was read completely.
        :raises InvalidRequest: before the first request, if the platform does not support the query.
        """
        query.require(self.selectors, window=self.takes_window, platform=self.platform)
        return self._deduplicate(self._list(query, report))

    def check(self, query: RecordingQuery) -> tuple[Recording, ...]:
        """Return the current state of everything that `query` selects."""
        return tuple(self.list(self._window_for_check(query)))

    def _window_for_check(self, query: RecordingQuery) -> RecordingQuery:
        return query

    @staticmethod
    def _deduplicate(recordings: Iterator[Recording]) -> Iterator[Recording]:
        # Windows overlap at their ends, and pages shift while a list grows: a recording may be listed twice.
        seen: set[tuple[str | None, ...]] = set()
        for recording in recordings:
            meeting = () if recording.recording_id else (recording.meeting_id, recording.meeting_number)
            key = (recording.recording_id, *meeting)
            if key not in seen:
                seen.add(key)
                yield recording

    @abstractmethod
    def _list(self, query: RecordingQuery, report: Report) -> Iterator[Recording]:
        """Yield the recordings; duplicates are allowed."""

    @abstractmethod
    def media(self, recording: Recording, kinds: Sequence[str]) -> Iterator[MediaFile]:
        """Yield the files of a ready recording that have one of `kinds`; may call the platform."""

    @abstractmethod
    def open(self, media: MediaFile) -> Download | Iterator[bytes] | None:
        """Resolve the link of a file, or return the content if the API serves it; None if there is no such file."""

    @abstractmethod
    def whoami(self) -> str:
        """Fetch a token and describe its identity, for the connection test."""
