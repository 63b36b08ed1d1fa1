"""Write one file on a local or mounted disk: to a part file beside it, synced, then renamed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_meetings.api.landing.store import PIECE_BYTES, ObjectStat, Plan, PreconditionFailed, Writer

PART_SUFFIX = ".part"
_RESERVE_BYTES = 64 * 1024  # room for checkpoint and receipt: a file without a receipt is downloaded again
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_NEXT_STEPS = {
    **dict.fromkeys((errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS), "mount it with file locks, or choose another target"),
    **dict.fromkeys((errno.EACCES, errno.EPERM), "give this user write permission, or choose another target"),
    errno.EROFS: "mount it for writing, or choose another target",
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some space, then try again"),
    **dict.fromkeys((errno.EEXIST, errno.ENOTDIR), "a file exists where a folder is needed, choose another target"),
}


class LocalWriter(Writer):
    """Write ``<name>.part``, or ``.<name>.part``, beside the target and rename it when it is complete.

    The part file stays locked until it is renamed, so that `Plan.if_match` is checked under the lock.

    :raises BlockingIOError: if another process is writing the same object.
    :raises OSError: if the file cannot be written, or there is not enough space for all of it.
    """

    def __init__(self, path: Path, plan: Plan) -> None:
        self._path = path
        self._part = path.with_name(f"{'.' if plan.hidden else ''}{path.name}{PART_SUFFIX}")
        self._if_match = plan.if_match
        self._fd = lock_part(self._part, check_owner=True)
        try:
            self.offset = self._resumable_bytes(plan)
            os.ftruncate(self._fd, self.offset)
            os.lseek(self._fd, self.offset, os.SEEK_SET)
            self._check_space((plan.length or 0) - self.offset)
            if not self.offset:
                plan.save_state({"boot": _boot_id()})
        except BaseException:
            self.abort() if plan.resume_state is None else self.pause()
            raise

    def _resumable_bytes(self, plan: Plan) -> int:
        # Bytes of a killed process are in the page cache or on disk. After a power failure they may be lost although
        # the file has its size, so bytes written before the last boot are not trusted.
        boot = _boot_id()
        if plan.resume_state is None or not boot or plan.resume_state.get("boot") != boot:
            return 0
        size = os.fstat(self._fd).st_size
        return size if plan.length is None or size <= plan.length else 0

    def _check_space(self, size: int) -> None:
        size += max(0, min(size, _RESERVE_BYTES))
        stat = os.fstatvfs(self._fd)
        free = stat.f_bavail * stat.f_frsize
        if size > free:
            raise OSError(
                errno.ENOSPC,
                f"target {self._path.parent} has {free} bytes free, {size} are needed: free some space, then try again",
            )

    def read_existing(self) -> Iterator[bytes]:
        done = 0
        while done < self.offset and (piece := os.pread(self._fd, min(PIECE_BYTES, self.offset - done), done)):
            done += len(piece)
            yield piece

    def write(self, chunk: bytes) -> None:
        view = memoryview(chunk)
        with explain_errors(str(self._path)):
            while view:
                view = view[os.write(self._fd, view) :]

    def publish(self) -> ObjectStat:
        """Sync the part file, rename it, sync the folder, and return the stat of the renamed file."""
        with explain_errors(str(self._path)):
            # Compare the content: two writes within one clock tick have the same mtime.
            if self._if_match is not None and _sha256(self._path) != self._if_match.sha256:
                raise PreconditionFailed(str(self._path))
            os.fsync(self._fd)
            self._part.replace(self._path)
        # By descriptor, not by path: another process may have replaced the file already.
        stat = to_stat(os.fstat(self._fd))
        self._close()  # from here on .part may be another writer's: `abort` must not remove it
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        except OSError as error:
            if error.errno != errno.EINVAL:  # a CIFS mount syncs no folders
                text = f"target {self._path} is complete, but its folder was not synced ({error.strerror}): try again"
                raise OSError(error.errno, text) from None
        finally:
            os.close(folder)
        return stat

    def pause(self) -> None:
        if self._fd >= 0:
            self._close()

    def abort(self) -> None:
        if self._fd < 0:
            return
        with contextlib.suppress(FileNotFoundError):
            self._part.unlink()
        self._close()

    def _close(self) -> None:
        os.close(self._fd)
        self._fd = -1


def lock_part(part: Path, *, check_owner: bool = False) -> int:
    """Open a part file for one writer, and return its file descriptor.

    Open without truncating, lock, then check that the path still leads to the locked file: in between another process
    may have renamed this very file to its final name, and it must not be truncated.

    :param check_owner: raise PermissionError for the file of another user, who could change it also after the rename.
    :raises BlockingIOError: if another process has locked it.
    """
    while True:
        if check_owner:  # also before: such a file can often not be opened
            with contextlib.suppress(FileNotFoundError):
                _check_owner(part, part.lstat())
        # O_NOFOLLOW: a symbolic link would make us overwrite its target.
        fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            stat = os.fstat(fd)
            if check_owner:
                _check_owner(part, stat)
            if os.path.samestat(stat, part.lstat()):
                if stat.st_nlink == 1:
                    return fd
                # A hard-linked copy of the lake shares this file, perhaps under its final name.
                part.unlink()
        except FileNotFoundError:
            pass
        except BlockingIOError as error:
            os.close(fd)
            name = part.with_name(part.name.removesuffix(PART_SUFFIX))
            raise BlockingIOError(error.errno, f"{name} is being written by another process; try again later") from None
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _check_owner(part: Path, stat: os.stat_result) -> None:
    if stat.st_uid == os.geteuid():
        return
    # Some mounts choose the owner of every file: CIFS, or NFS for root.
    with tempfile.TemporaryFile(dir=part.parent) as own:
        if os.fstat(own.fileno()).st_uid != stat.st_uid:
            text = f"target {part} belongs to user id {stat.st_uid}, who could change what lands: remove it, try again"
            raise PermissionError(errno.EACCES, text)


@contextlib.contextmanager
def explain_errors(target: str) -> Iterator[None]:
    """Add the target and the next step to the text of an OSError."""
    try:
        yield
    except OSError as error:
        if isinstance(error, BlockingIOError) or error.errno is None or "target " in str(error.strerror):
            raise  # its text has both already
        next_step = _NEXT_STEPS.get(error.errno, "choose another target")
        text = f"target {target} is not writable for user id {os.geteuid()} ({error.strerror}): {next_step}"
        raise type(error)(error.errno, text) from None


def to_stat(stat: os.stat_result) -> ObjectStat:
    """Return the size of a file and, as validator, its mtime."""
    return ObjectStat(stat.st_size, f"mtime-ns:{stat.st_mtime_ns}")


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:  # not Linux: uploads are not resumed
        return ""
