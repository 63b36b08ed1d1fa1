"""A media host as it should be, by rule: ranges, validators; and each way in which an answer of it may be wrong."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.contract.origin import Answer, Handler

_RANGE = re.compile(r"bytes=(\d+)-")


def version(size: int, seed: int) -> bytes:
    """Make a video of `size` bytes; two of different seeds have no block in common but the very first bytes."""
    return (b"\0\0\0\x1cftypisom" + random.Random(seed).randbytes(size))[:size]


@dataclass
class Reply:
    """What is about to be sent; `sent` bytes of the body, all if None."""

    status: int
    headers: dict[str, str]
    body: bytes
    sent: int | None = None
    media: bool = True


Twist = Callable[[Reply], None]


@dataclass
class RangeHost:
    """Serve `body` to a GET with or without Range and If-Range, as RFC 9110 has it; used as an answer.

    :param tag: the ETag; None for a host that has none.
    :param ranges: whether Range is understood.
    :param in_chunks: send the whole with Transfer-Encoding: chunked and without a length.
    :param asked: the offset that each request asked for; None where it asked for the whole.
    :param given: the bytes of media that were sent, all answers together.
    """

    body: bytes = field(repr=False)
    tag: str | None = '"v1"'
    ranges: bool = True
    in_chunks: bool = False
    asked: list[int | None] = field(default_factory=list)
    given: int = 0

    def __call__(self, handler: Handler) -> None:
        self._send(handler, self._reply(dict(handler.headers.items())))

    def cut(self, after: int) -> Answer:
        """Answer as usual, but end the connection after `after` bytes of the body."""

        def twist(reply: Reply) -> None:
            reply.sent = after

        return self.but(twist)

    def held(self, upto: int, until: threading.Event) -> Answer:
        """Answer as usual up to byte `upto` of the file, and hold the rest back."""

        def answer(handler: Handler) -> None:
            reply = self._reply(dict(handler.headers.items()))
            reply.sent = max(0, upto - (len(self.body) - len(reply.body)))
            self._send(handler, reply)
            until.wait(120)

        return answer

    def but(self, *twists: Twist) -> Answer:
        """Answer as usual, but for `twists`."""

        def answer(handler: Handler) -> None:
            reply = self._reply(dict(handler.headers.items()))
            for twist in twists:
                twist(reply)
            self._send(handler, reply)

        return answer

    def becomes(self, body: bytes, tag: str | None) -> Answer:
        """Have another version from this answer on."""

        def answer(handler: Handler) -> None:
            self.body, self.tag = body, tag
            self(handler)

        return answer

    def _reply(self, asked: Mapping[str, str]) -> Reply:
        found = _RANGE.fullmatch(asked.get("Range") or "")
        offset = int(found[1]) if found else None
        self.asked.append(offset)
        headers = {"Content-Type": "video/mp4", **({"ETag": self.tag} if self.tag else {})}
        fresh = asked.get("If-Range") in (None, self.tag) and not (self.tag or "").startswith("W/")
        if offset is None or not self.ranges or not fresh:
            return Reply(200, headers, self.body)
        size = len(self.body)
        if offset >= size:
            return Reply(416, {"Content-Range": f"bytes */{size}"}, b"")
        return Reply(206, {**headers, "Content-Range": f"bytes {offset}-{size - 1}/{size}"}, self.body[offset:])

    def _send(self, handler: Handler, reply: Reply) -> None:
        body = reply.body[: reply.sent]
        if reply.media:
            self.given += len(body)
        if self.in_chunks and reply.status == 200:
            whole = reply.sent is None
            body = b"%x\r\n%s\r\n" % (len(body), body) + (b"0\r\n\r\n" if whole else b"")
            handler.send(200, {**reply.headers, "Transfer-Encoding": "chunked"}, body)
        else:
            handler.send(reply.status, {"Content-Length": str(len(reply.body)), **reply.headers}, body)


def with_headers(**headers: str | None) -> Twist:
    """Send these headers; one that is None is not sent. ``content_range`` stands for Content-Range."""

    def twist(reply: Reply) -> None:
        for name, value in headers.items():
            spelled = "ETag" if name == "etag" else name.replace("_", "-").title()
            reply.headers.pop(spelled, None)
            if value is not None:
                reply.headers[spelled] = value

    return twist


def range_moved(start: int = 0, total: int = 0) -> Twist:
    """Promise, in a 206, another start or another total than what is sent."""

    def twist(reply: Reply) -> None:
        if reply.status == 206:
            first, last, size = map(int, re.findall(r"\d+", reply.headers["Content-Range"]))
            reply.headers["Content-Range"] = f"bytes {first + start}-{last + total}/{size + total}"

    return twist


def short_range(size: int, total: str | None = None) -> Twist:
    """Give, in a 206, no more than `size` bytes of what was asked for, and say so; perhaps another `total`."""

    def twist(reply: Reply) -> None:
        if reply.status == 206:
            first, _, whole = map(int, re.findall(r"\d+", reply.headers["Content-Range"]))
            reply.body = reply.body[:size]
            last = first + len(reply.body) - 1
            reply.headers["Content-Range"] = f"bytes {first}-{last}/{total or whole}"

    return twist


def only_status(status: int) -> Twist:
    """Send another status, and nothing of the file."""

    def twist(reply: Reply) -> None:
        reply.status, reply.headers, reply.body = status, {"Content-Type": "text/plain"}, b"x"
        reply.media = False

    return twist


def document(body: bytes, content_type: str) -> Twist:
    """Send a page or an API's answer, with status 200."""

    def twist(reply: Reply) -> None:
        reply.status, reply.headers, reply.body = 200, {"Content-Type": content_type}, body
        reply.media = False

    return twist
