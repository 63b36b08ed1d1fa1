"""Faults of the S3 server: the exact bytes under the final name, or nothing and one clear error."""

from __future__ import annotations

import logging
import threading
import traceback
from concurrent.futures import wait
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_meetings.storage.s3.store import S3Store
from tests.contract.leaks import logged
from tests.storage.s3.s3_bench import BODY, KEY, PART_SIZE, URI, S3Bench, s3_client
from tests.storage.s3.s3_front import (
    Fault,
    Forward,
    Response,
    drop_request,
    drop_response,
    refuse,
    succeed,
    succeed_but_respond,
)

Faults = tuple[str, tuple[Fault, ...]]
SMALL = BODY[:1000]
OLD = b"old object"


# Faults, body, and the expected error.
FATAL: dict[str, tuple[Faults, bytes, type[OSError], str]] = {
    "access denied": (("Create", (refuse(403, "AccessDenied"),)), BODY, PermissionError, "lack a permission"),
    "part fails": (("UploadPart", (refuse(500, "InternalError"),)), BODY, OSError, "try again later"),
    "second part fails": (("UploadPart", (succeed, refuse(500, "InternalError"))), BODY, OSError, "try again later"),
    "last part fails": (("UploadPart", (succeed, succeed, refuse(500, "X"))), BODY, OSError, "try again later"),
    "slow down": (("UploadPart", (refuse(503, "SlowDown"),)), BODY, OSError, "try again later"),
    "too many": (("UploadPart", (refuse(429, "TooMany"),)), BODY, OSError, "try again later"),
    "part  lost": (("UploadPart", (drop_request,)), BODY, ConnectionError, "cannot be reached"),
    "expired": (("UploadPart", (succeed, refuse(400, "ExpiredToken"))), BODY, PermissionError, "renew those"),
    "wrong signature": (("Create", (refuse(403, "SignatureDoesNotMatch"),)), BODY, PermissionError, "renew those"),
    "unknown access key": (("Create", (refuse(403, "InvalidAccessKeyId"),)), BODY, PermissionError, "renew those"),
    "quota": (("UploadPart", (refuse(403, "QuotaExceeded"),)), BODY, OSError, "free some"),
    "other region": (("Create", (refuse(301, "PermanentRedirect"),)), BODY, OSError, "correct region_name"),
    "not implemented": (("Create", (refuse(501, "NotImplemented"),)), BODY, OSError, "try again later"),
    "storage class": (("Create", (refuse(400, "InvalidStorageClass"),)), BODY, OSError, "check extra_args"),
    "KMS key": (("Create", (refuse(400, "KMS.DisabledException"),)), BODY, PermissionError, "encryption"),
    "upload aborted": (("UploadPart", (succeed, refuse(404, "NoSuchUpload"))), BODY, FileNotFoundError, "was aborted"),
    "complete fails": (("Complete", (refuse(500, "InternalError"),)), BODY, OSError, "try again later"),
    "complete  lost": (("Complete", (drop_request,)), BODY, ConnectionError, "cannot be reached"),
    "complete fails with 200": (("Complete", (refuse(200, "InternalError"),)), BODY, OSError, "try again later"),
    "single put fails": (("Put", (refuse(503, "SlowDown"),)), SMALL, OSError, "try again later"),
    "single put  lost": (("Put", (drop_request,)), SMALL, ConnectionError, "cannot be reached"),
}


@pytest.mark.parametrize("case", FATAL)
def test_store_error_keeps_old_object_and_no_upload(s3: S3Bench, case: str) -> None:
    (operation, faults), body, kind, message = FATAL[case]
    s3.direct.put_object(Bucket="lake", Key=f"raw/{KEY}", Body=OLD)
    s3.front.on(operation, *faults)
    writer = s3.writer()
    with pytest.raises(kind, match=message) as caught:
        s3.upload(writer, body)
    writer.abort()
    assert (s3.read(), s3.uploads()) == (OLD, [])
    assert f"target {URI}/{KEY}" in str(caught.value)
    text = "".join(traceback.format_exception(caught.value))
    assert not any(secret in text for secret in ("s3cr3t", "AKIDEXAMPLE", "uploadId", "http://"))


def test_error_ends_with_store_message(s3: S3Bench) -> None:
    s3.front.on("Create", refuse(403, "AccessDenied"))
    with pytest.raises(PermissionError) as caught:
        s3.upload(s3.writer())
    assert str(caught.value).endswith("[CreateMultipartUpload, code AccessDenied, 'front error', request id REQ-1]")


PUBLISHED: dict[str, tuple[Faults, bytes, int]] = {
    "the answer  lost": (("Complete", (drop_response,)), BODY, 1),
    "error response": (("Complete", (succeed_but_respond(500, "InternalError"),)), BODY, 1),
    "error response with 200": (("Complete", (succeed_but_respond(200, "InternalError"),)), BODY, 1),
    "retry finds no upload": (("Complete", (succeed_but_respond(503, "SlowDown"), succeed)), BODY, 2),
    "the answer to a small one  lost": (("Put", (drop_response,)), SMALL, 1),
    "part retried": (("UploadPart", (drop_response, succeed_but_respond(503, "SlowDown"), succeed)), BODY, 3),
}


@pytest.mark.parametrize("checksums", ["when_supported", "when_required"])
@pytest.mark.parametrize("case", PUBLISHED)
def test_lost_response_is_recognized(s3: S3Bench, case: str, checksums: str) -> None:
    (operation, faults), body, attempts = PUBLISHED[case]
    s3.direct.put_object(Bucket="lake", Key=f"raw/{KEY}", Body=OLD)
    s3.front.on(operation, *faults)
    store = s3.store(retries={"total_max_attempts": attempts}, request_checksum_calculation=checksums)
    assert s3.upload(s3.writer(store), body).size == len(body)
    assert s3.read() == body
    assert s3.uploads() == []


@pytest.mark.parametrize("done", [True, False])
def test_complete_times_out(s3: S3Bench, done: bool) -> None:
    def never(forward: Forward) -> None:
        if done:
            forward()
        s3.front.hang(forward)

    s3.front.on("Complete", never)
    writer = s3.writer(s3.store(read_timeout=2))
    if done:
        assert s3.upload(writer).size == len(BODY)
    else:
        with pytest.raises(TimeoutError, match="timed out"):
            s3.upload(writer)
        writer.abort()
    assert s3.read() == (BODY if done else None)
    assert s3.uploads() == []


def test_identical_older_object_leaves_no_upload(s3: S3Bench) -> None:
    s3.upload(s3.writer())
    s3.front.on("Complete", refuse(500, "InternalError"))
    assert s3.upload(s3.writer()).size == len(BODY)
    assert (s3.read(), s3.uploads()) == (BODY, [])


@pytest.mark.parametrize("checked", [{}, {"ChecksumAlgorithm": "SHA256"}], ids=["by tag", "by checksum"])
def test_other_object_of_same_size_is_not_recognized(s3: S3Bench, checked: dict[str, str]) -> None:
    s3.direct.put_object(Bucket="lake", Key=f"raw/{KEY}", Body=bytes(len(BODY)), **checked)
    s3.front.on("Complete", refuse(500, "InternalError"))
    with pytest.raises(OSError, match="try again later"):
        s3.upload(s3.writer())


def test_failed_part_stops_upload_early(s3: S3Bench) -> None:
    s3.front.on("UploadPart", refuse(500, "InternalError"))
    writer = s3.writer()
    with pytest.raises(OSError, match="try again later"):
        s3.write(writer, BODY * 5)
    assert s3.front.count("UploadPart") <= 3
    with pytest.raises(OSError, match="try again later"):
        writer.publish()
    writer.abort()


def test_write_raises_error_of_earlier_part(s3: S3Bench) -> None:
    s3.front.on("UploadPart", refuse(500, "InternalError"))
    writer = s3.writer()
    writer.write(BODY[: PART_SIZE + 1])
    wait(writer._in_flight.values())
    with pytest.raises(OSError, match="try again later"):
        writer.write(b"x")
    writer.abort()


def test_failed_part_wakes_waiting_writer(s3: S3Bench) -> None:
    """One part hangs and the other fails, while the writer waits with the third."""
    heard, late = threading.Event(), []

    def hold(forward: Forward) -> Response:
        if not heard.wait(120):
            late.append("the writer heard nothing")
        return forward()

    s3.front.on("UploadPart", hold, refuse(500, "InternalError"))
    writer = s3.writer()
    with pytest.raises(OSError, match="try again later"):
        s3.write(writer, BODY * 2)
    heard.set()
    writer.abort()
    assert late == []
    assert s3.uploads() == []


def test_corrupted_part_is_refused(s3: S3Bench) -> None:
    def change(request: Any, **_: object) -> None:
        request.body[1] ^= 1  # after hashing and signing

    client = s3_client(s3.front.url)
    client.meta.events.register("before-send.s3.UploadPart", change)
    writer = s3.writer(S3Store(client, "lake", "raw", URI))
    with pytest.raises(OSError, match="changed in transit"):
        s3.upload(writer)
    writer.abort()
    assert (s3.read(), s3.uploads()) == (None, [])


def test_failed_abort_is_logged_and_keeps_first_error(s3: S3Bench, caplog: pytest.LogCaptureFixture) -> None:
    s3.front.on("UploadPart", refuse(503, "SlowDown"))
    s3.front.on("Abort", refuse(503, "SlowDown"))
    writer = s3.writer()
    with pytest.raises(OSError, match="UploadPart"):
        s3.upload(writer)
    with caplog.at_level(logging.WARNING):
        writer.abort()
    assert "airflow meetings sweep" in logged(caplog.records)
    assert s3.uploads() == [f"raw/{KEY}"]


def test_open_raises_on_truncated_body(s3: S3Bench) -> None:
    s3.upload(s3.writer())
    s3.front.on("Get", lambda forward: replace(forward(), missing=1))
    with pytest.raises(OSError, match="interrupted while the object was read"):
        list(s3.store().open(KEY))


@pytest.mark.parametrize("other", [OLD, BODY[::-1]], ids=["other size", "same size"])
@pytest.mark.parametrize("body", [SMALL, BODY], ids=["small", "in parts"])
def test_object_replaced_during_publish_is_kept(s3: S3Bench, body: bytes, other: bytes) -> None:
    other = other[: len(body)]

    def replace_after(forward: Forward) -> Response:
        response = forward()
        s3.direct.put_object(Bucket="lake", Key=f"raw/{KEY}", Body=other)
        return response

    s3.front.on("Put", replace_after)
    s3.front.on("Complete", replace_after)
    with pytest.raises(BlockingIOError, match="replaced by another process"):
        s3.upload(s3.writer(), body)
    assert s3.read(KEY) == other
