"""WeCom in neutral terms: the state of each recording, its files, and how to open them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import pendulum
from pendulum import DateTime

from airflow_provider_meetings.api.client import NOT_LISTED, MeetingsClient, Wanted
from airflow_provider_meetings.api.costs import Requests, Volume, page_requests
from airflow_provider_meetings.api.errors import InvalidRequest, MeetingsApiError, NotFound
from airflow_provider_meetings.api.http.auth import TokenStore
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.media.session import MediaSession
from airflow_provider_meetings.api.media.shared_answers import SharedAnswers
from airflow_provider_meetings.api.models import Download, MediaFile, MediaKind, Recording, RecordingState
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.api.windows import Report
from airflow_provider_meetings.platforms.wecom import named, quotas
from airflow_provider_meetings.platforms.wecom.api.client import LONGEST_WINDOW, PAGE_SIZE, WeComEndpoints
from airflow_provider_meetings.platforms.wecom.api.models import (
    STATE_RECORDING,
    STATE_TRANSCODED,
    Record,
    RecordingFile,
)
from airflow_provider_meetings.platforms.wecom.neutral import neutral_recording

CLOCK_SLACK = timedelta(hours=1)
"""How far the platform's clock may be ahead of the worker's."""

_TRANSCRIPT = f"{MediaKind.TRANSCRIPT}-json"
_TOGETHER = "wecom returns a recording's files only for recording_id and meeting_id together"
_VISIBLE = (
    "WeCom lists only recordings of meetings that this app created through the API, of members in its visible range."
)
_PARAMETERS = {"meetingid": "meeting_id", "meeting_code": "meeting_number", "userid": "owner_id"}


class WeComClient(WeComEndpoints, MeetingsClient):
    """Call WeCom as one self-built app; the endpoints are those of `WeComEndpoints`, the tenant is the corp id."""

    platform: ClassVar[str] = "wecom"
    sharing_field: ClassVar[str] = "sharing_state"
    selectors: ClassVar[tuple[str, ...]] = ("meeting_ids", "meeting_numbers", "owner_ids", "recordings")
    windowed: ClassVar[tuple[str, ...]] = selectors
    # https://developer.work.weixin.qq.com/document/path/98192
    visible: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(selectors, _VISIBLE),
        "owner_ids": f"{_VISIBLE} owner_ids selects by the member who created the meeting, while owner_id is its host.",
    }
    states: ClassVar[Mapping[int, RecordingState]] = {
        40003: RecordingState.UNKNOWN,
        **dict.fromkeys((50002, 60011, 60021, 60030), RecordingState.FORBIDDEN),
        **dict.fromkeys((730005, 730007, 730010, 730011), RecordingState.FORBIDDEN),
    }
    object_codes: ClassVar[range] = range(730_000, 740_000)
    linked_kinds: ClassVar[tuple[str, ...]] = (MediaKind.SUMMARY, MediaKind.AI_TRANSCRIPT)
    kinds: ClassVar[tuple[str, ...]] = (
        MediaKind.VIDEO,
        MediaKind.AUDIO,
        *(f"{kind}-{file_type}" for kind in linked_kinds for file_type in ("docx", "docs", "pdf", "txt")),
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
        MeetingsClient.__init__(self, transport, tenant=corp_id, media_session=media_session, clock=clock)
        WeComEndpoints.__init__(self, transport, corp_id=corp_id, corp_secret=corp_secret, tokens=tokens, clock=clock)
        self._file_lists = SharedAnswers[dict[str, RecordingFile]](clock)
        self._files = SharedAnswers[RecordingFile](clock)
        self._density: dict[str, float] = {}

    def _window_for_check(self, query: RecordingQuery) -> RecordingQuery:
        # The platform lists only within a window. Listed recordings have their own.
        if query.start is not None or query.selectors == ("recordings",):
            return query
        start, end = self._until_now(query)
        return replace(query, start=start, end=end)

    def _until_now(self, query: RecordingQuery) -> tuple[DateTime, DateTime]:
        """Return the window of the last 31 days, or from the start of an older recording."""
        end = pendulum.from_timestamp(int(self.clock())) + CLOCK_SLACK
        started = min((ref.started_at for ref in query.recordings if ref.started_at), default=end)
        return min(end - LONGEST_WINDOW, started.subtract(days=1)), end

    def _questions(self, query: RecordingQuery) -> tuple[RecordingQuery, ...]:
        refs = tuple(ref for ref in query.recordings if ref.recording_id)
        if any(not ref.meeting_id and not named.owner_of(ref) for ref in refs):
            raise InvalidRequest("wecom needs both recording_id and meeting_id of each recording")
        if not refs:
            return super()._questions(query)
        others = tuple(ref for ref in query.recordings if not ref.recording_id)
        questions = named.questions(replace(query, recordings=refs), self._density)
        if others or len(query.selectors) > 1:
            return (*super()._questions(replace(query, recordings=others)), *questions)
        return tuple(questions)

    def _list(self, query: RecordingQuery, report: Report, wanted: Wanted) -> Iterator[Recording]:
        if query.recordings and query.recordings[0].recording_id:
            find = self._of_owner if named.is_of_owner(query) else self._of_meeting
            found = {recording.recording_id: recording for recording in find(query, report)}
            yield from found.values()
            if missing := tuple(ref for ref in query.recordings if ref.recording_id not in found):
                yield from self._unanswered(replace(query, recordings=missing), NOT_LISTED, RecordingState.UNKNOWN)
            return
        if not query.recordings and query.start is None:
            raise InvalidRequest("wecom lists only within a window: set start and end")
        ids = next(query.ids())
        parameter, name = next((p, n) for p, n in _PARAMETERS.items() if ids.get(n))
        empty = name != "owner_id"
        for record in self._records(self._window(query), report, **{parameter: ids[name]}):
            empty = False
            yield self._recording(record)
        if empty:
            yield from self._unanswered(query, "no recording in the window")

    def _of_meeting(self, query: RecordingQuery, report: Report) -> Iterator[Recording]:
        """Yield the named recordings of a meeting, from the query's window or else from all until now."""
        missing = {ref.recording_id for ref in query.recordings}
        for window in dict.fromkeys((self._window(query), self._until_now(query))):
            for record in self._records(window, report, meetingid=query.recordings[0].meeting_id):
                if record.meeting_record_id in missing:
                    missing.discard(record.meeting_record_id)
                    yield self._recording(record)
                if not missing:
                    return

    def _of_owner(self, query: RecordingQuery, report: Report) -> Iterator[Recording]:
        """Yield the named recordings of an owner; those that its listing does not have are asked for by meeting.

        So are those of a refused owner, and those that are left when a long listing has cost as much as the meetings.
        """
        missing = {ref.recording_id: ref for ref in query.recordings}
        limit, count, ended = named.by_meeting_requests(query) * PAGE_SIZE, 0, False
        owner = named.owner_of(query.recordings[0]) or ""
        try:
            for count, record in enumerate(self.list_recordings(*self._window(query), userid=owner, report=report), 1):
                if missing.pop(record.meeting_record_id, None):
                    yield self._recording(record)
                if not missing or count >= limit:
                    break
            else:
                ended = True
        except MeetingsApiError as error:
            if self._state_of(error) is None or limit == math.inf:
                raise
            count = max(count, int(limit))
        self._density[owner] = count / PAGE_SIZE / named.windows_of(query)
        questions = named.by_meeting(query, (ref for ref in missing.values() if ref.meeting_id))
        # If the listing has ended: created by somebody else since, or with another start.
        yield from self._answers((replace(one, start=None, end=None) if ended else one for one in questions), report)

    def _window(self, query: RecordingQuery) -> tuple[DateTime, DateTime]:
        return (query.start, query.end) if query.start and query.end else self._until_now(query)

    def _records(self, window: tuple[DateTime, DateTime], report: Report, **selector: str | None) -> Iterator[Record]:
        # The document does not say whether the end is inclusive; here a window excludes it.
        start, end = window
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
        for family in self.linked_kinds:
            requested = [kind for kind in kinds if kind.partition("-")[0] == family]
            for file in recording.files if requested else ():
                formats = tuple(f"{family}-{file_type}" for file_type in _links(self._file(file, family, None), family))
                for name in MediaKind.formats(formats, requested):
                    yield replace(file, kind=name, declared_size=None, formats=formats)

    def open(self, media: MediaFile) -> Download | Iterator[bytes] | None:
        """Return the current link of the kind, or the transcript; None if there is no such file.

        :raises NotFound: if the platform listed the file but no longer knows it.
        """
        if media.kind == _TRANSCRIPT:
            content = self.get_transcript(media.file_id, _meeting(media)).as_file()
            return iter([content]) if content else None
        family, _, file_type = media.kind.partition("-")
        file = self._file(media, family, media.kind)
        if family == MediaKind.VIDEO:
            return _download(file.download_address, file.download_address_file_type)
        if family == MediaKind.AUDIO:
            return _download(file.audio_address, file.audio_address_file_type)
        return _download(_links(file, family).get(file_type))

    def requests_of(self, query: RecordingQuery, volume: Volume, kinds: Sequence[str]) -> Iterator[Requests]:
        yield page_requests(quotas.RECORD_LIST, query, volume.items, PAGE_SIZE, LONGEST_WINDOW)
        families = {kind.partition("-")[0] for kind in kinds}
        if families & {MediaKind.VIDEO, MediaKind.AUDIO, MediaKind.SUMMARY}:
            yield quotas.FILE_LIST, volume.ready, ()
        if MediaKind.AI_TRANSCRIPT in families:
            yield quotas.FILE, volume.files, ()
        if MediaKind.TRANSCRIPT in families:
            yield quotas.TRANSCRIPT, volume.files, ()

    def _file(self, media: MediaFile, family: str, kind: str | None) -> RecordingFile:
        """Return a file with its current links; only the answer about a single file has those of AI transcripts."""
        recording_id, file_id, meeting_id = media.recording_id, media.file_id, _meeting(media)
        if family == MediaKind.AI_TRANSCRIPT:
            return self._files.get((file_id, meeting_id), kind, lambda: self.get_recording_file(file_id, meeting_id))

        def fetch() -> dict[str, RecordingFile]:
            return {file.record_file_id: file for file in self.get_recording_files(recording_id, meeting_id)}

        files = self._file_lists.get((recording_id, meeting_id), kind and f"{file_id} {kind}", fetch)
        if file_id not in files:
            raise NotFound(
                f"wecom listed file {file_id} but returns no addresses for it",
                platform="wecom",
                next_step="It may have been deleted: list the recordings again.",
            )
        return files[file_id]


def _links(file: RecordingFile, family: str) -> Mapping[str, str]:
    """Return the links of AI transcripts or summaries by file type."""
    return file.ai_meeting_transcripts if family == MediaKind.AI_TRANSCRIPT else file.meeting_summary


def _download(address: str | None, file_type: str | None = None) -> Download | None:
    return Download(address, file_type or "") if address else None


def _meeting(file: MediaFile) -> str:
    if not file.meeting_id:
        raise InvalidRequest(_TOGETHER)
    return file.meeting_id
