"""The shape of every Feishu answer, and the refusals that its documents list."""

from __future__ import annotations

import secrets
import time
from typing import Any, Final

from starlette.responses import JSONResponse

# https://open.feishu.cn/document/ukTMukTMukTM/ugjM14COyUjL4ITN (generic codes; that their status is 400 is uncertain)
TOKEN_MISSING: Final = (
    400,
    99991661,
    "Missing access token for authorization. Please make a request with token attached.",
)
TOKEN_INVALID: Final = (
    400,
    99991663,
    "Invalid access token for authorization. Please make a request with token attached.",
)

# https://open.feishu.cn/document/server-docs/minutes-v1/minute/get (media and transcript share them)
MINUTE_PARAM_INVALID: Final = (400, 2091001, "param is invalid")
MINUTE_NOT_FOUND: Final = (404, 2091002, "resource not found")
MINUTE_NOT_READY: Final = (400, 2091003, "minute not ready , try later")
MINUTE_DELETED: Final = (400, 2091004, "resource deleted")
MINUTE_FORBIDDEN: Final = (403, 2091005, "permission deny")

# https://open.feishu.cn/document/server-docs/vc-v1/meeting-recording/get
MEETING_PARAM_ERROR: Final = (400, 121003, "param error")
MEETING_NO_RECORDING: Final = (404, 121004, "data not exist")
MEETING_FORBIDDEN: Final = (403, 121005, "no permission")
MEETING_RUNNING: Final = (400, 122001, "meeting status unexpected")
MEETING_UNKNOWN: Final = (404, 122002, "meeting not exist")
MEETING_PROCESSING: Final = (400, 124002, "record processing")

# https://open.feishu.cn/document/moments-v1/post/get
POST_INVALID_ARGS: Final = (400, 1420001, "invalid args")
POST_FORBIDDEN: Final = (403, 1420002, "permission denied")
POST_NOT_FOUND: Final = (404, 1420004, "post not found")

# Assumed: no page shows the answer to an unknown path.
PATH_UNKNOWN: Final = (404, 404, "404 page not found")


class FeishuError(Exception):
    """Refuse a request with a status, Feishu's code and its message."""

    def __init__(self, status: int, code: int, msg: str) -> None:
        super().__init__(status, code, msg)
        self.status = status
        self.code = code
        self.msg = msg


def log_id(now: float) -> str:
    """Return a request id as ``X-Tt-Logid`` carries it: the UTC second of ``now``, then random hexadecimal digits."""
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(now)) + secrets.token_hex(9).upper()


def flat(content: dict[str, Any], now: float) -> JSONResponse:
    """Answer 200 with ``content`` as it is: the token endpoint has no ``data``."""
    return JSONResponse(content, headers={"X-Tt-Logid": log_id(now)})


def success(data: dict[str, Any], now: float) -> JSONResponse:
    """Answer 200 with ``data`` in the envelope."""
    return flat({"code": 0, "msg": "success", "data": data}, now)


def refusal(error: FeishuError, now: float) -> JSONResponse:
    """Answer with the vendor's code. Feishu spells the id ``log_id`` here and ``logid`` elsewhere."""
    identity = log_id(now)
    details = {
        "log_id": identity,
        "troubleshooter": f"https://open.feishu.cn/search?log_id={identity}&code={error.code}",
    }
    content = {"code": error.code, "msg": error.msg, "error": details}
    return JSONResponse(content, error.status, {"X-Tt-Logid": identity})
