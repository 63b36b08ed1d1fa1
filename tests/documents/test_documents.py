"""Each field and each code of the five documents, with the client against the emulator."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pendulum
import pytest
import requests

from airflow_provider_meetings.api.errors import MeetingsApiError, RateLimited
from airflow_provider_meetings.api.http.auth import Token
from airflow_provider_meetings.api.http.error_codes import Rule
from airflow_provider_meetings.api.http.rate_limit import Quota
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.emulator.codes.registry import CODES
from airflow_provider_meetings.emulator.model.endpoints import ENDPOINTS, Code
from airflow_provider_meetings.emulator.seed import wecom as seed_wecom
from airflow_provider_meetings.emulator.seed.company import default_company
from airflow_provider_meetings.emulator.seed.credentials import (
    FEISHU_APP_ID,
    FEISHU_APP_SECRET,
    FEISHU_APP_TICKET,
    FEISHU_STORE_APP_ID,
    FEISHU_STORE_APP_SECRET,
    FEISHU_TENANT_KEY,
    WECOM_CORP_ID,
    WECOM_CORP_SECRET,
)
from airflow_provider_meetings.emulator.seed.feishu import NAMED_POST, READY_MEETING, READY_MINUTE
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from airflow_provider_meetings.platforms.feishu.api.models import (
    MeetingRecording,
    Minute,
    MomentsPost,
    parse_download_url,
)
from airflow_provider_meetings.platforms.feishu.auth.identity import Credentials, StoreApp
from airflow_provider_meetings.platforms.feishu.codes import CODES as FEISHU_CODES
from airflow_provider_meetings.platforms.feishu.recordings import FeishuClient
from airflow_provider_meetings.platforms.wecom.api.models import parse_records
from airflow_provider_meetings.platforms.wecom.errors import CODES as WECOM_CODES
from airflow_provider_meetings.platforms.wecom.recordings import WeComClient
from tests.contract.feishu_user import user_client
from tests.documents.table import DOCUMENTS, OTHER_CODES, Document, Field, page

ROOT = Path(__file__).resolve().parents[2]
START, END = pendulum.datetime(2026, 11, 1, tz="UTC"), pendulum.datetime(2026, 11, 14, tz="UTC")
SHARED = default_company().wecom_recordings[seed_wecom.SHARED_RECORD]
MEDIA_FILE, RECORD = "rf-20261109-alex.chen-1030-1", ("mr-20261109-alex.chen-1030", "hy-20261109-alex.chen-1030")


class Quotas:
    """A rate limiter that records the quota of each call and never waits."""

    def __init__(self) -> None:
        self.seen: list[Quota] = []

    def reserve(self, quota: Quota, max_wait: float) -> float:
        self.seen.append(quota)
        return 0.0

    def refused(self, quota: Quota, error: RateLimited) -> float:
        return error.retry_after or 0.0


class Uncached:
    """A token store that fetches a token for each call."""

    def token(self, key: str, fetch: Callable[[], Token], *, rejected: str | None = None) -> Token:
        return fetch()


class Clients:
    """The clients of both platforms on one emulator, with a call for each of its endpoints."""

    def __init__(self, url: str, state: EmulatorState, folder: Path) -> None:
        self.url = url
        self.state = state
        self.quotas = Quotas()
        quick: dict[str, Any] = {"base_url": url, "max_attempts": 1, "rate_limiter": self.quotas}
        self.feishu = FeishuClient(
            Transport(platform="feishu", **quick),
            Credentials(FEISHU_APP_ID, FEISHU_APP_SECRET, Uncached()),
        )
        self.wecom = WeComClient(
            Transport(platform="wecom", **quick),
            corp_id=WECOM_CORP_ID,
            corp_secret=WECOM_CORP_SECRET,
            tokens=Uncached(),
        )
        self.user = user_client(Transport(platform="feishu", **quick), time.time, folder)
        self.store = FeishuClient(
            Transport(platform="feishu", **quick),
            Credentials(
                FEISHU_STORE_APP_ID,
                FEISHU_STORE_APP_SECRET,
                Uncached(),
                store_app=StoreApp(FEISHU_APP_TICKET, FEISHU_TENANT_KEY),
            ),
        )
        feishu, wecom, user = self.feishu, self.wecom, self.user
        self.calls: dict[str, Callable[[], Any]] = {
            "feishu.tenant_access_token": feishu.whoami,
            "feishu.minute": lambda: feishu.get_minute(READY_MINUTE),
            "feishu.minute_media": lambda: feishu.get_minute_media_url(READY_MINUTE),
            "feishu.minute_transcript": lambda: feishu.get_minute_transcript(READY_MINUTE),
            "feishu.minute_statistics": lambda: feishu.get_minute_statistics(READY_MINUTE),
            "feishu.minute_artifacts": lambda: feishu.get_minute_artifacts(READY_MINUTE),
            "feishu.meeting_recording": lambda: feishu.get_meeting_recording(READY_MEETING),
            "feishu.meetings_by_number": lambda: list(feishu.list_meetings_by_number("520131401", START, END)),
            "feishu.meeting_list": lambda: list(feishu.list_meetings(START, END)),
            "feishu.minutes_search": lambda: list(user.search_minutes("ou_1", START, END)),
            "feishu.user_info": user.get_user_info,
            "feishu.user_access_token": lambda: user.exchange_code("c", verifier="v" * 43, redirect_uri="http://x"),
            "feishu.app_access_token": self.store.whoami,
            "feishu.store_tenant_access_token": self.store.whoami,
            "feishu.post": lambda: feishu.get_post(NAMED_POST),
            "wecom.gettoken": wecom.whoami,
            "wecom.record_list": lambda: list(wecom.list_recordings(START, END, userid="alex.chen")),
            "wecom.get_file_list": lambda: wecom.get_recording_files(*RECORD),
            "wecom.get_file": lambda: wecom.get_recording_file(MEDIA_FILE, RECORD[1]),
            "wecom.get_detail": lambda: wecom.get_transcript(MEDIA_FILE, RECORD[1]),
        }


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    state = EmulatorState()
    with serve(state) as url:
        yield Clients(url, state, tmp_path_factory.mktemp("user") / "state")


@pytest.fixture(autouse=True)
def clean(clients: Clients) -> None:
    clients.state.clear_failures()
    clients.state.requests.clear()


def _rows(part: str) -> list[Any]:
    return [
        pytest.param(document, field, id=f"{document.key}-{field.name}")
        for document in DOCUMENTS
        for field in getattr(document, part)
    ]


def _example(key: str) -> Any:
    platform = "wecom" if key == "record_list" else "feishu"
    return json.loads((ROOT / "tests" / "platforms" / platform / "answers" / f"{key}.json").read_text())


@pytest.mark.parametrize(("document", "field"), _rows("request"))
def test_request(clients: Clients, document: Document, field: Field) -> None:
    """The client sends the field as the document requires."""
    if document.endpoint == "wecom.record_list":
        selectors = {"meetingid": seed_wecom.STANDUP_MEETINGID, "meeting_code": seed_wecom.STANDUP_CODE}
        selector: dict[str, Any] = (
            {field.name: selectors[field.name]} if field.name in selectors else {"userid": "zhangwei"}
        )
        start = START.subtract(days=17)
        list(clients.wecom.list_recordings(start, END, **selector))
        request = clients.state.requests[-1]
        values = {**request.query, **(request.body or {}), **dict.fromkeys(request.withheld, "withheld")}
        assert values[field.name]
        if field.name in {"start_time", "end_time"}:
            assert values[field.name] in {int(start.timestamp()), int(END.timestamp())}
        return
    clients.calls[document.endpoint]()
    request = clients.state.requests[-1]
    sent = {
        "Authorization": request.withheld == ("authorization",),
        "minute_token": f"/minutes/{READY_MINUTE}" in request.path,
        "meeting_id": f"/meetings/{READY_MEETING}/" in request.path,
        "post_id": request.path.endswith(f"/{NAMED_POST}"),
        "user_id_type": request.query.get("user_id_type") == "open_id",
    }
    assert sent[field.name]


def _emulator_answer(clients: Clients, document: Document) -> Any:
    """Return the emulator's answer to the client's last request, sent again."""
    if document.key == "record_list":  # on the day with a shared file
        day = seed_wecom.SPECIAL_DAY
        begin = pendulum.datetime(day.year, day.month, day.day, tz="Asia/Shanghai")
        list(clients.wecom.list_recordings(begin, begin.add(days=1), userid=SHARED.creator))
    else:
        clients.calls[document.endpoint]()
    sent = clients.state.requests[-1]
    platform = ENDPOINTS[document.endpoint].platform
    *_, token = clients.state.tokens._tokens[platform]
    headers = {"authorization": f"Bearer {token}"} if platform == "feishu" else {}
    query = sent.query if headers else {**sent.query, "access_token": token}
    return requests.request(sent.method, clients.url + sent.path, params=query, headers=headers, json=sent.body).json()


PARSERS: dict[str, Callable[[Any], Any]] = {
    "minute": lambda body: Minute.parse(body["data"], "minute"),
    "minute_media": lambda body: parse_download_url(body["data"]),
    "meeting_recording": lambda body: MeetingRecording.parse(body["data"], "recording"),
    "post": lambda body: MomentsPost.parse(body["data"], "post"),
    "record_list": lambda body: parse_records(body).items[0],
}


def _find_field(body: Any, name: str) -> Any:
    """Return the field from any level of an answer. WeCom's table and example use different names for two lists."""
    names = {name, {"record_list": "record_meetings", "record_file_list": "record_files"}.get(name, name)}
    if isinstance(body, dict):
        for key, value in body.items():
            if key in names:
                return value
        body = list(body.values())
    for value in body if isinstance(body, list) else ():
        if (found := _find_field(value, name)) is not None:
            return found
    return None


@pytest.mark.parametrize(("document", "field"), _rows("answer"))
def test_answer(clients: Clients, document: Document, field: Field) -> None:
    """The client's object has the value of the page's example, and the emulator's answer has the field."""
    example = _example(document.key)
    printed = _find_field(example, field.name)
    if field.name in {"has_more", "next_cursor"}:
        # Only the page's table names these two, not its example.
        assert parse_records({**example, "has_more": True, "next_cursor": "C"}).next_cursor == "C"
        assert parse_records({**example, "has_more": False, "next_cursor": "C"}).next_cursor is None
        assert parse_records({**example, "next_cursor": "C"}).next_cursor is None
    else:
        assert printed is not None
    if field.name != "next_cursor":  # absent on the last page; test_request follows one
        assert _find_field(_emulator_answer(clients, document), field.name) is not None
    if not field.attribute:
        return
    value = PARSERS[document.key](example)
    for name in field.attribute.split(".") if document.key != "minute_media" else ():
        if name.isdecimal():
            value = value[int(name)]
        elif isinstance(value, dict):
            value = value[name]
        else:
            value = value.record_file_list[0] if name == "file" else getattr(value, name)
    assert _equal(value, printed), (value, printed)


def _equal(value: Any, printed: Any) -> bool:
    """Return whether a typed value equals a printed one, which may be text or milliseconds."""
    if isinstance(value, pendulum.DateTime):
        text = isinstance(printed, str) and not printed.isdecimal()
        time_printed = pendulum.parse(printed) if text else pendulum.from_timestamp(int(printed) / 1000)
        return value == time_printed and value.timezone_name == "UTC"
    if isinstance(value, int) and not isinstance(value, bool):
        return value == int(printed)
    if isinstance(value, tuple):
        return len(value) == len(printed)
    if isinstance(value, list):
        return bool(value == (json.loads(printed) if isinstance(printed, str) else printed))
    return bool(value == printed)


@pytest.mark.parametrize(
    ("document", "status", "code", "error"),
    [pytest.param(d, status, code, error, id=f"{d.key}-{code}") for d in DOCUMENTS for status, code, error in d.codes],
)
def test_code(clients: Clients, document: Document, status: int, code: int, error: str) -> None:
    """The emulator answers with the document's status, and the client raises the documented error."""
    row = next(row for row in CODES if row.code == code and document.endpoint in row.endpoints)
    assert row.status == status
    clients.state.fail(document.endpoint, code, times=None)
    with pytest.raises(MeetingsApiError) as caught:
        clients.calls[document.endpoint]()
    assert type(caught.value).__name__ == error
    assert caught.value.code == code
    assert caught.value.log_id
    assert str(code) in str(caught.value)


@pytest.mark.parametrize(
    ("platform", "code", "error"),
    [
        pytest.param(platform, code, error, id=f"{platform}-{code}")
        for platform, groups in OTHER_CODES.items()
        for error, codes in groups
        for code in codes
    ],
)
def test_other_code(clients: Clients, platform: str, code: int, error: str) -> None:
    """The emulator can answer the code, and the client raises the error."""
    row = next(row for row in CODES if row.code == code and row.platform == platform)
    endpoint = next(name for name in row.endpoints if name in clients.calls)
    clients.state.fail(endpoint, code, times=None)
    with pytest.raises(MeetingsApiError) as caught:
        clients.calls[endpoint]()
    assert (type(caught.value).__name__, caught.value.code) == (error, code)


@pytest.mark.parametrize("table", [FEISHU_CODES, WECOM_CODES], ids=["feishu", "wecom"])
def test_no_step_only_sends_to_a_search(table: dict[int, Rule]) -> None:
    for code, rule in table.items():
        assert len(rule.next_step) > 10, code
        assert not re.search(r"look (the code|it) up|devtool/query|feishu\.cn/search", rule.next_step.lower()), code


@pytest.mark.parametrize("row", CODES, ids=lambda row: row.key)
def test_client_knows_every_code(clients: Clients, row: Code) -> None:
    """The tables of the emulator and the client, written independently from the same pages, agree."""
    endpoints = [name for name in row.endpoints if name in clients.calls]
    if not endpoints:
        assert row.code in (FEISHU_CODES if row.platform == "feishu" else WECOM_CODES)
    for endpoint in endpoints:
        clients.state.clear_failures()
        clients.state.fail(endpoint, row.code, times=None)
        with pytest.raises(MeetingsApiError) as caught:
            clients.calls[endpoint]()
        error = caught.value
        assert error.code == row.code
        assert error.next_step, row.key
        assert row.message.partition("{")[0][:20] in error.vendor_message


def test_page_is_up_to_date() -> None:
    written = (ROOT / "docs" / "reference" / "documents.rst").read_text()
    assert written == page(), "run: python scripts/document_table.py"


def test_quotas_match_the_documented_limits(clients: Clients) -> None:
    quotas: dict[str, Quota] = {}
    for name, call in clients.calls.items():
        if not ENDPOINTS[name].token:
            call()
            quotas[name] = clients.quotas.seen[-1]
    rates = {name: {(rate.calls, rate.seconds) for rate in quota.rates} for name, quota in quotas.items()}
    assert rates == {name: {(w.count, w.seconds) for w in ENDPOINTS[name].windows} for name in quotas}
    assert len({quota.endpoint for quota in quotas.values()}) == len(quotas)


def test_token_requests_have_no_quota(clients: Clients) -> None:
    clients.state.revoke_tokens()
    clients.quotas.seen.clear()
    clients.feishu.get_minute(READY_MINUTE)
    list(clients.wecom.list_recordings(START, END, userid="alex.chen"))
    names = {quota.endpoint: quota.rates for quota in clients.quotas.seen}
    assert names["auth.tenant_access_token"] == names["gettoken"] == ()
