"""Store in a local or mounted folder."""

from __future__ import annotations

import errno
import fcntl
import io
import logging
import os
import stat
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pendulum

from airflow_provider_meetings.api.landing.store import (
    PIECE_BYTES,
    ListedObject,
    ObjectStat,
    PartialUpload,
    Plan,
    Store,
)
from airflow_provider_meetings.api.sanitize import printable
from airflow_provider_meetings.storage.local.writer import (
    PART_SUFFIX,
    LocalWriter,
    explain_errors,
    lock_part,
    to_stat,
)

log = logging.getLogger(__name__)


class LocalStore(Store):
    """Objects are files below a folder.

    :param root: the folder; created on the first write.
    :param uri: the folder's address as the user wrote it, for logs, errors and receipts.
    """

    def __init__(self, root: Path, uri: str) -> None:
        self._root = root
        self._uri = uri.rstrip("/")

    def supports_if_match(self) -> bool:
        """Return True: writers hold a lock."""
        return True

    def uri(self, key: str) -> str:
        return f"{self._uri}/{key}"

    def check_writable(self) -> None:
        """Create, lock and remove an empty file, so that what is missing is found before the first download."""
        with explain_errors(self._uri):
            self._root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._root) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def stat(self, key: str) -> ObjectStat | None:
        try:
            return to_stat(self._path(key).stat())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def open(self, key: str) -> Generator[bytes]:
        with _open_regular(self._path(key)) as file:
            while piece := file.read(PIECE_BYTES):
                yield piece

    def writer(self, key: str, plan: Plan) -> LocalWriter:
        """Start a file, or resume its part file if the machine has not been rebooted since."""
        path = self._path(key)
        with explain_errors(self._uri):
            path.parent.mkdir(parents=True, exist_ok=True)
            return LocalWriter(path, plan)

    def delete(self, key: str) -> None:
        with explain_errors(self._uri):
            self._path(key).unlink(missing_ok=True)

    def walk(self, folder: str = "") -> Iterator[ListedObject]:
        """Yield every file except part files, sorted; symbolic links to folders are not followed."""
        for path, info in self._files(folder):
            if not path.name.endswith(PART_SUFFIX):
                yield ListedObject(self._key(path), info.st_size, pendulum.from_timestamp(info.st_mtime))

    def partial_uploads(self) -> Iterator[PartialUpload]:
        for path, info in self._files():
            if path.name.endswith(PART_SUFFIX):
                key = self._key(path)
                modified = pendulum.from_timestamp(info.st_mtime)
                yield PartialUpload(key.removesuffix(PART_SUFFIX), "part file", key, info.st_size, modified)

    def remove(self, upload: PartialUpload) -> bool:
        """Remove a part file; False if it is gone, or if another process is writing to it."""
        path = self._path(upload.handle)
        if not path.exists():
            return False
        try:
            fd = lock_part(path)
        except BlockingIOError:
            return False
        path.unlink()
        os.close(fd)
        return True

    def _files(self, below: str = "") -> Iterator[tuple[Path, os.stat_result]]:
        root = self._path(below) if below else self._root
        for folder, folders, names in os.walk(root, onerror=_raise_unless_missing):
            folders.sort()
            for path in (Path(folder, name) for name in folders):
                if path.is_symlink():  # it may lead in a circle, or out of the lake
                    log.warning("Skipping %s: symbolic link to a folder", printable(str(path), 1000))
            for name in sorted(names):
                path = Path(folder, name)
                try:
                    info = path.stat()
                except OSError as error:
                    if error.errno in {errno.ENOENT, errno.ELOOP}:  # just deleted, a broken link, a link to itself
                        continue
                    raise
                if stat.S_ISREG(info.st_mode):
                    yield path, info

    def _path(self, key: str) -> Path:
        return self._root.joinpath(*key.split("/"))

    def _key(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()


def _open_regular(path: Path) -> io.BufferedReader:
    """Open a regular file, or a link to one.

    :raises FileNotFoundError: if there is none, also for pipes, devices and folders.
    """
    # O_NONBLOCK: opening a pipe would wait for a writer.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise FileNotFoundError(errno.ENOENT, "not a file", str(path))
    return os.fdopen(fd, "rb")


def _raise_unless_missing(error: OSError) -> None:
    # os.walk ignores folders that it cannot list: a verification would pass without them.
    if not isinstance(error, FileNotFoundError):
        raise error
