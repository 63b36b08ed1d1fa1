"""The engine on each kind of store: the exact bytes under the final name, or nothing and one clear error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem

from airflow_provider_meetings.api.errors import MediaCorrupt, MeetingsApiError, ServerError
from airflow_provider_meetings.api.landing.checkpoint import Checkpoint
from airflow_provider_meetings.api.landing.layout import CHECKPOINT_SUFFIX, RECEIPT_SUFFIX
from airflow_provider_meetings.storage.fsspec.store import FilesystemStore
from tests.contract.bench import BODY, NAME, OTHER, RECEIPT, Bench
from tests.contract.origin import Answer, Handler, chunked, raw_body, video
from tests.contract.store import keys
from tests.contract.uploads import Truncating, UploadFileSystem

CHECKPOINT = RECEIPT.removesuffix(RECEIPT_SUFFIX) + CHECKPOINT_SUFFIX


@pytest.fixture(params=[UploadFileSystem, Truncating, LocalFileSystem])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FilesystemStore:
    return FilesystemStore(request.param(), str(tmp_path / "lake"), "x://lake")


def names(store: FilesystemStore) -> set[str]:
    return {*keys(store), *(upload.handle for upload in store.partial_uploads())}


def test_land_skip_replace(bench: Bench, store: FilesystemStore) -> None:
    stored = bench.land(video(BODY), store=store)
    assert (stored.outcome, stored.uri, store.read(NAME)) == ("landed", f"x://lake/{NAME}", BODY)
    assert names(store) == {NAME, RECEIPT}
    assert bench.land(store=store).outcome == "skipped"
    store.put(NAME, OTHER)
    assert bench.land(video(BODY), store=store).outcome == "replaced"
    assert (store.read(NAME), names(store)) == (BODY, {NAME, RECEIPT})


def test_resume_after_cut_within_try(bench: Bench, store: FilesystemStore) -> None:
    big = BODY * 6  # several chunks

    def whole(handler: Handler) -> None:
        start = int((handler.headers.get("Range") or "bytes=0-")[6:-1])
        body, size = big[start:], len(big)
        headers = {"Content-Type": "video/mp4", "ETag": '"v1"', "Content-Length": str(len(body))}
        if start:
            handler.send(206, {**headers, "Content-Range": f"bytes {start}-{size - 1}/{size}"}, body)
        else:
            handler.send(200, headers, body[: size // 2])

    assert bench.land(whole, store=store).size == len(big)
    assert bench.origin.count("/media") == 2
    assert (b"".join(store.open(NAME)), names(store)) == (big, {NAME, RECEIPT})


BROKEN: dict[str, tuple[Answer, type[MeetingsApiError]]] = {
    "cut at 0": (video(b"", {"Content-Length": str(len(BODY))}), ServerError),
    "cut at 1": (video(BODY[:1], {"Content-Length": str(len(BODY))}), ServerError),
    "cut before last byte": (video(BODY[:-1], {"Content-Length": str(len(BODY))}), ServerError),
    "cut with validator": (video(BODY[:-1], {"Content-Length": str(len(BODY)), "ETag": '"v1"'}), ServerError),
    "cut chunks": (chunked(BODY, finished=False), ServerError),
    "html": (raw_body(b"<!doctype html><p>log in", headers={"Content-Type": "video/mp4"}), MediaCorrupt),
    "json": (raw_body(b'{"errcode": 1}', headers={"Content-Type": "video/mp4"}), MediaCorrupt),
    "empty": (video(b""), MediaCorrupt),
}


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("fault", BROKEN)
def test_invalid_body_leaves_nothing(bench: Bench, store: FilesystemStore, fault: str, exists: bool) -> None:
    if exists:
        store.put(NAME, OTHER)
    answer, error = BROKEN[fault]
    with pytest.raises(error):
        bench.land(answer, store=store)
    assert store.read(NAME) == (OTHER if exists else None)
    assert names(store) - {CHECKPOINT} == ({NAME} if exists else set())
    assert bench.land(video(BODY), store=store).outcome == ("replaced" if exists else "landed")
    assert (store.read(NAME), names(store)) == (BODY, {NAME, RECEIPT})


@pytest.mark.parametrize("kind", [Truncating, LocalFileSystem])
def test_next_try_removes_temporary_object(bench: Bench, tmp_path: Path, kind: Callable[[], Any]) -> None:
    store = FilesystemStore(kind(), str(tmp_path / "lake"), "x://lake")
    temporary = f"{NAME}.0123abcd.part"
    store.put(f"{temporary}x", b"")  # creates the folder
    store.delete(f"{temporary}x")
    with store._calls.call() as fs:
        fs.pipe_file(f"{tmp_path}/lake/{temporary}", b"half")
    checkpoint = Checkpoint(
        name=NAME.rpartition("/")[2], length=9, validator='"v1"', writer_state={"temporary": temporary}
    )
    store.put(CHECKPOINT, checkpoint.to_bytes())
    assert names(store) == {temporary, CHECKPOINT}
    assert bench.land(video(BODY), store=store).outcome == "landed"
    assert (store.read(NAME), names(store)) == (BODY, {NAME, RECEIPT})
