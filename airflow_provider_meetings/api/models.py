"""The values that all platforms share: recordings, media files, stored files, transcript segments and posts.

They are frozen; times are aware UTC; tasks pass them as plain JSON (`to_dict`, `from_dict`). Only `Download` holds a
download link, and it has no JSON form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Self

from pendulum import DateTime

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.sanitize import NeverPickled
from airflow_provider_meetings.api.times import parse_time


class RecordingState(StrEnum):
    """The first three mean "not yet"; only sensors set `overdue`, and only the user's rules and marks `excluded`."""

    RECORDING = "recording"
    PROCESSING = "processing"
    ABSENT = "absent"
    READY = "ready"
    GONE = "gone"
    FORBIDDEN = "forbidden"
    UNKNOWN = "unknown"
    OVERDUE = "overdue"
    EXCLUDED = "excluded"

    @property
    def is_pending(self) -> bool:
        """Return whether the recording may still become ready."""
        return self in {RecordingState.RECORDING, RecordingState.PROCESSING, RecordingState.ABSENT}


class MediaKind(StrEnum):
    """The kind of a file. A kind in several formats is followed by a hyphen and the format: ``transcript-srt``."""

    VIDEO = "video"
    AUDIO = "audio"
    TRANSCRIPT = "transcript"
    AI_TRANSCRIPT = "ai_transcript"
    """A transcript that the platform's AI has edited, beside the literal one."""
    SUMMARY = "summary"
    CHAPTERS = "chapters"
    TODOS = "todos"
    KEYWORDS = "keywords"
    STATISTICS = "statistics"
    """Views of a recording until it was landed."""

    @classmethod
    def check(cls, kinds: Sequence[str], offered: Sequence[str], platform: str) -> tuple[str, ...]:
        """Return the `kinds` that are `offered`; a kind without a format means all its formats.

        Kinds and formats that only other platforms have are left out.

        :raises InvalidRequest: for a kind or a format that no platform has.
        """
        if not kinds:
            raise InvalidRequest(f"kinds must be a non-empty list, of {', '.join(offered)}")
        found = tuple(kind for kind in kinds if any(cls.wanted(one, [kind]) for one in offered))
        for kind in (kind for kind in kinds if kind not in found):
            family, hyphen, kind_format = str(kind).partition("-")
            if family not in set(cls):
                raise InvalidRequest(f"kinds: {kind!r} is not one of {', '.join(cls)} (or one format of them)")
            if hyphen and kind_format not in _FORMATS.get(family, ()):
                raise InvalidRequest(f"kinds: {platform} has no {kind!r}; it has {', '.join(offered)}")
        return found

    @staticmethod
    def wanted(kind: str, kinds: Sequence[str]) -> bool:
        """Return whether `kinds` contains `kind`, by its full name or without its format or number."""
        return any(kind == prefix or kind.startswith(f"{prefix}-") for prefix in kinds)

    @classmethod
    def formats(cls, available: Sequence[str], kinds: Sequence[str]) -> tuple[str, ...]:
        """Return the `available` formats of each kind, or the kind itself, which the landing reports as absent."""
        found = [[name for name in available if cls.wanted(name, [kind])] or [kind] for kind in kinds]
        return tuple(dict.fromkeys(name for names in found for name in names))


_FORMATS: Mapping[str, tuple[str, ...]] = {
    MediaKind.TRANSCRIPT: ("txt", "srt", "json"),
    MediaKind.AI_TRANSCRIPT: ("txt", "docx", "docs", "pdf"),
    MediaKind.SUMMARY: ("txt", "docx", "docs", "pdf"),
    MediaKind.CHAPTERS: ("json",),
    MediaKind.TODOS: ("json",),
    MediaKind.KEYWORDS: ("json",),
    MediaKind.STATISTICS: ("json",),
}
"""The formats of each kind on any platform."""


class PlainJson:
    """Convert a dataclass to plain JSON and back: times as ISO 8601, enums as values, nested values as dicts.

    Keys that are not fields are kept from `from_dict` to `to_dict`: a newer version may have written them.
    """

    __slots__ = ("_unknown",)

    def to_dict(self) -> dict[str, Any]:
        """Return the value as plain JSON."""
        known = {f.name: _plain(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]  # only dataclasses inherit it
        return known | getattr(self, "_unknown", {})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild the value from valid JSON."""
        names = data.keys() & cls.__dataclass_fields__.keys()  # type: ignore[attr-defined]  # as in to_dict
        value = cls(**{name: data[name] for name in names})
        if len(names) < len(data):
            object.__setattr__(value, "_unknown", {key: item for key, item in data.items() if key not in names})
        return value


def _plain(value: object) -> Any:
    if isinstance(value, PlainJson):
        return value.to_dict()
    if isinstance(value, DateTime):
        return value.isoformat()
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return value


def _set_times(value: object, *names: str) -> None:
    for name in names:
        time = getattr(value, name)
        if time is not None:
            object.__setattr__(value, name, parse_time(time, name, show_value=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class OfRecording(PlainJson):
    """What belongs to one recording, with the ids of the recording."""

    platform: str
    tenant: str
    recording_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFile(OfRecording):
    """One file of a recording, without its link.

    `declared_size` is what the platform says, in bytes; it is not reliable. `formats` are all kinds in which the
    platform has the content, where it had to be asked for them; kept in the receipt, they show when all are landed.
    """

    meeting_id: str | None
    file_id: str
    kind: str
    declared_size: int | None = None
    started_at: DateTime | None = None
    ended_at: DateTime | None = None
    formats: Sequence[str] = ()
    source: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _set_times(self, "started_at", "ended_at")
        object.__setattr__(self, "formats", tuple(self.formats))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording(PlainJson):
    """A recording in neutral terms; `source` holds the platform's own fields, without links.

    `recording_id` is None until the platform assigns it (Feishu: when the minute is generated). `reason` explains a
    `state` other than ready. `listed_by` is the selector that found it: ``owner_id:``, ``meeting_id:``,
    ``meeting_number:`` or ``recording_id:`` and the id, or ``window``. WeCom lists by the creator of a meeting, while
    its `owner_id` is the host. `revisit` marks a recording that was landed before: contents that the API itself serves
    are fetched again and compared. `asked_at` is when the platform answered: a load never overwrites a newer answer by
    an older one.
    """

    platform: str
    tenant: str
    recording_id: str | None
    state: RecordingState
    meeting_id: str | None = None
    meeting_number: str | None = None
    owner_id: str | None = None
    title: str | None = None
    started_at: DateTime | None = None
    ended_at: DateTime | None = None
    duration_ms: int | None = None
    reason: str | None = None
    page_url: str | None = None
    listed_by: str | None = None
    revisit: bool = False
    asked_at: DateTime | None = None
    files: tuple[MediaFile, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _set_times(self, "started_at", "ended_at", "asked_at")
        object.__setattr__(self, "state", RecordingState(self.state))
        files = (f if isinstance(f, MediaFile) else MediaFile.from_dict(f) for f in self.files)
        object.__setattr__(self, "files", tuple(files))

    @property
    def label(self) -> str:
        """Return the ids of the recording for log lines, never its title."""
        meeting = self.meeting_id or self.meeting_number
        name = self.recording_id or (f"meeting {meeting}" if meeting or not self.owner_id else f"owner {self.owner_id}")
        return name if name.isprintable() else repr(name)


@dataclass(frozen=True, slots=True, repr=False)
class Download(NeverPickled):
    """A download link. It is a credential: it has no JSON form, and its repr hides it."""

    url: str
    file_type: str = ""
    """The platform's name of the format (``mp4``), if any; the Content-Type takes precedence."""

    def __repr__(self) -> str:
        return "Download(url=***)"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile(OfRecording):
    """A landed and verified file; `uri` is its object, `sha256` its hexadecimal digest.

    A file that is absent, refused or failed has no object, and a `reason`.
    """

    file_id: str
    kind: str
    uri: str | None
    size: int | None
    sha256: str | None
    media_type: str | None
    landed_at: DateTime | None
    outcome: str
    reason: str | None = None

    def __post_init__(self) -> None:
        _set_times(self, "landed_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptSegment(OfRecording):
    """One sentence of a transcript; `segment_no` counts through the file, `start_ms` and `end_ms` from its start.

    `speaker_final` is False while the platform may still change the speakers, None if it does not say. `broken` marks a
    segment that could not be parsed: `text` is its raw content. The first one has the file's header in `source`.
    """

    file_id: str
    kind: str
    segment_no: int
    text: str
    paragraph_no: int | None = None
    speaker_id: str | None = None
    speaker_name: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    language: str | None = None
    speaker_final: bool | None = None
    broken: bool = False
    source: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Post(PlainJson):
    """A Moments post; `deleted` marks a tombstone, which has ids only.

    `author_id` is set only for real-name posts (`author_kind` ``named``).
    `content` holds the rich text as paragraphs of nodes, `content_text` the same as plain text.
    """

    platform: str
    tenant: str
    post_id: str
    author_id: str | None = None
    author_kind: str | None = None
    created_at: DateTime | None = None
    content_text: str | None = None
    content: Sequence[Any] | None = None
    comment_count: int | None = None
    reaction_total: int | None = None
    dislike_count: int | None = None
    reactions: Sequence[Mapping[str, Any]] = ()
    category_ids: Sequence[str] = ()
    link: str | None = None
    deleted: bool = False
    source: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _set_times(self, "created_at")
        for name in ("reactions", "category_ids"):  # lists when read from JSON
            object.__setattr__(self, name, tuple(getattr(self, name)))
