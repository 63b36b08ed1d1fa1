"""Wrong responses to range requests: versions are never spliced, no byte is downloaded twice needlessly."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from airflow_provider_meetings.api.errors import LinkExpired, MediaCorrupt, MeetingsApiError, RateLimited, ServerError
from airflow_provider_meetings.api.landing.landing import Landing
from airflow_provider_meetings.api.landing.layout import Layout
from airflow_provider_meetings.api.landing.transfer import Limits, Stopped
from airflow_provider_meetings.api.models import Download
from airflow_provider_meetings.storage.local.store import LocalStore
from tests.contract.landing.aftermath import assert_landed, assert_not_landed
from tests.contract.landing.bench import CHUNK_BYTES, Bench
from tests.contract.landing.scripted import MEDIA, RECORDING, ScriptedClient
from tests.contract.leaks import error_text, logged
from tests.contract.media.origin import Answer, Handler, raw_body
from tests.contract.media.ranges import (
    Modifier,
    RangeHost,
    document,
    only_status,
    short_range,
    version,
    with_headers,
    wrong_range,
)

SIZE = 2 * CHUNK_BYTES + 4321
V1 = version(SIZE, 1)
V2 = version(SIZE, 2)
LONGER = version(SIZE + 12345, 3)
SHORTER = version(CHUNK_BYTES + 7, 4)
PAGE = b"<!doctype html><title>Sign in</title>"
DENIED = b'{"code": 99991663, "msg": "token invalid"}'


def _assert_no_link(bench: Bench, caplog: pytest.LogCaptureFixture, error: BaseException | None = None) -> None:
    for text in (logged(caplog.records), error_text(error) if error else ""):
        for secret in ("S3CRET", "sign="):
            assert secret not in text
    left = b"".join(path.read_bytes() for path in bench.root.rglob("*.json"))
    assert b"S3CRET" not in left


@pytest.mark.parametrize("other", [V2, LONGER, SHORTER, V1[:CHUNK_BYTES]], ids=["same", "longer", "shorter", "begin"])
@pytest.mark.parametrize(
    "tags", [('"v1"', '"v2"'), ('"v1"', None), ('"v1"', 'W/"v1"'), (None, None), ('W/"a"', 'W/"a"')]
)
def test_restart_if_content_changes_within_try(bench: Bench, other: bytes, tags: tuple[str | None, str | None]) -> None:
    host = RangeHost(V1, tag=tags[0])
    bench.land(host.cut(CHUNK_BYTES), host.replaced_by(other, tags[1]))
    assert_landed(bench, other)
    # With If-Range the host sends the new version at once.
    assert host.offsets == [None, CHUNK_BYTES if tags[0] == '"v1"' else None]


# Responses that do not prove to be the requested range.
INVALID_RANGES: dict[str, Modifier] = {
    "no tag": with_headers(etag=None),
    "another tag": with_headers(etag='"v2"'),
    "weak tag": with_headers(etag='W/"v1"'),
    "start too early": wrong_range(start=-1),
    "start too late": wrong_range(start=1),
    "total too high": wrong_range(total=1),
    "total too low": wrong_range(total=-1),
    "range from byte 0": lambda reply: with_headers(content_range=f"bytes 0-{SIZE - 1}/{SIZE}")(reply),
    "no range": with_headers(content_range=None),
    "malformed range": with_headers(content_range="bytes a-b/c"),
    "two ranges": with_headers(content_range=None, content_type="multipart/byteranges; boundary=x"),
    "empty range": with_headers(content_range=f"bytes {CHUNK_BYTES}-{CHUNK_BYTES - 1}/{SIZE}"),
    "another unit": with_headers(content_range=f"lines {CHUNK_BYTES}-{SIZE - 1}/{SIZE}"),
    "no total": with_headers(content_range=f"bytes {CHUNK_BYTES}-{SIZE - 1}/*"),
    "416": only_status(416),
    "400": only_status(400),
    "304": only_status(304),
}


@pytest.mark.parametrize("fault", INVALID_RANGES)
def test_invalid_range_restarts(bench: Bench, fault: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    host = RangeHost(V1)
    bench.land(host.cut(CHUNK_BYTES), host.modified(INVALID_RANGES[fault]), host)
    assert_landed(bench, V1)
    # The third request follows at once, with the same link, for the whole file.
    assert host.offsets == [None, CHUNK_BYTES, None]
    assert (bench.links, bench.slept) == (2, [])
    _assert_no_link(bench, caplog)


@pytest.mark.parametrize("fault", ["no tag", "another tag", "weak tag"])
def test_range_of_another_version_is_not_spliced(bench: Bench, fault: str) -> None:
    """A host that ignores If-Range sends the end of its new version."""
    host = RangeHost(V1)

    def new_version(reply: object) -> None:
        host.body = V2

    def end_of_new(reply: object) -> None:
        vars(reply)["body"] = V2[CHUNK_BYTES:]

    bench.land(host.cut(CHUNK_BYTES), host.modified(end_of_new, INVALID_RANGES[fault], new_version), host)
    assert_landed(bench, V2)


@pytest.mark.parametrize("in_chunks", [False, True])
def test_short_range_is_continued(bench: Bench, in_chunks: bool) -> None:
    host = RangeHost(V1, in_chunks=in_chunks)
    bench.land(host.cut(CHUNK_BYTES), host.modified(short_range(CHUNK_BYTES // 2)))
    assert_landed(bench, V1)
    assert host.offsets == [None, CHUNK_BYTES, CHUNK_BYTES * 3 // 2, CHUNK_BYTES * 2]


def test_short_range_without_total_is_not_the_end(bench: Bench) -> None:
    """Without length and total, the end of a range looks like the end of the file."""
    host = RangeHost(V1, in_chunks=True)
    bench.land(host.cut(CHUNK_BYTES + 1), host.modified(short_range(CHUNK_BYTES // 2, total="*")))
    assert_landed(bench, V1)


def test_tiny_ranges_fail(bench: Bench) -> None:
    host = RangeHost(V1)
    with pytest.raises(MeetingsApiError):
        bench.land(host.cut(CHUNK_BYTES), host.modified(short_range(100)))
    assert_not_landed(bench)
    bench.land(host)
    assert_landed(bench, V1)


DEAD_LINKS: dict[str, tuple[Modifier, type[MeetingsApiError]]] = {
    **{str(status): (only_status(status), LinkExpired) for status in (401, 403, 404, 410)},
    "html": (document(PAGE, "text/html"), MediaCorrupt),
    "html as video": (document(PAGE, "video/mp4"), MediaCorrupt),
    "json": (document(DENIED, "application/json"), MediaCorrupt),
    "json as video": (document(DENIED, "video/mp4"), MediaCorrupt),
    "empty": (document(b"", "video/mp4"), MediaCorrupt),
    "429": (only_status(429), RateLimited),
    "500": (only_status(500), ServerError),
    "503": (only_status(503), ServerError),
}


@pytest.mark.parametrize("failure", DEAD_LINKS)
@pytest.mark.parametrize("offset", [0, CHUNK_BYTES])
def test_resume_with_new_link(bench: Bench, offset: int, failure: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    host = RangeHost(V1)
    dead = host.modified(DEAD_LINKS[failure][0])
    bench.land(host.cut(offset), dead, dead, host)
    assert_landed(bench, V1)
    assert host.offsets == [None, offset or None, offset or None, offset or None]
    assert host.media_bytes == SIZE
    assert [seen.query for seen in bench.origin.requests] == [f"sign=S3CRET-{number}" for number in (1, 2, 3, 4)]
    _assert_no_link(bench, caplog)


@pytest.mark.parametrize("failure", DEAD_LINKS)
def test_persistent_link_failure_keeps_part(bench: Bench, failure: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    host = RangeHost(V1)
    modifier, kind = DEAD_LINKS[failure]
    with pytest.raises(kind) as caught:
        bench.land(host.cut(CHUNK_BYTES), host.modified(modifier))
    assert_not_landed(bench)
    assert not caught.value.permanent
    # The cut stream made progress; then five consecutive failures.
    assert (len(host.offsets), len(bench.slept)) == (6, 4)
    _assert_no_link(bench, caplog, caught.value)
    assert bench.land(host).outcome == "resumed"
    assert_landed(bench, V1)
    assert host.media_bytes == SIZE


def _failures(host: RangeHost, *statuses: int) -> list[Answer]:
    return [host.modified(only_status(status)) for status in statuses]


@pytest.mark.parametrize("statuses", [(500, 502, 503, 504), (429,) * 4, (500, 429, 403, 503)])
def test_four_consecutive_failures_are_retried(bench: Bench, statuses: tuple[int, ...]) -> None:
    host = RangeHost(V1)
    bench.land(*_failures(host, *statuses), host.cut(CHUNK_BYTES), *_failures(host, *statuses), host)
    assert_landed(bench, V1)
    assert host.media_bytes == SIZE


@pytest.mark.parametrize("status", [429, 500, 503])
def test_five_consecutive_failures_are_an_error(bench: Bench, status: int) -> None:
    host = RangeHost(V1)
    with pytest.raises(RateLimited if status == 429 else ServerError, match=f"status {status}"):
        bench.land(*_failures(host, *[status] * 5), host)
    assert_not_landed(bench)
    assert len(host.offsets) == 5
    bench.land()
    assert_landed(bench, V1)


def _busy(status: int, wait: str) -> Answer:
    return raw_body(b"busy", status=status, headers={"Retry-After": wait})


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("offset", [0, CHUNK_BYTES])
def test_requested_wait_is_waited_for(bench: Bench, status: int, offset: int) -> None:
    host = RangeHost(V1)
    bench.land(host.cut(offset), _busy(status, "60"), _busy(status, "7"), host)
    assert_landed(bench, V1)
    assert bench.slept[-2:] == [60.0, 7.0]
    assert host.media_bytes == SIZE


@pytest.mark.parametrize("status", [429, 503])
def test_longer_wait_is_an_error_at_once(bench: Bench, status: int) -> None:
    host = RangeHost(V1)
    with pytest.raises(RateLimited if status == 429 else ServerError) as caught:
        bench.land(host.cut(CHUNK_BYTES), _busy(status, "120"))
    assert (caught.value.retry_after, caught.value.permanent) == (120.0, False)
    assert (len(bench.origin.requests), bench.slept) == (2, [])
    assert bench.land(host).outcome == "resumed"
    assert host.media_bytes == SIZE


def test_wait_of_zero_does_not_disable_backoff(bench: Bench) -> None:
    with pytest.raises(RateLimited):
        bench.land(_busy(429, "0"))
    assert len(bench.slept) == 4
    assert min(bench.slept) > 0


def test_stop_ends_requested_wait(bench: Bench) -> None:
    stop = threading.Event()

    def busy(handler: Handler) -> None:
        _busy(429, "59")(handler)
        stop.set()

    url = bench.origin.on("/media", busy)
    client = ScriptedClient(bench.transport, lambda: Download(url))
    store = LocalStore(bench.root, "file:///target/")
    landing = Landing(client, store, layout=Layout(), limits=Limits(stop=stop))
    begin = time.monotonic()
    with pytest.raises(Stopped):
        landing.land(RECORDING, MEDIA)
    assert time.monotonic() - begin < 45
    assert bench.origin.count("/media") == 1


@pytest.mark.parametrize("body", [V1, V2, LONGER], ids=["same", "other", "longer"])
def test_resume_may_be_answered_by_whole_file_as_range(bench: Bench, body: bytes) -> None:
    headers = {"Content-Type": "video/mp4", "ETag": '"v2"', "Content-Range": f"bytes 0-{len(body) - 1}/{len(body)}"}
    bench.land(RangeHost(V1).cut(CHUNK_BYTES), raw_body(body, status=206, headers=headers))
    assert_landed(bench, body)
    assert len(bench.origin.requests) == 2
