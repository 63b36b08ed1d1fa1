"""What a platform noted and counted about a recording, and how files are read back into such rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_meetings.api.models import PlainJson, StoredFile, TranscriptSegment


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter(PlainJson):
    """A chapter; `start_ms` and `stop_ms` from the recording's beginning, `source` as the platform wrote it."""

    platform: str
    tenant: str
    recording_id: str
    item_no: int
    title: str | None = None
    start_ms: int | None = None
    stop_ms: int | None = None
    summary: str | None = None
    source: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Todo(PlainJson):
    """A to-do, and whose it is; `source` as the platform wrote it."""

    platform: str
    tenant: str
    recording_id: str
    item_no: int
    content: str | None = None
    assignees: Sequence[str] | None = None
    source: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics(PlainJson):
    """How often a recording was looked at until it was asked for; `source` as the platform wrote it.

    :param viewers: ``{"user_id": .., "viewed_at": ..}`` of each person's last look, in UTC; the id may be None.
    """

    platform: str
    tenant: str
    recording_id: str
    user_view_count: int | None = None
    page_view_count: int | None = None
    viewers: Sequence[Mapping[str, str | None]] | None = None
    source: Any = None


ArtifactRow = TranscriptSegment | Chapter | Todo | Statistics


@dataclass(frozen=True, slots=True)
class Reader:
    """How one kind of file is read back.

    :param item: what stands in it.
    :param read: makes them of the stored file and its bytes; takes any bytes, and loses nothing of them.
    """

    item: type[ArtifactRow]
    read: Callable[[StoredFile, bytes], Iterator[ArtifactRow]]
