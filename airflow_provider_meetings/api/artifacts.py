"""Rows read from artifact files: chapters, to-dos, keywords and statistics of a recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_meetings.api.models import OfRecording, StoredFile, TranscriptSegment


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter(OfRecording):
    """A chapter; `start_ms` and `stop_ms` count from the start of the recording, `source` is the platform's JSON."""

    item_no: int
    title: str | None = None
    start_ms: int | None = None
    stop_ms: int | None = None
    summary: str | None = None
    source: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Todo(OfRecording):
    """A to-do and its assignees; `source` is the platform's JSON."""

    item_no: int
    content: str | None = None
    assignees: Sequence[str] | None = None
    source: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyword(OfRecording):
    """A keyword."""

    item_no: int
    keyword: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics(OfRecording):
    """Views of a recording; `source` is the platform's JSON.

    :param viewers: ``{"user_id": .., "viewed_at": ..}`` for each person's last view, in UTC; the id may be None.
    """

    user_view_count: int | None = None
    page_view_count: int | None = None
    viewers: Sequence[Mapping[str, str | None]] | None = None
    source: Any = None


ArtifactRow = TranscriptSegment | Chapter | Todo | Keyword | Statistics


@dataclass(frozen=True, slots=True)
class Reader:
    """The reader of one kind of file.

    :param item: the class of its rows.
    :param read: returns the rows of a stored file and its bytes; accepts any bytes and drops none.
    """

    item: type[ArtifactRow]
    read: Callable[[StoredFile, bytes], Iterator[ArtifactRow]]
