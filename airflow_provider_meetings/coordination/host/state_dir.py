"""A folder of locked files that only we can read; whatever is wrong with it is said in one line."""

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

_LONGEST_PAUSE = 0.2
_PAUSES = random.SystemRandom()  # the plain generator would give forked processes the same pauses
_REMEDIES = {
    errno.EACCES: "give this user the right to write there, or name another folder",
    errno.EPERM: "give this user the right to write there, or name another folder",
    errno.EROFS: "it is mounted read-only, name another folder",
    errno.ENOSPC: "the disk is full, make room or name another folder",
    errno.EDQUOT: "the quota is used up, make room or name another folder",
    errno.EFBIG: "the disk or a limit of this process takes no more, make room or name another folder",
    errno.ELOOP: "a link stands where a file of ours must be, remove it",
    errno.ENOTDIR: "a file or a link stands where a folder must be, name another folder",
    errno.ENOLCK: "its file system has no locks, name a folder on a local disk",
    errno.EOPNOTSUPP: "its file system has no locks, name a folder on a local disk",
    errno.ENOSYS: "its file system has no locks, name a folder on a local disk",
}


class StateFolder:
    """Open files of one folder; each with a lock of its own, which ends with the process that holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def check(self) -> None:
        """See that the folder is there, ours alone and writable; make it if it is not there.

        :raises BackendError: saying what to do.
        """
        with self.explained():
            folder = self._open_folder()
            try:
                if not os.access(".", os.W_OK | os.X_OK, dir_fd=folder, effective_ids=True):
                    self._refuse(os.strerror(errno.EACCES), _REMEDIES[errno.EACCES])
            finally:
                os.close(folder)

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Say of a failed call which folder it was and what to do."""
        try:
            yield
        except OSError as error:
            remedy = _REMEDIES.get(error.errno or 0, "name another folder")
            self._refuse(error.strerror or type(error).__name__, remedy)

    def open(self, name: str, *, create: bool) -> int | None:
        """Open a file for reading and writing; None if it is not there and shall not be made."""
        folder = self._open_folder()
        # NONBLOCK: a pipe in the place of a file would be waited on for ever.
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | (os.O_CREAT if create else 0)
        try:
            file = os.open(name, flags, 0o600, dir_fd=folder)
        except FileNotFoundError:
            if create:
                raise
            return None
        finally:
            os.close(folder)
        info = os.fstat(file)
        if not stat.S_ISREG(info.st_mode) or info.st_uid != os.geteuid() or info.st_mode & 0o077:
            os.close(file)
            self._refuse(f"{name[:12]}… in it is not a file of ours alone", "remove it")
        return file

    def open_locked(self, name: str, *, create: bool, shared: bool = False, timeout: float) -> int | None:
        """Open a file and lock it; None if it is not there and shall not be made.

        :raises Busy: after `timeout` seconds.
        """
        while (file := self.open(name, create=create)) is not None:
            try:
                self.lock(file, shared=shared, timeout=timeout)
            except BaseException:
                os.close(file)
                raise
            if os.fstat(file).st_nlink:
                return file
            os.close(file)  # it was swept away between the two: another one has its name
        return None

    def sweep(self, seconds: float, endings: tuple[str, ...]) -> None:
        """Remove the files with these endings that nobody has written to for so long, and that nobody has locked."""
        folder = self._open_folder()
        try:
            for name in os.listdir(folder):  # noqa: PTH208  # the folder that was judged
                if not name.endswith(endings) or time.time() - os.lstat(name, dir_fd=folder).st_mtime < seconds:
                    continue
                with contextlib.suppress(OSError, BackendError):
                    self._remove(folder, name)
        finally:
            os.close(folder)

    def _remove(self, folder: int, name: str) -> None:
        file = self.open(name, create=False)
        if file is None:
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(name, dir_fd=folder)
        finally:
            os.close(file)

    def replace(self, name: str, data: bytes) -> None:
        """Write a file whole, or leave the one before: also if the process is killed, or the machine stops.

        One at a time: whoever calls this holds a lock of its own for the name.
        """
        folder = self._open_folder()
        beside = f"{name}.new"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with contextlib.suppress(FileNotFoundError):
                os.unlink(beside, dir_fd=folder)  # of one who was killed
            file = os.open(beside, flags, 0o600, dir_fd=folder)
            try:
                written = 0
                while written < len(data):
                    written += os.write(file, data[written:])
                os.fsync(file)
            finally:
                os.close(file)
            os.rename(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)
        finally:
            os.close(folder)

    def lock(self, file: int, *, shared: bool = False, timeout: float) -> None:
        """Lock a file, asking again with growing pauses. Nobody keeps the order of asking here.

        :raises Busy: after `timeout` seconds.
        """
        kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
        until = time.monotonic() + timeout
        pause = 0.001
        while True:
            try:
                fcntl.flock(file, kind)
            except BlockingIOError:
                left = until - time.monotonic()
                if left <= 0:
                    raise Busy(
                        f"a file of the state folder {self.path} has been locked for {timeout:g} s by another process"
                    ) from None
                time.sleep(min(left, pause * _PAUSES.uniform(0.5, 1.0)))
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                return

    def _open_folder(self) -> int:
        if not self.path.is_absolute():
            self._refuse("the path is not absolute", "name it from the root on")
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            folder = os.open(self.path, flags)
        except FileNotFoundError:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = os.open(self.path, flags)
        info = os.fstat(folder)
        problem = ""
        if info.st_uid != os.geteuid():
            problem, remedy = f"it belongs to user id {info.st_uid}", "name a folder of this user's own"
        elif info.st_mode & 0o077:
            problem, remedy = "others may read or write it", "take their rights with chmod 700, or name another folder"
        if problem:
            os.close(folder)
            self._refuse(problem, remedy)
        return folder

    def _refuse(self, problem: str, remedy: str) -> NoReturn:
        raise BackendError(
            f"state folder {self.path} cannot be used by user id {os.geteuid()} ({problem}): {remedy}"
        ) from None
