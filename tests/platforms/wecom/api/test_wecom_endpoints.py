"""Endpoints for files, transcripts and meetings, with the responses of the documentation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pendulum
import pytest

from airflow_provider_meetings.api.errors import MeetingsApiError, ServerError
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from airflow_provider_meetings.platforms.wecom.recordings import WeComClient
from tests.contract.media.origin import Answer, Origin, json_body, serve_origin

FILE = "/cgi-bin/meeting/record/get_file"
DETAIL = "/cgi-bin/meeting/record/transcript/get_detail"
MEETINGS = "/cgi-bin/meeting/get_user_meetingid"
START = pendulum.datetime(2026, 1, 1, tz="UTC")
END = pendulum.datetime(2026, 1, 31, tz="UTC")
IDS = {"record_file_id": "rf1", "meetingid": "hyABC"}


def documented(name: str) -> Any:
    return json.loads((Path(__file__).parents[1] / "answers" / f"{name}.json").read_text())


@pytest.fixture
def origin() -> Iterator[Origin]:
    with serve_origin() as origin:
        token = {"errcode": 0, "errmsg": "ok", "access_token": "T0KEN", "expires_in": 7200}
        origin.on("/cgi-bin/gettoken", json_body(token))
        yield origin


@pytest.fixture
def sleeps() -> list[float]:
    return []


@pytest.fixture
def client(origin: Origin, sleeps: list[float]) -> Iterator[WeComClient]:
    transport = Transport(base_url=origin.url, platform="wecom", sleep=sleeps.append)
    yield WeComClient(transport, corp_id="ww1", corp_secret="S3CRET", tokens=ProcessTokenStore())
    transport.close()


def bodies(origin: Origin, path: str) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in origin.requests if request.path == path]


def test_get_recording_file(origin: Origin, client: WeComClient) -> None:
    origin.on(FILE, json_body(documented("get_file")))
    assert client.get_recording_file("rf1", "hyABC").download_address_file_type == "mp4"
    assert bodies(origin, FILE) == [IDS]


def transcript(*pids: int, more: bool = False) -> Answer:
    paragraphs = [{"pid": str(pid), "sentences": [{"words": [{"text": str(pid)}]}]} for pid in pids]
    transcripts = {"paragraphs": paragraphs, "keywords": ["k"], "audio_detect": 1}
    return json_body({"errcode": 0, "errmsg": "ok", "has_more": more, "transcripts": transcripts})


def test_transcript_in_one_page(origin: Origin, client: WeComClient) -> None:
    origin.on(DETAIL, transcript(0, 1, 2))
    read = client.get_transcript("rf1", "hyABC")
    assert ([p.pid for p in read.paragraphs], read.keywords, read.audio_detect) == (["0", "1", "2"], ("k",), 1)
    assert bodies(origin, DETAIL) == [IDS]


@pytest.mark.parametrize("limit", [None, 3])
def test_paragraph_on_two_pages_is_returned_once(origin: Origin, client: WeComClient, limit: int | None) -> None:
    origin.on(DETAIL, transcript(0, 1, 2, more=True), transcript(2, 3, 4, more=True), transcript(4))
    read = client.get_transcript("rf1", "hyABC", limit=limit)
    assert [paragraph.pid for paragraph in read.paragraphs] == ["0", "1", "2", "3", "4"]
    first = IDS if limit is None else {**IDS, "limit": limit}
    # A pid is a text.
    assert bodies(origin, DETAIL) == [first, {**first, "pid": "2"}, {**first, "pid": "4"}]


@pytest.mark.parametrize("second", [(2,), (0, 1, 2), (1, 2)])
def test_transcript_page_without_progress_is_error(
    origin: Origin, client: WeComClient, second: tuple[int, ...]
) -> None:
    origin.on(DETAIL, transcript(0, 1, 2, more=True), transcript(*second, more=True))
    with pytest.raises(ServerError, match="same cursor twice"):
        client.get_transcript("rf1", "hyABC")
    assert origin.count(DETAIL) == 2


def test_more_without_paragraph_is_error(origin: Origin, client: WeComClient) -> None:
    origin.on(DETAIL, transcript(0, 1, more=True), transcript(more=True))
    with pytest.raises(ServerError, match="no paragraph"):
        client.get_transcript("rf1", "hyABC")


def ids(*found: str, cursor: str | None = "") -> Answer:
    return json_body({"errcode": 0, "errmsg": "ok", "next_cursor": cursor, "meetingid_list": list(found)})


def test_user_meeting_ids(origin: Origin, client: WeComClient) -> None:
    origin.on(MEETINGS, ids("hyABC", cursor="c1"), ids("hyABC", "hyDEF", cursor="c2"), ids())
    assert list(client.get_user_meeting_ids("zhangsan", START, END)) == ["hyABC", "hyDEF"]
    first = {"userid": "zhangsan", "cursor": "0", "begin_time": 1767225600, "end_time": 1769817600, "limit": 100}
    sent = bodies(origin, MEETINGS)
    assert sent == [first, {**first, "cursor": "c1"}, {**first, "cursor": "c2"}]


def test_window_over_180_days_is_split(origin: Origin, client: WeComClient) -> None:
    start = END.subtract(days=181)
    origin.on(MEETINGS, json_body(documented("user_meetingid")))
    assert list(client.get_user_meeting_ids("zhangsan", start, END)) == ["hyABC", "hyDEF"]
    spans = [(body["begin_time"], body["end_time"], body["cursor"]) for body in bodies(origin, MEETINGS)]
    middle = int(start.add(days=180).timestamp())
    assert spans == [(int(start.timestamp()), middle, "0"), (middle, int(END.timestamp()), "0")]


def test_window_of_180_days_is_one_request(origin: Origin, client: WeComClient) -> None:
    origin.on(MEETINGS, ids())
    assert list(client.get_user_meeting_ids("zhangsan", END.subtract(days=180), END)) == []
    assert origin.count(MEETINGS) == 1


@pytest.mark.parametrize("cursor", ["c", "0"])
def test_repeated_cursor_is_error(origin: Origin, client: WeComClient, cursor: str) -> None:
    origin.on(MEETINGS, ids("hyABC", cursor=cursor))
    with pytest.raises(ServerError, match="same cursor twice"):
        list(client.get_user_meeting_ids("zhangsan", START, END))
    assert origin.count(MEETINGS) == 2


@pytest.mark.parametrize(("code", "least", "most"), [(45009, 60.0, 60.0), (45033, 1.0, 3.0)])
def test_rate_limit_is_waited_for(
    origin: Origin, client: WeComClient, sleeps: list[float], code: int, least: float, most: float
) -> None:
    origin.on(MEETINGS, json_body({"errcode": code, "errmsg": "out of limit"}), ids("hyABC"))
    assert list(client.get_user_meeting_ids("zhangsan", START, END)) == ["hyABC"]
    (slept,) = sleeps
    assert least <= slept <= most


def test_40001_refreshes_token_once_except_at_gettoken(origin: Origin, client: WeComClient) -> None:
    origin.on(FILE, json_body({"errcode": 40001, "errmsg": "invalid credential"}), json_body(documented("get_file")))
    assert client.get_recording_file("rf1", "hyABC").record_file_id == "rf1"
    assert origin.count("/cgi-bin/gettoken") == 2
    origin.on("/cgi-bin/gettoken", json_body({"errcode": 40001, "errmsg": "invalid credential"}))
    origin.on(FILE, json_body({"errcode": 42001, "errmsg": "expired"}))
    with pytest.raises(MeetingsApiError, match="the app's secret"):
        client.get_recording_file("rf1", "hyABC")
    assert origin.count("/cgi-bin/gettoken") == 3
