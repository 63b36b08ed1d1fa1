"""Every field and every code of the five documents, for the tests and for ``docs/reference/documents.rst``.

``scripts/document_table.py`` generates the page from this table; a test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a document; `attribute` of the client's object, empty for the envelope and for containers."""

    name: str
    unit: str = ""
    attribute: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """One page: fields of the request, fields of the answer, and codes: HTTP status, code, the client's error."""

    key: str
    title: str
    url: str
    endpoint: str
    request: tuple[Field, ...]
    answer: tuple[Field, ...]
    codes: tuple[tuple[int, int, str], ...] = ()


_ENVELOPE: Final = (Field("code"), Field("msg"), Field("data"))
_MINUTE_CODES: Final = (
    (400, 2091001, "InvalidRequest"),
    (404, 2091002, "NotFound"),
    (400, 2091003, "NotReady"),
    (400, 2091004, "Gone"),
    (403, 2091005, "PermissionDenied"),
)

DOCUMENTS: Final = (
    Document(
        key="minute",
        title="获取妙记信息 (get a minute)",
        url="https://open.feishu.cn/document/server-docs/minutes-v1/minute/get",
        endpoint="feishu.minute",
        request=(
            Field("Authorization", "header"),
            Field("minute_token", "path, 24 characters"),
            Field("user_id_type", "query"),
        ),
        answer=(
            *_ENVELOPE,
            Field("minute"),
            Field("token", "", "token"),
            Field("owner_id", "", "owner_id"),
            Field("create_time", "milliseconds as text, to UTC", "create_time"),
            Field("title", "", "title"),
            Field("cover", "", "raw.cover"),
            Field("duration", "milliseconds as text", "duration"),
            Field("url", "", "url"),
        ),
        codes=_MINUTE_CODES,
    ),
    Document(
        key="minute_media",
        title="下载妙记音视频文件 (media of a minute)",
        url="https://open.feishu.cn/document/minutes-v1/minute-media/get",
        endpoint="feishu.minute_media",
        request=(Field("Authorization", "header"), Field("minute_token", "path, 24 characters")),
        answer=(*_ENVELOPE, Field("download_url", "valid for one day", "url")),
        codes=(*_MINUTE_CODES, (500, 2091006, "ServerError")),
    ),
    Document(
        key="meeting_recording",
        title="获取录制文件 (recording of a meeting)",
        url="https://open.feishu.cn/document/server-docs/vc-v1/meeting-recording/get",
        endpoint="feishu.meeting_recording",
        request=(Field("Authorization", "header"), Field("meeting_id", "path, digits")),
        answer=(
            *_ENVELOPE,
            Field("recording"),
            Field("url", "", "url"),
            Field("duration", "milliseconds as text", "duration"),
        ),
        codes=(
            (500, 121001, "ServerError"),
            (400, 121002, "InvalidRequest"),
            (400, 121003, "InvalidRequest"),
            (404, 121004, "NotReady"),
            (403, 121005, "PermissionDenied"),
            (400, 122001, "NotReady"),
            (404, 122002, "NotFound"),
            (400, 124002, "NotReady"),
        ),
    ),
    Document(
        key="record_list",
        title="获取会议录制列表 (list of meeting recordings)",
        url="https://developer.work.weixin.qq.com/document/path/98192",
        endpoint="wecom.record_list",
        request=(
            Field("access_token", "query"),
            Field("meetingid", "body"),
            Field("meeting_code", "body"),
            Field("userid", "body"),
            Field("start_time", "body, seconds"),
            Field("end_time", "body, seconds, at most 31 days"),
            Field("cursor", "body"),
            Field("limit", "body, at most 20, the same for all pages"),
        ),
        answer=(
            Field("errcode"),
            Field("errmsg"),
            Field("has_more"),
            Field("next_cursor"),
            Field("record_list", "also record_meetings"),
            Field("meeting_record_id", "", "meeting_record_id"),
            Field("meetingid", "", "meetingid"),
            Field("meeting_code", "", "meeting_code"),
            Field("host_user_id", "", "host_user_id"),
            Field("meeting_start_time", "milliseconds, to UTC", "meeting_start_time"),
            Field("title", "", "title"),
            Field("state", "1 recording, 3 transcoded, any other: not ready", "state"),
            Field("record_file_list", "also record_files", "record_file_list"),
            Field("record_file_id", "", "file.record_file_id"),
            Field("record_start_time", "milliseconds, to UTC", "file.record_start_time"),
            Field("record_end_time", "milliseconds, to UTC", "file.record_end_time"),
            Field("record_size", "bytes, may exceed 32 bits", "file.record_size"),
            Field("sharing_state", "", "file.raw.sharing_state"),
            Field("sharing_url", "never stored", "file.raw.sharing_url"),
            Field("required_same_corp", "", "file.raw.required_same_corp"),
            Field("required_attendee", "", "file.raw.required_attendee"),
            Field("password", "never stored", "file.raw.password"),
            Field("sharing_expire", "unchanged", "file.raw.sharing_expire"),
            Field("allow_download", "", "file.raw.allow_download"),
        ),
    ),
    Document(
        key="post",
        title="查询帖子信息 (a Moments post)",
        url="https://open.feishu.cn/document/moments-v1/post/get",
        endpoint="feishu.post",
        request=(Field("Authorization", "header"), Field("post_id", "path, digits"), Field("user_id_type", "query")),
        answer=(
            *_ENVELOPE,
            Field("post"),
            Field("user_id", "real-name posts only", "user_id"),
            Field("content", "JSON as text", "content"),
            Field("image_key_list", "", "raw.image_key_list"),
            Field("media_file_token", "", "raw.media_file_token"),
            Field("comment_count", "", "comment_count"),
            Field("reaction_set"),
            Field("reactions", "", "reaction_set.reactions"),
            Field("type", "of a reaction", "reaction_set.reactions.0.type"),
            Field("count", "of a reaction", "reaction_set.reactions.0.count"),
            Field("total_count", "", "reaction_set.total_count"),
            Field("id", "", "id"),
            Field("create_time", "RFC 3339, to UTC", "create_time"),
            Field("media_cover_image_key", "", "raw.media_cover_image_key"),
            Field("category_ids", "", "category_ids"),
            Field("link", "", "link"),
            Field("user_type", "1 to 4", "user_type"),
            Field("dislike_count", "", "dislike_count"),
        ),
        codes=(
            (400, 1420001, "InvalidRequest"),
            (403, 1420002, "PermissionDenied"),
            (404, 1420004, "NotFound"),
            (429, 1420003, "RateLimited"),
        ),
    ),
)

OTHER_CODES: Final = {
    "feishu": (
        ("AuthenticationError", (10005, 20005, 20006, 20013, 20014, 20021, 20022, 20023)),
        ("InvalidRequest", (126003, 126004, 126007, 126015, 99991201, 99991301, 99991674, 99991675)),
        ("NotFound", (*range(99992351, 99992362), 99992363, 99992364, 99992370, 99992375, 99992376)),
        ("NotFound", tuple(range(99992378, 99992382))),
        ("PermissionDenied", (21000, 21001)),
        ("ServerError", (1500, 1503, 1642, 1663, 1668, 10101, 10105, 10500)),
    ),
    "wecom": (
        ("Gone", (730008,)),
        ("InvalidRequest", (40003, 730009)),
        ("NotFound", (60111, 90602, 301021, 730001, 730002, 730003, 730004, 730006)),
        ("PermissionDenied", (48001, 48004, 48006, 50002, 60021, 60030, 301007, 400028, 680106)),
        ("PermissionDenied", (730005, 730007, 730010, 730011)),
    ),
}
"""Codes of the vendors' generic pages and of neighbours of the five documents, by the client's error."""


def page() -> str:
    """Return the text of the page."""
    lines = [
        "The vendors' documents: each field and code, and its test",
        "=========================================================",
        "",
        "Every field and every code of the five pages that the provider was written from, each with the test in",
        "``tests/documents/test_documents.py`` that covers it. ``scripts/document_table.py`` generates this page from",
        "the table of these tests. The pages have not been compared with the live services yet.",
        "",
    ]
    for document in DOCUMENTS:
        lines += [document.title, "-" * 60, "", f"{document.url}", "", ".. list-table::", "   :header-rows: 1", ""]
        lines += _row("Where", "Name", "Unit, form", "Test")
        for field in document.request:
            lines += _row("request", field.name, field.unit, f"test_request[{document.key}-{field.name}]")
        for field in document.answer:
            lines += _row("answer", field.name, field.unit, f"test_answer[{document.key}-{field.name}]")
        for status, code, error in document.codes:
            lines += _row("code", str(code), f"HTTP {status}: {error}", f"test_code[{document.key}-{code}]")
        lines.append("")
    lines += ["Codes of other pages", "-" * 60, ""]
    lines += [
        "Further codes that the clients know: of the vendors' generic pages, and of neighbours of these pages. The"
    ]
    lines += [
        "emulator answers each on request. An answer with HTTP status 429 is RateLimited, whatever its body is.",
        "",
    ]
    lines += [".. list-table::", "   :header-rows: 1", ""]
    lines += _row("Platform", "Code", "Error", "Test")
    for platform, groups in OTHER_CODES.items():
        for error, codes in groups:
            for code in codes:
                lines += _row(platform, str(code), error, f"test_other_code[{platform}-{code}]")
    return "\n".join(lines).rstrip() + "\n"


def _row(*cells: str) -> list[str]:
    return [
        f"   {'* -' if i == 0 else '  -'} {f'``{cell}``' if i == 1 else cell}".rstrip() for i, cell in enumerate(cells)
    ]
