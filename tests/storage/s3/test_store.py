"""The S3 store on a real socket."""

from __future__ import annotations

import hashlib

import pytest

from airflow_provider_meetings.api.landing.store import ListedObject, Plan, Precondition, PreconditionFailed, Store
from airflow_provider_meetings.storage.s3 import parts
from airflow_provider_meetings.storage.s3.store import S3Store
from tests.contract.landing.store import StoreContract, keys
from tests.storage.s3.s3_bench import BODY, BUCKET, KEY, PART_SIZE, PIECE, URI, S3Bench, s3_client
from tests.storage.s3.s3_front import Forward, Response, drop_response, refuse


class TestS3Store(StoreContract):
    @pytest.fixture
    def store(self, s3: S3Bench) -> Store:
        return s3.store()

    def test_walk_goes_folder_by_folder(self, store: Store) -> None:
        """Unlike in other stores, files and folders are sorted together: S3 sorts by whole keys."""
        for key in ("b/2", "b/10/x", "a/0", "c"):
            store.put(key, b"1")
        assert keys(store) == ["a/0", "b/10/x", "b/2", "c"]


def test_missing_bucket_and_object(s3: S3Bench) -> None:
    with pytest.raises(FileNotFoundError, match="the bucket does not exist: create it"):
        S3Store(s3_client(s3.front.url), "nowhere", "", "s3://nowhere").check_writable()
    with pytest.raises(FileNotFoundError, match=f"target {URI}/a/b.json"):
        list(s3.store().open("a/b.json"))


def test_upload_in_parts_with_checksums(s3: S3Bench) -> None:
    writer = s3.writer(length=len(BODY))
    stat = s3.upload(writer)
    assert s3.read() == BODY
    assert stat == s3.store().stat(KEY)
    assert (stat.size, stat.validator[-2:]) == (len(BODY), "-3")
    parts = [request for request in s3.front.requests if request.operation == "UploadPart"]
    sizes = sorted(request.size for request in parts)  # two are in flight
    assert sizes == [len(BODY) - 2 * PART_SIZE, PART_SIZE, PART_SIZE]
    assert all("x-amz-checksum-sha256" in request.headers for request in parts)
    assert not any("trailer" in name or "crc" in name for request in s3.front.requests for name in request.headers)
    head = s3.direct.head_object(Bucket=BUCKET, Key=f"raw/{KEY}", ChecksumMode="ENABLED")
    assert head["ContentType"] == "video/mp4"
    assert s3.uploads() == []


def test_state_is_saved_before_first_part(s3: S3Bench) -> None:
    sent: list[int] = []
    writer = s3.store().writer(KEY, Plan(save_state=lambda state: sent.append(s3.front.count("UploadPart"))))
    s3.write(writer)
    assert sent == [0]
    writer.abort()


@pytest.mark.parametrize("size", [0, 1, PART_SIZE - 1, PART_SIZE, PART_SIZE + 1, 2 * PART_SIZE, 2 * PART_SIZE + 1])
def test_sizes_around_part_size(s3: S3Bench, size: int) -> None:
    assert s3.upload(s3.writer(), BODY[:size]).size == size
    assert s3.read() == BODY[:size]
    alone = size <= PART_SIZE
    assert [s3.front.count(name) for name in ("Put", "Create", "Complete")] == ([1, 0, 0] if alone else [0, 1, 1])
    assert bool(s3.states) is not alone


@pytest.mark.parametrize("step", [1000, 3 * PART_SIZE])
def test_chunks_of_any_size(s3: S3Bench, step: int) -> None:
    writer = s3.writer()
    for start in range(0, len(BODY), step):
        writer.write(BODY[start : start + step])
    writer.publish()
    assert s3.read() == BODY


def test_resume_paused_upload(s3: S3Bench) -> None:
    first = s3.writer(length=len(BODY))
    s3.write(first, BODY[: 2 * PART_SIZE])
    first.pause()
    first.abort()
    assert s3.uploads() == [f"raw/{KEY}"]
    again = s3.writer(resume=True, length=len(BODY))
    assert again.offset == 2 * PART_SIZE
    assert again.read_existing() is None
    s3.upload(again)
    again.pause()
    again.abort()
    assert s3.read() == BODY
    assert s3.front.count("UploadPart") == 3


def test_resume_only_contiguous_parts(s3: S3Bench) -> None:
    first = s3.writer()
    s3.write(first, BODY[:PART_SIZE] + BODY[:PIECE])
    first.pause()
    state = s3.states[-1]
    for number, content in ((3, bytes(PART_SIZE)), (4, b"short")):
        upload = {"Bucket": BUCKET, "Key": f"raw/{KEY}", "UploadId": state["upload_id"]}
        s3.direct.upload_part(**upload, PartNumber=number, Body=content)
    again = s3.writer(resume=True)
    assert again.offset == PART_SIZE
    s3.upload(again)
    assert s3.read() == BODY


def test_missing_upload_is_not_resumed(s3: S3Bench) -> None:
    first = s3.writer()
    s3.write(first)
    first.pause()
    s3.abort_all()
    again = s3.writer(resume=True)
    assert again.offset == 0
    again.abort()


@pytest.mark.parametrize("state", [{}, {"upload_id": 3, "part_size": 5}, {"upload_id": "x", "part_size": 0}])
def test_invalid_state_is_not_resumed(s3: S3Bench, state: dict[str, object]) -> None:
    again = s3.store().writer(KEY, Plan(resume_state=state))
    assert again.offset == 0
    again.abort()


def test_failed_checkpoint_aborts_upload(s3: S3Bench) -> None:
    def save_state(state: object) -> None:
        raise PermissionError("no right to write checkpoints")

    writer = s3.store().writer(KEY, Plan(save_state=save_state))
    with pytest.raises(PermissionError, match="checkpoints"):
        s3.write(writer)
    writer.pause()
    assert s3.uploads() == []


def test_part_size_grows_only_for_too_many_parts(s3: S3Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    minimum = 5 * parts.MIB
    monkeypatch.setattr(parts, "PART_SIZE", minimum)
    assert parts.part_size(None) == parts.part_size(0) == parts.part_size(10_000 * minimum) == minimum
    assert parts.part_size(10_000 * minimum + 1) == minimum + parts.MIB
    writer = s3.writer(length=10_000 * minimum + 1)
    s3.write(writer, bytes(minimum + parts.MIB + 1))
    assert s3.states[-1]["part_size"] == minimum + parts.MIB
    writer.abort()


def test_walk_lists_prefix_sorted(s3: S3Bench) -> None:
    names = [f"a/{number:04}" for number in range(5)]
    for name in (*names, "folder/"):
        s3.direct.put_object(Bucket=BUCKET, Key=f"raw/{name}", Body=b"x")
    s3.direct.put_object(Bucket=BUCKET, Key="raw-other/1", Body=b"x")
    listed = list(s3.store().walk())
    assert [each.key for each in listed] == names
    assert isinstance(listed[0], ListedObject)
    assert listed[0].size == 1
    assert listed[0].modified.timezone_name == "UTC"
    whole = S3Store(s3_client(s3.front.url), BUCKET, "", "s3://lake")
    assert sum(1 for _ in whole.walk()) == 6


def test_partial_uploads_are_listed_and_removed(s3: S3Bench) -> None:
    writer = s3.writer()
    s3.write(writer, BODY[: PART_SIZE + 1])
    writer.pause()
    s3.direct.create_multipart_upload(Bucket=BUCKET, Key="raw/b")
    s3.direct.create_multipart_upload(Bucket=BUCKET, Key="raw-other/1")
    store = s3.store()
    upload, other = store.partial_uploads()
    assert (other.key, other.size) == ("b", 0)
    assert (upload.key, upload.kind, upload.size) == (KEY, "multipart upload", PART_SIZE)
    assert upload.handle == s3.states[-1]["upload_id"]
    part = s3.direct.list_parts(Bucket=BUCKET, Key=f"raw/{KEY}", UploadId=upload.handle)["Parts"][0]
    assert upload.modified == part["LastModified"]
    assert store.remove(upload)
    assert not store.remove(upload)
    assert s3.uploads() == ["raw/b", "raw-other/1"]


def test_extra_arguments_are_sent_where_accepted(s3: S3Bench) -> None:
    key = "k" * 32
    extra = {"StorageClass": "GLACIER", "ACL": "private", "SSECustomerAlgorithm": "AES256", "SSECustomerKey": key}
    store = s3.store(extra_args=extra)
    s3.upload(s3.writer(store))
    store.put("a/r.json", b"{}")
    headers = {request.operation: request.headers for request in s3.front.requests}
    assert (headers["Create"]["x-amz-storage-class"], headers["Create"]["x-amz-acl"]) == ("GLACIER", "private")
    for operation in ("Create", "UploadPart", "Complete", "Head"):
        assert "x-amz-server-side-encryption-customer-key" in headers[operation]
    # An archived receipt could not be read.
    assert "x-amz-storage-class" not in headers["Put"]
    assert headers["Put"]["x-amz-acl"] == "private"


def test_no_checksum_headers_when_not_required(s3: S3Bench) -> None:
    store = s3.store(request_checksum_calculation="when_required", response_checksum_validation="when_required")
    s3.front.on("Complete", drop_response)  # then the store requests the object
    s3.upload(s3.writer(store))
    s3.upload(s3.writer(store), b"small")
    store.put("a/r.json", b"{}")
    store.read("a/r.json")
    for request in s3.front.requests:
        assert not any("checksum" in name or "trailer" in name for name in request.headers), request.operation
        assert "aws-chunked" not in request.headers.get("content-encoding", "")
        assert not request.headers.get("x-amz-content-sha256", "").startswith("STREAMING")


def _publish_if(s3: S3Bench, store: S3Store, seen: Precondition, body: bytes) -> Precondition:
    writer = store.writer(KEY, Plan(if_match=seen))
    try:
        s3.write(writer, body)
        return Precondition(writer.publish(), hashlib.sha256(body).hexdigest())
    finally:
        writer.abort()


def test_conditional_put_is_refused_by_store(s3: S3Bench) -> None:
    store = s3.store()
    assert store.supports_if_match()
    assert s3.names() == set()

    def replace_first(forward: Forward) -> Response:
        s3.direct.put_object(Bucket=BUCKET, Key=f"raw/{KEY}", Body=b"another's")
        return forward()

    s3.front.on("Put", replace_first)
    with pytest.raises(PreconditionFailed):
        _publish_if(s3, store, Precondition(None), b"ours")
    assert s3.read() == b"another's"
    s3.direct.put_object(Bucket=BUCKET, Key=f"raw/{KEY}", Body=b"first")
    with pytest.raises(PreconditionFailed):
        _publish_if(s3, store, Precondition(store.stat(KEY)), b"ours")
    assert s3.read() == b"another's"


def test_conditional_complete_is_refused(s3: S3Bench) -> None:
    store = s3.store()
    first = _publish_if(s3, store, Precondition(None), BODY)
    second = _publish_if(s3, store, first, BODY[1:])
    assert s3.read() == BODY[1:]
    with pytest.raises(PreconditionFailed):
        _publish_if(s3, store, first, BODY[2:])
    assert (s3.read(), s3.uploads()) == (BODY[1:], [])
    assert [a.headers["if-match"] for a in s3.front.requests if a.operation == "Complete" and "if-match" in a.headers]
    assert second.stat == store.stat(KEY)


def test_retried_conditional_put_is_recognized(s3: S3Bench) -> None:
    store = s3.store(retries={"total_max_attempts": 3})
    assert store.supports_if_match()
    s3.front.on("Put", drop_response, lambda forward: forward())
    assert _publish_if(s3, store, Precondition(None), b"ours").stat == store.stat(KEY)
    assert s3.front.count("Put") == 3  # the probe, the one with a lost response, the retry
    assert s3.read() == b"ours"


@pytest.mark.parametrize("how", ["rejects conditions", "ignores conditions"])
def test_store_without_conditional_writes(s3: S3Bench, how: str) -> None:
    done = Response(200, {"ETag": '"00"'}, b"")
    s3.front.on("Put", refuse(501, "NotImplemented") if "rejects" in how else lambda forward: done, lambda f: f())
    store = s3.store()
    assert not store.supports_if_match()
    assert not store.supports_if_match()
    first = _publish_if(s3, store, Precondition(None), b"1")
    _publish_if(s3, store, first, b"2")
    with pytest.raises(PreconditionFailed):
        _publish_if(s3, store, first, b"3")
    assert s3.read() == b"2"
    puts = [request for request in s3.front.requests if request.operation == "Put"]
    assert [("if-match" in a.headers or "if-none-match" in a.headers) for a in puts] == [True, False, False]
