"""Interrupted streams: resumed where the host can, restarted where it cannot, failed without progress."""

from __future__ import annotations

import pytest

from airflow_provider_meetings.api.errors import ServerError
from tests.contract.landing.aftermath import assert_landed, assert_not_landed
from tests.contract.landing.bench import CHUNK_BYTES, Bench
from tests.contract.media.ranges import RangeHost, Reply, version, with_headers

SIZE = 3 * CHUNK_BYTES + 4321
V1 = version(SIZE, 1)
OFFSETS = sorted(
    {0, 1, SIZE - 1, *(border + near for border in range(CHUNK_BYTES, SIZE, CHUNK_BYTES) for near in (-1, 0, 1))}
)
HALF = CHUNK_BYTES // 2


@pytest.mark.parametrize("offset", OFFSETS)
def test_resume_after_cut(bench: Bench, offset: int) -> None:
    host = RangeHost(V1)
    bench.land(host.cut(offset), host)
    assert_landed(bench, V1)
    # Only the chunk in which the stream was cut is lost.
    resumed = offset // CHUNK_BYTES * CHUNK_BYTES
    assert host.offsets == [None, resumed or None]
    assert host.media_bytes == offset + SIZE - resumed


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("kind", ["no ranges", "no validator", "weak validator"])
def test_restart_without_ranges_or_validator(bench: Bench, kind: str, offset: int) -> None:
    host = {
        "no ranges": RangeHost(V1, ranges=False),
        "no validator": RangeHost(V1, tag=None),
        "weak validator": RangeHost(V1, tag='W/"v1"'),
    }[kind]
    bench.land(host.cut(offset), host)
    assert_landed(bench, V1)
    assert host.media_bytes == offset + SIZE
    asks = kind == "no ranges" and offset >= CHUNK_BYTES
    assert host.offsets == [None, offset // CHUNK_BYTES * CHUNK_BYTES if asks else None]


@pytest.mark.parametrize("offset", OFFSETS)
def test_resume_after_cut_chunked_body(bench: Bench, offset: int) -> None:
    host = RangeHost(V1, in_chunks=True)
    bench.land(host.cut(offset), host)
    assert_landed(bench, V1)


@pytest.mark.parametrize("offset", [CHUNK_BYTES, CHUNK_BYTES + 1, SIZE - 1])
def test_restart_after_cut_chunked_body_without_validator(bench: Bench, offset: int) -> None:
    host = RangeHost(V1, tag=None, in_chunks=True)
    bench.land(host.cut(offset), host)
    assert_landed(bench, V1)
    assert host.offsets == [None, None]


@pytest.mark.parametrize("every", [HALF, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + HALF])
def test_every_response_cut_with_ranges(bench: Bench, every: int) -> None:
    host = RangeHost(V1)
    bench.land(host.cut(every))
    assert_landed(bench, V1)
    assert host.offsets[0] is None
    assert host.media_bytes < 2 * SIZE


def test_every_response_cut_without_ranges(bench: Bench) -> None:
    host = RangeHost(V1, ranges=False)
    with pytest.raises(ServerError, match="was cut after") as caught:
        bench.land(host.cut(CHUNK_BYTES + HALF))
    assert not caught.value.permanent
    assert_not_landed(bench)
    assert len(host.offsets) <= 8
    # The first restart is a failure too, because it gets no further.
    assert len(bench.slept) == 4


def test_repeated_cut_at_same_byte_keeps_part(bench: Bench) -> None:
    host = RangeHost(V1)

    def cut(reply: Reply) -> None:
        start = SIZE - len(reply.body)
        reply.sent = max(0, CHUNK_BYTES + HALF - start)

    with pytest.raises(ServerError, match="was cut after"):
        bench.land(host.modified(cut))
    assert_not_landed(bench)
    before = host.media_bytes
    assert bench.land(host).outcome == "resumed"
    assert_landed(bench, V1)
    assert host.media_bytes - before <= SIZE - CHUNK_BYTES


@pytest.mark.parametrize("extra", [1, CHUNK_BYTES])
def test_content_length_longer_than_body(bench: Bench, extra: int) -> None:
    host = RangeHost(V1)
    with pytest.raises(ServerError, match="was cut after"):
        bench.land(host.modified(with_headers(content_length=str(SIZE + extra))))
    assert_not_landed(bench)
    # The part was written for a version of that length.
    bench.land(host)
    assert_landed(bench, V1)


def test_short_content_length_of_range_is_not_the_end(bench: Bench) -> None:
    host = RangeHost(V1)
    short = host.modified(with_headers(content_length=str(CHUNK_BYTES)))
    bench.land(host.cut(CHUNK_BYTES), short, host)
    assert_landed(bench, V1)
    assert host.offsets == [None, CHUNK_BYTES, 2 * CHUNK_BYTES]
