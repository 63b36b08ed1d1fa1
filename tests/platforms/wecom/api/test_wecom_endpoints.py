"""Endpoints for files and transcripts, with the responses of the documentation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.errors import MeetingsApiError, ServerError
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from airflow_provider_meetings.platforms.wecom.recordings import WeComClient
from tests.contract.media.origin import Answer, Origin, json_body, serve_origin

FILE = "/cgi-bin/meeting/record/get_file"
DETAIL = "/cgi-bin/meeting/record/transcript/get_detail"
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


def test_paragraph_on_two_pages_is_returned_once(origin: Origin, client: WeComClient) -> None:
    origin.on(DETAIL, transcript(0, 1, 2, more=True), transcript(2, 3, 4, more=True), transcript(4))
    read = client.get_transcript("rf1", "hyABC")
    assert [paragraph.pid for paragraph in read.paragraphs] == ["0", "1", "2", "3", "4"]
    # A pid is a text.
    assert bodies(origin, DETAIL) == [IDS, {**IDS, "pid": "2"}, {**IDS, "pid": "4"}]


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


@pytest.mark.parametrize(("code", "least", "most"), [(45009, 60.0, 60.0), (45033, 1.0, 3.0)])
def test_rate_limit_is_waited_for(
    origin: Origin, client: WeComClient, sleeps: list[float], code: int, least: float, most: float
) -> None:
    origin.on(FILE, json_body({"errcode": code, "errmsg": "out of limit"}), json_body(documented("get_file")))
    assert client.get_recording_file("rf1", "hyABC").record_file_id == "rf1"
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
