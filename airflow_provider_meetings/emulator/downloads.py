"""Addresses that lead to media, and the answer to a GET or HEAD of one (RFC 9110: Range, If-Range, ETag)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from airflow_provider_meetings.emulator.feishu_answers import log_id
from airflow_provider_meetings.emulator.media import Media
from airflow_provider_meetings.emulator.state import EmulatorState

_FEISHU_PATH = "/space/api/box/stream/download/authcode/"
_WECOM_PATH = "/wecom-media"


def feishu_address(request: Request, state: EmulatorState, media: Media, filename: str) -> str:
    """Return an address on this very server whose code is the only credential."""
    return f"{_server(request)}{_FEISHU_PATH}?code={state.issue_link('feishu', media, filename)}"


def wecom_address(request: Request, state: EmulatorState, media: Media, filename: str) -> str:
    """Return an address on this very server, signed in the query as object stores do."""
    sign = state.issue_link("wecom", media, filename)
    return f"{_server(request)}{_WECOM_PATH}/{quote(filename)}?sign={sign}"


class Downloads:
    """Serve the addresses of both vendors."""

    def __init__(self, state: EmulatorState) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        """Return the two routes; a GET route answers HEAD too."""
        return [
            Route(_FEISHU_PATH, self.feishu_media),
            Route(_WECOM_PATH + "/{filename}", self.wecom_media),
        ]

    # https://open.feishu.cn/document/minutes-v1/minute-media/get
    async def feishu_media(self, request: Request) -> Response:
        """Answer with the media. Undocumented and assumed: Range, the headers, and 403 once the code has expired."""
        link = self.state.open_link(request.query_params.get("code", ""))
        if link is None:
            return Response("403 Forbidden", 403, {"X-Tt-Logid": log_id(self.state.clock())}, "text/plain")
        headers = {"X-Tt-Logid": log_id(self.state.clock()), "Content-Disposition": attachment(link.filename)}
        return media_response(request, link.media, headers)

    # https://developer.work.weixin.qq.com/document/path/98196
    async def wecom_media(self, request: Request) -> Response:
        """Answer with the media. Undocumented and assumed: all but the six hours, after an object store's habits."""
        link = self.state.open_link(request.query_params.get("sign", ""))
        if link is None or link.filename != request.path_params["filename"]:
            denied = "<?xml version='1.0' encoding='utf-8' ?><Error><Code>AccessDenied</Code></Error>"
            return Response(denied, 403, media_type="application/xml")
        return media_response(request, link.media, {})


def attachment(filename: str) -> str:
    """Return a Content-Disposition that names ``filename`` twice: in ASCII, and whole (RFC 6266)."""
    plain = re.sub(r'[^ -~]|["\\/%]', "_", filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def media_response(request: Request, media: Media, headers: dict[str, str]) -> Response:
    """Return the whole of ``media``, the one range asked for (206), or 416."""
    headers = {**headers, "Accept-Ranges": "bytes", "ETag": media.etag, "Content-Type": media.content_type}
    # RFC 9110 defines Range for GET alone; a HEAD describes the whole.
    if request.method == "HEAD":
        return Response(headers={**headers, "Content-Length": str(media.size)})
    wanted = _range(request, media)
    if wanted is None:
        return StreamingResponse(_stream(media, 0, media.size), 200, {**headers, "Content-Length": str(media.size)})
    start, stop = wanted
    if start >= stop:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{media.size}"})
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{media.size}"
    headers["Content-Length"] = str(stop - start)
    return StreamingResponse(_stream(media, start, stop), 206, headers)


def _range(request: Request, media: Media) -> tuple[int, int] | None:
    """Return the range asked for as start and stop, an empty one if it cannot be satisfied, or None for the whole.

    Several ranges, another unit and bad syntax are ignored, which RFC 9110 allows.
    """
    if request.headers.get("if-range", media.etag) != media.etag:
        return None
    match = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", request.headers.get("range", "").replace(" ", ""))
    if match is None or match.group() == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        return max(0, media.size - int(last)), media.size
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, media.size) if last else media.size


async def _stream(media: Media, start: int, stop: int) -> AsyncIterator[bytes]:
    for chunk in media.chunks(start, stop):
        yield chunk


def _server(request: Request) -> str:
    return str(request.base_url).rstrip("/")
