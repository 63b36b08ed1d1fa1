from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.storage.fsspec.store import FilesystemStore
from tests.contract.landing.store import StoreContract
from tests.contract.landing.uploads import UploadFileSystem


class FilesystemContract(StoreContract):
    def test_folder_is_not_an_object(self, store: Store) -> None:
        store.put("x/y/z.json", b"1")
        assert (store.stat("x"), store.stat("x/y"), store.read("x/y")) == (None, None, None)


class TestUploads(FilesystemContract):
    @pytest.fixture
    def store(self) -> Store:
        return FilesystemStore(UploadFileSystem(), "/bucket/lake", "uploads://bucket/lake/")


class TestMemory(FilesystemContract):
    """Has commit and discard, accepts the keyword, and truncates the final name nevertheless."""

    @pytest.fixture
    def store(self) -> Store:
        fs = MemoryFileSystem(global_store=False, skip_instance_cache=True)
        return FilesystemStore(fs, "/bucket/lake", "memory://bucket/lake")


class TestForeignFolder(FilesystemContract):
    """Commits by moving a file from the worker's $TMPDIR."""

    @pytest.fixture
    def store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(scratch))
        yield FilesystemStore(LocalFileSystem(), str(tmp_path / "lake"), "there:///lake")
        assert list(scratch.iterdir()) == []
        assert {path.name for path in tmp_path.iterdir()} <= {"scratch", "lake"}

    def test_pipe_is_not_read(self, store: Store, tmp_path: Path) -> None:
        """A plain open would block for ever."""
        (tmp_path / "lake").mkdir()
        os.mkfifo(tmp_path / "lake" / "x")
        assert (store.stat("x"), store.read("x")) == (None, None)


class TestWrapped(FilesystemContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return FilesystemStore(DirFileSystem(str(tmp_path), LocalFileSystem()), "lake", "dir://lake")
