"""A private folder of locked files. Each error names the folder and the next step in one line."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import random
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from airflow_provider_meetings.coordination.backend import BackendError, Busy

_MAX_PAUSE = 0.2
_NO_RIGHT = "give this user write permission there, or use another folder"
_NO_LOCKS = "its file system does not support locks; use a folder on a local disk"
_REMEDIES = {
    errno.EACCES: _NO_RIGHT,
    errno.EPERM: _NO_RIGHT,
    errno.EROFS: "it is mounted read-only; use another folder",
    errno.ENOSPC: "the disk is full; free some space, or use another folder",
    errno.EDQUOT: "the disk quota is exhausted; free some space, or use another folder",
    errno.EFBIG: "the disk is full, or this process may not write more; free some space, or use another folder",
    errno.ELOOP: "one of its files is a symbolic link; remove it",
    errno.ENOTDIR: "the path is a file or a symbolic link; use another folder",
    errno.ENOLCK: _NO_LOCKS,
    errno.EOPNOTSUPP: _NO_LOCKS,
    errno.ENOSYS: _NO_LOCKS,
}


class StateFolder:
    """Open and lock the files of one folder. A lock ends with the process that holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def check(self) -> None:
        """Check that the folder exists, is private and writable; create it if it is missing.

        :raises BackendError: naming the remedy.
        """
        with self.translated_errors(), self._opened() as folder:
            if not os.access(".", os.W_OK | os.X_OK, dir_fd=folder, effective_ids=True):
                self._refuse(os.strerror(errno.EACCES), _NO_RIGHT)

    @contextlib.contextmanager
    def translated_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            remedy = _REMEDIES.get(error.errno or 0, "use another folder")
            self._refuse(error.strerror or type(error).__name__, remedy)

    def has(self, name: str) -> bool:
        """Return whether a file exists."""
        with self.translated_errors(), self._opened() as folder:
            return os.access(name, os.F_OK, dir_fd=folder, follow_symlinks=False)

    def open(self, name: str, *, create: bool = False) -> int:
        """Open a file for reading and writing."""
        # NONBLOCK: opening a named pipe in the place of a file would wait forever.
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | (os.O_CREAT if create else 0)
        with self._opened() as folder:
            file = os.open(name, flags, 0o600, dir_fd=folder)
        info = os.fstat(file)
        if not stat.S_ISREG(info.st_mode) or info.st_uid != os.geteuid() or info.st_mode & 0o077:
            os.close(file)
            self._refuse(f"{name[:12]}… in it is not a private regular file", "remove it")
        return file

    def open_locked(self, name: str, *, shared: bool = False, timeout: float) -> int:
        """Open a file, or create it, and lock it.

        :raises Busy: after `timeout` seconds.
        """
        while True:
            file = self.open(name, create=True)
            try:
                self.lock(file, shared=shared, timeout=timeout)
            except BaseException:
                os.close(file)
                raise
            if os.fstat(file).st_nlink:
                return file
            os.close(file)  # it was swept between open and lock

    def sweep(self, seconds: float, endings: tuple[str, ...]) -> None:
        """Remove unlocked files with these endings that were not written for `seconds`."""
        with self._opened() as folder:
            for name in os.listdir(folder):  # noqa: PTH208  # the folder that was checked
                if not name.endswith(endings) or time.time() - os.lstat(name, dir_fd=folder).st_mtime < seconds:
                    continue
                with contextlib.suppress(OSError, BackendError):
                    self._remove(folder, name)

    def _remove(self, folder: int, name: str) -> None:
        file = self.open(name)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(name, dir_fd=folder)
        finally:
            os.close(file)

    def replace(self, name: str, data: bytes) -> None:
        """Replace a file atomically and durably. The caller holds a lock for the name."""
        temporary = f"{name}.new"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with self._opened() as folder:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)  # left by a killed process
            with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=folder), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)

    def lock(self, file: int, *, shared: bool = False, timeout: float) -> None:
        """Lock a file by polling with growing pauses."""
        kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
        deadline = time.monotonic() + timeout
        pause = 0.001
        while True:
            try:
                fcntl.flock(file, kind)
            except BlockingIOError:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise Busy(
                        f"another process has locked a file of the state folder {self.path} for {timeout:g} s"
                    ) from None
                time.sleep(min(remaining, pause * random.uniform(0.5, 1.0)))  # noqa: S311  # not for secrets
                pause = min(pause * 2, _MAX_PAUSE)
            else:
                return

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        if not self.path.is_absolute():
            self._refuse("the path is not absolute", "use an absolute path")
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            folder = os.open(self.path, flags)
        except FileNotFoundError:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = os.open(self.path, flags)
        try:
            info = os.fstat(folder)
            if info.st_uid != os.geteuid():
                self._refuse(f"it belongs to user id {info.st_uid}", "use a folder of this user")
            if info.st_mode & 0o077:
                self._refuse("others may read or write it", "run chmod 700 on it, or use another folder")
            yield folder
        finally:
            os.close(folder)

    def _refuse(self, problem: str, remedy: str) -> NoReturn:
        raise BackendError(
            f"state folder {self.path} cannot be used by user id {os.geteuid()} ({problem}): {remedy}"
        ) from None
