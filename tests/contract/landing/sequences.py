"""Faults of a media host for hypothesis, and the versions of its file."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.contract.media.origin import Answer, Handler
from tests.contract.media.ranges import (
    Modifier,
    RangeHost,
    Reply,
    document,
    only_status,
    short_range,
    version,
    with_headers,
    wrong_range,
)

PIECE = 16 * 1024
SIZE = 15 * PIECE + 77
# Two have the same length.
VERSIONS = {f'"v{seed}"': version(size, seed) for seed, size in enumerate((SIZE, SIZE, SIZE + 99, 5 * PIECE, 700))}

MODIFIERS: dict[str, Modifier] = {
    **{f"status {status}": only_status(status) for status in (204, 304, 400, 401, 403, 404, 410, 416, 429, 500, 503)},
    "html": document(b"<!doctype html><title>Sign in</title>", "text/html"),
    "json as video": document(b'{"code": 99991663, "msg": "token invalid"}', "video/mp4"),
    "empty": document(b"", "video/mp4"),
    "no tag": with_headers(etag=None),
    "weak tag": with_headers(etag='W/"v0"'),
    "wrong tag": with_headers(etag='"other"'),
    "no range": with_headers(content_range=None),
    "malformed range": with_headers(content_range="bytes a-b/c"),
    "starts early": wrong_range(start=-1),
    "starts late": wrong_range(start=1),
    "total too high": wrong_range(total=1),
    "total too low": wrong_range(total=-1),
    "length too long": lambda reply: with_headers(content_length=str(len(reply.body) + 1))(reply),
    "short range": short_range(5 * PIECE),
    "short range without total": short_range(5 * PIECE, total="*"),
}


@dataclass(frozen=True)
class Fault:
    """One response.

    :param changes: entity tag of the version that the host has from this response on; None for no change.
    :param cut: fraction of the body after which it is cut; None for no cut.
    """

    modifier: str | None
    changes: str | None
    cut: float | None


FAULTS = st.builds(
    Fault,
    modifier=st.none() | st.sampled_from(sorted(MODIFIERS)),
    changes=st.none() | st.none() | st.sampled_from(sorted(VERSIONS)),
    cut=st.none() | st.floats(0, 1),
)


def answer(host: RangeHost, fault: Fault) -> Answer:
    def cut(reply: Reply) -> None:
        if fault.cut is not None:
            reply.sent = int(len(reply.body) * fault.cut)

    faulty = host.modified(*([MODIFIERS[fault.modifier]] if fault.modifier else []), cut)

    def changing(handler: Handler) -> None:
        if fault.changes:
            host.tag, host.body = fault.changes, VERSIONS[fault.changes]
        faulty(handler)

    return changing
