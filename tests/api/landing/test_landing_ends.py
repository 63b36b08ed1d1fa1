"""The end of a landing: object, receipt and checkpoint after errors between them, and what a later run cleans up."""

from __future__ import annotations

import errno

import pytest

from airflow_provider_meetings.api.errors import LinkExpired
from airflow_provider_meetings.storage.local.store import LocalStore
from tests.contract.landing.bench import BODY, CHECKPOINT, CHUNK_BYTES, NAME, RECEIPT, WEBM, Bench
from tests.contract.media.origin import raw_body, video
from tests.contract.media.ranges import RangeHost, version

V1 = version(2 * CHUNK_BYTES, 1)
V2 = version(2 * CHUNK_BYTES, 2)


class _FullDisk(LocalStore):
    """Fail to write or read some keys."""

    broken: tuple[str, ...] = ("receipt.json",)

    def put(self, key: str, content: bytes) -> None:
        self._check(key)
        super().put(key, content)

    def delete(self, key: str) -> None:
        self._check(key)
        super().delete(key)

    def _check(self, key: str) -> None:
        if key.endswith(self.broken):
            raise OSError(errno.ENOSPC, f"target {key}: no space left")


def test_error_after_publishing_says_that_object_stands(bench: Bench) -> None:
    store = _FullDisk(bench.root, "file:///target/")
    with pytest.raises(
        OSError, match=rf"file:///target/{NAME} is complete, but without receipt; a retry lands it"
    ) as caught:
        bench.land(RangeHost(BODY), store=store)
    assert caught.value.errno == errno.ENOSPC
    assert "no space left" in str(caught.value)
    assert bench.files() == {NAME}
    assert bench.target.read_bytes() == BODY
    assert bench.land().outcome == "replaced"
    assert bench.files() == {NAME, RECEIPT}


def test_error_after_publishing_another_format_says_that_object_stands(bench: Bench) -> None:
    bench.land(video(BODY))
    store = _FullDisk(bench.root, "file:///target/")
    store.broken = (".mp4",)
    with pytest.raises(OSError, match=r"file-1\.video\.webm is complete, but without receipt"):
        bench.land(video(WEBM), store=store, if_present="replace")
    assert bench.land(if_present="replace").outcome == "replaced"
    assert bench.files() == {NAME.replace("mp4", "webm"), RECEIPT}


def test_checkpoint_that_cannot_be_deleted_is_logged(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    store = _FullDisk(bench.root, "file:///target/")
    store.broken = (".part.json",)
    vars(store)["put"] = LocalStore(bench.root, "").put
    assert bench.land(RangeHost(BODY), store=store).outcome == "landed"
    assert bench.files() == {NAME, RECEIPT, CHECKPOINT}
    assert f"{CHECKPOINT} was not deleted: target" in caplog.text


def test_skip_keeps_checkpoint_of_unfinished_replacement(bench: Bench) -> None:
    bench.land(RangeHost(V1))
    host = RangeHost(V2, tag='"v2"')
    with pytest.raises(LinkExpired):
        bench.land(host.cut(CHUNK_BYTES), raw_body(b"", status=403), if_present="replace")
    assert bench.land().outcome == "skipped"
    assert bench.files() == {NAME, RECEIPT, CHECKPOINT, f"{NAME}.part"}
    assert bench.land(host, if_present="replace").outcome == "replaced"
    assert host.media_bytes == len(V2)
    assert bench.files() == {NAME, RECEIPT}
