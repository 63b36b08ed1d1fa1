"""Stores that answer otherwise than Amazon's: the object lands, or one error says what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pendulum
import pytest

from airflow_provider_meetings.api.audit.sweep import Sweep
from airflow_provider_meetings.api.audit.verify import Verification
from airflow_provider_meetings.api.landing.store import PROBE_NAME
from airflow_provider_meetings.storage.s3 import bucket
from airflow_provider_meetings.storage.s3.store import S3Store
from tests.contract.landing.bench import CHECKPOINT, NAME, RECEIPT
from tests.contract.leaks import error_text, logged
from tests.contract.media.origin import Origin
from tests.storage.s3.s3_bench import BODY, BUCKET, KEY, S3Bench
from tests.storage.s3.s3_front import (
    Fault,
    Forward,
    Response,
    drop_response,
    edit,
    error,
    refuse,
    respond,
    set_header,
    succeed,
)
from tests.storage.s3.s3_landing import land, media

SMALL = BODY[:1000]
HTML = respond(200, {"Content-Type": "text/html"}, b"<!doctype html><html><head><meta charset=utf-8><br></head></html>")
XHTML = respond(200, {"Content-Type": "text/html; charset=utf-8"}, b"<html><head><title>Login</title></head></html>")
CONFIGS: tuple[dict[str, Any], ...] = ({}, {"request_checksum_calculation": "when_required"})


# Listings


def _objects(s3: S3Bench) -> list[str]:
    return [listed.key for listed in s3.store().walk()]


def _parts(s3: S3Bench) -> list[int]:
    return [part["PartNumber"] for part in s3.store()._bucket.parts(KEY, "u") or ()]


def _uploads(s3: S3Bench) -> list[str]:
    return [upload.handle for upload in s3.store().partial_uploads()]


DATE = "2026-01-01T00:00:00Z"
ITEMS = {
    "List": f"<Contents><Key>raw/k{{0}}</Key><Size>1</Size><LastModified>{DATE}</LastModified></Contents>",
    "ListParts": f"<Part><PartNumber>{{0}}</PartNumber><Size>1</Size><LastModified>{DATE}</LastModified></Part>",
    "ListUploads": f"<Upload><Key>raw/k</Key><UploadId>u{{0}}</UploadId><Initiated>{DATE}</Initiated></Upload>",
}
LISTINGS: dict[str, tuple[Callable[[S3Bench], list[Any]], list[Any]]] = {
    "List": (_objects, ["k1", "k2", "k3", "k4", "k5"]),
    "ListParts": (_parts, [1, 2, 3, 4, 5]),
    "ListUploads": (_uploads, ["u1", "u2", "u3", "u4", "u5"]),
}
AFTER = {"List": ("marker", "raw/k"), "ListParts": ("part-number-marker", ""), "ListUploads": ("upload-id-marker", "u")}


def _page(operation: str, first: int, *, size: int = 2, token: object = "", truncated: str = "true") -> Response:
    items = "".join(ITEMS[operation].format(number) for number in range(first, min(first + size, 6)))
    more = f"<IsTruncated>{truncated}</IsTruncated>" if truncated else ""
    after = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return Response(200, {}, f"<R><Name>lake</Name>{more}{after}{items}</R>".encode())


def _serve_without_tokens(s3: S3Bench, operation: str) -> None:
    """Serve items 1 to 5 by the markers of the first version of S3; the pages do not say where the next one begins."""
    parameter, prefix = AFTER[operation]

    def answer(forward: Forward) -> Response:
        after = s3.front.requests[-1].query.get(parameter, [f"{prefix}0"])[0]
        first = int(after.removeprefix(prefix)) + 1
        return _page(operation, first, truncated="true" if first < 4 else "false")

    s3.front.on("ListParts", lambda forward: _page("ListParts", 1, truncated="false"))
    s3.front.on(operation, answer)


@pytest.mark.parametrize("operation", LISTINGS)
def test_listing_without_tokens_is_complete(s3: S3Bench, operation: str) -> None:
    listing, expected = LISTINGS[operation]
    _serve_without_tokens(s3, operation)
    assert listing(s3) == expected
    assert s3.front.count(operation) == 3


ENDLESS: dict[str, Callable[[str, int], Response]] = {
    "ignores markers": lambda operation, number: _page(operation, 1),
    "same token": lambda operation, number: _page(operation, number, token="t"),
    "same page": lambda operation, number: _page(operation, 1, token=number),
    "circle": lambda operation, number: _page(operation, 1 + number % 2 * 2, token=number),
    "marker included": lambda operation, number: _page(operation, 1 if number == 1 else 2),
    "no items": lambda operation, number: _page(operation, 6),
}
ENDLESS_TOKENS: dict[str, Callable[[str, int], Response]] = {
    **ENDLESS,
    "token without IsTruncated": lambda operation, number: _page(operation, 1, token=number, truncated=""),
}


@pytest.mark.parametrize(
    ("operation", "case"),
    [(name, case) for name in LISTINGS for case in (ENDLESS_TOKENS if name == "List" else ENDLESS)],
)
def test_pages_that_repeat_are_an_error(s3: S3Bench, operation: str, case: str) -> None:
    s3.front.on("ListParts", lambda forward: _page("ListParts", 1, truncated="false"))
    s3.front.on(operation, lambda forward: ENDLESS_TOKENS[case](operation, s3.front.count(operation)))
    with pytest.raises(OSError, match="lists the same page again, or does not say where the next one begins"):
        LISTINGS[operation][0](s3)
    assert s3.front.count(operation) <= 3


def test_empty_pages_end(s3: S3Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some are normal: S3 looks at a limited number of deleted objects for each page."""
    monkeypatch.setattr(bucket, "_MAX_EMPTY_PAGES", 3)

    def empty(forward: Forward) -> Response:
        return _page("List", 6, token=s3.front.count("List"))

    s3.front.on("List", empty, empty, empty, lambda forward: _page("List", 4, truncated="false"))
    assert _objects(s3) == ["k4", "k5"]
    s3.front.on("List", empty)
    with pytest.raises(OSError, match="update the store"):
        _objects(s3)


def test_verify_sees_all_pages_without_tokens(s3: S3Bench, origin: Origin) -> None:
    land(s3.store(), origin.on("/media", media(BODY)))
    for number in range(5):
        s3.direct.put_object(Bucket=BUCKET, Key=f"raw/{NAME}.{number}", Body=b"no receipt")
    s3.front.on("List", edit("<NextContinuationToken>.*?</NextContinuationToken>"))
    verification = Verification(s3.store())
    assert len(list(verification.findings())) == 5
    assert (verification.counts()["receipts"], verification.counts()["proven"]) == (1, 1)


# ETags


def _wrong(element: str = "ETag") -> Fault:
    return edit(f"<{element}>.*?</{element}>", f"<{element}>&quot;0123456789abcdef0123456789abcdef-9&quot;</{element}>")


def _weaken(forward: Forward) -> Response:
    """Answer as through a proxy that compresses."""
    response = forward()
    headers = {name: f"W/{value}" if name.lower() == "etag" else value for name, value in response.headers.items()}
    return replace(response, headers=headers)


ETAGS: dict[str, tuple[str, Fault, bytes]] = {
    "another in Complete": ("Complete", _wrong(), BODY),
    "none in Complete": ("Complete", edit("<ETag>.*?</ETag>"), BODY),
    "none in Put": ("Put", set_header("ETag", None), SMALL),
    "empty in Put": ("Put", set_header("ETag", '""'), SMALL),
    "another in Put": ("Put", set_header("ETag", '"00"'), SMALL),
    "none in parts": ("UploadPart", set_header("ETag", None), BODY),
    "weak in parts": ("UploadPart", _weaken, BODY),
    "none in Head": ("Head", set_header("ETag", None), BODY),
    "none in Head of small one": ("Head", set_header("ETag", None), SMALL),
    "another in Head": ("Head", set_header("ETag", '"0123456789abcdef0123456789abcdef"'), BODY),
    "another in Head of small one": ("Head", set_header("ETag", '"0123456789abcdef0123456789abcdef"'), SMALL),
    "weak in Head": ("Head", set_header("ETag", 'W/"abc"'), BODY),
    "without quotes in Head": ("Head", set_header("ETag", "abc"), BODY),
}


@pytest.mark.parametrize("config", CONFIGS, ids=["checksums", "no checksums"])
@pytest.mark.parametrize("case", ETAGS)
def test_odd_etags_land_once(s3: S3Bench, origin: Origin, case: str, config: dict[str, Any]) -> None:
    operation, fault, body = ETAGS[case]
    s3.front.on(operation, fault)
    store = s3.store(**config)
    url = origin.on("/media", media(body))
    assert [land(store, url).outcome for _ in range(2)] == ["landed", "skipped"]
    assert s3.read(NAME) == body
    receipt = json.loads(s3.read(RECEIPT) or b"")
    stat = store.stat(NAME)
    assert stat is not None
    assert (receipt["size"], receipt["validator"]) == (stat.size, stat.validator)


@pytest.mark.parametrize("config", CONFIGS, ids=["checksums", "no checksums"])
@pytest.mark.parametrize("case", ["another in Head", "another in Head of small one"])
def test_replaced_object_is_not_ours_whatever_its_etag(s3: S3Bench, case: str, config: dict[str, Any]) -> None:
    """Another process replaces it between Complete and HEAD by one of the same size."""
    _, fault, body = ETAGS[case]

    def replace_after(forward: Forward) -> Response:
        response = forward()
        s3.direct.put_object(Bucket=BUCKET, Key=f"raw/{KEY}", Body=body[::-1])
        return response

    s3.front.on("Head", fault)
    s3.front.on("Complete", replace_after)
    s3.front.on("Put", replace_after)
    with pytest.raises(BlockingIOError, match="replaced by another process"):
        s3.upload(s3.writer(s3.store(**config)), body)


def test_lost_answer_is_recognized_by_content(s3: S3Bench) -> None:
    """As with KMS, whose ETags are no MD5."""
    s3.front.on("Complete", drop_response)
    s3.front.on("Head", set_header("ETag", '"0123456789abcdef0123456789abcdef-3"'))
    assert s3.upload(s3.writer(s3.store(request_checksum_calculation="when_required"))).size == len(BODY)


# Redirects


def _everywhere(s3: S3Bench, fault: Fault) -> None:
    for operation in ("Create", "Complete", "UploadPart", "Put", "Head", "Get", "Delete", "List", "ListUploads"):
        s3.front.on(operation, fault)


CALLS: dict[str, Callable[[S3Store], object]] = {
    "check": S3Store.check_writable,
    "stat": lambda store: store.stat("a"),
    "read": lambda store: store.read("a"),
    "put": lambda store: store.put("a", b"1"),
    "delete": lambda store: store.delete("a"),
    "walk": lambda store: list(store.walk()),
    "uploads": lambda store: list(store.partial_uploads()),
}


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308])
@pytest.mark.parametrize("call", CALLS)
def test_redirect_names_endpoint_after_one_request(s3: S3Bench, call: str, status: int) -> None:
    target = "https://u:S3CRET@s3.example.com:9000/lake?X-Amz-Signature=S3CRET"
    _everywhere(s3, respond(status, {"Location": target}, b"<html>moved</html>"))
    with pytest.raises(OSError, match=r"redirects to https://s3.example.com:9000: correct endpoint_url") as caught:
        CALLS[call](s3.store())
    assert len(s3.front.requests) == 1
    assert "S3CRET" not in error_text(caught.value)


@pytest.mark.parametrize("status", [300, 302, 305])
@pytest.mark.parametrize("call", CALLS)
def test_redirect_to_login_page(s3: S3Bench, call: str, status: int) -> None:
    _everywhere(s3, respond(status, {"Location": "/login"}))
    with pytest.raises(OSError, match=r"not S3's.*correct endpoint_url"):
        CALLS[call](s3.store())


@pytest.mark.parametrize("call", ["stat", "read", "put", "walk"])
def test_redirect_to_region_is_followed_once(s3: S3Bench, call: str) -> None:
    elsewhere = respond(301, {"x-amz-bucket-region": "eu-west-1"})
    for operation in ("Put", "Head", "Get", "List"):
        s3.front.on(operation, elsewhere, succeed)
    # A client of its own: it remembers the region.
    CALLS[call](s3.store(connect_timeout=7))
    assert "/eu-west-1/s3/" in s3.front.requests[-1].headers["authorization"]
    assert len(s3.front.requests) == 2
    _everywhere(s3, elsewhere)
    with pytest.raises(OSError, match="redirects to eu-west-1: correct endpoint_url or region_name"):
        CALLS[call](s3.store(connect_timeout=8))


# Deletions that the store denies


@pytest.mark.parametrize("status", [403, 405, 503])
def test_denied_deletion_of_checkpoint_is_a_warning(
    s3: S3Bench, origin: Origin, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    s3.front.on("Delete", refuse(status, "AccessDenied"))
    url = origin.on("/media", media(BODY))
    assert [land(s3.store(), url).outcome for _ in range(2)] == ["landed", "skipped"]
    assert s3.names() == {f"raw/{NAME}", f"raw/{RECEIPT}", f"raw/{CHECKPOINT}"}
    assert f"{CHECKPOINT} was not deleted: " in logged(caplog.records)


def test_denied_deletion_of_old_object_is_a_warning(
    s3: S3Bench, origin: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    """The platform served another media type before."""
    url = origin.on("/media", media(SMALL))
    land(s3.store(), url)
    old = NAME.replace(".mp4", ".m4a")
    s3.direct.put_object(Bucket=BUCKET, Key=f"raw/{old}", Body=b"old")
    receipt = json.loads(s3.read(RECEIPT) or b"")
    s3.store().put(RECEIPT, json.dumps({**receipt, "name": old.rpartition("/")[2]}).encode())
    s3.front.on("Delete", refuse(403, "AccessDenied", "Access Denied because object protected by object lock."))
    assert land(s3.store(), url).outcome == "replaced"
    assert land(s3.store(), url).outcome == "skipped"
    assert f"{old} was not deleted" in caplog.text
    assert "the object is locked" in caplog.text


def test_denied_deletion_fails_sweep(s3: S3Bench, origin: Origin) -> None:
    s3.front.on("Delete", refuse(403, "AccessDenied"))
    s3.front.on("Abort", refuse(403, "AccessDenied"))
    writer = s3.writer()
    s3.write(writer)
    writer.pause()
    s3.store().put(KEY.replace(".mp4", ".part.json"), _checkpoint(s3))
    sweep = Sweep(s3.store(), delete=True, now=_in_a_month)
    assert [item.outcome for item in sweep.run()] == ["failed"]


def _checkpoint(s3: S3Bench) -> bytes:
    state = {"name": "file.mp4", "length": None, "validator": None, "writer_state": dict(s3.states[-1]), "schema": 1}
    return json.dumps(state).encode()


def _in_a_month() -> pendulum.DateTime:
    return pendulum.now("UTC").add(months=1)


# The write probe


def _check(s3: S3Bench) -> None:
    s3.store().check_writable()
    assert s3.names() == set()
    assert s3.uploads() == []


def test_check_opens_no_upload_and_deletes_nothing(s3: S3Bench) -> None:
    for operation in ("Create", "Abort", "Delete"):
        s3.front.on(operation, refuse(403, "AccessDenied"))
    _check(s3)
    (request,) = s3.front.requests
    assert request.operation == "Put"


@pytest.mark.parametrize(
    "answer",
    [
        refuse(412, "PreconditionFailed"),
        refuse(404, "NoSuchKey"),
        refuse(400, "BadDigest"),
        refuse(400, "InvalidDigest"),
        refuse(400, "InvalidArgument"),
        refuse(501, "NotImplemented"),
    ],
)
def test_check_passes_where_store_refuses_the_probe_itself(s3: S3Bench, answer: Fault) -> None:
    s3.front.on("Put", answer)
    _check(s3)
    assert len(s3.front.requests) == 1


@pytest.mark.parametrize("mode", ["legacy", "standard"])
def test_check_is_not_retried_for_its_wrong_digest(s3: S3Bench, mode: str) -> None:
    s3.front.on("Put", refuse(400, "BadDigest"))
    s3.store(retries={"mode": mode, "total_max_attempts": 5}).check_writable()
    assert len(s3.front.requests) == 1


def test_check_with_store_that_accepts_the_probe(s3: S3Bench, caplog: pytest.LogCaptureFixture) -> None:
    def accept(forward: Forward) -> Response:
        s3.direct.put_object(Bucket=BUCKET, Key=s3.front.requests[-1].path.removeprefix(f"/{BUCKET}/"), Body=b"")
        return Response(200, {"ETag": '"e"'}, b"")

    s3.front.on("Put", accept)
    _check(s3)
    s3.front.on("Delete", refuse(403, "AccessDenied"))
    s3.store().check_writable()
    (left,) = s3.names()
    assert left.startswith(f"raw/{PROBE_NAME}-")
    assert f"{left.removeprefix('raw/')} was not deleted: " in caplog.text


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (refuse(403, "AccessDenied"), PermissionError, "lack a permission"),
        (refuse(403, "UnknownDenial"), PermissionError, "lack a permission"),
        (refuse(403, "InvalidAccessKeyId"), PermissionError, "renew those"),
        (refuse(404, "NoSuchBucket"), FileNotFoundError, "the bucket does not exist"),
        (refuse(503, "SlowDown"), OSError, "try again later"),
        (
            respond(404, {"Content-Type": "text/html"}, b"<html><br></html>"),
            OSError,
            "check the target and endpoint_url",
        ),
        (HTML, OSError, "not S3's"),
    ],
)
def test_check_finds_what_prevents_writing(s3: S3Bench, answer: Fault, kind: type[OSError], message: str) -> None:
    s3.front.on("Put", answer)
    with pytest.raises(kind, match=message):
        s3.store().check_writable()


def test_check_tells_whether_conditions_are_supported(s3: S3Bench) -> None:
    store = s3.store()
    store.check_writable()
    assert store.supports_if_match()
    assert s3.front.count("Put") == 1


def test_sweep_knows_uploads_of_earlier_probes(s3: S3Bench) -> None:
    for key in (f"raw/{PROBE_NAME}", f"raw/deeper/{PROBE_NAME}", "raw/another's"):
        s3.direct.create_multipart_upload(Bucket=BUCKET, Key=key)
    sweep = Sweep(s3.store(), delete=True, now=_in_a_month)
    assert [(item.key, item.outcome) for item in sweep.run()] == [
        (PROBE_NAME, "removed"),
        (f"deeper/{PROBE_NAME}", "removed"),
    ]
    assert s3.uploads() == ["raw/another's"]


# What to do


LOCK = "HTTP header is required for Put Object requests with Object Lock parameters"
ADVICE: dict[str, tuple[Fault, type[OSError], str]] = {
    "object lock": (
        refuse(400, "InvalidRequest", f"Content-MD5 OR x-amz-checksum- {LOCK}"),
        OSError,
        "when_supported$",
    ),
    "object lock of MinIO": (refuse(400, "InvalidRequest", f"Content-MD5 {LOCK}"), OSError, "when_supported$"),
    "no digest": (refuse(400, "MissingContentMD5", "Missing required header: Content-MD5"), OSError, "when_supported$"),
    "locked object of MinIO": (
        refuse(400, "InvalidRequest", "Object is WORM protected and cannot be overwritten"),
        PermissionError,
        "the object is locked",
    ),
    "locked object of OSS": (refuse(409, "FileImmutable"), PermissionError, "the object is locked"),
    "locked object of Ceph": (
        refuse(403, "AccessDenied", "forbidden by object lock"),
        PermissionError,
        "the object is locked",
    ),
    "locked object of R2": (refuse(403, "ObjectLockedByBucketPolicy"), PermissionError, "the object is locked"),
    "account of OSS": (refuse(403, "UserDisable", "UserDisable"), PermissionError, "its bills"),
    "account of Ceph": (refuse(403, "UserSuspended"), PermissionError, "its bills"),
    "account of Amazon": (refuse(403, "AccountProblem"), PermissionError, "its bills"),
    "disabled key": (refuse(400, "KMS.DisabledException"), PermissionError, "encryption key"),
    "missing key": (refuse(400, "KMS.NotFoundException"), PermissionError, "encryption key"),
    "right on key": (
        refuse(403, "AccessDenied", "User: arn:u is not authorized to perform: kms:GenerateDataKey on resource: x"),
        PermissionError,
        "encryption key",
    ),
    "bucket with such a name": (
        refuse(403, "AccessDenied", "not authorized to perform: s3:PutObject on resource: arn:aws:s3:::kms-retention"),
        PermissionError,
        "lack a permission",
    ),
    "conflict": (refuse(409, "OperationAborted"), BlockingIOError, "try again later"),
    "body limit": (respond(413, {"Content-Type": "text/html"}, b"<html>413</html>"), OSError, "limits the size"),
    "web server": (respond(405, {"Content-Type": "text/html"}, b"<html>405</html>"), OSError, "not S3's"),
    "unknown refusal": (refuse(403, "ThisIsNew"), PermissionError, "lack a permission"),
    "unknown login": (refuse(401, "ThisIsNew"), PermissionError, "lack a permission"),
    "unknown header": (refuse(501, "NotImplemented"), OSError, "when_required"),
    "redirect without address": (refuse(307, "TemporaryRedirect"), OSError, "correct region_name or endpoint_url"),
    "full": (refuse(507, "InsufficientStorage"), OSError, "no space left"),
    "page": (HTML, OSError, "not S3's.*correct endpoint_url"),
}


@pytest.mark.parametrize("case", ADVICE)
def test_advice(s3: S3Bench, case: str) -> None:
    answer, kind, message = ADVICE[case]
    s3.front.on("Put", answer)
    with pytest.raises(kind) as caught:
        s3.store(request_checksum_calculation="when_required").put("a/r.json", b"{}")
    step = str(caught.value).partition(" [Put")[0]
    assert re.search(message, step), step


@pytest.mark.parametrize("page", [HTML, XHTML], ids=["html", "xhtml"])
@pytest.mark.parametrize("call", [*CALLS, "write"])
def test_page_instead_of_answer(s3: S3Bench, call: str, page: Fault) -> None:
    _everywhere(s3, page)
    with pytest.raises(OSError, match=r"not S3's.*correct endpoint_url"):
        s3.write(s3.writer()) if call == "write" else CALLS[call](s3.store(retries={"total_max_attempts": 5}))
    assert len(s3.front.requests) == 1


@pytest.mark.parametrize(
    "fault", [set_header("Last-Modified", "yesterday"), set_header("Content-Length", None)], ids=["date", "no size"]
)
def test_unreadable_head_is_not_s3(s3: S3Bench, fault: Fault) -> None:
    s3.store().put("a", b"1")
    s3.front.on("Head", fault)
    with pytest.raises(OSError, match="not S3's"):
        s3.store().stat("a")


@pytest.mark.parametrize("page", [HTML, XHTML], ids=["html", "xhtml"])
@pytest.mark.parametrize("operation", ["Complete", "UploadPart"])
def test_page_instead_of_answer_keeps_upload(s3: S3Bench, operation: str, page: Fault) -> None:
    s3.front.on(operation, page)
    with pytest.raises(OSError, match="not S3's"):
        s3.upload(s3.writer())
    assert s3.uploads() == [f"raw/{KEY}"]


def test_page_instead_of_receipt(s3: S3Bench, origin: Origin) -> None:
    s3.front.on("Put", succeed, XHTML)
    with pytest.raises(OSError, match=r"is complete, but without receipt.*not S3's"):
        land(s3.store(), origin.on("/media", media(BODY)))


def test_credentials_are_not_in_errors(s3: S3Bench) -> None:
    answer = error(403, "InvalidAccessKeyId", "The key AKIDEXAMPLE does not exist")
    s3.front.on("Put", lambda forward: answer)
    with pytest.raises(PermissionError, match="renew those") as caught:
        s3.store().put("a", b"1")
    assert "AKIDEXAMPLE" not in error_text(caught.value)
