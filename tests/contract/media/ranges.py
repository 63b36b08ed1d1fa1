"""A media host with range requests and validators, and modifiers that make its responses invalid."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.contract.media.origin import Answer, Handler

_RANGE = re.compile(r"bytes=(\d+)-")


def version(size: int, seed: int) -> bytes:
    """Return a video of `size` bytes; videos of different seeds share only their first bytes."""
    return (b"\0\0\0\x1cftypisom" + random.Random(seed).randbytes(size))[:size]


@dataclass
class Reply:
    """A response to send, with the first `sent` bytes of its body, or all of it if None."""

    status: int
    headers: dict[str, str]
    body: bytes
    sent: int | None = None
    media: bool = True


Modifier = Callable[[Reply], None]


@dataclass
class RangeHost:
    """Serve `body` to a GET with or without Range and If-Range, according to RFC 9110.

    :param tag: the ETag; None to send none.
    :param ranges: whether Range is supported.
    :param in_chunks: send the whole file with Transfer-Encoding: chunked and without a length.
    :param offsets: the offset of each request's Range; None without Range.
    :param media_bytes: number of media bytes sent in all responses.
    """

    body: bytes = field(repr=False)
    tag: str | None = '"v1"'
    ranges: bool = True
    in_chunks: bool = False
    offsets: list[int | None] = field(default_factory=list)
    media_bytes: int = 0

    def __call__(self, handler: Handler) -> None:
        self._send(handler, self._reply(dict(handler.headers.items())))

    def cut(self, after: int) -> Answer:
        """Respond as usual, but close the connection after `after` bytes of the body."""

        def modifier(reply: Reply) -> None:
            reply.sent = after

        return self.modified(modifier)

    def stalled(self, upto: int, until: threading.Event) -> Answer:
        """Respond as usual up to byte `upto` of the file, then send nothing until the event is set."""

        def answer(handler: Handler) -> None:
            reply = self._reply(dict(handler.headers.items()))
            reply.sent = max(0, upto - (len(self.body) - len(reply.body)))
            self._send(handler, reply)
            until.wait(120)

        return answer

    def modified(self, *modifiers: Modifier) -> Answer:
        """Respond as usual, changed by `modifiers`."""

        def answer(handler: Handler) -> None:
            reply = self._reply(dict(handler.headers.items()))
            for modifier in modifiers:
                modifier(reply)
            self._send(handler, reply)

        return answer

    def replaced_by(self, body: bytes, tag: str | None) -> Answer:
        """Serve another version from this response on."""

        def answer(handler: Handler) -> None:
            self.body, self.tag = body, tag
            self(handler)

        return answer

    def _reply(self, request_headers: Mapping[str, str]) -> Reply:
        found = _RANGE.fullmatch(request_headers.get("Range") or "")
        offset = int(found[1]) if found else None
        self.offsets.append(offset)
        headers = {"Content-Type": "video/mp4", **({"ETag": self.tag} if self.tag else {})}
        unchanged = request_headers.get("If-Range") in (None, self.tag) and not (self.tag or "").startswith("W/")
        if offset is None or not self.ranges or not unchanged:
            return Reply(200, headers, self.body)
        size = len(self.body)
        if offset >= size:
            return Reply(416, {"Content-Range": f"bytes */{size}"}, b"")
        return Reply(206, {**headers, "Content-Range": f"bytes {offset}-{size - 1}/{size}"}, self.body[offset:])

    def _send(self, handler: Handler, reply: Reply) -> None:
        body = reply.body[: reply.sent]
        if reply.media:
            self.media_bytes += len(body)
        if self.in_chunks and reply.status == 200:
            whole = reply.sent is None
            body = b"%x\r\n%s\r\n" % (len(body), body) + (b"0\r\n\r\n" if whole else b"")
            handler.send(200, {**reply.headers, "Transfer-Encoding": "chunked"}, body)
        else:
            handler.send(reply.status, {"Content-Length": str(len(reply.body)), **reply.headers}, body)


def with_headers(**headers: str | None) -> Modifier:
    """Set these headers, or remove those that are None; ``content_range`` is Content-Range."""

    def modifier(reply: Reply) -> None:
        for name, value in headers.items():
            header = "ETag" if name == "etag" else name.replace("_", "-").title()
            reply.headers.pop(header, None)
            if value is not None:
                reply.headers[header] = value

    return modifier


def wrong_range(start: int = 0, total: int = 0) -> Modifier:
    """Shift the start or the total in the Content-Range of a 206."""

    def modifier(reply: Reply) -> None:
        if reply.status == 206:
            first, last, size = map(int, re.findall(r"\d+", reply.headers["Content-Range"]))
            reply.headers["Content-Range"] = f"bytes {first + start}-{last + total}/{size + total}"

    return modifier


def short_range(size: int, total: str | None = None) -> Modifier:
    """Shorten a 206 to `size` bytes with a matching Content-Range; with `total` instead of the file's size."""

    def modifier(reply: Reply) -> None:
        if reply.status == 206:
            first, _, whole = map(int, re.findall(r"\d+", reply.headers["Content-Range"]))
            reply.body = reply.body[:size]
            last = first + len(reply.body) - 1
            reply.headers["Content-Range"] = f"bytes {first}-{last}/{total or whole}"

    return modifier


def only_status(status: int) -> Modifier:
    """Send this status and no media."""

    def modifier(reply: Reply) -> None:
        reply.status, reply.headers, reply.body = status, {"Content-Type": "text/plain"}, b"x"
        reply.media = False

    return modifier


def document(body: bytes, content_type: str) -> Modifier:
    """Send a document instead of media, with status 200."""

    def modifier(reply: Reply) -> None:
        reply.status, reply.headers, reply.body = 200, {"Content-Type": content_type}, body
        reply.media = False

    return modifier
