"""The whole engine on a bucket: what is cut, killed, changed or refused on its way, and the try after."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.errors import MeetingsApiError
from airflow_provider_meetings.storage.s3.parts import MIB, PART_SIZE
from tests.contract.bench import NAME, RECEIPT
from tests.contract.origin import Origin, serve_origin
from tests.storage.s3 import s3_landing
from tests.storage.s3.s3_bench import S3Bench, s3_bench
from tests.storage.s3.s3_front import Answered, Forward, do_but_say, refuse, serve_moto, well
from tests.storage.s3.s3_landing import land, media

BODY = b"\0\0\0\x1cftypisom" + random.Random(5).randbytes(40 * MIB + 11)
OTHER = b"\0\0\0\x1cftypisom" + random.Random(6).randbytes(20 * MIB)
DONE = {f"raw/{NAME}", f"raw/{RECEIPT}"}


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with serve_moto() as url:
        yield url


@pytest.fixture
def s3(moto: str) -> Iterator[S3Bench]:
    with s3_bench(moto) as bench:
        yield bench


@pytest.fixture
def origin() -> Iterator[Origin]:
    with serve_origin() as origin:
        yield origin


def _receipt(s3: S3Bench) -> dict[str, Any]:
    return dict(json.loads(s3.found(RECEIPT) or b""))


def _starts(origin: Origin) -> list[int]:
    """Tell at which bytes the host was asked."""
    ranges = [seen.headers.get("range", "bytes=0-") for seen in origin.seen]
    return [int(text.removeprefix("bytes=").removesuffix("-")) for text in ranges]


def _cut_try(s3: S3Bench, origin: Origin, body: bytes = BODY, up_to: int = 3 * PART_SIZE + 3 * MIB) -> None:
    """Have a try fail after `up_to` bytes."""
    with pytest.raises(MeetingsApiError):
        land(s3.store(), origin.on("/media", media(body, up_to=up_to)))
    assert s3.uploads() == [f"raw/{NAME}"]
    origin.seen.clear()


def test_a_cut_stream_continues_within_the_try(s3: S3Bench, origin: Origin) -> None:
    stored = land(s3.store(), origin.on("/media", media(BODY, at_once=9 * MIB + 5)))
    assert stored.outcome == "landed"
    assert stored.sha256 == hashlib.sha256(BODY).hexdigest()
    assert s3.found(NAME) == BODY
    assert _starts(origin) == [number * 9 * MIB for number in range(5)]  # whole pieces count
    assert (s3.names(), s3.uploads()) == (DONE, [])


def test_a_later_try_continues_and_proves_by_parts(s3: S3Bench, origin: Origin) -> None:
    _cut_try(s3, origin)
    stored = land(s3.store(), origin.on("/media", media(BODY)))
    assert (stored.outcome, stored.sha256) == ("resumed", None)
    assert s3.found(NAME) == BODY
    assert _starts(origin) == [3 * PART_SIZE]
    parts = [hashlib.sha256(BODY[at : at + PART_SIZE]) for at in range(0, len(BODY), PART_SIZE)]
    receipt = _receipt(s3)
    assert receipt["parts"] == [part.hexdigest() for part in parts]
    assert receipt["part_size"] == PART_SIZE
    assert receipt["tree_sha256"] == hashlib.sha256(b"".join(part.digest() for part in parts)).hexdigest()
    assert (s3.names(), s3.uploads()) == (DONE, [])
    assert land(s3.store(), origin.url + "/media").outcome == "skipped"


def test_where_no_hashes_are_kept_the_object_is_read_back(s3: S3Bench, origin: Origin) -> None:
    _cut_try(s3, origin)
    store = s3.store(request_checksum_calculation="when_required")
    stored = land(store, origin.on("/media", media(BODY)))
    assert (stored.outcome, stored.sha256) == ("resumed", hashlib.sha256(BODY).hexdigest())
    assert _receipt(s3)["parts"] is None


@pytest.mark.parametrize("body", [OTHER, BODY[:20] + bytes(len(BODY) - 20)], ids=["shorter", "as long"])
def test_what_changed_between_tries_is_never_spliced(s3: S3Bench, origin: Origin, body: bytes) -> None:
    _cut_try(s3, origin)
    stored = land(s3.store(), origin.on("/media", media(body, tag='"v2"')))
    assert stored.sha256 == hashlib.sha256(body).hexdigest()
    assert s3.found(NAME) == body
    assert (s3.names(), s3.uploads()) == (DONE, [])


def test_an_upload_that_is_gone_between_tries_is_begun_anew(s3: S3Bench, origin: Origin) -> None:
    _cut_try(s3, origin)
    s3.abort_all()
    assert land(s3.store(), origin.on("/media", media(BODY))).outcome == "landed"
    assert _starts(origin) == [0]
    assert s3.found(NAME) == BODY
    assert (s3.names(), s3.uploads()) == (DONE, [])


def test_an_upload_that_goes_while_it_is_written_is_one_error(s3: S3Bench, origin: Origin) -> None:
    def gone(forward: Forward) -> Answered:
        s3.abort_all()
        return forward()

    s3.front.on("UploadPart", well, well, gone, well)
    with pytest.raises(FileNotFoundError, match="the upload was aborted"):
        land(s3.store(), origin.on("/media", media(BODY)))
    assert s3.found(NAME) is None
    assert land(s3.store(), origin.url + "/media").outcome == "landed"
    assert s3.found(NAME) == BODY
    assert (s3.names(), s3.uploads()) == (DONE, [])


@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        ("UploadPart", refuse(503, "SlowDown")),
        ("UploadPart", refuse(400, "ExpiredToken")),
        ("UploadPart", do_but_say(500, "InternalError")),
        ("Complete", refuse(500, "InternalError")),
        ("ListParts", refuse(503, "SlowDown")),
    ],
)
def test_a_store_that_recovers_is_continued(s3: S3Bench, origin: Origin, operation: str, fault: Any) -> None:
    _cut_try(s3, origin)
    s3.front.on(operation, fault)
    url = origin.on("/media", media(BODY))
    with pytest.raises(OSError, match="target s3://lake_conn@lake/raw/"):
        land(s3.store(), url)
    assert s3.found(NAME) is None
    s3.front.on(operation, well)
    assert land(s3.store(), url).outcome == "resumed"
    assert s3.found(NAME) == BODY
    assert (s3.names(), s3.uploads()) == (DONE, [])


@pytest.mark.parametrize(
    ("tag", "fault"),
    [(None, refuse(503, "SlowDown")), ('W/"1"', refuse(500, "X")), ('"1"', refuse(403, "QuotaExceeded"))],
)
def test_what_cannot_be_continued_is_not_left(s3: S3Bench, origin: Origin, tag: str | None, fault: Any) -> None:
    s3.front.on("UploadPart", well, well, fault)
    with pytest.raises(OSError, match="target s3://lake_conn@lake/raw/"):
        land(s3.store(), origin.on("/media", media(BODY, tag=tag)))
    assert (s3.names(), s3.uploads()) == (set(), [])


def test_a_replacement_that_fails_keeps_what_was_there(s3: S3Bench, origin: Origin) -> None:
    land(s3.store(), origin.on("/media", media(BODY)))
    s3.front.on("Complete", refuse(500, "InternalError"))
    url = origin.on("/media", media(OTHER))
    with pytest.raises(OSError, match="try again later"):
        land(s3.store(), url, "replace")
    assert s3.found(NAME) == BODY
    s3.front.on("Complete", well)
    assert land(s3.store(), url, "replace").outcome == "replaced"
    assert s3.found(NAME) == OTHER


# In a process of its own, which is killed


def _killed(s3: S3Bench, url: str, when: Callable[[threading.Event], None]) -> None:
    """Land in another process and kill it at a moment: `when` arranges that the event is set then."""
    root = str(Path(sys.modules["airflow_provider_meetings"].__path__[0]).parent)
    moment = threading.Event()
    when(moment)
    process = subprocess.Popen(
        [sys.executable, s3_landing.__file__, url, s3.front.url],
        env={**os.environ, "PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1"},
        stderr=subprocess.PIPE,
    )
    assert moment.wait(60)
    assert process.poll() is None, "it was to be killed in the midst of it"
    process.kill()
    process.communicate()


@pytest.mark.parametrize("part", [1, 3, 5])
def test_a_killed_process_is_continued(s3: S3Bench, origin: Origin, part: int) -> None:
    """It is killed while that part, in the order of arrival, is on its way; at most two are."""
    url = origin.on("/media", media(BODY))
    never = s3.front.hang

    def when(moment: threading.Event) -> None:
        def stop(forward: Forward) -> None:
            moment.set()
            never(forward)

        s3.front.on("UploadPart", *[well] * (part - 1), stop)

    _killed(s3, url, when)
    assert s3.found(NAME) is None
    s3.front.on("UploadPart", well)
    origin.seen.clear()
    stored = land(s3.store(), origin.on("/media", media(BODY)))
    (start,) = _starts(origin)
    assert start >= (part - 2) * PART_SIZE
    assert start % PART_SIZE == 0
    assert stored.outcome == ("resumed" if start else "landed")
    assert s3.found(NAME) == BODY
    assert (s3.names(), s3.uploads()) == (DONE, [])


def test_killed_near_the_end_no_more_than_three_parts_are_fetched_again(s3: S3Bench, origin: Origin) -> None:
    """The host stops before the last bytes: all that came before is on its way or there."""
    sent = 39 * MIB
    stood = sent // PART_SIZE

    def when(moment: threading.Event) -> None:
        arrived = threading.Semaphore(0)

        def count(forward: Forward) -> Answered:
            answered = forward()
            arrived.release()
            return answered

        def wait() -> None:
            for _ in range(stood):
                arrived.acquire(timeout=30)
            moment.set()

        s3.front.on("UploadPart", count)
        threading.Thread(target=wait, daemon=True).start()

    _killed(s3, origin.on("/media", media(BODY, up_to=sent, then=lambda: origin.closing.wait(60))), when)
    origin.seen.clear()
    assert land(s3.store(), origin.on("/media", media(BODY))).outcome == "resumed"
    (start,) = _starts(origin)
    assert sent - start <= 24 * MIB
    assert start == stood * PART_SIZE
    assert s3.found(NAME) == BODY
    assert (s3.names(), s3.uploads()) == (DONE, [])


def test_killed_after_the_object_was_made_it_is_landed_again(s3: S3Bench, origin: Origin) -> None:
    def when(moment: threading.Event) -> None:
        def made(forward: Forward) -> None:
            forward()
            moment.set()
            s3.front.hang(forward)

        s3.front.on("Complete", made)

    url = origin.on("/media", media(BODY))
    _killed(s3, url, when)
    assert s3.found(NAME) == BODY
    s3.front.on("Complete", well)
    assert land(s3.store(), url).outcome == "replaced"
    assert s3.found(NAME) == BODY
    assert (s3.names(), s3.uploads()) == (DONE, [])
