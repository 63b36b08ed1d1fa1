"""Answers that real clients, the vendors' pages and the vendor's own client hold, each with its right value.

Each file of ``field_answers`` is one HTTP answer: its source, the client's call, status, headers and body, and what the
call must give: a result (``value``, ``value0`` of the first item, ``count``, ``paragraphs``) or an error.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pendulum
import pytest
from pendulum import DateTime

from airflow_provider_meetings.api import errors
from airflow_provider_meetings.api.errors import MeetingsApiError
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from airflow_provider_meetings.platforms.feishu.auth.identity import Credentials
from airflow_provider_meetings.platforms.feishu.recordings import FeishuClient
from airflow_provider_meetings.platforms.wecom.recordings import WeComClient
from tests.contract.media.origin import Origin, json_body, raw_body, serve_origin

ANSWERS = {path.stem: path for path in sorted((Path(__file__).parent / "field_answers").glob("*.json"))}
START, END = pendulum.datetime(2026, 11, 1, tz="UTC"), pendulum.datetime(2026, 11, 14, tz="UTC")
APP_TOKEN, CORP_TOKEN = "/open-apis/auth/v3/tenant_access_token/internal", "/cgi-bin/gettoken"
MINUTE = "/open-apis/minutes/v1/minutes/{}"
# The path of each call, and the call itself.
CALLS: dict[str, tuple[str, Callable[..., Any]]] = {
    "feishu_token": (APP_TOKEN, lambda client: client.whoami()),
    "get_minute": (MINUTE, lambda client, token: client.get_minute(token)),
    "get_minute_media_url": (MINUTE + "/media", lambda client, token: client.get_minute_media_url(token)),
    "get_minute_statistics": (MINUTE + "/statistics", lambda client, token: client.get_minute_statistics(token)),
    "get_minute_artifacts": (MINUTE + "/artifacts", lambda client, token: client.get_minute_artifacts(token)),
    "get_meeting_recording": (
        "/open-apis/vc/v1/meetings/{}/recording",
        lambda client, meeting_id: client.get_meeting_recording(meeting_id),
    ),
    "list_meetings": ("/open-apis/vc/v1/meeting_list", lambda client: list(client.list_meetings(START, END))),
    "list_by_no": (
        "/open-apis/vc/v1/meetings/list_by_no",
        lambda client: list(client.list_meetings_by_number("146453285", START, END)),
    ),
    "get_post": ("/open-apis/moments/v1/posts/{}", lambda client, post_id: client.get_post(post_id)),
    "wecom_token": (CORP_TOKEN, lambda client: client.whoami()),
    "list": (
        "/cgi-bin/meeting/record/list",
        lambda client: list(client.list_recordings(START, END, userid="alex.chen")),
    ),
    "get_recording_file": ("/cgi-bin/meeting/record/get_file", lambda client, *ids: client.get_recording_file(*ids)),
    "get_transcript": (
        "/cgi-bin/meeting/record/transcript/get_detail",
        lambda client, *ids: client.get_transcript(*ids),
    ),
}


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with serve_origin() as origin:
        yield origin


def ask(origin: Origin, answer: dict[str, Any]) -> tuple[Any, int]:
    """Return the call's result, or the error that it raised, and the number of its requests."""
    origin.on(APP_TOKEN, json_body({"code": 0, "msg": "ok", "tenant_access_token": "t-x", "expire": 7200}))
    origin.on(CORP_TOKEN, json_body({"errcode": 0, "errmsg": "ok", "access_token": "x", "expires_in": 7200}))
    name, *arguments = answer["call"]
    template, call = CALLS[answer["platform"] if name == "token" else name]
    path = template.format(*arguments)
    body = answer["raw"].encode() if "raw" in answer else json.dumps(answer["body"]).encode()
    origin.on(path, raw_body(body, status=answer["status"], headers=answer["headers"]))
    platform, sent = answer["platform"].partition("_")[0], origin.count(path)
    transport = Transport(base_url=origin.url, platform=platform, max_attempts=1)
    tokens = ProcessTokenStore(time.time)
    client = (
        FeishuClient(transport, Credentials("cli_1", "SECRET", tokens))
        if platform == "feishu"
        else WeComClient(transport, corp_id="ww1", corp_secret="SECRET", tokens=tokens)
    )
    try:
        result = call(client, *arguments)
    except MeetingsApiError as error:
        result = error
    return result, origin.count(path) - sent


def fields(value: object, expected: dict[str, Any]) -> dict[str, Any]:
    found = {name: getattr(value, name) for name in expected}
    plain = {name: list(field) if isinstance(field, tuple) else field for name, field in found.items()}
    return {name: field.isoformat() if isinstance(field, DateTime) else field for name, field in plain.items()}


@pytest.mark.parametrize("name", ANSWERS)
def test_answer(origin: Origin, name: str) -> None:
    answer = json.loads(ANSWERS[name].read_text())
    expect = answer["expect"]
    result, calls = ask(origin, answer)
    assert calls == expect.pop("calls", 1)  # 2: once more with a fresh token
    if (kind := expect.pop("error", None)) is not None:
        assert type(result) is getattr(errors, kind), result
        assert result.next_step
        step_has, step_lacks = expect.pop("step_has", []), expect.pop("step_lacks", [])
        assert all(text in result.next_step for text in step_has), result.next_step
        assert not any(text in result.next_step for text in step_lacks), result.next_step
        assert {name: getattr(result, name) for name in expect} == expect
        return
    assert not isinstance(result, MeetingsApiError), result
    (what, right), *rest = expect.items()
    assert not rest
    if what in ("count", "paragraphs"):
        assert len(result if what == "count" else result.paragraphs) == right
    else:
        assert fields(result[0] if what == "value0" else result, right) == right
