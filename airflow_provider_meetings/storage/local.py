"""Files on a local disk or a mounted one: written beside their place, made durable, then renamed into it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_meetings.api.landing import ObjectStat

PART_SUFFIX = ".part"

_REMEDIES = {
    errno.EACCES: "give that user the right to write there, or choose another target",
    errno.EPERM: "give that user the right to write there, or choose another target",
    errno.EROFS: "mount it for writing, or choose another target",
    errno.ENOSPC: "make room, then try again; nothing of this file was published",
    errno.EDQUOT: "make room, then try again; nothing of this file was published",
    errno.EEXIST: "a file stands where a folder must be, choose another target",
    errno.ENOTDIR: "a file stands where a folder must be, choose another target",
}


class LocalStore:
    """Keep objects below a folder.

    :param root: the folder; made when first written to.
    :param uri: the folder's address as the user wrote it, for what is shown and recorded.
    """

    def __init__(self, root: Path, uri: str) -> None:
        self._root = root
        self._uri = uri.rstrip("/")

    def uri(self, key: str) -> str:
        """Return the address of an object."""
        return f"{self._uri}/{key}"

    def check_writable(self) -> None:
        """Write and remove a file with no bytes, so that a missing permission is found before the first download.

        :raises OSError: naming the target and what to do.
        """
        with _explained(self._uri):
            self._root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._root):
                pass

    def stat(self, key: str) -> ObjectStat | None:
        """Return an object's size and time of change; None if there is none."""
        try:
            return _stat(self._path(key))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read(self, key: str) -> bytes | None:
        """Return a small object whole; None if there is none."""
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def put(self, key: str, content: bytes) -> None:
        """Write a small object whole or not at all."""
        sink = self.sink(key)
        try:
            sink.write(content)
            sink.publish()
        except BaseException:
            sink.discard()
            raise

    def sink(self, key: str) -> LocalSink:
        """Begin an object."""
        path = self._path(key)
        with _explained(self._uri):
            path.parent.mkdir(parents=True, exist_ok=True)
            return LocalSink(path)

    def delete(self, key: str) -> None:
        """Remove an object; one that is gone already is no error."""
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._root.joinpath(*key.split("/"))


class LocalSink:
    """Write ``<name>.part`` beside the target and rename it when it is whole.

    :raises BlockingIOError: if another process writes the same object at this moment.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(path.name + PART_SUFFIX)
        self._fd = self._lock()
        os.ftruncate(self._fd, 0)

    def _lock(self) -> int:
        # Open without truncating, lock, then look whether the name still leads to what was locked: between open
        # and lock another process may have renamed this very file into its place, and it must not be emptied.
        while True:
            # O_NOFOLLOW: a link of that name would have us overwrite whatever it leads to.
            fd = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(fd), self._part.lstat()):
                    return fd
            except FileNotFoundError:
                pass
            except BlockingIOError as error:
                os.close(fd)
                raise BlockingIOError(
                    error.errno, f"{self._path} is being written by another process at this moment; try again later"
                ) from None
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        view = memoryview(chunk)
        with _explained(str(self._path)):
            while view:
                view = view[os.write(self._fd, view) :]

    def publish(self) -> ObjectStat:
        """Make the bytes durable, give them their name, make that durable, and return what stands there."""
        os.fsync(self._fd)
        self._part.replace(self._path)
        os.close(self._fd)
        self._fd = -1  # from here on the name .part may be another writer's: `discard` must not touch it
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return _stat(self._path)

    def discard(self) -> None:
        """Drop what was written; nothing happens after `publish`."""
        if self._fd < 0:
            return
        with contextlib.suppress(FileNotFoundError):
            self._part.unlink()
        os.close(self._fd)
        self._fd = -1


def _stat(path: Path) -> ObjectStat:
    found = path.stat()
    return ObjectStat(found.st_size, f"mtime-ns:{found.st_mtime_ns}")


@contextlib.contextmanager
def _explained(target: str) -> Iterator[None]:
    """Say of a failed write which target it was and what to do."""
    try:
        yield
    except BlockingIOError:
        raise  # explains itself
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "choose another target")
        text = f"target {target} cannot be written by user id {os.geteuid()} ({error.strerror}): {remedy}"
        raise type(error)(error.errno, text) from None
