"""Calls to an fsspec file system: one at a time where needed, without its listing cache, with errors as OSError."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import os
import re
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pendulum
from pendulum import DateTime

from airflow_provider_meetings.api.landing.store import ObjectStat

# In order of preference: Google's ETag also changes with an object's metadata, its generation does not.
_VALIDATORS = ("generation", "ETag", "etag", "e_tag", "md5Hash", "md5", "checksum")
_TIMES = ("mtime", "LastModified", "last_modified", "modified", "updated", "modify", "created")

_ERRNOS: dict[type[Exception], int] = {
    FileNotFoundError: errno.ENOENT,
    PermissionError: errno.EACCES,
    FileExistsError: errno.EEXIST,
    NotADirectoryError: errno.ENOTDIR,
    TimeoutError: errno.ETIMEDOUT,
}
_NEXT_STEPS = {
    errno.ENOENT: "create the bucket, container or folder, or choose another target",
    errno.EACCES: "give the connection's account permission to list, read, write and delete there",
    errno.EPERM: "give the connection's account permission to list, read, write and delete there",
    errno.EEXIST: "an object of that name exists and this store does not replace it: choose another target",
    errno.ENOTDIR: "an object exists where a folder is needed: choose another target",
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some space, then try again"),
}


class FilesystemCalls:
    """Call a file system on behalf of one target; thread-safe.

    :param fs: any fsspec file system.
    :param target: the address as the user wrote it, for errors.
    """

    def __init__(self, fs: Any, target: str) -> None:
        self._fs = fs
        self._target = target
        # File systems built on asyncio are thread-safe. Others may share one connection, on which two concurrent calls
        # receive each other's answers: ftp does.
        self._lock: contextlib.AbstractContextManager[Any] = (
            contextlib.nullcontext() if getattr(fs, "async_impl", False) else threading.RLock()
        )

    @contextlib.contextmanager
    def call(self) -> Iterator[Any]:
        """Return the file system; convert its exceptions to OSErrors with target and next step."""
        with self._lock:
            try:
                yield self._fs
            except Exception as error:
                # Drop the text and the exception: both may contain a signed URL or the account.
                raise _to_oserror(self._target, error) from None

    def open(self, path: str, *, autocommit: bool) -> Any:
        with self.call() as fs:
            file = fs.open(path, "wb", autocommit=autocommit)
            if not autocommit:
                # fsspec adds the file to a transaction that is never started, and keeps it with its buffers for ever.
                with contextlib.suppress(ValueError):
                    fs.transaction.files.remove(file)
            return file

    def discard(self, file: Any) -> None:
        """Close a file and discard what was not committed. An open file would be closed by garbage collection."""
        for step in (file.close, getattr(file, "discard", None)):
            if step is not None:
                with contextlib.suppress(OSError), self.call():
                    step()

    def make_folder(self, path: str) -> None:
        """Create a folder and its parents, where the store has folders."""
        with self.call() as fs:
            fs.invalidate_cache()
            try:
                fs.makedirs(path, exist_ok=True)
            except Exception:
                fs.invalidate_cache()
                if not fs.isdir(path):  # else another process has just created it
                    raise

    def stat(self, path: str) -> ObjectStat | None:
        """Return size and validator of an object, not from the listing cache; None if there is none."""
        with self.call() as fs:
            fs.invalidate_cache(path.rpartition("/")[0])
            try:
                info = fs.info(path)
            except (FileNotFoundError, NotADirectoryError):
                return None
        return None if info.get("type") in {"directory", "other"} else ObjectStat(info["size"], validator(info))

    def move(self, path: str, to: str) -> None:
        with self.call() as fs:
            fs.mv(path, to)
            fs.invalidate_cache(to.rpartition("/")[0])

    def remove(self, path: str) -> None:
        """Delete an object; a missing one is no error."""
        try:
            with self.call() as fs:
                fs.rm_file(path)
        except OSError:
            # File systems raise different errors for a missing object.
            if self.stat(path) is not None:
                raise


def validator(info: Mapping[str, Any]) -> str:
    """Return a value of a file system's info that changes only when the object changes; empty if there is none."""
    for name in (*_VALIDATORS, *_TIMES):
        value = info.get(name)
        if value not in (None, ""):
            if isinstance(value, dt.datetime):
                value = value.isoformat()
            elif isinstance(value, bytes | bytearray):
                value = value.hex()
            return f"{name}:{value}"
    return ""


def modified(info: Mapping[str, Any]) -> DateTime | None:
    """Return the time of the last write in UTC; None if the info has none."""
    for name in _TIMES:
        value = info.get(name)
        if isinstance(value, dt.datetime):
            return pendulum.instance(value, tz="UTC").in_timezone("UTC")
        if isinstance(value, int | float):
            return pendulum.from_timestamp(value)
        if isinstance(value, str) and value:
            return _parse_time(value)
    return None


def _parse_time(text: str) -> DateTime | None:
    try:
        if text[:14].isdecimal():  # FTP servers send YYYYMMDDHHMMSS in UTC (RFC 3659)
            return pendulum.instance(dt.datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=dt.UTC))
        parsed = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return pendulum.instance(parsed, tz="UTC").in_timezone("UTC")


def _to_oserror(target: str, error: Exception) -> OSError:
    if isinstance(error, OSError) and str(error.strerror).startswith("target "):
        return error
    number = getattr(error, "errno", None) if isinstance(error, OSError) else None
    number = number or next((n for kind, n in _ERRNOS.items() if isinstance(error, kind)), errno.EIO)
    code = getattr(error, "status_code", None) or getattr(error, "code", None)
    if not isinstance(code, int):
        found = re.match(r"\d{3}\b", str(error))  # replies of FTP servers start with a code
        code = found[0] if found else None
    reason = type(error).__name__ + (f" {code}" if code else f", {os.strerror(number)}" if number != errno.EIO else "")
    next_step = _NEXT_STEPS.get(number, "try again; if it persists, test the connection")
    return OSError(number, f"target {target} failed ({reason}): {next_step}")
