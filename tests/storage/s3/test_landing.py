"""Landings in a bucket: cut, killed, changed and refused transfers, and the next try."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_meetings.api.errors import MeetingsApiError
from tests.contract.landing.bench import NAME, RECEIPT
from tests.contract.landing.killable import ForkServer, fork_server
from tests.contract.media.origin import Origin
from tests.storage.s3.s3_bench import PART_SIZE, PIECE, S3Bench
from tests.storage.s3.s3_front import Forward, Response, refuse, succeed, succeed_but_respond
from tests.storage.s3.s3_landing import land, media

BODY = b"\0\0\0\x1cftypisom" + random.Random(5).randbytes(40 * PIECE + 11)
OTHER = b"\0\0\0\x1cftypisom" + random.Random(6).randbytes(20 * PIECE)
DONE = {f"raw/{NAME}", f"raw/{RECEIPT}"}


def _assert_landed(s3: S3Bench, body: bytes = BODY) -> None:
    assert s3.read(NAME) == body
    assert (s3.names(), s3.uploads()) == (DONE, [])


def _receipt(s3: S3Bench) -> dict[str, Any]:
    return dict(json.loads(s3.read(RECEIPT) or b""))


def _starts(origin: Origin) -> list[int]:
    """Return the first byte of each request to the host."""
    ranges = [seen.headers.get("range", "bytes=0-") for seen in origin.requests]
    return [int(text.removeprefix("bytes=").removesuffix("-")) for text in ranges]


def _fail_try(s3: S3Bench, origin: Origin, body: bytes = BODY, up_to: int = 3 * PART_SIZE + 3 * PIECE) -> None:
    """Fail a try after `up_to` bytes."""
    with pytest.raises(MeetingsApiError):
        land(s3.store(), origin.on("/media", media(body, up_to=up_to)))
    assert s3.uploads() == [f"raw/{NAME}"]
    origin.requests.clear()


def test_resume_after_cut_within_try(s3: S3Bench, origin: Origin) -> None:
    stored = land(s3.store(), origin.on("/media", media(BODY, at_once=9 * PIECE + 5)))
    assert stored.outcome == "landed"
    assert stored.sha256 == hashlib.sha256(BODY).hexdigest()
    assert s3.read(NAME) == BODY
    assert _starts(origin) == [number * 9 * PIECE for number in range(5)]  # whole chunks are kept
    assert (s3.names(), s3.uploads()) == (DONE, [])


def test_resume_in_later_try(s3: S3Bench, origin: Origin) -> None:
    _fail_try(s3, origin)
    stored = land(s3.store(), origin.on("/media", media(BODY)))
    assert (stored.outcome, stored.sha256) == ("resumed", hashlib.sha256(BODY).hexdigest())
    assert s3.read(NAME) == BODY
    assert _starts(origin) == [3 * PART_SIZE]
    assert _receipt(s3)["sha256"] == stored.sha256
    assert (s3.names(), s3.uploads()) == (DONE, [])
    assert land(s3.store(), origin.url + "/media").outcome == "skipped"


@pytest.mark.parametrize("body", [OTHER, BODY[:20] + bytes(len(BODY) - 20)], ids=["shorter", "as long"])
def test_versions_are_never_spliced(s3: S3Bench, origin: Origin, body: bytes) -> None:
    _fail_try(s3, origin)
    stored = land(s3.store(), origin.on("/media", media(body, tag='"v2"')))
    assert stored.sha256 == hashlib.sha256(body).hexdigest()
    assert s3.read(NAME) == body
    assert (s3.names(), s3.uploads()) == (DONE, [])


def test_upload_aborted_between_tries(s3: S3Bench, origin: Origin) -> None:
    _fail_try(s3, origin)
    s3.abort_all()
    assert land(s3.store(), origin.on("/media", media(BODY))).outcome == "landed"
    assert _starts(origin) == [0]
    _assert_landed(s3)


def test_upload_aborted_while_writing(s3: S3Bench, origin: Origin) -> None:
    def gone(forward: Forward) -> Response:
        s3.abort_all()
        return forward()

    s3.front.on("UploadPart", succeed, succeed, gone, succeed)
    with pytest.raises(FileNotFoundError, match="the upload was aborted"):
        land(s3.store(), origin.on("/media", media(BODY)))
    assert s3.read(NAME) is None
    assert land(s3.store(), origin.url + "/media").outcome == "landed"
    _assert_landed(s3)


@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        ("UploadPart", refuse(503, "SlowDown")),
        ("UploadPart", refuse(400, "ExpiredToken")),
        ("UploadPart", succeed_but_respond(500, "InternalError")),
        ("Complete", refuse(500, "InternalError")),
        ("ListParts", refuse(503, "SlowDown")),
    ],
)
def test_resume_after_store_recovers(s3: S3Bench, origin: Origin, operation: str, fault: Any) -> None:
    _fail_try(s3, origin)
    s3.front.on(operation, fault)
    url = origin.on("/media", media(BODY))
    with pytest.raises(OSError, match="target s3://lake_conn@lake/raw/"):
        land(s3.store(), url)
    assert s3.read(NAME) is None
    s3.front.on(operation, succeed)
    assert land(s3.store(), url).outcome == "resumed"
    _assert_landed(s3)


@pytest.mark.parametrize(
    ("tag", "fault"),
    [(None, refuse(503, "SlowDown")), ('W/"1"', refuse(500, "X")), ('"1"', refuse(403, "QuotaExceeded"))],
)
def test_upload_without_strong_validator_is_aborted(s3: S3Bench, origin: Origin, tag: str | None, fault: Any) -> None:
    s3.front.on("UploadPart", succeed, succeed, fault)
    with pytest.raises(OSError, match="target s3://lake_conn@lake/raw/"):
        land(s3.store(), origin.on("/media", media(BODY, tag=tag)))
    assert (s3.names(), s3.uploads()) == (set(), [])


def test_failed_replacement_keeps_old_object(s3: S3Bench, origin: Origin) -> None:
    land(s3.store(), origin.on("/media", media(BODY)))
    s3.front.on("Complete", refuse(500, "InternalError"))
    url = origin.on("/media", media(OTHER))
    with pytest.raises(OSError, match="try again later"):
        land(s3.store(), url, "replace")
    assert s3.read(NAME) == BODY
    s3.front.on("Complete", succeed)
    assert land(s3.store(), url, "replace").outcome == "replaced"
    assert s3.read(NAME) == OTHER


# In a process that is killed


@pytest.fixture(scope="module")
def processes() -> Iterator[ForkServer]:
    with fork_server("tests.storage.s3.s3_landing") as server:
        yield server


def _kill(processes: ForkServer, s3: S3Bench, url: str, moment: threading.Event) -> None:
    """Land in another process and kill it when the event is set."""
    pid = processes.start(url=url, s3_url=s3.front.url)
    assert moment.wait(300)
    os.kill(pid, signal.SIGKILL)
    assert processes.wait() == signal.SIGKILL  # it was running until then


@pytest.mark.parametrize("part", [1, 3, 5])
def test_resume_after_kill_during_part(processes: ForkServer, s3: S3Bench, origin: Origin, part: int) -> None:
    """The process is killed while that part, in the order of arrival, is in flight; at most two are."""
    moment = threading.Event()

    def stop(forward: Forward) -> None:
        moment.set()
        s3.front.hang(forward)

    s3.front.on("UploadPart", *[succeed] * (part - 1), stop)
    _kill(processes, s3, origin.on("/media", media(BODY)), moment)
    assert s3.read(NAME) is None
    s3.front.on("UploadPart", succeed)
    origin.requests.clear()
    stored = land(s3.store(), origin.on("/media", media(BODY)))
    (start,) = _starts(origin)
    assert start >= (part - 2) * PART_SIZE
    assert start % PART_SIZE == 0
    assert stored.outcome == ("resumed" if start else "landed")
    _assert_landed(s3)


def test_resume_after_kill_near_end_downloads_only_last_bytes(
    processes: ForkServer, s3: S3Bench, origin: Origin
) -> None:
    """The host stops before the last bytes; all full parts before are uploaded when the process is killed."""
    sent = 39 * PIECE
    full_parts = sent // PART_SIZE
    moment = threading.Event()
    arrived = itertools.count(1)

    def count(forward: Forward) -> Response:
        response = forward()
        if next(arrived) == full_parts:
            moment.set()
        return response

    s3.front.on("UploadPart", count)
    url = origin.on("/media", media(BODY, up_to=sent, then=lambda: origin.closing.wait(300)))
    _kill(processes, s3, url, moment)
    origin.requests.clear()
    assert land(s3.store(), origin.on("/media", media(BODY))).outcome == "resumed"
    assert _starts(origin) == [full_parts * PART_SIZE]
    _assert_landed(s3)


def test_kill_after_complete_lands_again(processes: ForkServer, s3: S3Bench, origin: Origin) -> None:
    moment = threading.Event()

    def complete(forward: Forward) -> None:
        forward()
        moment.set()
        s3.front.hang(forward)

    s3.front.on("Complete", complete)
    url = origin.on("/media", media(BODY))
    _kill(processes, s3, url, moment)
    assert s3.read(NAME) == BODY
    s3.front.on("Complete", succeed)
    assert land(s3.store(), url).outcome == "replaced"
    _assert_landed(s3)
