"""The neutral values that flow from question to row.

All are frozen and slotted; times are aware UTC; between tasks they travel as plain JSON (`to_dict`, `from_dict`).
None of them but `Download` ever holds a download link, and `Download` has no way to JSON.
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
    """Where a recording stands. The first three mean "not yet", `overdue` is a sensor's word, the rest are answers."""

    RECORDING = "recording"
    PROCESSING = "processing"
    ABSENT = "absent"
    READY = "ready"
    GONE = "gone"
    FORBIDDEN = "forbidden"
    UNKNOWN = "unknown"
    OVERDUE = "overdue"

    @property
    def waits(self) -> bool:
        """Tell whether asking again later can change the answer."""
        return self in {RecordingState.RECORDING, RecordingState.PROCESSING, RecordingState.ABSENT}


class MediaKind(StrEnum):
    """What a file of a recording is. A kind in several formats carries the format: ``transcript-srt``.

    The format begins at the first hyphen, so that a kind itself is written with none: ``ai_transcript-txt``.
    """

    VIDEO = "video"
    AUDIO = "audio"
    TRANSCRIPT = "transcript"
    AI_TRANSCRIPT = "ai_transcript"
    """A transcript that the platform's AI has smoothed, beside the literal one."""
    SUMMARY = "summary"
    CHAPTERS = "chapters"
    TODOS = "todos"  # what people are to do after a meeting, as the platform wrote it
    STATISTICS = "statistics"
    """How often a recording was looked at until it was landed, and by whom."""

    @classmethod
    def check(cls, kinds: Sequence[str], offered: Sequence[str], platform: str) -> tuple[str, ...]:
        """Return those of the asked `kinds` that are `offered`: all of a kind, or one format of it.

        A kind or format that only another platform has is left out, and perhaps nothing remains.

        :raises InvalidRequest: for a kind or a format that nobody has.
        """
        if not kinds:
            raise InvalidRequest(f"kinds must be a non-empty list, of {', '.join(offered)}")
        left = tuple(kind for kind in kinds if any(cls.wanted(one, [kind]) for one in offered))
        for kind in (kind for kind in kinds if kind not in left):
            family, hyphen, kind_format = str(kind).partition("-")
            if family not in set(cls):
                raise InvalidRequest(f"kinds: {kind!r} is not one of {', '.join(cls)} (or one format of them)")
            if hyphen and kind_format not in _FORMATS.get(family, ()):
                raise InvalidRequest(f"kinds: {platform} has no {kind!r}; it has {', '.join(offered)}")
        return left

    @staticmethod
    def wanted(kind: str, kinds: Sequence[str]) -> bool:
        """Tell whether `kind` was asked for: by its full name, or without its format or number."""
        return any(kind == asked or kind.startswith(f"{asked}-") for asked in kinds)


_FORMATS: Mapping[str, tuple[str, ...]] = {
    MediaKind.TRANSCRIPT: ("txt", "srt", "json"),
    MediaKind.AI_TRANSCRIPT: ("txt", "docx", "pdf"),
    MediaKind.SUMMARY: ("txt", "docx", "pdf"),
    MediaKind.CHAPTERS: ("json",),
    MediaKind.TODOS: ("json",),
    MediaKind.STATISTICS: ("json",),
}
"""The formats of each kind, on whichever platform: one that is not here is a slip of the pen."""


class PlainJson:
    """Give a dataclass its plain-JSON form: ISO 8601 times, enum values, nested values as dicts."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the value as plain JSON."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]  # only dataclasses inherit it

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild the value; unknown keys raise ValueError, since they would be lost in silence.

        Errors show no value, and of keys only what may be a field's name: what was given may be private.
        """
        if not isinstance(data, Mapping):
            raise TypeError(f"a {cls.__name__} must be a dict, got {type(data).__name__}")
        known = {f.name for f in fields(cls)}  # type: ignore[arg-type]  # only dataclasses inherit it
        unknown = set(data) - known
        if unknown:
            named = sorted(key for key in unknown if isinstance(key, str) and key.isidentifier() and len(key) <= 40)
            told = f"field {named[0]!r}" if named else "field for a key that is no name"
            raise ValueError(f"{cls.__name__} has no {told}; its fields: {', '.join(sorted(known))}")
        return cls(**data)


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
    # object.__setattr__: the values are frozen; this is their own constructor.
    for name in names:
        given = getattr(value, name)
        if given is not None:
            object.__setattr__(value, name, parse_time(given, name, shown=False))


def _tuple(value: object, name: str) -> tuple[Any, ...]:
    try:
        return tuple(value)  # type: ignore[arg-type]  # whether it can be, is what is tried
    except TypeError:
        raise TypeError(f"{name} must be a list, got {type(value).__name__}") from None


def _state(value: object) -> RecordingState:
    try:
        return RecordingState(value)  # type: ignore[arg-type]  # whether it is one, is what is tried
    except ValueError:
        told = "another text" if isinstance(value, str) else type(value).__name__
        raise ValueError(f"state must be one of {', '.join(RecordingState)}, got {told}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFile(PlainJson):
    """One file of one kind of a recording: what to land, by id and never by link.

    `declared_size` is the platform's word in bytes, never proof of anything.
    """

    platform: str
    tenant: str
    recording_id: str
    meeting_id: str | None
    file_id: str
    kind: str
    declared_size: int | None = None
    started_at: DateTime | None = None
    ended_at: DateTime | None = None
    source: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _set_times(self, "started_at", "ended_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording(PlainJson):
    """A recording as both platforms can say it; `source` keeps the platform's own fields, links removed.

    `recording_id` is None until the platform has named the recording (Feishu, while it is still being made).
    `state` decides what may be done with it, `reason` says why where that is not plain.
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
    files: tuple[MediaFile, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _set_times(self, "started_at", "ended_at")
        object.__setattr__(self, "state", _state(self.state))
        files = (f if isinstance(f, MediaFile) else MediaFile.from_dict(f) for f in _tuple(self.files, "files"))
        object.__setattr__(self, "files", tuple(files))

    @property
    def label(self) -> str:
        """Name the recording in a log line: ids only, never its title."""
        name = self.recording_id or f"meeting {self.meeting_id or self.meeting_number}"
        return name if name.isprintable() else repr(name)


@dataclass(frozen=True, slots=True, repr=False)
class Download(NeverPickled):
    """A link resolved a moment ago. It is a credential: it has no JSON form and does not show itself."""

    url: str
    file_type: str = ""
    """The platform's word for the format (``mp4``), where it has one; the served type comes first."""

    def __repr__(self) -> str:
        return "Download(url=***)"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile(PlainJson):
    """A file that was landed and verified; `uri` names the object, `sha256` its bytes in hexadecimal."""

    platform: str
    tenant: str
    recording_id: str
    file_id: str
    kind: str
    uri: str | None
    size: int | None
    sha256: str | None
    media_type: str | None
    landed_at: DateTime | None
    outcome: str

    def __post_init__(self) -> None:
        _set_times(self, "landed_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptSegment(PlainJson):
    """One sentence of a transcript, counted through its file; `start_ms` and `end_ms` from the file's beginning.

    `speaker_final` is False while the platform may still tell the speakers apart differently, None where it does
    not say. `broken` marks what could not be read as a sentence: its text is all that stood there.
    """

    platform: str
    tenant: str
    recording_id: str
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Post(PlainJson):
    """A Moments post; `deleted` marks a tombstone, of which only the ids are known.

    `author_id` is set only for real-name posts (`author_kind` ``named``): for the others it must not be guessed.
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
        for name in ("reactions", "category_ids"):  # lists, where they come from JSON
            object.__setattr__(self, name, _tuple(getattr(self, name), name))
