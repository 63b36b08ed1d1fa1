"""WeCom's answers, always HTTP 200 with an ``errcode``, and the parameters of its requests."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse

from airflow_provider_meetings.emulator.codes.registry import documented
from airflow_provider_meetings.emulator.model.wecom import WecomFile, WecomRecording
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

# There are two codes for bad parameters, 40035 and 40058; the record pages name neither. 40058 is assumed.
_INVALID_PARAMETER: Final = 40058
_INT32: Final = 2**31 - 1


class WecomError(Exception):
    """An error answer: WeCom's errcode and errmsg."""

    def __init__(self, code: int, errmsg: str, status: int = 200) -> None:
        super().__init__(code, errmsg)
        self.code = code
        self.errmsg = errmsg
        self.status = status


def error(errcode: int, reason: str = "") -> WecomError:
    """Return the error that the documents list under ``errcode``; ``reason`` is the emulator's own addition."""
    message = documented("wecom.*", errcode).message
    return WecomError(errcode, f"{message}: {reason}" if reason else message)


def invalid_parameter(reason: str) -> WecomError:
    """Return the error of a bad parameter. WeCom itself gives no reason."""
    return error(_INVALID_PARAMETER, reason)


# https://developer.work.weixin.qq.com/document/path/90455
def success(content: dict[str, Any]) -> JSONResponse:
    """Return ``content`` with errcode 0."""
    return JSONResponse({"errcode": 0, "errmsg": "ok", **content})


def error_response(error: WecomError, request: Request) -> JSONResponse:
    """Return ``error``; its errmsg ends with a request id, the caller's address and a link."""
    hint = 10**18 + secrets.randbelow(9 * 10**18)
    address = request.client.host if request.client else "127.0.0.1"
    more = f"https://open.work.weixin.qq.com/devtool/query?e={error.code}"
    errmsg = f"{error.errmsg}, hint: [{hint}], from ip: {address}, more info at {more}"
    return JSONResponse({"errcode": error.code, "errmsg": errmsg}, error.status)


# https://developer.work.weixin.qq.com/document/path/90455
async def authorized_body(state: EmulatorState, request: Request) -> Mapping[str, Any]:
    """Return the JSON body of a request with a valid token.

    :raises WecomError: the token is missing, unknown or expired, or the body is not a JSON object.
    """
    token = request.query_params.get("access_token", "")
    if not token:
        raise error(41001)
    status = state.token_status("wecom", token)
    if status != "valid":
        raise error(42001 if status == "expired" else 40014)
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise error(47001)
    return body


def text(body: Mapping[str, Any], name: str) -> str:
    """Return a text parameter; empty if it is absent."""
    value = body.get(name, "")
    if not isinstance(value, str):
        raise invalid_parameter(f"{name} must be a string")
    return value


def integer(body: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """Return an int32 parameter; it is required if there is no ``default``."""
    value = body.get(name, default)
    if value is None:
        raise invalid_parameter(f"{name} is required")
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid_parameter(f"{name} must be an integer")
    if not 0 <= value <= _INT32:
        raise invalid_parameter(f"{name} is no int32 (UNIX times are in seconds)")
    return value


def requested_file(state: EmulatorState, body: Mapping[str, Any]) -> tuple[WecomRecording, WecomFile]:
    """Return the file of ``record_file_id`` and ``meetingid``; 40058 if they do not match is assumed."""
    record_file_id, meetingid = text(body, "record_file_id"), text(body, "meetingid")
    for recording in state.company.wecom_recordings.values():
        for file in recording.files:
            if file.record_file_id == record_file_id and recording.meetingid == meetingid:
                refuse(recording)
                return recording, file
    raise invalid_parameter("no such record_file_id in this meetingid")


def refuse(recording: WecomRecording) -> None:
    """Raise the error with which the files of a recording are refused, if they are."""
    if recording.refusal:
        raise error(recording.refusal)
