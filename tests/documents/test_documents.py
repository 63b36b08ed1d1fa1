"""Each field and each code of the five documents, by the client against the emulator: two readings of one page."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pendulum
import pytest

from airflow_provider_meetings.api.errors import MeetingsApiError, RateLimited
from airflow_provider_meetings.api.http.auth import Token
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
from airflow_provider_meetings.platforms.feishu.api.models import MeetingRecording, Minute, parse_download_url
from airflow_provider_meetings.platforms.feishu.api.models_posts import MomentsPost
from airflow_provider_meetings.platforms.feishu.auth.credentials import Credentials
from airflow_provider_meetings.platforms.feishu.auth.identity import StoreApp
from airflow_provider_meetings.platforms.feishu.codes import CODES as FEISHU_CODES
from airflow_provider_meetings.platforms.feishu.recordings import FeishuClient
from airflow_provider_meetings.platforms.wecom.api.models import parse_records
from airflow_provider_meetings.platforms.wecom.errors import CODES as WECOM_CODES
from airflow_provider_meetings.platforms.wecom.recordings import WeComClient
from tests.contract.feishu_user import user_client
from tests.documents.table import DOCUMENTS, Document, Field, page

ROOT = Path(__file__).resolve().parents[2]
START, END = pendulum.datetime(2026, 11, 1, tz="UTC"), pendulum.datetime(2026, 11, 14, tz="UTC")
SHARED = default_company().wecom_recordings[seed_wecom.SHARED_RECORD]
MEDIA_FILE, RECORD = "rf-20261109-alex.chen-1030-1", ("mr-20261109-alex.chen-1030", "hy-20261109-alex.chen-1030")


class Quotas:
    """Note which quota each call belongs to; let everything pass."""

    def __init__(self) -> None:
        self.seen: list[Quota] = []

    def reserve(self, quota: Quota, longest: float) -> float:
        self.seen.append(quota)
        return 0.0

    def refused(self, quota: Quota, error: RateLimited) -> float:
        return error.retry_after or 0.0


class Uncached:
    """A token store that fetches a token for each call."""

    def token(self, key: str, fetch: Callable[[], Token], *, rejected: str | None = None) -> Token:
        return fetch()


class Both:
    """Both clients on one emulator, and how each of the emulator's endpoints is called through them."""

    def __init__(self, url: str, state: EmulatorState, folder: Path) -> None:
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
            "feishu.minutes_search": lambda: list(user.search_minutes(start=START, end=END)),
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
            "wecom.get_user_meetingid": lambda: list(wecom.get_user_meeting_ids("alex.chen", START, END)),
        }


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    state = EmulatorState()
    with serve(state) as url:
        yield Both(url, state, tmp_path_factory.mktemp("user") / "state")


@pytest.fixture(autouse=True)
def clean(both: Both) -> None:
    both.state.clear_failures()
    both.state.requests.clear()


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
def test_request(both: Both, document: Document, field: Field) -> None:
    """The field is sent, in the form that the document asks for."""
    if document.endpoint == "wecom.record_list":
        selectors = {"meetingid": seed_wecom.STANDUP_MEETINGID, "meeting_code": seed_wecom.STANDUP_CODE}
        given: dict[str, Any] = (
            {field.name: selectors[field.name]} if field.name in selectors else {"userid": "zhangwei"}
        )
        list(both.wecom.list_recordings(START.subtract(days=17), END, **given))
        request = both.state.requests[-1]
        found = {**request.query, **(request.body or {})}
        assert found[field.name]
        if field.name in {"start_time", "end_time"}:
            assert found[field.name] in {int(START.subtract(days=17).timestamp()), int(END.timestamp())}
        return
    both.calls[document.endpoint]()
    request = both.state.requests[-1]
    sent = {
        "Authorization": request.headers["authorization"].startswith("Bearer t-"),
        "minute_token": f"/minutes/{READY_MINUTE}" in request.path,
        "meeting_id": f"/meetings/{READY_MEETING}/" in request.path,
        "post_id": request.path.endswith(f"/{NAMED_POST}"),
        "user_id_type": request.query.get("user_id_type") == "open_id",
    }
    assert sent[field.name]


OPTIONAL = {"next_cursor"}
"""Only there when more follows; `test_request` follows one."""


def _answered(both: Both, document: Document) -> Any:
    """Return the emulator's own answer to the client's last question, asked again."""
    given: dict[str, Any] = {}

    def note(response: Any, **_: Any) -> None:
        given["body"] = response.json()

    client = both.wecom if document.endpoint.startswith("wecom.") else both.feishu
    hooks = client.transport._session.hooks
    before = hooks["response"]
    hooks["response"] = [*before, note]
    try:
        if document.key == "record_list":  # the day that has a shared file
            day = seed_wecom.SPECIAL_DAY
            begin = pendulum.datetime(day.year, day.month, day.day, tz="Asia/Shanghai")
            list(both.wecom.list_recordings(begin, begin.add(days=1), userid=SHARED.creator))
        else:
            both.calls[document.endpoint]()
    finally:
        hooks["response"] = before
    return given["body"]


PARSERS: dict[str, Callable[[Any], Any]] = {
    "minute": lambda body: Minute.parse(body["data"], "minute"),
    "minute_media": lambda body: parse_download_url(body["data"]),
    "meeting_recording": lambda body: MeetingRecording.parse(body["data"], "recording"),
    "post": lambda body: MomentsPost.parse(body["data"], "post"),
    "record_list": lambda body: parse_records(body).items[0],
}


def _stands(body: Any, name: str) -> Any:
    """Find the field in the printed example, wherever it stands; a name of WeCom's table also as in its example."""
    names = {name, {"record_list": "record_meetings", "record_file_list": "record_files"}.get(name, name)}
    if isinstance(body, dict):
        for key, value in body.items():
            if key in names:
                return value
        body = list(body.values())
    for value in body if isinstance(body, list) else ():
        if (found := _stands(value, name)) is not None:
            return found
    return None


@pytest.mark.parametrize(("document", "field"), _rows("answer"))
def test_answer(both: Both, document: Document, field: Field) -> None:
    """The typed object holds what the printed example says, and the emulator's answer has the field too."""
    example = _example(document.key)
    printed = _stands(example, field.name)
    if field.name in {"has_more", "next_cursor"}:
        # The example of the list omits these two, which its table names.
        assert parse_records({**example, "has_more": True, "next_cursor": "C"}).next_cursor == "C"
        assert parse_records({**example, "has_more": False, "next_cursor": "C"}).next_cursor is None
        assert parse_records({**example, "next_cursor": "C"}).next_cursor is None
    else:
        assert printed is not None
    if field.name not in OPTIONAL:
        assert _stands(_answered(both, document), field.name) is not None
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
    assert _same(value, printed), (value, printed)


def _same(value: Any, printed: Any) -> bool:
    """Compare a typed value with what is printed: times by their moment, numbers as text by their number."""
    if isinstance(value, pendulum.DateTime):
        text = isinstance(printed, str) and not printed.isdecimal()
        moment = pendulum.parse(printed) if text else pendulum.from_timestamp(int(printed) / 1000)
        return value == moment and value.timezone_name == "UTC"
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
def test_code(both: Both, document: Document, status: int, code: int, error: str) -> None:
    """The code is answered with the document's status, and becomes the error that it means."""
    row = next(row for row in CODES if row.code == code and document.endpoint in row.endpoints)
    assert row.status == status
    both.state.fail(document.endpoint, code, times=None)
    with pytest.raises(MeetingsApiError) as caught:
        both.calls[document.endpoint]()
    assert type(caught.value).__name__ == error
    assert caught.value.code == code
    assert caught.value.log_id
    assert str(code) in str(caught.value)


def _walked() -> list[Any]:
    return [pytest.param(row, id=row.key) for row in CODES]


@pytest.mark.parametrize("row", _walked())
def test_every_row_of_the_emulator_is_understood(both: Both, row: Code) -> None:
    """Two tables written from the same pages by two readers: no code is left that the client does not know."""
    endpoints = [name for name in row.endpoints if name in both.calls]
    if not endpoints:  # those of searches, which need a user's token: only the table is compared
        table = FEISHU_CODES if row.platform == "feishu" else WECOM_CODES
        assert row.code in table
        return
    for endpoint in endpoints:
        both.state.clear_failures()
        both.state.fail(endpoint, row.code, times=None)
        with pytest.raises(MeetingsApiError) as caught:
            both.calls[endpoint]()
        error = caught.value
        assert error.code == row.code
        assert error.next_step, row.key
        assert row.message.partition("{")[0][:20] in error.vendor_message


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "documents.rst").read_text() == page(), "run: python scripts/document_table.py"


def test_each_endpoint_has_the_quota_that_its_page_names(both: Both) -> None:
    quotas: dict[str, Quota] = {}
    for name, call in both.calls.items():
        if not ENDPOINTS[name].token:
            call()
            quotas[name] = both.quotas.seen[-1]
    ours = {name: {(rate.calls, rate.seconds) for rate in quota.rates} for name, quota in quotas.items()}
    assert ours == {name: {(w.count, w.seconds) for w in ENDPOINTS[name].windows} for name in quotas}
    assert len({quota.endpoint for quota in quotas.values()}) == len(quotas)


def test_a_token_is_asked_for_without_a_queue(both: Both) -> None:
    both.state.revoke_tokens()
    both.quotas.seen.clear()
    both.feishu.get_minute(READY_MINUTE)
    list(both.wecom.list_recordings(START, END, userid="alex.chen"))
    names = {quota.endpoint: quota.rates for quota in both.quotas.seen}
    assert names["auth.tenant_access_token"] == names["gettoken"] == ()
