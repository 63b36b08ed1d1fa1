"""Endpoints for artifacts, statistics and meetings, with the responses of the documentation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pendulum
import pytest

from airflow_provider_meetings.api.errors import (
    Gone,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerError,
)
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from airflow_provider_meetings.platforms.feishu.auth.identity import Credentials
from airflow_provider_meetings.platforms.feishu.recordings import FeishuClient
from tests.contract.leaks import error_text
from tests.contract.media.origin import Origin, json_body, serve_origin

MINUTE = "obcnsynthetic00000000001"
STATISTICS = f"/open-apis/minutes/v1/minutes/{MINUTE}/statistics"
ARTIFACTS = f"/open-apis/minutes/v1/minutes/{MINUTE}/artifacts"
REPORT = "/open-apis/vc/v1/meeting_list"
BY_NUMBER = "/open-apis/vc/v1/meetings/list_by_no"
START = pendulum.datetime(2026, 1, 1, tz="UTC")
END = pendulum.datetime(2026, 1, 2, tz="UTC")


def documented(name: str) -> Any:
    return json.loads((Path(__file__).parents[1] / "answers" / f"{name}.json").read_text())


def ok(**data: Any) -> Any:
    return json_body({"code": 0, "msg": "success", "data": data})


@pytest.fixture
def origin() -> Iterator[Origin]:
    with serve_origin() as origin:
        token = {"code": 0, "msg": "ok", "tenant_access_token": "t-S3CRET", "expire": 7200}
        origin.on("/open-apis/auth/v3/tenant_access_token/internal", json_body(token))
        yield origin


@pytest.fixture
def sleeps() -> list[float]:
    return []


@pytest.fixture
def client(origin: Origin, sleeps: list[float]) -> Iterator[FeishuClient]:
    transport = Transport(base_url=origin.url, platform="feishu", sleep=sleeps.append)
    yield FeishuClient(transport, Credentials("a", "b", ProcessTokenStore(), user_id_type="union_id"))
    transport.close()


def queries(origin: Origin, path: str) -> list[dict[str, str]]:
    return [dict(parse_qsl(request.query)) for request in origin.requests if request.path == path]


def test_statistics(origin: Origin, client: FeishuClient) -> None:
    origin.on(STATISTICS, json_body(documented("minute_statistics")))
    assert client.get_minute_statistics(MINUTE).page_view_count == 5
    assert queries(origin, STATISTICS) == [{"user_id_type": "union_id"}]


def test_artifacts(origin: Origin, client: FeishuClient) -> None:
    origin.on(ARTIFACTS, json_body(documented("minute_artifacts")))
    assert client.get_minute_artifacts(MINUTE).summary == "summary text"
    assert queries(origin, ARTIFACTS) == [{}]


def test_report_pages(origin: Origin, client: FeishuClient) -> None:
    second = {"meeting_id": "705605196", "meeting_instance_id": "7000000000000000002"}
    shifted = documented("meeting_list")["data"]["meeting_list"][0]
    origin.on(REPORT, json_body(documented("meeting_list")), ok(meeting_list=[shifted, second], has_more=False))
    found = [meeting.meeting_instance_id for meeting in client.list_meetings(START, END)]
    assert found == ["7000000000000000001", "7000000000000000002"]
    first = {
        "user_id_type": "union_id",
        "meeting_status": "2",
        "page_size": "100",
        "start_time": "1767225600",
        "end_time": "1767312000",
    }
    assert queries(origin, REPORT) == [first, {**first, "page_token": "20"}]


def test_window_over_a_year_is_split(origin: Origin, client: FeishuClient) -> None:
    start = START.subtract(days=400)
    origin.on(
        REPORT, json_body({**documented("meeting_list"), "data": {"meeting_list": [{"meeting_instance_id": "7"}]}})
    )
    assert [meeting.meeting_instance_id for meeting in client.list_meetings(start, START)] == ["7"]
    middle = start.add(days=365)
    spans = [(int(q["start_time"]), int(q["end_time"])) for q in queries(origin, REPORT)]
    assert spans == [
        (int(start.timestamp()), int(middle.timestamp())),
        (int(middle.timestamp()), int(START.timestamp())),
    ]


def test_window_of_a_year_is_one_request(origin: Origin, client: FeishuClient) -> None:
    origin.on(REPORT, ok())
    assert list(client.list_meetings(START.subtract(days=365), START)) == []
    assert origin.count(REPORT) == 1


def test_rows_without_instance_id_are_deduplicated_by_content(origin: Origin, client: FeishuClient) -> None:
    one, two = ({"meeting_id": "705605196", "meeting_topic": topic} for topic in ("a", "b"))
    origin.on(REPORT, ok(meeting_list=[one, two], has_more=True, page_token="20"), ok(meeting_list=[two]))
    assert [meeting.raw["meeting_topic"] for meeting in client.list_meetings(START, END)] == ["a", "b"]


@pytest.mark.parametrize("path", [REPORT, BY_NUMBER])
def test_repeated_page_token_is_error(origin: Origin, client: FeishuClient, path: str) -> None:
    origin.on(path, ok(meeting_list=[], meeting_briefs=[], has_more=True, page_token="20"))
    found: Iterator[Any] = (
        client.list_meetings(START, END) if path == REPORT else client.list_meetings_by_number("1", START, END)
    )
    with pytest.raises(ServerError, match="same cursor twice"):
        list(found)
    assert origin.count(path) == 2


def test_meetings_of_number(origin: Origin, client: FeishuClient) -> None:
    data = documented("list_by_no")["data"]
    more = {**data["meeting_briefs"][0], "id": "7000000000000000002"}
    origin.on(
        BY_NUMBER,
        ok(**{**data, "has_more": True, "page_token": "p"}),
        ok(meeting_briefs=[*data["meeting_briefs"], more]),
    )
    found = [meeting.id for meeting in client.list_meetings_by_number("705605196", START, END)]
    assert found == ["7000000000000000001", "7000000000000000002"]
    first = {"meeting_no": "705605196", "start_time": "1767225600", "end_time": "1767312000", "page_size": "50"}
    assert queries(origin, BY_NUMBER) == [first, {**first, "page_token": "p"}]


def test_number_without_meeting_is_not_retried(origin: Origin, client: FeishuClient) -> None:
    origin.on(BY_NUMBER, json_body({"code": 121004, "msg": "data not exist"}, 404))
    with pytest.raises(NotFound):
        list(client.list_meetings_by_number("1", START, END))


def test_report_needs_user_token(origin: Origin, client: FeishuClient, sleeps: list[float]) -> None:
    origin.on(REPORT, json_body({"code": 121005, "msg": "no permission"}, 403))
    with pytest.raises(PermissionDenied, match="user's token") as caught:
        list(client.list_meetings(START, END))
    assert (origin.count(REPORT), sleeps) == (1, [])
    assert "S3CRET" not in error_text(caught.value)


def test_listing_retries_rate_limited_page(origin: Origin, client: FeishuClient, sleeps: list[float]) -> None:
    refused = json_body({"code": 99991400, "msg": "slow"}, 400, {"x-ogw-ratelimit-reset": "7"})
    origin.on(REPORT, json_body(documented("meeting_list")), refused, ok(has_more=False))
    assert len(list(client.list_meetings(START, END))) == 1
    assert sleeps == [7.0]
    origin.on(REPORT, refused)
    with pytest.raises(RateLimited):
        list(client.list_meetings(START, END))


def test_answer_about_another_minute_is_refused(origin: Origin, client: FeishuClient) -> None:
    origin.on("/open-apis/minutes/v1/minutes/" + "a" * 24, ok(minute={"token": "b" * 24}))
    with pytest.raises(ServerError, match="another minute"):
        client.get_minute("a" * 24)


def test_long_message_is_cut(origin: Origin, client: FeishuClient) -> None:
    refused = json_body({"code": 2091004, "msg": "x" * 1_000_000, "error": {"log_id": "A\nFAKE line"}}, 400)
    origin.on("/open-apis/minutes/v1/minutes/" + "a" * 24, refused)
    with pytest.raises(Gone) as caught:
        client.get_minute("a" * 24)
    assert len(str(caught.value)) < 1500
    assert "(1000000 characters)" in str(caught.value)
    assert caught.value.log_id == ""
