"""A stream that is cut: continued where the host can, begun anew where it cannot, given up where it gets nowhere."""

from __future__ import annotations

import pytest

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.media.stream import CHUNK_BYTES
from tests.contract.aftermath import assert_landed, assert_not_landed
from tests.contract.bench import Bench
from tests.contract.ranges import RangeHost, version, with_headers

SIZE = 3 * CHUNK_BYTES + 4321
V1 = version(SIZE, 1)
PLACES = sorted(
    {0, 1, SIZE - 1, *(border + near for border in range(CHUNK_BYTES, SIZE, CHUNK_BYTES) for near in (-1, 0, 1))}
)
HALF = CHUNK_BYTES // 2


@pytest.mark.parametrize("place", PLACES)
def test_resume_after_cut(bench: Bench, place: int) -> None:
    host = RangeHost(V1)
    bench.land(host.cut(place), host)
    assert_landed(bench, V1)
    # The piece in which the stream ended is lost, and no more.
    kept = place // CHUNK_BYTES * CHUNK_BYTES
    assert host.asked == [None, kept or None]
    assert host.given == place + SIZE - kept


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["no ranges", "no validator", "weak validator"])
def test_restart_without_ranges_or_validator(bench: Bench, kind: str, place: int) -> None:
    host = {
        "no ranges": RangeHost(V1, ranges=False),
        "no validator": RangeHost(V1, tag=None),
        "weak validator": RangeHost(V1, tag='W/"v1"'),
    }[kind]
    bench.land(host.cut(place), host)
    assert_landed(bench, V1)
    assert host.given == place + SIZE
    asks = kind == "no ranges" and place >= CHUNK_BYTES
    assert host.asked == [None, place // CHUNK_BYTES * CHUNK_BYTES if asks else None]


@pytest.mark.parametrize("place", PLACES)
def test_resume_after_cut_chunked_body(bench: Bench, place: int) -> None:
    host = RangeHost(V1, in_chunks=True)
    bench.land(host.cut(place), host)
    assert_landed(bench, V1)


@pytest.mark.parametrize("place", [CHUNK_BYTES, CHUNK_BYTES + 1, SIZE - 1])
def test_restart_after_cut_chunked_body_without_validator(bench: Bench, place: int) -> None:
    host = RangeHost(V1, tag=None, in_chunks=True)
    bench.land(host.cut(place), host)
    assert_landed(bench, V1)
    assert host.asked == [None, None]


@pytest.mark.parametrize("every", [HALF, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + HALF])
def test_every_response_cut_with_ranges(bench: Bench, every: int) -> None:
    host = RangeHost(V1)
    bench.land(host.cut(every))
    assert_landed(bench, V1)
    assert host.asked[0] is None
    assert host.given < 2 * SIZE


def test_every_response_cut_without_ranges(bench: Bench) -> None:
    host = RangeHost(V1, ranges=False)
    with pytest.raises(ServerError, match="was cut after") as caught:
        bench.land(host.cut(CHUNK_BYTES + HALF))
    assert not caught.value.permanent
    assert_not_landed(bench)
    assert len(host.asked) <= 8
    # The first begins anew and the next comes no further: it is max_failures as well, and waits.
    assert len(bench.slept) == 4


def test_repeated_cut_at_same_byte_keeps_part(bench: Bench) -> None:
    host = RangeHost(V1)
    place = CHUNK_BYTES + HALF

    def broken_disk(reply_from: RangeHost) -> None:
        with pytest.raises(ServerError, match="was cut after"):
            bench.land(reply_from.but(lambda reply: setattr(reply, "sent", _until(place, len(reply.body)))))

    broken_disk(host)
    assert_not_landed(bench)
    before = host.given
    assert bench.land(host).outcome == "resumed"
    assert_landed(bench, V1)
    assert host.given - before <= SIZE - CHUNK_BYTES


def _until(place: int, rest: int) -> int:
    return max(0, place - (SIZE - rest))


@pytest.mark.parametrize("extra", [1, CHUNK_BYTES])
def test_content_length_longer_than_body(bench: Bench, extra: int) -> None:
    host = RangeHost(V1)
    with pytest.raises(ServerError, match="was cut after"):
        bench.land(host.but(with_headers(content_length=str(SIZE + extra))))
    assert_not_landed(bench)
    # What is kept is of a version of that length, if there is one.
    bench.land(host)
    assert_landed(bench, V1)


def test_short_content_length_of_range_is_not_the_end(bench: Bench) -> None:
    host = RangeHost(V1)
    short = host.but(with_headers(content_length=str(CHUNK_BYTES)))
    bench.land(host.cut(CHUNK_BYTES), short, host)
    assert_landed(bench, V1)
    assert host.asked == [None, CHUNK_BYTES, 2 * CHUNK_BYTES]
