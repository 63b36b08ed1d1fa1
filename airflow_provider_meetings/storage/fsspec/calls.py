"""Calls to a file system of fsspec: one at a time where it must be, never from a cache, failures as OSError."""

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

# The first that is there counts. Google's generation before its ETag, which changes with an object's metadata too.
_VALIDATORS = ("generation", "ETag", "etag", "e_tag", "md5Hash", "md5", "checksum")
_TIMES = ("mtime", "LastModified", "last_modified", "modified", "updated", "modify", "created")


def validator(info: Mapping[str, Any]) -> str:
    """Return a mark that changes when the object does, and never by itself; empty if the store gives none."""
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
    """Return when the object was last written to, in UTC; None if the listing does not say."""
    for name in _TIMES:
        value = info.get(name)
        if isinstance(value, dt.datetime):
            return pendulum.instance(value, tz="UTC").in_timezone("UTC")
        if isinstance(value, int | float):
            return pendulum.from_timestamp(value)
        if isinstance(value, str) and value:
            return _parsed(value)
    return None


def _parsed(text: str) -> DateTime | None:
    try:
        if text[:14].isdecimal():  # RFC 3659, as FTP servers write it: YYYYMMDDHHMMSS, in UTC
            return pendulum.instance(dt.datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=dt.UTC))
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return pendulum.instance(found, tz="UTC").in_timezone("UTC")


_NUMBERS: dict[type[Exception], int] = {
    FileNotFoundError: errno.ENOENT,
    PermissionError: errno.EACCES,
    FileExistsError: errno.EEXIST,
    NotADirectoryError: errno.ENOTDIR,
    TimeoutError: errno.ETIMEDOUT,
}
_REMEDIES = {
    errno.ENOENT: "create the bucket, container or folder, or choose another target",
    errno.EACCES: "give the connection's account the right to list, read, write and delete there",
    errno.EPERM: "give the connection's account the right to list, read, write and delete there",
    errno.EEXIST: "an object stands where another must be, and this store does not replace it: choose another target",
    errno.ENOTDIR: "an object stands where a folder must be: choose another target",
    errno.ENOSPC: "make room, then try again; nothing of this file was published",
    errno.EDQUOT: "make room, then try again; nothing of this file was published",
}


class FilesystemCalls:
    """Call a file system on behalf of one target; used by several threads at once.

    :param fs: any fsspec file system.
    :param target: the address as the user wrote it, for errors.
    """

    def __init__(self, fs: Any, target: str) -> None:
        self._fs = fs
        self._target = target
        # Those built on asyncio queue calls by themselves. The others may hold one connection on which two calls at
        # once get each other's answers: ftp does.
        self._lock: contextlib.AbstractContextManager[Any] = (
            contextlib.nullcontext() if getattr(fs, "async_impl", False) else threading.RLock()
        )

    @contextlib.contextmanager
    def call(self) -> Iterator[Any]:
        """Hand out the file system; what it raises meanwhile becomes an OSError that names target and remedy."""
        with self._lock:
            try:
                yield self._fs
            except Exception as error:
                # Neither its text nor the exception itself: both may hold a signed URL or the account.
                raise _told(self._target, error) from None

    def open(self, path: str, *, autocommit: bool) -> Any:
        """Open a file for writing."""
        with self.call() as fs:
            file = fs.open(path, "wb", autocommit=autocommit)
            if not autocommit:
                # fsspec keeps what is opened so for a transaction that nobody began: for ever, with its buffers.
                with contextlib.suppress(ValueError):
                    fs.transaction.files.remove(file)
            return file

    def make_folder(self, path: str) -> None:
        """Make a folder with those above it, where the store has such."""
        with self.call() as fs:
            fs.invalidate_cache()
            try:
                fs.makedirs(path, exist_ok=True)
            except Exception:
                fs.invalidate_cache()
                if not fs.isdir(path):  # else another process made it in this moment
                    raise

    def stat(self, path: str) -> ObjectStat | None:
        """Ask for size and validator, past the listing cache; None if no object stands there."""
        with self.call() as fs:
            fs.invalidate_cache(path.rpartition("/")[0])
            try:
                info = fs.info(path)
            except (FileNotFoundError, NotADirectoryError):
                return None
        return None if info.get("type") in {"directory", "other"} else ObjectStat(info["size"], validator(info))

    def move(self, path: str, to: str) -> None:
        """Move an object over another."""
        with self.call() as fs:
            fs.mv(path, to)
            fs.invalidate_cache(to.rpartition("/")[0])

    def remove(self, path: str) -> None:
        """Remove an object; one that is gone is no error."""
        try:
            with self.call() as fs:
                fs.rm_file(path)
        except OSError:
            # Each says in its own way that there was none.
            if self.stat(path) is not None:
                raise


def _told(target: str, error: Exception) -> OSError:
    if isinstance(error, OSError) and str(error.strerror).startswith("target "):
        return error
    number = getattr(error, "errno", None) if isinstance(error, OSError) else None
    number = number or next((n for kind, n in _NUMBERS.items() if isinstance(error, kind)), errno.EIO)
    code = getattr(error, "status_code", None) or getattr(error, "code", None)
    if not isinstance(code, int):
        found = re.match(r"\d{3}\b", str(error))  # an FTP server's answers begin so
        code = found[0] if found else None
    what = type(error).__name__ + (f" {code}" if code else f", {os.strerror(number)}" if number != errno.EIO else "")
    remedy = _REMEDIES.get(number, "try again, and if it stays test the store's connection")
    return OSError(number, f"target {target} failed ({what}): {remedy}")
