"""The shape of every WeCom answer: HTTP 200, and an ``errcode`` that tells."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse

from airflow_provider_meetings.emulator.codes.registry import find
from airflow_provider_meetings.emulator.model.wecom import WecomFile, WecomRecording
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

# Of the two codes for bad parameters, 40035 and 40058, the record pages name neither: assumed 40058 throughout.
PARAMETER_INVALID: Final = 40058


class WecomError(Exception):
    """Refuse a request with WeCom's errcode and a telling errmsg."""

    def __init__(self, errcode: int, errmsg: str, status: int = 200) -> None:
        super().__init__(errcode, errmsg)
        self.errcode = errcode
        self.errmsg = errmsg
        self.status = status


def refused(errcode: int, reason: str = "") -> WecomError:
    """Return the refusal that the documents list under ``errcode``, with a reason of the emulator's own."""
    row = find("wecom.*", errcode)
    if row is None:
        raise LookupError(f"{errcode} is in no table")
    return WecomError(errcode, f"{row.message}: {reason}" if reason else row.message)


def path_unknown() -> WecomError:
    """Return the answer to an unknown path, which no page shows: assumed."""
    return WecomError(-1, "no such path")


# https://developer.work.weixin.qq.com/document/path/90455
def success(content: dict[str, Any], *, warning: bool = False) -> JSONResponse:
    """Answer with ``content`` beside errcode 0; with the warning that a parameter of a wrong type was ignored."""
    return JSONResponse({"errcode": 0, "errmsg": "ok. Warning: wrong json format. " if warning else "ok", **content})


def refusal(error: WecomError, request: Request) -> JSONResponse:
    """Answer with the errcode, and in errmsg a request id, the caller's address and where to read more."""
    hint = 10**18 + secrets.randbelow(9 * 10**18)
    address = request.client.host if request.client else "127.0.0.1"
    more = f"https://open.work.weixin.qq.com/devtool/query?e={error.errcode}"
    errmsg = f"{error.errmsg}, hint: [{hint}], from ip: {address}, more info at {more}"
    return JSONResponse({"errcode": error.errcode, "errmsg": errmsg}, error.status)


_INT32: Final = 2**31 - 1


# https://developer.work.weixin.qq.com/document/path/90455
async def signed_body(state: EmulatorState, request: Request) -> Mapping[str, Any]:
    """Return the JSON body of a request whose token is valid; refuse others as the page of global codes does."""
    token = request.query_params.get("access_token", "")
    if not token:
        raise refused(41001)
    standing = state.token_status("wecom", token)
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
