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
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.storage.fsspec.store import FilesystemStore
from airflow_provider_meetings.storage.local.store import LocalStore
from tests.contract.landing.bench import BODY, NAME, OTHER, RECEIPT, Bench
from tests.contract.landing.store import keys
from tests.contract.landing.uploads import Truncating, UploadFileSystem
from tests.contract.leaks import error_text
from tests.contract.media.origin import Answer, Handler, chunked, json_body, raw_body, video

CHECKPOINT = RECEIPT.removesuffix(RECEIPT_SUFFIX) + CHECKPOINT_SUFFIX


@pytest.fixture(params=[None, UploadFileSystem, Truncating, LocalFileSystem])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param is None:
        return LocalStore(tmp_path / "lake", "x://lake")
    return FilesystemStore(request.param(), str(tmp_path / "lake"), "x://lake")


def names(store: Store) -> set[str]:
    return {*keys(store), *(upload.handle for upload in store.partial_uploads())}


def test_land_skip_replace(bench: Bench, store: Store) -> None:
    stored = bench.land(video(BODY), store=store)
    assert (stored.outcome, stored.uri, store.read(NAME)) == ("landed", f"x://lake/{NAME}", BODY)
    assert names(store) == {NAME, RECEIPT}
    assert bench.land(store=store).outcome == "skipped"
    store.put(NAME, OTHER)
    assert bench.land(video(BODY), store=store).outcome == "replaced"
    assert (store.read(NAME), names(store)) == (BODY, {NAME, RECEIPT})


def test_resume_after_cut_within_try(bench: Bench, store: Store) -> None:
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


LENGTH = {"Content-Length": str(len(BODY))}
INVALID: dict[str, tuple[Answer, type[MeetingsApiError]]] = {
    "cut at 0": (video(b"", LENGTH), ServerError),
    "cut at 1": (video(BODY[:1], LENGTH), ServerError),
    "cut before last byte": (video(BODY[:-1], LENGTH), ServerError),
    "cut with validator": (video(BODY[:-1], {**LENGTH, "ETag": '"v1"'}), ServerError),
    "cut chunks": (chunked(BODY, finished=False), ServerError),
    "empty": (video(b""), MediaCorrupt),
    "no content": (raw_body(b"", status=204), MediaCorrupt),
    "json": (json_body({"code": 2091004, "msg": "resource deleted"}), MediaCorrupt),
    "json as video": (video(b'{"errcode": 40014}'), MediaCorrupt),
    "html as video": (video(b"<!doctype html><title>Sign in</title>"), MediaCorrupt),
    "xml as video": (video(b"<?xml version='1.0'?><Error/>"), MediaCorrupt),
    "partial content": (raw_body(BODY, status=206), MediaCorrupt),
    "server error": (raw_body(b"", status=500), ServerError),
}


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("response", INVALID)
def test_invalid_response_leaves_nothing(bench: Bench, store: Store, response: str, exists: bool) -> None:
    if exists:
        bench.land(video(OTHER), store=store)
    before = names(store)
    answer, error = INVALID[response]
    with pytest.raises(error) as caught:
        bench.land(answer, store=store, if_present="replace")
    assert not caught.value.permanent
    assert "S3CRET" not in error_text(caught.value)
    assert store.read(NAME) == (OTHER if exists else None)
    assert names(store) - {CHECKPOINT, f"{NAME}.part"} == before
    assert bench.land(video(BODY), store=store, if_present="replace").outcome == ("replaced" if exists else "landed")
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
