"""Feishu's error codes, with the page that lists each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_provider_meetings.emulator.model.endpoints import ENDPOINTS, Code

_MINUTE: Final = "https://open.feishu.cn/document/server-docs/minutes-v1/minute/get"
_MEDIA: Final = "https://open.feishu.cn/document/minutes-v1/minute-media/get"
_SEARCH: Final = "https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/search"
_RECORDING: Final = "https://open.feishu.cn/document/server-docs/vc-v1/meeting-recording/get"
_BY_NUMBER: Final = "https://open.feishu.cn/document/server-docs/vc-v1/meeting/list_by_no"
_LIST: Final = "https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/meeting_list/get"
_PARTICIPANTS: Final = "https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/participant_list/get"
_POST: Final = "https://open.feishu.cn/document/moments-v1/post/get"
_GENERIC: Final = "https://open.feishu.cn/document/ukTMukTMukTM/ugjM14COyUjL4ITN"
_RATE: Final = "https://open.feishu.cn/document/ukTMukTMukTM/uUzN04SN3QjL1cDN"
_TENANT: Final = (
    "https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/tenant_access_token_internal"
)
_CODE: Final = (
    "https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/get-user-access-token"
)
_OAUTH: Final = "https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/refresh-user-access-token"

_ALL: Final = tuple(name for name, endpoint in ENDPOINTS.items() if endpoint.platform == "feishu")
_WITH_TOKEN: Final = tuple(name for name in _ALL if not ENDPOINTS[name].token)
_APP_TOKEN_ENDPOINTS: Final = (
    "feishu.tenant_access_token", "feishu.app_ticket_resend", "feishu.app_access_token",
    "feishu.store_tenant_access_token",
)  # fmt: skip
_USER_TOKEN_ENDPOINTS: Final = ("feishu.user_access_token", "feishu.user_access_token_v3")
_MINUTE_PARTS: Final = (
    "feishu.minute_media", "feishu.minute_transcript", "feishu.minute_statistics", "feishu.minute_artifacts",
)  # fmt: skip

# Shared by the endpoints of a minute.
_MINUTE_CODES: Final = (
    (2091001, 400, "param is invalid"),
    (2091002, 404, "resource not found"),
    (2091003, 400, "minute not ready , try later"),
    (2091004, 400, "resource deleted"),
    (2091005, 403, "permission deny"),
)
# Shared by the endpoints of meetings.
_MEETING_CODES: Final = (
    (121001, 500, "internal error"),
    (121002, 400, "not support"),
    (121003, 400, "param error"),
    (121004, 404, "data not exist"),
    (121005, 403, "no permission"),
)
_RECORDING_CODES: Final = (
    (122001, 400, "meeting status unexpected"),
    (122002, 404, "meeting not exist"),
    (124002, 400, "record processing"),
)
_REPORT_CODES: Final = (
    (126003, "meeting number invalid (cannot smaller than 0)"),
    (126004, "meeting number length not correct (supposed to be 9)"),
    (126005, "start time is in the future"),
    (126006, "time range exceeds one year"),
    (126008, "only one of meeting_no, user_id and room_id may be given"),
    (126015, "not support room_id"),
    (126016, "the range of a list of future meetings exceeds one month"),
)
_POST_CODES: Final = (
    (1420001, 400, "invalid args"),
    (1420002, 403, "permission denied"),
    (1420003, 429, "triggers the frequency limit"),
    (1420004, 404, "post not found"),
)
_SEARCH_CODES: Final = (
    (2094005, 400, "page token expired", "status and message"),
    (2094007, 400, "page depth limit exceeded", "status and message"),
    (2094011, 401, "token invalid", "message"),
    (2094012, 401, "token expired", "message"),
    (2095001, 500, "internal error", "message"),
    (2095002, 500, "internal error", "message"),
    (2095101, 500, "internal error", "message"),
)
_STATUS: Final = "status"
_BOTH: Final = "status and message"

# The page lists code and meaning without an HTTP status; users report these with HTTP 200 too:
# https://github.com/zeroclaw-labs/zeroclaw/issues/1049
_TOKEN_CODES: Final = (
    (99991661, "Missing access token for authorization. Please make a request with token attached.", _STATUS),
    (99991662, "app is disabled", _BOTH),
    (99991663, "Invalid access token for authorization. Please make a request with token attached.", _STATUS),
    (99991664, "app_access_token invalid", _BOTH),
    (99991665, "tenant_access_token invalid", _BOTH),
    (99991668, "Invalid access token for authorization. user access token not support", _BOTH),
    (99991669, "user refresh token invalid", _BOTH),
    (99991671, "token format error: must start with t-/u-", _BOTH),
    (
        99991672,
        "Access denied. One of the following scopes is required: [minutes:minutes:readonly]",
        _STATUS,
    ),
    (99991673, "app is not usable in this tenant", _BOTH),
    (99991676, "token lacks permission", _BOTH),
    (99991677, "user access token expired", _BOTH),
    (
        99991679,
        "Unauthorized. You do not have permission to perform the requested operation on the resource. Please request"
        " user re-authorization and try again. required one of these privileges: [minutes:minutes:readonly]",
        _STATUS,
    ),
    (20005, "The user access token passed is invalid. Please check the value", _STATUS),
    (20006, "user access token expired", _BOTH),
    (20013, "The tenant access token passed is invalid. Please check the value.", _STATUS),
    (20014, "The app access token passed is invalid. Please check the value", _STATUS),
    (20021, "User resigned", _STATUS),
    (20022, "User frozen", _STATUS),
    (20023, "User not registered", _STATUS),
    (99991201, "resource not find", _STATUS),
    (99991301, "request method doesn't match", _STATUS),
    (99991674, "user type not support", _STATUS),
    (99991675, "parse user error", _STATUS),
    (99991401, "ip 203.0.113.9 is denied by app setting", _BOTH),
    (99991403, "This month's API call quota has been exceeded", _BOTH),
    (99992402, "field validation failed", _STATUS),
)
# https://open.feishu.cn/document/ukTMukTMukTM/ugjM14COyUjL4ITN, at the endpoints that take an app id and secret.
# 10003 for missing fields is assumed; HTTP 200 is taken from one sample.
_APP_CODES: Final = (
    (10003, "invalid param"),
    (10005, "app id unauthorized"),
    (10012, "get app access token fail"),
    (10013, "get tenant access token fail"),
    (10014, "app unauthorized"),
    (10015, "wrong app secret"),
    (10016, "app resend fail"),
    (20002, "app_id or app_secret error"),
    (99991543, "app id or app secret error"),
    (99991664, "app_access_token invalid"),
)
# Of the generic page, without a status; the last two stand in the vendor's client only (github.com/larksuite/cli).
_GENERIC_CODES: Final = (
    ("internal error", 200, (1500, 1503, 1642, 1663, 1668, 10101, 10105, 10500)),
    ("these ids not existed", 400, (*range(99992351, 99992362), 99992363, 99992364, 99992370, 99992375, 99992376)),
    ("these ids not existed", 400, range(99992378, 99992382)),
    ("access denied by access control policy", 400, (21000, 21001)),
)
# The error_description as the two pages print it.
_EXCHANGE_CODES: Final = (
    (20003, "The authorization code is not found. Please note that an authorization code can only be used once."),
    (20004, "The authorization code has expired."),
    (20049, "PKCE code challenge failed."),
    (20065, "The authorization code has been used. Please note that an authorization code can only be used once."),
    (20071, "The provided redirect URI does not match the one used during authorization."),
)
_OAUTH_CODES: Final = (
    (20001, 400, "The request is missing a required parameter."),
    (20002, 400, "The client secret is invalid."),
    (20008, 400, "The user does not exist."),
    (20009, 400, "The specified app is not installed."),
    (20010, 400, "The user does not have permission to use this app."),
    (20024, 400, "The provided authorization code or refresh token does not match the provided client ID."),
    (20026, 400, "The refresh token passed is invalid. Please check the value."),
    (20036, 400, "The specified grant_type is not supported."),
    (20037, 400, "The refresh token passed has expired. Please generate a new one."),
    (20048, 400, "The specified app does not exist."),
    (20050, 500, "An unexpected server error occurred. Please retry your request."),
    (20063, 400, "The request is malformed. Please check your request."),
    (20064, 400, "The refresh token has been revoked. Please note that a refresh token can only be used once."),
    (20066, 400, "The user status is invalid."),
    (20067, 400, "The provided scope list contains duplicate scopes. Please ensure all scopes are unique."),
    (
        20068,
        400,
        "The provided scope list contains scopes that are not permitted. Please ensure all scopes are allowed.",
    ),
    (20069, 400, "The specified app is not enabled."),
    (20070, 400, "Multiple authentication methods were provided. Please only use one to proceed."),
    (20072, 503, "The server is temporarily unavailable. Please retry your request."),
    (20073, 400, "The refresh token has been used. Please note that a refresh token can only be used once."),
    (20074, 400, "The specified app is not allowed to refresh token."),
)


def feishu_codes() -> Iterator[Code]:
    """Yield the rows of every API, then those that several APIs share."""
    for code, status, message in _MINUTE_CODES:
        yield Code(code, status, message, ("feishu.minute", *_MINUTE_PARTS), _MINUTE)
    yield Code(2091006, 500, "service internal error", _MINUTE_PARTS, _MEDIA)
    for code, status, message, uncertain in _SEARCH_CODES:
        yield Code(code, status, message, ("feishu.minutes_search",), _SEARCH, uncertain)
    for code, status, message in (*_MEETING_CODES, *_RECORDING_CODES):
        yield Code(code, status, message, ("feishu.meeting_recording",), _RECORDING)
    for name, page in (("feishu.meetings_by_number", _BY_NUMBER), ("feishu.meeting_list", _LIST)):
        for code, status, message in _MEETING_CODES:
            yield Code(code, status, message, (name,), page)
    for code, message in _REPORT_CODES:
        yield Code(code, 400, message, ("feishu.meeting_list",), _LIST, _BOTH)
    # The participant list is not served; its codes are answered by the meeting list.
    for code, message in ((126007, "userID and roomID cannot be set concurrently"), (126009, "cannot find meeting")):
        yield Code(code, 400, message, ("feishu.meeting_list",), _PARTICIPANTS, "message")
    for code, status, message in _POST_CODES:
        yield Code(code, status, message, ("feishu.post",), _POST)
    yield from _shared_codes()


def _shared_codes() -> Iterator[Code]:
    for code, message, uncertain in _TOKEN_CODES:
        yield Code(code, 400, message, _WITH_TOKEN, _GENERIC, uncertain)
    for message, status, codes in _GENERIC_CODES:
        for code in codes:
            yield Code(code, status, message, _WITH_TOKEN, _GENERIC, _BOTH)
    for code, message in _APP_CODES:
        yield Code(code, 200, message, _APP_TOKEN_ENDPOINTS, _TENANT, _BOTH)
    for code, status, message in _OAUTH_CODES:
        yield Code(code, status, message, _USER_TOKEN_ENDPOINTS, _OAUTH)
    for code, message in _EXCHANGE_CODES:
        yield Code(code, 400, message, _USER_TOKEN_ENDPOINTS, _CODE)
    yield Code(99991400, 429, "request trigger frequency limit", _ALL, _RATE)
    # 2200 and 5000: generic texts that advise to slow down. 230020: limit of the messaging API, seen but undocumented.
    for code, status, message in (
        (2200, 500, "internal error"),
        (5000, 500, "internal error"),
        (230020, 400, "triggers the frequency limit"),
    ):
        yield Code(code, status, message, _WITH_TOKEN, _RATE, _BOTH)
