"""The answer to a GET or HEAD of media (RFC 9110: Range, If-Range, ETag), and to what a test lets go wrong with it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from airflow_provider_meetings.emulator.faults import FaultKind, MediaFault
from airflow_provider_meetings.emulator.media import Media

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
