"""WeCom's objects of a company: recordings, their files and transcripts, with the vendor's field names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from airflow_provider_meetings.emulator.model.media import Media


@dataclass(frozen=True, slots=True)
class WecomSharing:
    """How a file is shared; ``expire`` in milliseconds as the vendor sends it; 0: never."""

    url: str
    password: str
    expire: int = 0
    required_same_corp: bool = True
    required_attendee: bool = False
    allow_download: bool = True


@dataclass(frozen=True, slots=True)
class WecomWord:
    """One word. Here and below ``start`` and ``end`` are milliseconds from the start of the recording."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class WecomSentence:
    """One sentence: a sequence of words."""

    start: int
    end: int
    words: tuple[WecomWord, ...]


@dataclass(frozen=True, slots=True)
class WecomParagraph:
    """The sentences of one speaker; an external speaker has no ``userid``."""

    start: int
    end: int
    sentences: tuple[WecomSentence, ...]
    userid: str = ""


@dataclass(frozen=True, slots=True)
class WecomTranscript:
    """A recording's transcript; ``audio_detect`` 0: the speakers are not identified yet."""

    paragraphs: tuple[WecomParagraph, ...]
    keywords: tuple[str, ...] = ()
    audio_detect: Literal[0, 1] = 1


@dataclass(frozen=True, slots=True)
class WecomFile:
    """One file of a recording; ``record_size`` None: the size of ``video``, else of ``audio``.

    ``ai_transcript`` is the transcript as a file, ``transcript`` as paragraphs; both are optional.
    """

    record_file_id: str
    record_start_time: datetime
    record_end_time: datetime
    video: Media | None = None
    audio: Media | None = None
    summaries: tuple[Media, ...] = ()
    sharing: WecomSharing | None = None
    record_size: int | None = None
    record_name: str = ""
    transcript: WecomTranscript | None = None
    ai_transcript: Media | None = None


@dataclass(frozen=True, slots=True)
class WecomRecording:
    """One recording. ``creator`` is the userid that the list accepts; the host can be another member.

    ``status``: ``processing`` lasts for the emulator's ``not_ready_polls``; ``recording`` stays at state 1.
    ``refusal``: the errcode of all requests for its files. No page names one for a single recording: assumed.
    ``files_at_any_state`` lists the files also before state 3. The page's text excludes this; its example shows it.
    """

    meeting_record_id: str
    meetingid: str
    meeting_code: str
    creator: str
    host_user_id: str
    meeting_start_time: datetime
    title: str
    files: tuple[WecomFile, ...] = ()
    status: Literal["done", "processing", "recording"] = "done"
    files_at_any_state: bool = False
    refusal: int = 0
