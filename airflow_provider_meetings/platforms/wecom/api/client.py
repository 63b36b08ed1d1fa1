"""WeCom's endpoints, one method each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from math import ceil, floor
from typing import Any

import requests
from pendulum import DateTime

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.http.auth import Token, TokenAuth, TokenStore, token_key
from airflow_provider_meetings.api.http.pagination import Page, pages
from airflow_provider_meetings.api.http.rate_limit import Quota
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.listing import list_windows
from airflow_provider_meetings.api.query import check_id, check_times, windows
from airflow_provider_meetings.api.windows import Report, ignore
from airflow_provider_meetings.platforms.wecom import quotas
from airflow_provider_meetings.platforms.wecom.api.models import (
    Record,
    RecordingFile,
    Transcripts,
    WeComAnswer,
    parse_files,
    parse_records,
    parse_transcript,
)
from airflow_provider_meetings.platforms.wecom.errors import PLATFORM, decode

DEFAULT_BASE_URL = "https://qyapi.weixin.qq.com"
LONGEST_WINDOW = timedelta(days=31)
PAGE_SIZE = 20


class WeComEndpoints:
    """Call WeCom as one self-built app, which sees only meetings that it created through the API.

    :param transport: bound to ``https://qyapi.weixin.qq.com``.
    :param corp_id: the corp's id, ``ww…``.
    :param corp_secret: the app's secret.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        corp_id: str,
        corp_secret: str,
        tokens: TokenStore,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.transport = transport
        self._corp_id = corp_id
        self._corp_secret = corp_secret
        self._clock = clock
        self._auth = TokenAuth(
            key=token_key(PLATFORM, transport.base_url, corp_id, corp_secret),
            fetch=self._fetch_token,
            place=_in_query,
            store=tokens,
            on_secret=transport.on_secret,
        )

    def whoami(self) -> str:
        """Fetch a token; return the corp and the host."""
        self._auth.signature()
        return f"corp {self._corp_id} at {self.transport.base_url}"

    # https://developer.work.weixin.qq.com/document/path/91039
    def _fetch_token(self) -> Token:
        login = {"corpid": self._corp_id, "corpsecret": self._corp_secret}
        path, quota = "/cgi-bin/gettoken", quotas.TOKEN
        body = self.transport.call("GET", path, decode, quota=quota, params=login, max_attempts=1)
        read = WeComAnswer.fields
        lifetime = read.integer(body, "expires_in") or 0
        return Token(read.required(body, "access_token"), self._clock() + lifetime, lifetime)

    def _post(self, path: str, quota: Quota, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self.transport.call("POST", path, decode, quota=quota, json=body, auth=self._auth)
        return answer

    # https://developer.work.weixin.qq.com/document/path/98192
    def list_recordings(
        self,
        start: DateTime,
        end: DateTime,
        *,
        meetingid: str | None = None,
        meeting_code: str | None = None,
        userid: str | None = None,
        report: Report = ignore,
    ) -> Iterator[Record]:
        """Yield the recordings of a meeting, of a meeting code, or of the meetings that a member created, each once.

        Requests all pages of all windows; a window has at most 31 days.

        :param start: aware; `end` likewise. Both are widened to whole seconds.
        :param report: called after each window.
        :raises InvalidRequest: unless exactly one of the three selectors is set.
        """
        selectors = {"meetingid": meetingid, "meeting_code": meeting_code, "userid": userid}
        chosen = {name: check_id(value, name) for name, value in selectors.items() if value}
        if len(chosen) != 1:
            raise InvalidRequest(f"Give exactly one of {', '.join(selectors)}")
        ((name, selector),) = chosen.items()

        def fetch(start: DateTime, end: DateTime, cursor: str | None) -> Page[Record]:
            window = {"start_time": floor(start.timestamp()), "end_time": ceil(end.timestamp())}
            # The limit must be the same for all pages of a cursor.
            body = {**chosen, **window, "limit": PAGE_SIZE} | ({} if cursor is None else {"cursor": cursor})
            return parse_records(self._post("/cgi-bin/meeting/record/list", quotas.RECORD_LIST, body))

        return list_windows(
            fetch,
            windows(*check_times(start, end), LONGEST_WINDOW),
            key=lambda record: record.meeting_record_id,
            endpoint=f"meeting/record/list?{name}",
            selector=selector,
            report=report,
        )

    # https://developer.work.weixin.qq.com/document/path/98196
    def get_recording_files(self, meeting_record_id: str, meetingid: str) -> tuple[RecordingFile, ...]:
        """Return the current links of each file of a recording; they expire soon."""
        body = _checked(meeting_record_id=meeting_record_id, meetingid=meetingid)
        return parse_files(self._post("/cgi-bin/meeting/record/get_file_list", quotas.FILE_LIST, body))

    # https://developer.work.weixin.qq.com/document/path/98205
    def get_recording_file(self, record_file_id: str, meetingid: str) -> RecordingFile:
        """Return the current links of a file, its summaries and its AI transcripts; they expire soon."""
        body = _checked(record_file_id=record_file_id, meetingid=meetingid)
        return RecordingFile.parse(self._post("/cgi-bin/meeting/record/get_file", quotas.FILE, body))

    # https://developer.work.weixin.qq.com/document/path/98211
    def get_transcript(self, record_file_id: str, meetingid: str) -> Transcripts:
        """Return the whole transcript of a file; each page starts with the last paragraph of the previous one.

        :raises ServerError: if the platform announces another page but its cursor does not advance.
        """
        body = _checked(record_file_id=record_file_id, meetingid=meetingid)

        def fetch(pid: str | None) -> Page[Transcripts]:
            page = body if pid is None else {**body, "pid": pid}
            return parse_transcript(
                self._post("/cgi-bin/meeting/record/transcript/get_detail", quotas.TRANSCRIPT, page)
            )

        transcript_pages = pages(fetch, what=f"wecom transcript of file {record_file_id}")
        return Transcripts.joined(transcripts for page in transcript_pages for transcripts in page.items)


def _checked(**ids: str) -> dict[str, Any]:
    return {name: check_id(value, name) for name, value in ids.items()}


def _in_query(request: requests.PreparedRequest, token: str) -> None:
    request.prepare_url(request.url, {"access_token": token})
