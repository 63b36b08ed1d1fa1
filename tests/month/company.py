"""The company of a simulated month: each life as versions of the emulator's objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from airflow_provider_meetings.emulator.model.company import SHANGHAI, Company
from airflow_provider_meetings.emulator.model.feishu import FeishuMeeting, FeishuMinute, FeishuUser, TranscriptLine
from airflow_provider_meetings.emulator.model.media import Media
from airflow_provider_meetings.emulator.model.script import Script
from airflow_provider_meetings.emulator.model.wecom import (
    WecomFile,
    WecomParagraph,
    WecomRecording,
    WecomSentence,
    WecomTranscript,
    WecomWord,
)
from tests.month.lives import NEVER, Life

ENDLESS = 10**9
"""The setting not_ready_polls: what is in processing stays so until its next version."""
_REFUSED = 60011


def company(lives: Iterable[Life]) -> Script:
    """Return what the platforms have at each time."""
    meetings: dict[str, list[tuple[float, Any]]] = {}
    minutes: dict[str, list[tuple[float, Any]]] = {}
    recordings: dict[str, list[tuple[float, Any]]] = {}
    for life in lives:
        if life.platform == "wecom":
            recordings[life.recording_id] = _versions(life, wecom_recording)
        else:
            meetings[life.meeting_id] = _versions(life, _meeting)
            minutes[life.recording_id] = _versions(life, minute)
    versions = {"feishu_meetings": meetings, "feishu_minutes": minutes, "wecom_recordings": recordings}
    return Script(Company(name="A simulated month"), versions)


def media(life: Life) -> Media:
    return Media(3000 + life.number * 7 % 2000, "mp4", life.file_id)


def summary(life: Life) -> Media:
    """WeCom's summary, which comes with the transcript."""
    return Media.of(f"Summary of meeting {life.number}".encode(), "txt")


def _versions(life: Life, show: Callable[[Life, float], Any]) -> list[tuple[float, Any]]:
    times = (
        life.start, life.end, life.listed, life.ready, life.transcript, life.speakers, life.renamed, life.deleted,
    )  # fmt: skip
    return [(time, show(life, time)) for time in sorted(set(times)) if time < NEVER]


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, SHANGHAI)


def _user(name: str) -> FeishuUser:
    return FeishuUser(open_id=f"ou_{name}", union_id=f"on_{name}", user_id=f"u_{name}", name=name)


def _meeting(life: Life, now: float) -> FeishuMeeting:
    whole = FeishuMeeting(
        meeting_id=life.meeting_id,
        topic=life.title(now),
        minute_token=life.recording_id,
        meeting_no=f"{life.number:09}",
        organizer=_user(life.owner),
        start=_time(life.start),
        end=_time(life.end),
    )
    if now < life.end:
        return replace(whole, status="running", end=None)
    if life.refused == "recording":
        return replace(whole, status="forbidden")
    return replace(whole, status="ready" if life.staged or now >= life.ready else "processing")


def minute(life: Life, now: float) -> FeishuMinute | None:
    """Return a minute; while it is in processing it exists only where the life is staged."""
    if now < (life.end if life.staged else life.ready):
        return None
    spoken = enumerate(life.spoken(now))
    return FeishuMinute(
        token=life.recording_id,
        owner=_user(life.owner),
        create_time=_time(life.recorded),
        title=life.title(now),
        duration=(life.end - life.start) * 1000,
        media=media(life),
        transcript=tuple(TranscriptLine(n * 5000, n * 5000 + 4000, speaker, text) for n, (speaker, text) in spoken),
        status="deleted" if now >= life.deleted else "processing" if now < life.ready else "ready",
        exportable=life.refused != "files",
    )


def wecom_recording(life: Life, now: float) -> WecomRecording | None:
    """Return a recording; None before it is listed, and after it is deleted."""
    if not life.listed <= now < life.deleted:
        return None
    file = WecomFile(
        record_file_id=life.file_id,
        record_start_time=_time(life.recorded),
        record_end_time=_time(life.end),
        video=media(life),
        summaries=(summary(life),) if life.spoken(now) else (),
        transcript=_transcript(life, now) if life.spoken(now) else None,
    )
    return WecomRecording(
        meeting_record_id=life.recording_id,
        meetingid=life.meeting_id,
        meeting_code=f"{life.number:09}",
        creator=life.owner,
        host_user_id=life.owner,
        meeting_start_time=_time(life.start),
        title=life.title(now),
        files=(file,),
        status="done" if now >= life.ready else "recording" if life.ready == NEVER else "processing",
        refusal=_REFUSED if life.refused == "files" else 0,
    )


def _transcript(life: Life, now: float) -> WecomTranscript:
    paragraphs = tuple(
        WecomParagraph(n * 5000, n * 5000 + 4000, (_sentence(n * 5000, text),), speaker)
        for n, (speaker, text) in enumerate(life.spoken(now))
    )
    return WecomTranscript(paragraphs, audio_detect=1 if now >= life.speakers else 0)


def _sentence(start: int, text: str) -> WecomSentence:
    return WecomSentence(start, start + 4000, (WecomWord(start, start + 4000, text),))
