"""Faults of a media host, to be drawn by hypothesis and strung together, and the versions of the file it has."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.contract.origin import Answer, Handler
from tests.contract.ranges import (
    RangeHost,
    Reply,
    Twist,
    document,
    only_status,
    range_moved,
    short_range,
    version,
    with_headers,
)

PIECE = 16 * 1024
SIZE = 15 * PIECE + 77
# Each with a tag of its own; two of the same length, one of which every byte of a part could be of.
VERSIONS = {f'"v{seed}"': version(size, seed) for seed, size in enumerate((SIZE, SIZE, SIZE + 99, 5 * PIECE, 700))}

TWISTS: dict[str, Twist] = {
    **{f"status {status}": only_status(status) for status in (204, 304, 400, 401, 403, 404, 410, 416, 429, 500, 503)},
    "html": document(b"<!doctype html><title>Sign in</title>", "text/html"),
    "json as video": document(b'{"code": 99991663, "msg": "token invalid"}', "video/mp4"),
    "nothing": document(b"", "video/mp4"),
    "no tag": with_headers(etag=None),
    "weak tag": with_headers(etag='W/"v0"'),
    "tag of none": with_headers(etag='"other"'),
    "no range": with_headers(content_range=None),
    "garbled range": with_headers(content_range="bytes a-b/c"),
    "starts early": range_moved(start=-1),
    "starts late": range_moved(start=1),
    "total more": range_moved(total=1),
    "total less": range_moved(total=-1),
    "too long a length": lambda reply: with_headers(content_length=str(len(reply.body) + 1))(reply),
    "gives little": short_range(5 * PIECE),
    "gives little of who knows": short_range(5 * PIECE, total="*"),
}


@dataclass(frozen=True)
class Fault:
    """What one answer is like.

    :param changes: the tag of the version that the host has from this answer on; None for the one it has.
    :param cut: after this share of the body; None for no cut.
    """

    twist: str | None
    changes: str | None
    cut: float | None


FAULTS = st.builds(
    Fault,
    twist=st.none() | st.sampled_from(sorted(TWISTS)),
    changes=st.none() | st.none() | st.sampled_from(sorted(VERSIONS)),
    cut=st.none() | st.floats(0, 1),
)


def answer(host: RangeHost, fault: Fault) -> Answer:
    def cut(reply: Reply) -> None:
        if fault.cut is not None:
            reply.sent = int(len(reply.body) * fault.cut)

    faulty = host.but(*([TWISTS[fault.twist]] if fault.twist else []), cut)

    def changing(handler: Handler) -> None:
        if fault.changes:
            host.tag, host.body = fault.changes, VERSIONS[fault.changes]
        faulty(handler)

    return changing
