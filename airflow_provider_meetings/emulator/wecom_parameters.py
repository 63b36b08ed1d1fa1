"""The parameters of a WeCom request: its token, its JSON body, and what each of them must be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request

from airflow_provider_meetings.emulator.model import WecomFile, WecomRecording
from airflow_provider_meetings.emulator.state import EmulatorState
from airflow_provider_meetings.emulator.wecom_answers import PARAMETER_INVALID, WecomError, refused

_INT32: Final = 2**31 - 1


# https://developer.work.weixin.qq.com/document/path/90455
async def signed_body(state: EmulatorState, request: Request) -> Mapping[str, Any]:
    """Return the JSON body of a request whose token is valid; refuse others as the page of global codes does."""
    token = request.query_params.get("access_token", "")
    if not token:
        raise refused(41001)
    standing = state.token_standing("wecom", token)
    if standing != "valid":
        raise refused(42001 if standing == "expired" else 40014)
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise refused(47001)
    return body


def text(body: Mapping[str, Any], name: str) -> str:
    """Return a parameter that is text, empty if it did not come."""
    value = body.get(name, "")
    if not isinstance(value, str):
        raise invalid(f"{name} must be a string")
    return value


def integer(body: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """Return a parameter that is an int32; one without ``default`` must come."""
    value = body.get(name, default)
    if value is None:
        raise invalid(f"{name} is required")
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid(f"{name} must be an integer")
    if not 0 <= value <= _INT32:
        raise invalid(f"{name} is no int32 (UNIX times are in seconds)")
    return value


def invalid(reason: str) -> WecomError:
    """Return the refusal of a parameter. WeCom names no reason; this one helps who debugs."""
    return refused(PARAMETER_INVALID, reason)


def file_asked_for(state: EmulatorState, body: Mapping[str, Any]) -> tuple[WecomRecording, WecomFile]:
    """Return the file of a body's ``record_file_id`` and ``meetingid``; assumed 40058 where they do not belong."""
    record_file_id, meetingid = text(body, "record_file_id"), text(body, "meetingid")
    for recording in state.company.wecom_recordings.values():
        for file in recording.files:
            if file.record_file_id == record_file_id and recording.meetingid == meetingid:
                return recording, file
    raise invalid("no such record_file_id in this meetingid")
