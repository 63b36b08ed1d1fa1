"""Media links and their responses: ranges, entity tags, and the injected faults."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from airflow_provider_meetings.emulator.answers.feishu import log_id
from airflow_provider_meetings.emulator.faults.hangs import close_connection, until_disconnect
from airflow_provider_meetings.emulator.faults.media import FaultKind, MediaFault
from airflow_provider_meetings.emulator.model.media import Media
from airflow_provider_meetings.emulator.state.emulator import EmulatorState, Link

_FEISHU_PATH: Final = "/space/api/box/stream/download/authcode/"
_WECOM_PATH: Final = "/wecom-media"
_HTML: Final = "<!doctype html><html><head><title>Login</title></head><body>Sign in to continue.</body></html>"
# Long enough to send each piece of a trickle by itself.
_TRICKLE_PAUSE_SECONDS: Final = 0.001

Faults = Mapping[FaultKind, MediaFault]


def feishu_link(request: Request, state: EmulatorState, media: Media, filename: str, object_id: str) -> str:
    """Return a link to this server; the code in it is the only credential."""
    return f"{_base_url(request)}{_FEISHU_PATH}?code={state.issue_link('feishu', media, filename, object_id)}"


def wecom_link(request: Request, state: EmulatorState, media: Media, filename: str, object_id: str) -> str:
    """Return a link to this server with a signature in the query, as object stores use."""
    sign = state.issue_link("wecom", media, filename, object_id)
    return f"{_base_url(request)}{_WECOM_PATH}/{quote(filename)}?sign={sign}"


# https://open.feishu.cn/document/minutes-v1/minute-media/get
async def feishu_media(state: EmulatorState, request: Request) -> Response:
    """Answer a Feishu link. Assumed: Range, the headers, and 403 for an expired code."""
    link = state.open_link(request.query_params.get("code", ""))
    headers = {"X-Tt-Logid": log_id(state.now())}
    denied = Response("403 Forbidden", 403, headers, "text/plain")
    if link is None:
        return denied
    headers["Content-Disposition"] = attachment(link.filename)
    return _answer(state, request, link, headers, denied)


# https://developer.work.weixin.qq.com/document/path/98196
async def wecom_media(state: EmulatorState, request: Request) -> Response:
    """Answer a WeCom link as an object store does. Assumed: everything except its lifetime."""
    link = state.open_link(request.query_params.get("sign", ""))
    text = "<?xml version='1.0' encoding='utf-8' ?><Error><Code>AccessDenied</Code></Error>"
    denied = Response(text, 403, media_type="application/xml")
    if link is None or link.filename != request.path_params["filename"]:
        return denied
    return _answer(state, request, link, {}, denied)


# Starlette's GET routes answer HEAD too.
MEDIA_HANDLERS: Final = {_FEISHU_PATH: feishu_media, _WECOM_PATH + "/{filename}": wecom_media}


def attachment(filename: str) -> str:
    """Return a Content-Disposition with ``filename`` in ASCII and in UTF-8 (RFC 6266)."""
    plain = re.sub(r'[^ -~]|["\\/%]', "_", filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def _answer(state: EmulatorState, request: Request, link: Link, headers: dict[str, str], denied: Response) -> Response:
    faults = state.media_faults.take((link.object_id, link.filename), head=request.method == "HEAD")
    if "expired" in faults:
        return denied
    if "html" in faults:
        return Response(_HTML, media_type="text/html")
    return _media_response(request, link.media, headers, faults)


def _base_url(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _media_response(request: Request, media: Media, headers: dict[str, str], faults: Faults) -> Response:
    """Return all of ``media``, the requested range (206), or 416."""
    headers = {**headers, "Content-Type": media.content_type, "ETag": media.etag, "Accept-Ranges": "bytes"}
    # RFC 9110 defines Range only for GET.
    if request.method == "HEAD":
        return Response(headers={**headers, "Content-Length": str(media.size)})
    requested = _range(request, media)
    start, stop, status = (*requested, 206) if requested else (0, media.size, 200)
    if requested and start >= stop:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{media.size}"})
    if requested:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{media.size}"
    headers["Content-Length"] = str(stop - start)
    return _Body(media, start, stop, status, headers, faults)


class _Body(StreamingResponse):
    """A body that can be slow, stop half-way, or end early with its connection."""

    def __init__(
        self, media: Media, start: int, stop: int, status: int, headers: dict[str, str], faults: Faults
    ) -> None:
        end = min([stop, *(start + faults[kind].n for kind in ("cut", "stall") if kind in faults)])
        self.complete = end == stop
        self.stalls = "stall" in faults
        piece = faults["trickle"].n if "trickle" in faults else None
        super().__init__(_pieces(media, start, end, piece), status, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the body; if it is not complete, close the connection or stall."""
        if self.complete:
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for chunk in self.body_iterator:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if not self.stalls:
            close_connection(scope)
        await until_disconnect(receive)


async def _pieces(media: Media, start: int, stop: int, piece: int | None) -> AsyncIterator[bytes]:
    for chunk in media.chunks(start, stop):
        if piece is None:
            yield chunk
            continue
        for offset in range(0, len(chunk), piece):
            yield chunk[offset : offset + piece]
            await asyncio.sleep(_TRICKLE_PAUSE_SECONDS)


def _range(request: Request, media: Media) -> tuple[int, int] | None:
    """Return start and stop of the requested range, an empty range if it cannot be satisfied, or None for all.

    Several ranges, another unit and bad syntax are ignored, as RFC 9110 allows.
    """
    condition = request.headers.get("if-range")
    if condition is not None and condition != media.etag:
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
