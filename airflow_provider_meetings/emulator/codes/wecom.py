"""WeCom's error codes, always with HTTP 200."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_provider_meetings.emulator.model.endpoints import ENDPOINTS, Code

_ERRORS: Final = "https://developer.work.weixin.qq.com/document/path/90455"
_LIMITS: Final = "https://developer.work.weixin.qq.com/document/path/90454"

_ALL: Final = tuple(name for name, endpoint in ENDPOINTS.items() if endpoint.platform == "wecom")
_WITH_TOKEN: Final = tuple(name for name in _ALL if not ENDPOINTS[name].token)
_GETTOKEN: Final = ("wecom.gettoken",)

# Code, message, endpoints, and what is uncertain.
_CODES: Final = (
    (-1, "system busy", _ALL, ""),
    (6000, "data version conflict", _WITH_TOKEN, "message"),
    (40001, "invalid credential", _GETTOKEN, ""),
    (40013, "invalid corpid", _GETTOKEN, ""),
    (40014, "invalid access_token", _WITH_TOKEN, ""),
    (40035, "invalid parameter", _WITH_TOKEN, "message"),
    # The record pages name neither of the two codes for bad parameters.
    (40058, "invalid parameter", _WITH_TOKEN, "code and message"),
    (41001, "access_token missing", _WITH_TOKEN, ""),
    (41002, "corpid missing", _GETTOKEN, ""),
    (41004, "corpsecret missing", _GETTOKEN, ""),
    (42001, "access_token expired", _WITH_TOKEN, ""),
    (43001, "require GET method", _GETTOKEN, ""),
    (43002, "require POST method", _WITH_TOKEN, ""),
    (47001, "data format error", _WITH_TOKEN, ""),
    (48002, "api forbidden", _WITH_TOKEN, ""),
    (60011, "no privilege to access/modify contact/party/agent", _WITH_TOKEN, "code and message"),
    (60020, "not allow to access from your ip", _WITH_TOKEN, ""),
    (301002, "not allow operate another agent with this accesstoken", _WITH_TOKEN, "message"),
)


def wecom_codes() -> Iterator[Code]:
    """Yield all rows."""
    for code, message, endpoints, uncertain in _CODES:
        yield Code(code, 200, message, endpoints, _ERRORS, uncertain)
    yield Code(45009, 200, "api freq out of limit", _ALL, _LIMITS)
    # No page names the number of concurrent requests; answers in the vendor's forum say 5 to 10.
    yield Code(45033, 200, "api concurrent out of limit", _ALL, _ERRORS)
