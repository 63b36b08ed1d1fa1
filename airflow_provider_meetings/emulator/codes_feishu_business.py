"""Feishu's codes of minutes, meetings and Moments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_provider_meetings.emulator.code_row import Code

_MINUTE: Final = "https://open.feishu.cn/document/server-docs/minutes-v1/minute/get"
_MEDIA: Final = "https://open.feishu.cn/document/minutes-v1/minute-media/get"
_SEARCH: Final = "https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/search"
_RECORDING: Final = "https://open.feishu.cn/document/server-docs/vc-v1/meeting-recording/get"
_BY_NUMBER: Final = "https://open.feishu.cn/document/server-docs/vc-v1/meeting/list_by_no"
_LIST: Final = "https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/meeting_list/get"
_PARTICIPANTS: Final = "https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/participant_list/get"
_MEETING_SEARCH: Final = "https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/meeting/search"
_POST: Final = "https://open.feishu.cn/document/moments-v1/post/get"

_MINUTE_PARTS: Final = (
    "feishu.minute_media", "feishu.minute_transcript", "feishu.minute_statistics", "feishu.minute_artifacts",
)  # fmt: skip

# https://open.feishu.cn/document/server-docs/minutes-v1/minute/get, shared by what belongs to a minute
_MINUTE_CODES: Final = (
    (2091001, 400, "param is invalid"),
    (2091002, 404, "resource not found"),
    (2091003, 400, "minute not ready , try later"),
    (2091004, 400, "resource deleted"),
    (2091005, 403, "permission deny"),
)
# https://open.feishu.cn/document/server-docs/vc-v1/meeting-recording/get
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
    (126005, "start time is in the future"),
    (126006, "time range exceeds one year"),
    (126008, "only one of meeting_no, user_id and room_id may be given"),
    (126016, "the range of a list of future meetings exceeds one month"),
)


def feishu_business_codes() -> Iterator[Code]:
    """Yield the rows of each API's own table."""
    for code, status, message in _MINUTE_CODES:
        yield Code("feishu", code, status, message, "minute", ("feishu.minute", *_MINUTE_PARTS), _MINUTE)
    yield Code("feishu", 2091006, 500, "service internal error", "minute", _MINUTE_PARTS, _MEDIA)
    yield from _search_codes()
    for code, status, message in (*_MEETING_CODES, *_RECORDING_CODES):
        yield Code("feishu", code, status, message, "recording", ("feishu.meeting_recording",), _RECORDING)
    for code, status, message in _MEETING_CODES:
        yield Code("feishu", code, status, message, "meetings_by_number", ("feishu.meetings_by_number",), _BY_NUMBER)
    for code, status, message in _MEETING_CODES:
        yield Code("feishu", code, status, message, "meeting_list", ("feishu.meeting_list",), _LIST)
    for code, message in _REPORT_CODES:
        uncertain = "status and message"
        yield Code("feishu", code, 400, message, "meeting_list", ("feishu.meeting_list",), _LIST, uncertain)
    # Of the participant list, which is not served here: reachable at its sister.
    yield Code(
        "feishu", 126009, 400, "meeting not found for these parameters", "participant_list",
        ("feishu.meeting_list",), _PARTICIPANTS, "status and message",
    )  # fmt: skip
    for code, status, message in (
        (1420001, 400, "invalid args"),
        (1420002, 403, "permission denied"),
        (1420003, 429, "triggers the frequency limit"),
        (1420004, 404, "post not found"),
    ):
        yield Code("feishu", code, status, message, "post", ("feishu.post",), _POST)


def _search_codes() -> Iterator[Code]:
    for code, status, message, uncertain in (
        (2094005, 400, "page token expired", "status and message"),
        (2094007, 400, "page depth limit exceeded", "status and message"),
        (2094011, 401, "token invalid", "message"),
        (2094012, 401, "token expired", "message"),
        (2095001, 500, "internal error", "message"),
        (2095002, 500, "internal error", "message"),
        (2095101, 500, "internal error", "message"),
    ):
        yield Code("feishu", code, status, message, "minutes_search", ("feishu.minutes_search",), _SEARCH, uncertain)
    # The page declares every error of a caller as 500, and gives two codes another meaning than its sisters do.
    for code, message in ((121001, "invalid param"), (121002, "network error")):
        yield Code("feishu", code, 500, message, "meetings_search", ("feishu.meetings_search",), _MEETING_SEARCH)
