"""Files on a local disk or a mounted one."""

from __future__ import annotations

import errno
import io
import logging
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pendulum

from airflow_provider_meetings.api.landing.store import LARGEST_READ, Listed, ObjectStat, PartialUpload, Plan
from airflow_provider_meetings.api.sanitize import harmless
from airflow_provider_meetings.storage.local.writer import PART_SUFFIX, PIECE, LocalWriter, explained, local_stat, lock

log = logging.getLogger(__name__)


class LocalStore:
    """Keep objects below a folder.

    :param root: the folder; made when first written to.
    :param uri: the folder's address as the user wrote it, for what is shown and recorded.
    """

    def __init__(self, root: Path, uri: str) -> None:
        self._root = root
        self._uri = uri.rstrip("/")

    def guards(self) -> bool:
        """Return True: who writes holds a lock."""
        return True

    def uri(self, key: str) -> str:
        """Return the address of an object."""
        return f"{self._uri}/{key}"

    def check_writable(self) -> None:
        """Write and remove a file with no bytes, so that a missing permission is found before the first download.

        :raises OSError: naming the target and what to do.
        """
        with explained(self._uri):
            self._root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._root):
                pass

    def stat(self, key: str) -> ObjectStat | None:
        """Return an object's size and time of change; None if there is none."""
        try:
            return local_stat(self._path(key))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read(self, key: str) -> bytes | None:
        """Return a small object whole; None if there is none."""
        try:
            with _opened(self._path(key)) as file:
                content = file.read(LARGEST_READ + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return content if len(content) <= LARGEST_READ else None

    def open(self, key: str) -> Iterator[bytes]:
        """Yield an object's bytes in pieces of at most 1 MiB."""
        with _opened(self._path(key)) as file:
            while piece := file.read(PIECE):
                yield piece

    def put(self, key: str, content: bytes) -> None:
        """Write a small object whole or not at all."""
        writer = self.writer(key, Plan(length=len(content)))
        try:
            writer.write(content)
            writer.publish()
        except BaseException:
            writer.abort()
            raise

    def writer(self, key: str, plan: Plan) -> LocalWriter:
        """Begin an object, or continue its part file if the machine has not been started anew since."""
        path = self._path(key)
        with explained(self._uri):
            path.parent.mkdir(parents=True, exist_ok=True)
            return LocalWriter(path, plan)

    def delete(self, key: str) -> None:
        """Remove an object; one that is gone already is no error."""
        with explained(self._uri):
            self._path(key).unlink(missing_ok=True)

    def walk(self, folder: str = "") -> Iterator[Listed]:
        """Yield every file below the root but part files, in the order of names; links to folders are not followed."""
        for path, found in self._files(folder):
            if not path.name.endswith(PART_SUFFIX):
                yield Listed(self._key(path), found.st_size, pendulum.from_timestamp(found.st_mtime))

    def leftovers(self) -> Iterator[PartialUpload]:
        """Yield the part files below the root."""
        for path, found in self._files():
            if path.name.endswith(PART_SUFFIX):
                key = self._key(path)
                modified = pendulum.from_timestamp(found.st_mtime)
                yield PartialUpload(key.removesuffix(PART_SUFFIX), "part file", key, found.st_size, modified)

    def remove(self, leftover: PartialUpload) -> bool:
        """Remove a part file; False if a process writes to it at this moment, or it is gone."""
        path = self._path(leftover.handle)
        if not path.exists():
            return False
        try:
            fd = lock(path)
        except BlockingIOError:
            return False
        path.unlink()
        os.close(fd)
        return True

    def _files(self, below: str = "") -> Iterator[tuple[Path, os.stat_result]]:
        for folder, folders, names in os.walk(self._path(below) if below else self._root, onerror=_unlisted):
            folders.sort()
            for path in (Path(folder, name) for name in folders):
                if path.is_symlink():  # followed, it could lead in a circle, or out of the lake
                    log.warning("%s links to a folder: what stands there is not looked at", harmless(str(path), 1000))
            for name in sorted(names):
                path = Path(folder, name)
                try:
                    found = path.stat()
                except FileNotFoundError:  # gone since, or a link that leads nowhere
                    continue
                except OSError as error:
                    if error.errno != errno.ELOOP:  # a link that leads to itself
                        raise
                    continue
                if stat.S_ISREG(found.st_mode):  # who reads a pipe may wait for ever
                    yield path, found

    def _path(self, key: str) -> Path:
        return self._root.joinpath(*key.split("/"))

    def _key(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()


def _opened(path: Path) -> io.BufferedReader:
    """Open a file, or a link to one.

    :raises FileNotFoundError: if there is none: what else has a name is no object.
    """
    try:
        # Not waiting for somebody to write, as one does who opens a pipe.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:  # a link that leads to itself, a socket
            raise FileNotFoundError(errno.ENOENT, "no file", str(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise FileNotFoundError(errno.ENOENT, "no file", str(path))
    return os.fdopen(fd, "rb")


def _unlisted(error: OSError) -> None:
    # os.walk passes over what it may not list: a verification would then prove less than it says.
    if not isinstance(error, FileNotFoundError):
        raise error
