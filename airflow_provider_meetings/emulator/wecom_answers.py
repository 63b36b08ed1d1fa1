"""The shape of every WeCom answer: HTTP 200, and an ``errcode`` that tells."""

from __future__ import annotations

import secrets
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse

from airflow_provider_meetings.emulator.codes import find

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
