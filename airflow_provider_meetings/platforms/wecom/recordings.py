"""WeCom in neutral terms: the state of each recording, its files, and how to open them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from typing import ClassVar

import pendulum
from pendulum import DateTime

from airflow_provider_meetings.api.client import MeetingsClient, Report, Requests, Volume, page_requests
from airflow_provider_meetings.api.errors import InvalidRequest, NotFound
from airflow_provider_meetings.api.http.auth import TokenStore
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.media.session import MediaSession
from airflow_provider_meetings.api.models import Download, MediaFile, MediaKind, Recording, RecordingState
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.api.sanitize import without_links
from airflow_provider_meetings.platforms.wecom import quotas
from airflow_provider_meetings.platforms.wecom.api.client import LONGEST_WINDOW, PAGE_SIZE, WeComEndpoints
from airflow_provider_meetings.platforms.wecom.api.models import (
    FILE_LISTS,
    STATE_RECORDING,
    STATE_TRANSCODED,
    Record,
    RecordingFile,
)

CLOCK_SLACK = timedelta(hours=1)
"""How far the platform's clock may be ahead of the worker's."""

_TRANSCRIPT = f"{MediaKind.TRANSCRIPT}-json"
_TOGETHER = "wecom returns a recording's files only for recording_id and meeting_id together"
_LINKED_BY_TYPE = (MediaKind.SUMMARY, MediaKind.AI_TRANSCRIPT)
"""Kinds with one link per format; only the platform knows the formats of a file."""


_PARAMETERS = {"meetingid": "meeting_id", "meeting_code": "meeting_number", "userid": "owner_id"}


class WeComClient(WeComEndpoints, MeetingsClient):
    """Call WeCom as one self-built app; the endpoints are those of `WeComEndpoints`, the tenant is the corp id."""

    platform: ClassVar[str] = "wecom"
    selectors: ClassVar[tuple[str, ...]] = ("meeting_ids", "meeting_numbers", "owner_ids", "recordings")
    windowed: ClassVar[tuple[str, ...]] = selectors
    states: ClassVar[Mapping[int, RecordingState]] = {
        40003: RecordingState.UNKNOWN,
        **dict.fromkeys((50002, 60011, 60021, 60030), RecordingState.FORBIDDEN),
        **dict.fromkeys((730005, 730007, 730010, 730011), RecordingState.FORBIDDEN),
    }
    object_codes: ClassVar[range] = range(730_000, 740_000)
    kinds: ClassVar[tuple[str, ...]] = (
        MediaKind.VIDEO,
        MediaKind.AUDIO,
        *(f"{kind}-{file_type}" for kind in _LINKED_BY_TYPE for file_type in ("docx", "docs", "pdf", "txt")),
        _TRANSCRIPT,
    )

    def __init__(
        self,
        transport: Transport,
        *,
        corp_id: str,
        corp_secret: str,
        tokens: TokenStore,
        clock: Callable[[], float] = time.time,
        media_session: MediaSession | None = None,
    ) -> None:
        MeetingsClient.__init__(self, transport, tenant=corp_id, media_session=media_session)
        WeComEndpoints.__init__(self, transport, corp_id=corp_id, corp_secret=corp_secret, tokens=tokens, clock=clock)

    def _window_for_check(self, query: RecordingQuery) -> RecordingQuery:
        # The platform lists only within a window. Default: the last 31 days, or from the start of an older recording.
        if query.start is not None:
            return query
        end = pendulum.from_timestamp(int(self._clock())) + CLOCK_SLACK
        started = [ref.started_at.subtract(days=1) for ref in query.recordings if ref.started_at]
        return replace(query, start=min([end - LONGEST_WINDOW, *started]), end=end)

    def _questions(self, query: RecordingQuery) -> tuple[RecordingQuery, ...]:
        if any(ref.recording_id and not ref.meeting_id for ref in query.recordings):
            raise InvalidRequest("wecom needs both recording_id and meeting_id of each recording")
        return super()._questions(query)

    def _list(self, query: RecordingQuery, report: Report) -> Iterator[Recording]:
        if query.start is None or query.end is None:
            raise InvalidRequest("wecom lists only within a window: set start and end")
        ids = next(query.ids())
        parameter, name = next((p, n) for p, n in _PARAMETERS.items() if ids.get(n))
        listed = self._records(query.start, query.end, report, **{parameter: ids[name]})
        if ids.get("recording_id"):
            found = {record.meeting_record_id: self._recording(record) for record in listed}
            unlisted = self._unanswered(query, "no longer in the meeting's listing", RecordingState.UNKNOWN)
            yield from (found.get(one.recording_id or "", one) for one in unlisted)
            return
        empty = name != "owner_id"
        for record in listed:
            empty = False
            yield self._recording(record)
        if empty:
            yield from self._unanswered(query, "no recording in the window")

    def _records(self, start: DateTime, end: DateTime, report: Report, **selector: str) -> Iterator[Record]:
        # The document does not say whether the end is inclusive; here a window excludes it.
        listed = self.list_recordings(start, end, report=report, **selector)
        return (record for record in listed if not (record.meeting_start_time and record.meeting_start_time >= end))

    def _recording(self, record: Record) -> Recording:
        # Only the sister product documents state 2 (transcoding). An unknown state is not ready either.
        known = {STATE_TRANSCODED: RecordingState.READY, STATE_RECORDING: RecordingState.RECORDING}
        state = known.get(record.state or 0, RecordingState.PROCESSING)
        if not record.record_file_list and state is RecordingState.READY:
            state = RecordingState.PROCESSING  # transcoded, but without files
        return neutral_recording(record, state, tenant=self.tenant)

    def media(self, recording: Recording, kinds: Sequence[str]) -> Iterator[MediaFile]:
        """Return the files of the requested kinds; requests the available formats of summaries and AI transcripts.

        Files that need no request come first, so that a failing request does not prevent their landing.
        """
        for file in recording.files:
            for kind in (MediaKind.VIDEO, MediaKind.AUDIO, _TRANSCRIPT):
                if MediaKind.wanted(kind, kinds):
                    # The declared size is that of the video.
                    size = file.declared_size if kind == MediaKind.VIDEO else None
                    yield replace(file, kind=str(kind), declared_size=size)
        for family in _LINKED_BY_TYPE:
            requested = [kind for kind in kinds if kind.partition("-")[0] == family]
            for file, file_types in self._linked(recording, family) if requested else ():
                available = [f"{family}-{file_type}" for file_type in file_types]
                # A missing kind is returned, too: the landing then reports it as absent.
                names = [[name for name in available if MediaKind.wanted(name, [kind])] or [kind] for kind in requested]
                for name in dict.fromkeys(chain.from_iterable(names)):
                    yield replace(file, kind=name, declared_size=None)

    def _linked(self, recording: Recording, family: str) -> Iterator[tuple[MediaFile, Mapping[str, str]]]:
        addresses = {}
        if family == MediaKind.SUMMARY:
            addresses = self._addresses(recording.recording_id, recording.meeting_id)
        for file in recording.files:
            if family == MediaKind.SUMMARY:
                yield file, _addresses_of(addresses, file.file_id).meeting_summary
            else:
                yield file, self.get_recording_file(file.file_id, _meeting(file)).ai_meeting_transcripts

    def open(self, media: MediaFile) -> Download | Iterator[bytes] | None:
        """Return the current link of the kind, or the transcript; None if there is no such file.

        :raises NotFound: if the platform listed the file but no longer knows it.
        """
        meeting_id = _meeting(media)
        if media.kind == _TRANSCRIPT:
            content = self.get_transcript(media.file_id, meeting_id).as_file()
            return iter([content]) if content else None
        family, _, file_type = media.kind.partition("-")
        if family == MediaKind.AI_TRANSCRIPT:
            return _download(self.get_recording_file(media.file_id, meeting_id).ai_meeting_transcripts.get(file_type))
        file = _addresses_of(self._addresses(media.recording_id, meeting_id), media.file_id)
        if family == MediaKind.VIDEO:
            return _download(file.download_address, file.download_address_file_type)
        if family == MediaKind.AUDIO:
            return _download(file.audio_address, file.audio_address_file_type)
        return _download(file.meeting_summary.get(file_type))

    def requests_of(self, query: RecordingQuery, volume: Volume, kinds: Sequence[str]) -> Iterator[Requests]:
        """See `MeetingsClient`."""
        yield page_requests(quotas.RECORD_LIST, query, volume.items, PAGE_SIZE, LONGEST_WINDOW)
        families = {kind.partition("-")[0] for kind in kinds}
        if families & {MediaKind.VIDEO, MediaKind.AUDIO, MediaKind.SUMMARY}:
            yield quotas.FILE_LIST, volume.ready, ()
        if MediaKind.AI_TRANSCRIPT in families:
            yield quotas.FILE, volume.files, ()
        if MediaKind.TRANSCRIPT in families:
            yield quotas.TRANSCRIPT, volume.files, ()

    def _addresses(self, recording_id: str | None, meeting_id: str | None) -> dict[str, RecordingFile]:
        if not recording_id or not meeting_id:
            raise InvalidRequest(_TOGETHER)
        return {file.record_file_id: file for file in self.get_recording_files(recording_id, meeting_id)}


def _download(address: str | None, file_type: str | None = None) -> Download | None:
    return Download(address, file_type or "") if address else None


def _meeting(file: MediaFile) -> str:
    if not file.meeting_id:
        raise InvalidRequest(_TOGETHER)
    return file.meeting_id


def _addresses_of(addresses: dict[str, RecordingFile], file_id: str) -> RecordingFile:
    if file_id not in addresses:
        raise NotFound(
            f"wecom listed file {file_id} but returns no addresses for it",
            platform="wecom",
            next_step="It may have been deleted: list the recordings again.",
        )
    return addresses[file_id]


def neutral_recording(record: Record, state: RecordingState, *, tenant: str) -> Recording:
    """Return a record as a recording, which starts with its first file, or with the meeting if it has no file."""
    files = tuple(
        MediaFile(
            platform="wecom",
            tenant=tenant,
            recording_id=record.meeting_record_id,
            meeting_id=record.meetingid,
            file_id=file.record_file_id,
            kind=str(MediaKind.VIDEO),
            declared_size=file.record_size,
            started_at=file.record_start_time,
            ended_at=file.record_end_time,
            source=without_links(file.raw),
        )
        for file in record.record_file_list
    )
    reason = None if state is RecordingState.READY else f"state {record.state}"
    if record.state == STATE_TRANSCODED and not files:
        reason = "transcoded, but no file is listed"
    spans = [(f.ended_at - f.started_at).total_seconds() for f in files if f.started_at and f.ended_at]
    return Recording(
        platform="wecom",
        tenant=tenant,
        recording_id=record.meeting_record_id,
        state=state,
        meeting_id=record.meetingid,
        meeting_number=record.meeting_code,
        owner_id=record.host_user_id,
        title=record.title,
        started_at=min((f.started_at for f in files if f.started_at), default=record.meeting_start_time),
        ended_at=max((f.ended_at for f in files if f.ended_at), default=None),
        duration_ms=round(sum(spans) * 1000) if spans else None,
        reason=reason,
        files=files,
        source=without_links({k: v for k, v in record.raw.items() if k not in FILE_LISTS}),
    )
