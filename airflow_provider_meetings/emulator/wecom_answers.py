"""The shape of every WeCom answer: HTTP 200, and an ``errcode`` that tells."""

from __future__ import annotations

import secrets
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse

# https://developer.work.weixin.qq.com/document/path/90455 (global return codes)
SECRET_INVALID: Final = (40001, "invalid credential")
CORPID_INVALID: Final = (40013, "invalid corpid")
TOKEN_INVALID: Final = (40014, "invalid access_token")
TOKEN_EXPIRED: Final = (42001, "access_token expired")
TOKEN_MISSING: Final = (41001, "access_token missing")
CORPID_MISSING: Final = (41002, "corpid missing")
SECRET_MISSING: Final = (41004, "corpsecret missing")
GET_REQUIRED: Final = (43001, "require GET method")
POST_REQUIRED: Final = (43002, "require POST method")
JSON_INVALID: Final = (47001, "data format error")
PATH_UNKNOWN: Final = (-1, "no such path")
# Of the two codes for bad parameters, 40035 and 40058, the record pages name neither: assumed 40058 throughout.
PARAMETER_INVALID: Final = 40058


class WecomError(Exception):
    """Refuse a request with WeCom's errcode and a telling errmsg."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        super().__init__(errcode, errmsg)
        self.errcode = errcode
        self.errmsg = errmsg


def success(content: dict[str, Any]) -> JSONResponse:
    """Answer with ``content`` beside errcode 0."""
    return JSONResponse({"errcode": 0, "errmsg": "ok", **content})


def refusal(error: WecomError, request: Request) -> JSONResponse:
    """Answer 200 with the errcode, and in errmsg a request id, the caller's address and where to read more."""
    hint = 10**18 + secrets.randbelow(9 * 10**18)
    address = request.client.host if request.client else "127.0.0.1"
    more = f"https://open.work.weixin.qq.com/devtool/query?e={error.errcode}"
    errmsg = f"{error.errmsg}, hint: [{hint}], from ip: {address}, more info at {more}"
    return JSONResponse({"errcode": error.errcode, "errmsg": errmsg})
