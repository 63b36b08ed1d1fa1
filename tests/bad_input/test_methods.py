"""Every parameter of every method of both clients refuses invalid values by name, before the first request."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pendulum
import pytest

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from airflow_provider_meetings.emulator.seed.credentials import (
    FEISHU_APP_ID,
    FEISHU_APP_SECRET,
    WECOM_CORP_ID,
    WECOM_CORP_SECRET,
)
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from airflow_provider_meetings.platforms.feishu.auth.identity import Credentials
from airflow_provider_meetings.platforms.feishu.recordings import FeishuClient
from airflow_provider_meetings.platforms.wecom.recordings import WeComClient

START, END = pendulum.datetime(2026, 11, 1, tz="UTC"), pendulum.datetime(2026, 11, 2, tz="UTC")
LONG = "x" * 1001
BEFORE, AFTER = START.subtract(days=1), END.add(days=1)
# Invalid values of each kind of parameter. WeCom documents no alphabet of ids.
ID = (None, "", 7, True, b"id", ["id"], {"id": 1}, LONG, "a\nb", " a")
DIGITS = (*ID, "abc", "12a", "1/2", "12\n", "7" * 33, "７")
TOKEN = (*ID, "a" * 23, "a" * 25, "../" * 8, "a" * 23 + "?", "a" * 24 + "\n")
TIME = (None, "", "2026-11-01", "2026-11-01T00:00:00", pendulum.naive(2026, 11, 1), 1762910400, True, [START])
ONE_OF = ("", "docx", 7, True, ["txt"], LONG)

PARAMETERS: dict[str, dict[str, tuple[dict[str, Any], tuple[Any, ...]]]] = {
    "feishu": {
        "get_minute.minute_token": ({}, TOKEN),
        "get_minute_media_url.minute_token": ({}, TOKEN),
        "get_minute_transcript.minute_token": ({}, TOKEN),
        "get_minute_transcript.file_format": ({"minute_token": "a" * 24}, (None, *ONE_OF)),
        "get_minute_statistics.minute_token": ({}, TOKEN),
        "get_minute_artifacts.minute_token": ({}, TOKEN),
        "get_meeting_recording.meeting_id": ({}, DIGITS),
        "get_post.post_id": ({}, DIGITS),
        "read_post.post_id": ({}, DIGITS),
        "search_minutes.owner_id": ({"start": START, "end": END}, ID),
        "search_minutes.start": ({"owner_id": "ou_1", "end": END}, (*TIME, END, AFTER)),
        "search_minutes.end": ({"owner_id": "ou_1", "start": START}, (*TIME, START, BEFORE)),
        "exchange_code.code": ({"verifier": "v", "redirect_uri": "http://x"}, ID),
        "exchange_code.verifier": ({"code": "c", "redirect_uri": "http://x"}, ID),
        "exchange_code.redirect_uri": ({"code": "c", "verifier": "v"}, ID),
        "list_meetings.start": ({"end": END}, (*TIME, END, AFTER)),
        "list_meetings.end": ({"start": START}, (*TIME, START, BEFORE)),
        "list_meetings.meeting_status": ({"start": START, "end": END}, (None, "", "2", 3, True, [2])),
        "list_meetings_by_number.meeting_number": ({"start": START, "end": END}, DIGITS),
        "list_meetings_by_number.start": ({"meeting_number": "705605196", "end": END}, (*TIME, END, AFTER)),
        "list_meetings_by_number.end": ({"meeting_number": "705605196", "start": START}, (*TIME, START, BEFORE)),
    },
    "wecom": {
        "list_recordings.start": ({"end": END, "userid": "lina"}, (*TIME, END, AFTER)),
        "list_recordings.end": ({"start": START, "userid": "lina"}, (*TIME, START, BEFORE)),
        "list_recordings.meetingid": ({"start": START, "end": END}, ID),
        "list_recordings.meeting_code": ({"start": START, "end": END}, ID),
        "list_recordings.userid": ({"start": START, "end": END}, ID),
        "get_recording_files.meeting_record_id": ({"meetingid": "m"}, ID),
        "get_recording_files.meetingid": ({"meeting_record_id": "r"}, ID),
        "get_recording_file.record_file_id": ({"meetingid": "m"}, ID),
        "get_recording_file.meetingid": ({"record_file_id": "f"}, ID),
        "get_transcript.record_file_id": ({"meetingid": "m"}, ID),
        "get_transcript.meetingid": ({"record_file_id": "f"}, ID),
    },
}
CLIENTS = {"feishu": FeishuClient, "wecom": WeComClient}
# Their arguments are the provider's own classes, whose constructors other tests cover.
NEUTRAL = {"check", "list", "media", "open", "refuses", "requests_of", "whoami"}
OTHERS = {"self", "report", "tokens"}


def _cases() -> Iterator[Any]:
    for platform, rows in PARAMETERS.items():
        for where, (others, values) in rows.items():
            for number, value in enumerate(values):
                yield pytest.param(platform, where, others, value, id=f"{platform}-{where}-{number}")


@pytest.fixture(scope="module")
def state() -> EmulatorState:
    return EmulatorState()


@pytest.fixture(scope="module")
def clients(state: EmulatorState) -> Iterator[dict[str, Any]]:
    """Both clients on one emulator, which no call may reach."""
    with serve(state) as url:
        tokens = ProcessTokenStore()
        yield {
            "feishu": FeishuClient(
                Transport(base_url=url, platform="feishu"), Credentials(FEISHU_APP_ID, FEISHU_APP_SECRET, tokens)
            ),
            "wecom": WeComClient(
                Transport(base_url=url, platform="wecom"),
                corp_id=WECOM_CORP_ID,
                corp_secret=WECOM_CORP_SECRET,
                tokens=tokens,
            ),
        }


@pytest.mark.parametrize(("platform", "where", "others", "value"), list(_cases()))
def test_invalid_argument(
    clients: dict[str, Any], state: EmulatorState, platform: str, where: str, others: dict[str, Any], value: Any
) -> None:
    method, _, parameter = where.partition(".")
    call: Callable[..., Any] = getattr(clients[platform], method)
    if method == "list_recordings":  # the other listings refuse at the call
        call = lambda **arguments: list(clients[platform].list_recordings(**arguments))  # noqa: E731
    with pytest.raises(InvalidRequest) as caught:
        call(**others, **{parameter: value})
    text = str(caught.value)
    assert parameter in text, text
    assert len(text) < 1000
    assert state.requests == []


@pytest.mark.parametrize("platform", list(PARAMETERS))
def test_every_parameter_of_every_method_has_a_row(platform: str) -> None:
    client = CLIENTS[platform]
    methods = {n: f for n, f in inspect.getmembers(client, inspect.isfunction) if not n.startswith("_")}
    expected = {
        f"{name}.{parameter}"
        for name, method in methods.items()
        if name not in NEUTRAL
        for parameter in inspect.signature(method).parameters
        if parameter not in OTHERS
    }
    assert set(PARAMETERS[platform]) == expected
