"""The WeCom endpoints, one method each, and their neutral reading."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

import pendulum
import requests
from pendulum import DateTime

from airflow_provider_meetings.api.auth import Token, TokenAuth, TokenStore, token_key
from airflow_provider_meetings.api.client import ListedWindow, MeetingsClient, Report
from airflow_provider_meetings.api.errors import InvalidRequest, NotFound
from airflow_provider_meetings.api.models import (
    Download,
    MediaFile,
    MediaKind,
    Recording,
    RecordingState,
)
from airflow_provider_meetings.api.pagination import Page, pages
from airflow_provider_meetings.api.query import RecordingQuery, RecordingRef, windows
from airflow_provider_meetings.api.transport import Transport
from airflow_provider_meetings.platforms.wecom.errors import decode
from airflow_provider_meetings.platforms.wecom.wire import (
    STATE_RECORDING,
    STATE_TRANSCODED,
    FileAddresses,
    Record,
    RecordPage,
    neutral_recording,
    parse_addresses,
    parse_token,
    seconds,
)

DEFAULT_BASE_URL = "https://qyapi.weixin.qq.com"
LONGEST_WINDOW = timedelta(days=31)
PAGE_SIZE = 20


class WeComClient(MeetingsClient):
    """Ask WeCom as one self-built app. It sees only meetings that this app created through the API.

    :param transport: bound to ``https://qyapi.weixin.qq.com``.
    :param corp_id: the corp's id, ``ww…``; also the tenant in every row.
    :param corp_secret: the app's secret.
    """

    platform: ClassVar[str] = "wecom"
    selectors: ClassVar[tuple[str, ...]] = ("meeting_ids", "meeting_numbers", "owner_ids", "recordings")
    takes_window: ClassVar[bool] = True
    kinds: ClassVar[tuple[str, ...]] = (MediaKind.VIDEO, MediaKind.AUDIO, MediaKind.SUMMARY)

    def __init__(
        self,
        transport: Transport,
        *,
        corp_id: str,
        corp_secret: str,
        tokens: TokenStore,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(transport, tenant=corp_id)
        self._corp_id = corp_id
        self._corp_secret = corp_secret
        self._clock = clock
        self._auth = TokenAuth(
            key=token_key(self.platform, transport.base_url, corp_id, corp_secret),
            fetch=self._fetch_token,
            place=_in_query,
            store=tokens,
            on_secret=transport.on_secret,
        )

    # https://developer.work.weixin.qq.com/document/path/91039
    def _fetch_token(self) -> Token:
        params = {"corpid": self._corp_id, "corpsecret": self._corp_secret}
        body = self.transport.call("GET", "/cgi-bin/gettoken", decode, params=params, max_attempts=1)
        value, lifetime = parse_token(body)
        return Token(value, self._clock() + lifetime, lifetime)

    # https://developer.work.weixin.qq.com/document/path/98192
    def list_recordings(
        self,
        start: DateTime,
        end: DateTime,
        *,
        meetingid: str | None = None,
        meeting_code: str | None = None,
        userid: str | None = None,
        report: Report | None = None,
    ) -> Iterator[Record]:
        """Yield the recordings of a meeting, a meeting code, or the meetings that a member created.

        All pages of all windows: the platform takes at most 31 days at a time. What two windows share comes twice.

        :param start: aware, to the second; `end` likewise.
        :raises InvalidRequest: unless exactly one of the three is given.
        """
        given = {"meetingid": meetingid, "meeting_code": meeting_code, "userid": userid}
        selector = {name: value for name, value in given.items() if value}
        if len(selector) != 1:
            raise InvalidRequest(f"Give exactly one of {', '.join(given)}")
        for begin, until in windows(start, end, LONGEST_WINDOW):
            number = items = 0
            for page in self._record_pages(begin, until, selector):
                number += 1
                items += len(page.items)
                yield from page.items
            if report is not None:
                name = "".join(selector.values())
                report(
                    ListedWindow(
                        endpoint="meeting/record/list", selector=name, start=begin, end=until, pages=number, items=items
                    )
                )

    def _record_pages(self, start: DateTime, end: DateTime, selector: dict[str, str]) -> Iterator[Page[Record]]:
        def fetch(cursor: str | None) -> Page[Record]:
            # The limit must stay what it was when the cursor was given.
            body: dict[str, Any] = {
                **selector,
                "start_time": seconds(start),
                "end_time": seconds(end),
                "limit": PAGE_SIZE,
            }
            if cursor is not None:
                body["cursor"] = cursor
            page = RecordPage.parse(self._post("/cgi-bin/meeting/record/list", body))
            return Page(page.record_list, page.next_cursor)

        return pages(fetch, what=f"wecom recordings from {start.isoformat()} to {end.isoformat()}")

    # https://developer.work.weixin.qq.com/document/path/98196
    def get_recording_files(self, meeting_record_id: str, meetingid: str) -> tuple[FileAddresses, ...]:
        """Return where each file of a recording can be had now; the links live for hours at most, use them at once."""
        body = {"meeting_record_id": meeting_record_id, "meetingid": meetingid}
        return parse_addresses(self._post("/cgi-bin/meeting/record/get_file_list", body))

    def whoami(self) -> str:
        """Fetch a token; tell the corp and the host."""
        self._auth.signature()
        return f"corp {self._corp_id} at {self.transport.base_url}"

    def _window_for_check(self, query: RecordingQuery) -> RecordingQuery:
        # The platform lists by window only; a wait without one looks back as far as one window reaches,
        # further only for recordings that are known to have begun earlier.
        if query.start is not None:
            return query
        now = pendulum.from_timestamp(int(self._clock()))
        begun = [ref.started_at.subtract(days=1) for ref in query.recordings if ref.started_at]
        return replace(query, start=min([now - LONGEST_WINDOW, *begun]), end=now)

    def _list(self, query: RecordingQuery, report: Report) -> Iterator[Recording]:
        if query.start is None or query.end is None:
            raise InvalidRequest("wecom lists by window only: give start and end")
        if any(ref.recording_id and not ref.meeting_id for ref in query.recordings):
            raise InvalidRequest("wecom needs both recording_id and meeting_id of each recording")
        records = partial(self._records, query.start, query.end, report)
        for owner_id in query.owner_ids:
            yield from map(self._recording, records(userid=owner_id))
        unnamed = [ref for ref in query.recordings if not ref.recording_id]
        for number in (*query.meeting_numbers, *(r.meeting_number for r in unnamed if not r.meeting_id)):
            yield from self._or_absent(records(meeting_code=number), meeting_number=number)
        for meeting_id in (*query.meeting_ids, *(r.meeting_id for r in unnamed if r.meeting_id)):
            yield from self._or_absent(records(meetingid=meeting_id), meeting_id=meeting_id)
        named = [ref for ref in query.recordings if ref.recording_id]
        for known_meeting in dict.fromkeys(ref.meeting_id for ref in named):
            refs = [ref for ref in named if ref.meeting_id == known_meeting]
            yield from self._named(records(meetingid=known_meeting), refs)

    def _records(self, start: DateTime, end: DateTime, report: Report, **selector: str | None) -> Iterator[Record]:
        # The document does not say whether end is inclusive; what begins then belongs to the next window.
        listed = self.list_recordings(start, end, report=report, **selector)
        return (record for record in listed if not (record.meeting_start_time and record.meeting_start_time >= end))

    def _or_absent(self, found: Iterator[Record], **meeting: str | None) -> Iterator[Recording]:
        empty = True
        for record in found:
            empty = False
            yield self._recording(record)
        if empty:
            yield Recording(
                platform=self.platform,
                tenant=self.tenant,
                recording_id=None,
                state=RecordingState.ABSENT,
                reason="no recording in the window",
                **meeting,  # type: ignore[arg-type]  # meeting_id or meeting_number
            )

    def _named(self, found: Iterator[Record], refs: Sequence[RecordingRef]) -> Iterator[Recording]:
        listed = {record.meeting_record_id: record for record in found}
        for ref in refs:
            record = listed.get(ref.recording_id or "")
            yield (
                self._recording(record)
                if record
                else Recording(
                    platform=self.platform,
                    tenant=self.tenant,
                    recording_id=ref.recording_id,
                    meeting_id=ref.meeting_id,
                    state=RecordingState.UNKNOWN,
                    reason="the meeting's listing no longer has it",
                )
            )

    def _recording(self, record: Record) -> Recording:
        # 2 (transcoding) is the sister product's; any unknown state is as little ready.
        known = {STATE_TRANSCODED: RecordingState.READY, STATE_RECORDING: RecordingState.RECORDING}
        state = known.get(record.state or 0, RecordingState.PROCESSING)
        return neutral_recording(record, state, tenant=self.tenant)

    def media(self, recording: Recording, kinds: Sequence[str]) -> Iterator[MediaFile]:
        """Name the files of the wanted kinds; asks the platform which formats of a summary there are."""
        formatted = any(k.partition("-")[0] == MediaKind.SUMMARY for k in kinds)
        addresses = self._addresses(recording.recording_id, recording.meeting_id) if formatted else {}
        for file in recording.files:
            names = [str(MediaKind.VIDEO), str(MediaKind.AUDIO)]
            if formatted:
                summaries = _found(addresses, file.file_id).meeting_summary
                names += [f"{MediaKind.SUMMARY}-{file_type}" for file_type in summaries]
            for name in names:
                if MediaKind.wanted(name, kinds):
                    # The declared size is the video's.
                    size = file.declared_size if name == MediaKind.VIDEO else None
                    yield replace(file, kind=name, declared_size=size)

    def open(self, media: MediaFile) -> Download | Iterator[bytes] | None:
        """Resolve the link of the wanted kind now; None where the platform says that it has no such file.

        :raises NotFound: if the platform no longer knows the file, although it listed it.
        """
        file = _found(self._addresses(media.recording_id, media.meeting_id), media.file_id)
        if media.kind == MediaKind.VIDEO:
            address, file_type = file.download_address, file.download_address_file_type
        elif media.kind == MediaKind.AUDIO:
            address, file_type = file.audio_address, file.audio_address_file_type
        else:
            file_type = media.kind.partition("-")[2]
            address = file.meeting_summary.get(file_type)
        return Download(address, file_type or "") if address else None

    def _addresses(self, recording_id: str | None, meeting_id: str | None) -> dict[str, FileAddresses]:
        if not recording_id or not meeting_id:
            raise InvalidRequest("wecom gives a recording's files only for recording_id and meeting_id together")
        return {file.record_file_id: file for file in self.get_recording_files(recording_id, meeting_id)}

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self.transport.call("POST", path, decode, json=body, auth=self._auth)
        return answer


def _in_query(request: requests.PreparedRequest, token: str) -> None:
    request.prepare_url(request.url, {"access_token": token})


def _found(addresses: dict[str, FileAddresses], file_id: str) -> FileAddresses:
    if file_id not in addresses:
        raise NotFound(
            f"wecom listed file {file_id} but has no addresses for it",
            platform="wecom",
            next_step="It may have been deleted meanwhile: list the recordings again.",
        )
    return addresses[file_id]
