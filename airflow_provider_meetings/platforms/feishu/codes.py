"""The error codes of Feishu and Lark, and the endpoints at which a code has another meaning."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_meetings.api.errors import (
    AuthenticationError,
    ConsentEnded,
    Gone,
    InvalidRequest,
    NotFound,
    NotReady,
    PermissionDenied,
    QuotaExhausted,
    RateLimited,
    ServerError,
)
from airflow_provider_meetings.api.http.error_codes import RATE_LIMIT, Endpoint, Rule

NO_RECORDING = 121004

_LOGIN = "Check login (app id) and password (app secret) of the connection, in the developer console of this app."
_LATER = "Try again later."
_SLOWER = "Send fewer calls at a time, or try later."
_AUTHORIZE = "run airflow meetings authorize with the connection's id (without a shell: FeishuAuthorizeOperator)."
_CONSENT = f"Have the user consent again: {_AUTHORIZE}"
_CODE = f"The code of a consent works once, within five minutes. Start again: {_AUTHORIZE}"
_RANGE = (
    "Give the app the scope named in the documentation and, for minutes, a data range that covers the owner; "
    "then publish a version of the app."
)
_RENEW = Rule(
    AuthenticationError,
    "The token was refreshed and rejected again: check that the API accepts this kind of token (app or user) and that "
    "the host is right.",
    renew=True,
)
_MINUTE_RANGE = f"{_RANGE[:-1]}, or ask with the other identity (app or user)."
_ACCOUNT = "Check the state of the user's account: the platform issues no token for it."
_DISABLED = "The app is disabled in this tenant: have an administrator enable it."
_IDS = "Check the ids: they must belong to this tenant, an open_id to this app, and have the type of user_id_type."
_LONG_ID = "Check the meeting id: the long id, not the 9-digit meeting number."

CODES: Mapping[int, Rule] = {
    # https://open.feishu.cn/document/ukTMukTMukTM/ugjM14COyUjL4ITN  (generic codes)
    **dict.fromkeys((1500, 1503, 1642, 1663, 1668, 10101, 10105, 10500), Rule(ServerError, _LATER)),
    **dict.fromkeys((2200, 5000), Rule(ServerError, _SLOWER)),
    **dict.fromkeys((10003, 10005, 10012, 10014, 10015, 20002, 99991543), Rule(AuthenticationError, _LOGIN)),
    10013: Rule(AuthenticationError, "Check the extra tenant_key: that tenant has not installed the app."),
    10016: Rule(InvalidRequest, "Only apps from the app directory have tickets."),
    **dict.fromkeys((20005, 20006, 20013, 20014), _RENEW),
    **dict.fromkeys((99991663, 99991664, 99991665, 99991668, 99991671, 99991677), _RENEW),
    99991201: Rule(InvalidRequest, "The host knows no such path: check the host of the connection, and the proxy."),
    99991301: Rule(InvalidRequest, "Check the host of the connection and the proxy: one of them changes the method."),
    99991400: RATE_LIMIT,
    99991401: Rule(PermissionDenied, "Add this worker's address to the app's IP allow-list."),
    99991403: Rule(QuotaExhausted, "The month's API calls are used up: wait for the next month, or change the plan."),
    99991661: Rule(AuthenticationError, "The request had no token: does a proxy drop the Authorization header?"),
    **dict.fromkeys((20069, 99991662), Rule(PermissionDenied, _DISABLED)),
    **dict.fromkeys((20026, 99991669), Rule(ConsentEnded, _CONSENT)),
    **dict.fromkeys((99991672, 99991676), Rule(PermissionDenied, _RANGE)),
    99991673: Rule(PermissionDenied, "The app is not available in this tenant: have an administrator enable it."),
    99991674: Rule(InvalidRequest, "Ask with the other identity (app or user): the API refuses users of this type."),
    99991675: Rule(InvalidRequest, _IDS),
    99991679: Rule(
        PermissionDenied,
        f"The user has not granted this scope: add it to the extra scopes, if that is set. {_CONSENT}",
    ),
    **dict.fromkeys(range(99992351, 99992382), Rule(NotFound, _IDS)),
    99992402: Rule(InvalidRequest, "Check the ids."),
    # https://github.com/larksuite/cli/blob/main/internal/errclass/codemeta.go  (in the vendor's client only)
    21000: Rule(PermissionDenied, "The company's access policy asks the user to confirm: have them do so in Feishu."),
    21001: Rule(PermissionDenied, "The company's access policy refuses this: have an administrator change it."),
    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/get-user-access-token
    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/refresh-user-access-token
    20001: Rule(InvalidRequest, "A parameter is missing: check the extras of the connection."),
    **dict.fromkeys((20003, 20004, 20049, 20065), Rule(AuthenticationError, _CODE)),
    **dict.fromkeys((20008, 20021, 20022, 20023, 20066), Rule(AuthenticationError, _ACCOUNT)),
    20009: Rule(PermissionDenied, "The app is not installed in this tenant: have an administrator install it."),
    20010: Rule(PermissionDenied, "Add this user to the app's available range."),
    20024: Rule(ConsentEnded, f"The code or refresh token belongs to another app. {_CONSENT}"),
    20036: Rule(InvalidRequest, "Check that the connection's host is the platform's API."),
    20037: Rule(ConsentEnded, f"The refresh token or the consent (365 days) has expired. {_CONSENT}"),
    20048: Rule(AuthenticationError, _LOGIN),
    **dict.fromkeys((20050, 20072), Rule(ServerError, _LATER)),
    20063: Rule(InvalidRequest, "The request is malformed: check the extras of the connection."),
    20064: Rule(ConsentEnded, f"The refresh token was revoked. {_CONSENT}"),
    20067: Rule(InvalidRequest, "A scope is named twice: check the extra scopes of the connection."),
    20068: Rule(PermissionDenied, f"The user has not granted all scopes. {_CONSENT}"),
    20070: Rule(InvalidRequest, "The app's secret was sent twice, in the header and in the body."),
    20071: Rule(InvalidRequest, f"The extra redirect_uri has changed since the consent was started: {_AUTHORIZE}"),
    20073: Rule(ConsentEnded, f"A refresh token works once, and this one has been used. {_CONSENT}"),
    20074: Rule(PermissionDenied, "Allow the app to refresh user tokens: a switch in the developer console."),
    # https://open.feishu.cn/document/server-docs/minutes-v1/minute/get
    # https://open.feishu.cn/document/minutes-v1/minute-media/get
    2091001: Rule(InvalidRequest, "Check the minute token: 24 characters, the last part of the minute's address."),
    2091002: Rule(NotFound, "Check the minute token."),
    2091003: Rule(NotReady, "Wait: the minute is still being transcribed."),
    2091004: Rule(Gone, "The minute was deleted."),
    2091005: Rule(PermissionDenied, _MINUTE_RANGE),
    2091006: Rule(ServerError, _LATER),
    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/search
    2094005: Rule(InvalidRequest, "The page token has expired: start the search again."),
    2094007: Rule(InvalidRequest, "The search has too many results: search shorter windows."),
    **dict.fromkeys(
        (2094011, 2094012), Rule(AuthenticationError, "The search accepts only a user's token, and rejected this one.")
    ),
    **dict.fromkeys((2095001, 2095002, 2095101), Rule(ServerError, _LATER)),
    # https://open.feishu.cn/document/server-docs/vc-v1/meeting-recording/get
    121001: Rule(ServerError, _LATER),
    121002: Rule(InvalidRequest, "The platform does not support this for the meeting."),
    121003: Rule(InvalidRequest, _LONG_ID),
    NO_RECORDING: Rule(NotReady, "The meeting has no recording: not yet, or it was never recorded."),
    121005: Rule(PermissionDenied, "A tenant token needs the scope vc:record:readonly."),
    122001: Rule(NotReady, "Wait: the meeting is still running."),
    122002: Rule(NotFound, _LONG_ID),
    124002: Rule(NotReady, "Wait: the recording is still being made."),
    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/meeting_list/get
    **dict.fromkeys((126003, 126004), Rule(InvalidRequest, "Check meeting_no: 9 digits.")),
    126005: Rule(InvalidRequest, "The window starts in the future: meetings are listed once they have started."),
    126006: Rule(InvalidRequest, "The window is longer than a year: request shorter ones."),
    # https://open.feishu.cn/document/moments-v1/post/get
    1420001: Rule(InvalidRequest, "Check the post id: digits only."),
    1420002: Rule(PermissionDenied, "Give the app the scope moments:moments:readonly."),
    1420004: Rule(NotFound, "Check the post id; the post may have been deleted."),
    # https://open.feishu.cn/document/ukTMukTMukTM/uUzN04SN3QjL1cDN  (some products have a rate limit code of their own)
    **dict.fromkeys((230020, 1420003), Rule(RateLimited, _SLOWER)),
}

UNKNOWN_APPS = frozenset({10003, 10014, 10015, 20002, 20048, 99991543})
"""Codes for an app that the cloud does not know; it may belong to the other cloud."""

_LISTING = {
    **dict.fromkeys((121003, 122001), Rule(InvalidRequest, "Check the window and the filter.")),
    **dict.fromkeys(
        (121004, 122002), Rule(NotFound, "Check the meeting number and the times: the platform has no such meeting.")
    ),
}

_TICKET = (
    "The app ticket of the connection is invalid or expired: set the extra app_ticket to the latest one. The platform "
    "pushes one to the app's webhook every hour, and at once after POST /open-apis/auth/v3/app_ticket/resend."
)

ENDPOINTS: tuple[Endpoint, ...] = (
    # https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/app_access_token
    Endpoint("/open-apis/auth/v3/app_access_token", {10012: Rule(AuthenticationError, _TICKET)}),
    # https://open.feishu.cn/document/minutes-v1/minute-transcript/get
    Endpoint(
        "/open-apis/minutes/v1/minutes/:minute_token/transcript",
        {
            2091005: Rule(
                PermissionDenied,
                f"The minute can perhaps be read but not exported (minutes:minutes.transcript:export). {_MINUTE_RANGE}",
            )
        },
    ),
    # https://open.feishu.cn/document/server-docs/vc-v1/meeting/list_by_no
    Endpoint(
        "/open-apis/vc/v1/meetings/list_by_no",
        {
            **_LISTING,
            121005: Rule(PermissionDenied, "Give the app the scope to read meetings, named in the documentation."),
        },
    ),
    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/meeting_list/get
    Endpoint(
        "/open-apis/vc/v1/meeting_list",
        {
            **_LISTING,
            **dict.fromkeys(
                (121005, 99991672, 99991676),
                Rule(
                    PermissionDenied,
                    "A new app's scope vc:rooms.room.detailinfo:read works with a user's token only (a connection with "
                    "the extra identity = user), who must be allowed to manage meetings in the admin console.",
                ),
            ),
        },
    ),
)
