from __future__ import annotations

import errno
import re
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pendulum
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem

from airflow_provider_meetings.api.landing.store import Plan
from airflow_provider_meetings.storage.fsspec.store import FilesystemStore
from tests.contract.landing.store import MIB, keys
from tests.contract.landing.uploads import Truncating, UploadFileSystem


def test_final_name_is_opened_only_with_deferred_commit() -> None:
    for fs, names in ((UploadFileSystem(), [r"/b/v\.mp4"]), (Truncating(), [r"/b/v\.mp4\.[0-9a-f]{8}\.part"])):
        FilesystemStore(fs, "/b", "x://b").put("v.mp4", b"1")
        trial, *opened = [path for path, _ in fs.opened]
        assert re.fullmatch(r"/b/trial\.[0-9a-f]{8}\.part", trial)
        assert len(opened) == len(names)
        assert all(re.fullmatch(*pair) for pair in zip(names, opened, strict=True))


def test_abort_discards_open_upload() -> None:
    fs = UploadFileSystem()
    writer = FilesystemStore(fs, "/b", "x://b").writer("v.mp4", Plan())
    writer.write(b"1" * 3 * MIB)
    writer.abort()
    assert fs.discarded == ["/b/v.mp4"]
    assert not fs.transaction.files


class Refusing(UploadFileSystem):
    """Rejects the keyword."""

    def _open(self, path: str, mode: str = "rb", autocommit: bool = True, **kwargs: Any) -> Any:
        if not autocommit:
            raise NotImplementedError
        return super()._open(path, mode, autocommit=True, **kwargs)


def memory() -> MemoryFileSystem:
    return MemoryFileSystem(global_store=False, skip_instance_cache=True)


@pytest.mark.parametrize("kind", [Truncating, Refusing, memory])
def test_state_is_saved_before_first_byte(kind: Callable[[], Any]) -> None:
    fs = kind()
    store = FilesystemStore(fs, "/b", "x://b")
    stored: list[list[str]] = []
    names: list[str] = []

    def save_state(state: Mapping[str, Any]) -> None:
        names.append(state["temporary"])
        stored.append(list(fs.store))

    writer = store.writer("a/v.mp4", Plan(save_state=save_state))
    writer.write(b"1" * 3 * MIB)
    writer.pause()
    assert stored == [[]]
    assert re.fullmatch(r"a/v\.mp4\.[0-9a-f]{8}\.part", names[0])
    assert list(fs.store) == []


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"temporary": None},
        {"temporary": 7},
        {"temporary": "other.mp4"},
        {"temporary": "a/v.mp4"},
        {"temporary": "a/v.mp4.part"},
        {"temporary": "other.mp4.00000000.part"},
        {"temporary": "a/v.mp4/../../other.mp4.00000000.part"},
    ],
)
def test_foreign_temporary_object_is_kept(state: dict[str, Any]) -> None:
    fs = memory()
    store = FilesystemStore(fs, "/b", "x://b")
    others = {"/b/other.mp4", "/b/a/v.mp4", "/b/a/v.mp4.part", "/b/other.mp4.00000000.part", "/other.mp4.00000000.part"}
    for name in others:
        fs.pipe_file(name, b"1")
    store.writer("a/v.mp4", Plan(resume_state=state)).abort()
    assert set(fs.store) == others


class Caching(UploadFileSystem):
    """Caches listings until `invalidate_cache`."""

    def __init__(self) -> None:
        super().__init__()
        self.listings: dict[str, Any] = {}

    def invalidate_cache(self, path: str | None = None) -> None:
        self.listings = {} if path is None else {k: v for k, v in self.listings.items() if k != path}

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        if path not in self.listings:
            self.listings[path] = super().ls(path, detail=True)
        return self.listings[path]

    def info(self, path: str, **kwargs: Any) -> Any:
        found = [info for info in self.ls(path.rpartition("/")[0]) if info["name"] == path]
        if not found:
            raise FileNotFoundError(path)
        return found[0]


def test_listing_cache_is_bypassed() -> None:
    fs = Caching()
    store = FilesystemStore(fs, "/b", "x://b")
    store.put("1", b"1")
    assert (keys(store), store.stat("2")) == (["1"], None)
    fs.store["/b/2"] = MemoryFile(fs, "/b/2", b"22")
    assert store.stat("2") is not None
    del fs.store["/b/1"]
    assert keys(store) == ["2"]
    assert store.stat("1") is None


class Lossy(Truncating):
    """Loses a byte, or fails in `mv`."""

    fails = False

    def mv(self, path1: str, path2: str, **kwargs: Any) -> None:
        if self.fails:
            raise ConnectionResetError
        super().mv(path1, path2, **kwargs)

    def info(self, path: str, **kwargs: Any) -> Any:
        found = super().info(path, **kwargs)
        return found if self.fails or not found["size"] else {**found, "size": found["size"] - 1}


@pytest.mark.parametrize("fails", [True, False])
def test_failure_before_move_keeps_old_object(fails: bool) -> None:
    fs = Lossy()
    fs.fails = fails
    fs.pipe_file("/b/v.mp4", b"old")
    before = fs.store["/b/v.mp4"]
    with pytest.raises(OSError, match="try again"):
        FilesystemStore(fs, "/b", "x://b").put("v.mp4", b"newer")
    assert fs.store == {"/b/v.mp4": before}


def test_move_by_copy_leaves_no_temporary_object() -> None:
    class Copying(Truncating):
        def mv(self, path1: str, path2: str, **kwargs: Any) -> None:
            self.cp_file(path1, path2)

    fs = Copying()
    FilesystemStore(fs, "/b", "x://b").put("v.mp4", b"1")
    assert list(fs.store) == ["/b/v.mp4"]


class VendorError(Exception):
    status_code = 403


@pytest.mark.parametrize(
    ("raised", "kind", "text"),
    [
        (VendorError("https://x/?sig=S3CRET"), OSError, "VendorError 403"),
        (PermissionError("S3CRET"), PermissionError, "permission to list, read, write and delete"),
        (FileNotFoundError("S3CRET"), FileNotFoundError, "create the bucket"),
        (OSError(errno.ENOSPC, "S3CRET"), OSError, "free some"),
        (ValueError("550 S3CRET"), OSError, "ValueError 550"),
    ],
)
def test_errors_name_target_and_next_step_without_secrets(raised: Exception, kind: type[OSError], text: str) -> None:
    class Failing(UploadFileSystem):
        def _open(self, *_: Any, **__: Any) -> Any:
            raise raised

    store = FilesystemStore(Failing(), "/b", "x://conn@b/")
    for call in (store.check_writable, lambda: store.put("v.mp4", b"1"), lambda: store.writer("v.mp4", Plan())):
        with pytest.raises(kind, match="target x://conn@b failed") as caught:
            call()
        assert text in str(caught.value)
        assert "S3CRET" not in "".join(traceback.format_exception(caught.value))
        assert caught.value.errno == (
            raised.errno if isinstance(raised, OSError) and raised.errno else caught.value.errno
        )


def test_unlistable_folder_raises() -> None:
    class Closed(UploadFileSystem):
        def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
            if path.endswith("/below"):
                raise PermissionError
            return super().ls(path, detail=detail, **kwargs)

    store = FilesystemStore(Closed(), "/b", "x://b")
    store.put("below/v.mp4", b"1")
    with pytest.raises(PermissionError):
        keys(store)


def test_object_without_time_is_young() -> None:
    class Timeless(UploadFileSystem):
        def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
            return [{k: v for k, v in info.items() if k != "created"} for info in super().ls(path, **kwargs)]

        def modified(self, path: str) -> Any:
            raise NotImplementedError

    store = FilesystemStore(Timeless(), "/b", "x://b")
    before = pendulum.now("UTC")
    store.put("v", b"1")
    assert [listed.modified >= before for listed in store.walk()] == [True]


def test_object_in_place_of_root_is_empty() -> None:
    fs = memory()
    fs.pipe_file("/b", b"1")
    assert keys(FilesystemStore(fs, "/b", "x://b")) == []


def test_symlinks_to_folders_are_not_followed(tmp_path: Path) -> None:
    store = FilesystemStore(LocalFileSystem(), str(tmp_path), "x://b")
    store.put("a/v", b"1")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert keys(store) == ["a/v"]
