"""Addresses that lead to media, and who answers them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final, Literal
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from airflow_provider_meetings.emulator.answers.feishu import log_id
from airflow_provider_meetings.emulator.faults.media import FaultKind, MediaFault
from airflow_provider_meetings.emulator.model.media import Media
from airflow_provider_meetings.emulator.state.emulator import EmulatorState, Link

_FEISHU_PATH = "/space/api/box/stream/download/authcode/"
_WECOM_PATH = "/wecom-media"


def feishu_address(request: Request, state: EmulatorState, media: Media, filename: str, object_id: str) -> str:
    """Return an address on this very server whose code is the only credential."""
    return f"{_server(request)}{_FEISHU_PATH}?code={state.issue_link('feishu', media, filename, object_id)}"


def wecom_address(request: Request, state: EmulatorState, media: Media, filename: str, object_id: str) -> str:
    """Return an address on this very server, signed in the query as object stores do."""
    sign = state.issue_link("wecom", media, filename, object_id)
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
        headers = {"X-Tt-Logid": log_id(self.state.now())}
        denied = Response("403 Forbidden", 403, headers, "text/plain")
        if link is None:
            return self._expired(denied)
        headers["Content-Disposition"] = attachment(link.filename)
        return self._answer(request, link, headers, denied)

    # https://developer.work.weixin.qq.com/document/path/98196
    async def wecom_media(self, request: Request) -> Response:
        """Answer with the media. Undocumented and assumed: all but the six hours, after an object store's habits."""
        link = self.state.open_link(request.query_params.get("sign", ""))
        text = "<?xml version='1.0' encoding='utf-8' ?><Error><Code>AccessDenied</Code></Error>"
        denied = Response(text, 403, media_type="application/xml")
        if link is None or link.filename != request.path_params["filename"]:
            return self._expired(denied)
        return self._answer(request, link, {}, denied)

    def _answer(self, request: Request, link: Link, headers: dict[str, str], denied: Response) -> Response:
        hops = _hops(request)
        role: Literal["new", "head", "redirected"] = "redirected" if hops else "new"
        if request.method == "HEAD":
            role = "head"
        faults = self.state.media_faults.take((link.object_id, link.filename), role)
        if "expired" in faults:
            return self._expired(denied)
        if "html" in faults:
            return Response(HTML, media_type="text/html")
        if "json" in faults:
            return Response(JSON, media_type="application/json")
        if "redirect" in faults and hops < faults["redirect"].n:
            return RedirectResponse(_next_hop(request, hops, faults["redirect"]), 302)
        return media_response(request, link.media, headers, faults)

    def _expired(self, denied: Response) -> Response:
        """Answer for a link that leads nowhere any more; no page says how, so that the knob chooses."""
        if self.state.expired_link == "html":
            return Response(HTML, media_type="text/html")
        if self.state.expired_link == "json":
            return Response(JSON, media_type="application/json")
        return denied


def attachment(filename: str) -> str:
    """Return a Content-Disposition that names ``filename`` twice: in ASCII, and whole (RFC 6266)."""
    plain = re.sub(r'[^ -~]|["\\/%]', "_", filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def _hops(request: Request) -> int:
    text = request.query_params.get("redirected", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0


def _next_hop(request: Request, hops: int, redirect: MediaFault) -> str:
    if redirect.location:
        return redirect.location
    query = {**request.query_params, "redirected": str(hops + 1)}
    return f"{_server(request)}{quote(request.url.path)}?{urlencode(query)}"


def _server(request: Request) -> str:
    return str(request.base_url).rstrip("/")


Faults = Mapping[FaultKind, MediaFault]

HTML: Final = "<!doctype html><html><head><title>Login</title></head><body>Sign in to continue.</body></html>"
JSON: Final = '{"code":99991663,"msg":"Invalid access token for authorization."}'
# Between the pieces of a trickle: enough to send each by itself.
_PAUSE: Final = 0.001


def media_response(request: Request, media: Media, headers: dict[str, str], faults: Faults) -> Response:
    """Return the whole of ``media``, the one range asked for (206), or 416."""
    if "changed" in faults:
        media = _changed(media)
    headers = {**headers, "Content-Type": media.content_type, **_validator(media, faults)}
    if "no-range" not in faults:
        headers["Accept-Ranges"] = "bytes"
    # RFC 9110 defines Range for GET alone; a HEAD describes the whole.
    if request.method == "HEAD":
        return Response(headers={**headers, **_length(media.size, faults)})
    wanted = None if "no-range" in faults else _range(request, media, headers.get("ETag", ""))
    start, stop, status = (*wanted, 206) if wanted else (0, media.size, 200)
    if wanted and start >= stop:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{media.size}"})
    if wanted:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{media.size}"
    headers |= _length(stop - start, faults)
    return _Body(media, start, stop, status, headers, faults)


class _Body(StreamingResponse):
    """A body that may come slowly, stop half-way, or end early with its connection."""

    def __init__(
        self, media: Media, start: int, stop: int, status: int, headers: dict[str, str], faults: Faults
    ) -> None:
        wrong = faults["wrong-length"].n if "wrong-length" in faults else 0
        # Fewer bytes declared: as many are sent, and the file looks whole. More: the connection ends before them.
        self.stop = max(start, stop + min(0, wrong))
        self.whole = wrong <= 0
        for kind in ("cut", "stall"):
            if kind in faults and start + faults[kind].n < self.stop:
                self.stop, self.whole = start + faults[kind].n, False
        self.stalls = "stall" in faults and not self.whole
        piece = faults["trickle"].n if "trickle" in faults else None
        super().__init__(_pieces(media, start, self.stop, piece), status, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the body, and unless it is whole, never say that it has ended."""
        if self.whole:
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for chunk in self.body_iterator:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        hang_up: Callable[[], Awaitable[None]] | None = scope.get("emulator.hang_up")
        if hang_up is None:
            raise RuntimeError("only the emulator's own server can end a body early; use emulator.server.serve")
        if not self.stalls:
            await hang_up()
        # Returning before the client has gone would be logged as a fault of this application.
        while (await receive())["type"] != "http.disconnect":
            pass


async def _pieces(media: Media, start: int, stop: int, piece: int | None) -> AsyncIterator[bytes]:
    for chunk in media.chunks(start, stop):
        if piece is None:
            yield chunk
            continue
        for offset in range(0, len(chunk), piece):
            yield chunk[offset : offset + piece]
            await asyncio.sleep(_PAUSE)


def _changed(media: Media) -> Media:
    """Return another recording under the same address: same type, other bytes and another entity tag."""
    if media.content:
        return Media.of(media.read() + b"\n", media.kind)
    return replace(media, name=f"{media.name}, changed")


def _validator(media: Media, faults: Faults) -> dict[str, str]:
    if "no-etag" in faults:
        return {}
    return {"ETag": f"W/{media.etag}" if "weak-etag" in faults else media.etag}


def _length(size: int, faults: Faults) -> dict[str, str]:
    if "no-length" in faults:
        return {}
    wrong = faults["wrong-length"].n if "wrong-length" in faults else 0
    return {"Content-Length": str(max(0, size + wrong))}


def _range(request: Request, media: Media, etag: str) -> tuple[int, int] | None:
    """Return the range asked for as start and stop, an empty one if it cannot be satisfied, or None for the whole.

    Several ranges, another unit and bad syntax are ignored, which RFC 9110 allows. If-Range takes strong tags alone.
    """
    condition = request.headers.get("if-range")
    if condition is not None and (condition != etag or etag.startswith("W/")):
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
