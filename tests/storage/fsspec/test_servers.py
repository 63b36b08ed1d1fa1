"""The store contract on real FTP and SFTP servers. FTP has a single connection; Airflow's sftp uses sshfs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.ftp import FTPFileSystem
from sshfs import SSHFileSystem

from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.storage.fsspec.store import FilesystemStore
from tests.contract.backends.servers import PASSWORD, USER, serve_ftp, serve_sftp
from tests.storage.fsspec.test_store import FilesystemContract


class ServerContract(FilesystemContract):
    @pytest.fixture(autouse=True)
    def served(self, tmp_path: Path) -> Path:
        self.root = tmp_path / "served"
        self.root.mkdir()
        return self.root

    def age(self) -> None:
        # Both have a resolution of one second.
        for path in self.root.rglob("*"):
            os.utime(path, (1, 1))


@contextmanager
def ftp_store(root: Path) -> Iterator[Store]:
    with serve_ftp(root) as port:
        fs = FTPFileSystem("127.0.0.1", port, USER, PASSWORD)
        yield FilesystemStore(fs, "/lake", "ftp://conn@host/lake")
        fs.ftp.close()


class TestFtp(ServerContract):
    """Commits by moving a file from the server's /tmp."""

    @pytest.fixture
    def store(self, served: Path) -> Iterator[Store]:
        (served / "tmp").mkdir()
        with ftp_store(served) as store:
            yield store
        assert {path.name for path in served.iterdir()} <= {"lake", "tmp"}
        assert not list(served.glob("tmp/*"))

    def kill(self, writer: Any) -> None:
        writer._file.closed = True  # else garbage collection would send it after the server has stopped


def test_ftp_server_without_tmp_folder(tmp_path: Path) -> None:
    with ftp_store(tmp_path) as store:
        store.put("a/v.mp4", b"1")
        assert store.read("a/v.mp4") == b"1"
    assert [path.name for path in tmp_path.iterdir()] == ["lake"]


class TestSftp(ServerContract):
    """Accepts the keyword and ignores it."""

    @pytest.fixture
    def store(self, served: Path) -> Iterator[Store]:
        with serve_sftp(served) as port:
            fs = SSHFileSystem("127.0.0.1", port=port, username=USER, known_hosts=None, skip_instance_cache=True)
            yield FilesystemStore(fs, "/lake", "sftp://conn@host/lake")
        assert {path.name for path in served.iterdir()} <= {"lake"}

    def kill(self, writer: Any) -> None:
        # Otherwise garbage collection closes it in any thread, and that of the server would wait for itself.
        writer._file._closed = True
