"""The store contract on real FTP and SFTP servers. FTP has a single connection; Airflow's sftp uses sshfs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.ftp import FTPFileSystem
from sshfs import SSHFileSystem

from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.storage.fsspec.store import FilesystemStore
from tests.contract.servers import PASSWORD, USER, serve_ftp, serve_sftp
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


class TestFtp(ServerContract):
    """Commits by moving a file from the server's /tmp."""

    @pytest.fixture
    def store(self, served: Path) -> Iterator[Store]:
        with serve_ftp(served) as port:
            fs = FTPFileSystem("127.0.0.1", port, USER, PASSWORD)
            yield FilesystemStore(fs, "/lake", "ftp://conn@host/lake")
            fs.ftp.close()
        assert {path.name for path in served.iterdir()} <= {"lake", "tmp"}
        assert not list(served.glob("tmp/*"))

    def die(self, writer: Any) -> None:
        writer._file.closed = True  # else garbage collection would send it after the server has stopped


class TestFtpWithScratch(TestFtp):
    @pytest.fixture(autouse=True)
    def scratch(self, served: Path) -> None:
        (served / "tmp").mkdir()


class TestSftp(ServerContract):
    """Accepts the keyword and ignores it."""

    @pytest.fixture
    def store(self, served: Path) -> Iterator[Store]:
        with serve_sftp(served) as port:
            fs = SSHFileSystem("127.0.0.1", port=port, username=USER, known_hosts=None, skip_instance_cache=True)
            yield FilesystemStore(fs, "/lake", "sftp://conn@host/lake")
        assert {path.name for path in served.iterdir()} <= {"lake"}
