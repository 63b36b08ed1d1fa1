"""What every platform's client answers, in neutral terms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pendulum import DateTime

from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.media.session import MediaSession
from airflow_provider_meetings.api.models import Download, MediaFile, Recording
from airflow_provider_meetings.api.query import RecordingQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedWindow:
    """The proof that one listing was followed to its end: what was asked, and how much came.

    `selector` names the id that was asked for; `start` and `end` are None where the platform answers by id alone.
    """

    endpoint: str
    selector: str
    start: DateTime | None
    end: DateTime | None
    pages: int
    items: int

    def to_dict(self) -> dict[str, Any]:
        """Return the plain-JSON form; times in ISO 8601 UTC."""
        return {
            "endpoint": self.endpoint,
            "selector": self.selector,
            "start": self.start.isoformat() if self.start else None,
            "end": self.end.isoformat() if self.end else None,
            "pages": self.pages,
            "items": self.items,
            "complete": True,
        }


Report = Callable[[ListedWindow], None]


def _ignore(window: ListedWindow) -> None:
    pass


class MeetingsClient(ABC):
    """Ask one platform, as one identity.

    :param transport: sends the API requests, with the base URL and retries of the connection.
    :param tenant: the owner of the data; part of the key of every row.
    :param media_session: opens media links; None derives it from `transport`, without further allowed hosts.
    """

    platform: ClassVar[str]
    selectors: ClassVar[tuple[str, ...]]
    """The selectors of a `RecordingQuery` that this platform answers."""
    takes_window: ClassVar[bool]
    """Whether start and end mean something to this platform."""
    kinds: ClassVar[tuple[str, ...]]
    """The kinds of media it offers, each format of its own."""

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
        """Yield each recording that `query` means, once, in whatever state it is.

        A meeting that was asked for by its id is always answered: with state ``absent`` if it has no recording.

        :param report: is told each window whose listing was followed to its end.
        :raises InvalidRequest: before the first request, if the platform cannot answer the query.
        """
        query.require(self.selectors, window=self.takes_window, platform=self.platform)
        return self._once_each(self._list(query, report))

    def check(self, query: RecordingQuery) -> tuple[Recording, ...]:
        """Ask one round: where everything that `query` means stands now."""
        return tuple(self.list(self._window_for_check(query)))

    def _window_for_check(self, query: RecordingQuery) -> RecordingQuery:
        return query

    @staticmethod
    def _once_each(recordings: Iterator[Recording]) -> Iterator[Recording]:
        # Windows touch and pages shift while a list grows: the same recording may be listed twice.
        seen: set[tuple[str | None, ...]] = set()
        for recording in recordings:
            meeting = () if recording.recording_id else (recording.meeting_id, recording.meeting_number)
            key = (recording.recording_id, *meeting)
            if key not in seen:
                seen.add(key)
                yield recording

    @abstractmethod
    def _list(self, query: RecordingQuery, report: Report) -> Iterator[Recording]:
        """Yield the recordings; repetitions are allowed."""

    @abstractmethod
    def media(self, recording: Recording, kinds: Sequence[str]) -> Iterator[MediaFile]:
        """Name the files of a ready recording that are of the wanted kinds; may ask the platform."""

    @abstractmethod
    def open(self, media: MediaFile) -> Download | Iterator[bytes] | None:
        """Resolve a link now, or return the content that the API itself serves; None if there is no such file."""

    @abstractmethod
    def whoami(self) -> str:
        """Fetch a token and tell for whom; what a connection test needs."""
