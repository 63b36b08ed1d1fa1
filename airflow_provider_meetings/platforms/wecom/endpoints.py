"""The WeCom endpoints, one method each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import requests
from pendulum import DateTime

from airflow_provider_meetings.api.auth import Token, TokenAuth, TokenStore, token_key
from airflow_provider_meetings.api.client import ListedWindow, Report
from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.pagination import Page, pages
from airflow_provider_meetings.api.query import windows
from airflow_provider_meetings.api.transport import Transport
from airflow_provider_meetings.platforms.wecom.errors import PLATFORM, decode
from airflow_provider_meetings.platforms.wecom.wire import (
    FileAddresses,
    Record,
    RecordPage,
    parse_addresses,
    parse_token,
    seconds,
)

DEFAULT_BASE_URL = "https://qyapi.weixin.qq.com"
LONGEST_WINDOW = timedelta(days=31)
PAGE_SIZE = 20


class WeComEndpoints:
    """Call WeCom as one self-built app. It sees only meetings that this app created through the API.

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
        """Fetch a token; tell the corp and the host."""
        self._auth.signature()
        return f"corp {self._corp_id} at {self.transport.base_url}"

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

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self.transport.call("POST", path, decode, json=body, auth=self._auth)
        return answer


def _in_query(request: requests.PreparedRequest, token: str) -> None:
    request.prepare_url(request.url, {"access_token": token})
