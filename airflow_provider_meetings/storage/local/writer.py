"""Write one file on a local or mounted disk: beside its place, made durable, then renamed into it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_meetings.api.landing.store import ObjectStat, Parts, Plan, PreconditionFailed

_REMEDIES = {
    errno.EACCES: "give that user the right to write there, or choose another target",
    errno.EPERM: "give that user the right to write there, or choose another target",
    errno.EROFS: "mount it for writing, or choose another target",
    errno.ENOSPC: "make room, then try again; nothing of this file was published",
    errno.EDQUOT: "make room, then try again; nothing of this file was published",
    errno.EEXIST: "a file stands where a folder must be, choose another target",
    errno.ENOTDIR: "a file stands where a folder must be, choose another target",
}


@contextlib.contextmanager
def explained(target: str) -> Iterator[None]:
    """Say of a failed write which target it was and what to do."""
    try:
        yield
    except BlockingIOError:
        raise  # explains itself
    except OSError as error:
        if error.errno is None or "target " in str(error.strerror):
            raise  # explained further down
        remedy = _REMEDIES.get(error.errno, "choose another target")
        text = f"target {target} cannot be written by user id {os.geteuid()} ({error.strerror}): {remedy}"
        raise type(error)(error.errno, text) from None


PART_SUFFIX = ".part"
PIECE = 1024 * 1024
_BESIDE = 64 * 1024  # room for the checkpoint and the receipt: a file without a receipt is fetched again
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class LocalWriter:
    """Write ``<name>.part``, or ``.<name>.part``, beside the target and rename it when it is whole.

    Who writes over what he has read holds the lock on that name from before he compares until the rename.

    :raises BlockingIOError: if another process writes the same object at this moment.
    :raises OSError: if the file cannot be written, or there is not enough room for all of it.
    """

    def __init__(self, path: Path, plan: Plan) -> None:
        self._path = path
        self._part = path.with_name(f"{'.' if plan.hidden else ''}{path.name}{PART_SUFFIX}")
        self._if_match = plan.if_match
        self._fd = lock(self._part)
        try:
            self._offset = self._continued(plan)
            os.ftruncate(self._fd, self._offset)
            os.lseek(self._fd, self._offset, os.SEEK_SET)
            self._need_room((plan.length or 0) - self._offset)
            if not self._offset:
                plan.keep({"boot": _boot_id()})
        except BaseException:
            self.abort() if plan.place is None else self.pause()
            raise

    def _continued(self, plan: Plan) -> int:
        # What a process that was killed wrote is in the page cache or on the disk; after a power cut it may be
        # neither, with the file's size all the same. So bytes from before a start of the machine are not trusted.
        boot = _boot_id()
        if plan.place is None or not boot or plan.place.get("boot") != boot:
            return 0
        size = os.fstat(self._fd).st_size
        return size if plan.length is None or size <= plan.length else 0

    def _need_room(self, size: int) -> None:
        size += max(0, min(size, _BESIDE))
        found = os.fstatvfs(self._fd)
        room = found.f_bavail * found.f_frsize
        if size > room:
            raise OSError(
                errno.ENOSPC,
                f"target {self._path.parent} has {room} bytes free, and {size} are to come: make room, then try again",
            )

    @property
    def offset(self) -> int:
        """Return how many bytes of an earlier try stand already."""
        return self._offset

    def kept(self) -> Iterator[bytes]:
        """Read those bytes back."""
        done = 0
        while done < self._offset and (piece := os.pread(self._fd, min(PIECE, self._offset - done), done)):
            done += len(piece)
            yield piece

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        view = memoryview(chunk)
        with explained(str(self._path)):
            while view:
                view = view[os.write(self._fd, view) :]

    def publish(self) -> ObjectStat:
        """Make the bytes durable, give them their name, make that durable, and return what stands there."""
        with explained(str(self._path)):
            # Its content, not its time of change: of that, two writes within a tick of the clock have the same.
            if self._if_match is not None and _sha256(self._path) != self._if_match.sha256:
                raise PreconditionFailed(str(self._path))
            os.fsync(self._fd)
            self._part.replace(self._path)
        # Of what was renamed, not of the name: another process may have renamed or removed something there since.
        stat = _stat_of(os.fstat(self._fd))
        self._close()  # from here on the name .part may be another writer's: `discard` must not touch it
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return stat

    def parts(self) -> Parts | None:
        """Return nothing: what was kept can be read back."""
        return None

    def pause(self) -> None:
        """Leave the part file for a later try; nothing happens after `publish`."""
        if self._fd >= 0:
            self._close()

    def abort(self) -> None:
        """Drop what was written; nothing happens after `publish`."""
        if self._fd < 0:
            return
        with contextlib.suppress(FileNotFoundError):
            self._part.unlink()
        self._close()

    def _close(self) -> None:
        os.close(self._fd)
        self._fd = -1


def lock(part: Path) -> int:
    """Open a part file for one writer.

    Open without truncating, lock, then look whether the name still leads to what was locked: between open and lock
    another process may have renamed this very file into its place, and it must not be emptied.
    """
    while True:
        # O_NOFOLLOW: a link of that name would have us overwrite whatever it leads to.
        fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found = os.fstat(fd)
            if os.path.samestat(found, part.lstat()):
                if found.st_nlink == 1:
                    return fd
                # A copy of the lake that was made of hard links has this file too, perhaps as a published one.
                part.unlink()
        except FileNotFoundError:
            pass
        except BlockingIOError as error:
            os.close(fd)
            name = part.with_name(part.name.removesuffix(PART_SUFFIX))
            raise BlockingIOError(
                error.errno, f"{name} is being written by another process at this moment; try again later"
            ) from None
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def local_stat(path: Path) -> ObjectStat:
    """Return a file's size and time of change."""
    return _stat_of(path.stat())


def _stat_of(found: os.stat_result) -> ObjectStat:
    return ObjectStat(found.st_size, f"mtime-ns:{found.st_mtime_ns}")


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:  # not Linux: nothing is continued there
        return ""
