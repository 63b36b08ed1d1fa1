"""WeCom's error codes, always with HTTP 200."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_provider_meetings.emulator.model.endpoints import ENDPOINTS, Code

_ERRORS: Final = "https://developer.work.weixin.qq.com/document/path/90313"
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
# The page describes these in Chinese; the messages are translated.
_TRANSLATED: Final = {
    40003: "invalid UserID", 48001: "api function unauthorized", 48004: "invalid authorization",
    48006: "api permission withdrawn", 50002: "member out of range", 60021: "userid out of the visible range",
    60030: "out of the visible range of the app", 60111: "UserID not found", 90602: "invalid meeting id",
    301007: "corp not available", 301021: "invalid userid", 400028: "meeting app closed",
    680106: "meeting app of the corp closed", 730001: "invalid record file id", 730002: "invalid record id",
    730003: "invalid sub-meeting id", 730004: "invalid meeting code", 730005: "meeting created by another app",
    730006: "invalid enroll id", 730007: "corp not professional", 730008: "meeting deleted",
    730009: "attendees lack the admin", 730010: "meeting not created by api", 730011: "meeting type not supported",
}  # fmt: skip


def wecom_codes() -> Iterator[Code]:
    """Yield all rows."""
    for code, message, endpoints, uncertain in _CODES:
        yield Code(code, 200, message, endpoints, _ERRORS, uncertain)
    for code, message in _TRANSLATED.items():
        yield Code(code, 200, message, _WITH_TOKEN, _ERRORS, "message")
    yield Code(45009, 200, "api freq out of limit", _ALL, _LIMITS)
    # No page names the number of concurrent requests; answers in the vendor's forum say 5 to 10.
    yield Code(45033, 200, "api concurrent out of limit", _ALL, _ERRORS)
