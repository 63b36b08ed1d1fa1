"""Write one object to an fsspec file system: with a deferred commit, or under a temporary name."""

from __future__ import annotations

import contextlib
import errno
import logging
import re
import secrets

from airflow_provider_meetings.api.landing.store import ObjectStat, Plan, PreconditionFailed, Writer
from airflow_provider_meetings.storage.fsspec.calls import FilesystemCalls

log = logging.getLogger(__name__)

_TEMPORARY = re.compile(r"(.+)\.[0-9a-f]{8}\.part", re.DOTALL)


def temporary_name(name: str) -> str:
    """Return a unique name for an incomplete object, beside the final one."""
    return f"{name}.{secrets.token_hex(4)}.part"


def final_name(name: str) -> str | None:
    """Return the final name of a temporary object; None if the name is not a temporary one."""
    match = _TEMPORARY.fullmatch(name)
    return match[1] if match else None


class UploadWriter(Writer):
    """Upload under the final name; the object appears on commit.

    Not resumable: file systems do not report which bytes of an upload they have.
    """

    def __init__(self, calls: FilesystemCalls, path: str, plan: Plan) -> None:
        self._calls = calls
        self._path = path
        self._if_match = plan.if_match
        self._size = 0
        self._ended = False
        self._open()

    def _open(self) -> None:
        self._file = self._calls.open(self._path, autocommit=False)

    def write(self, chunk: bytes) -> None:
        with self._calls.call():
            self._file.write(chunk)
        self._size += len(chunk)

    def publish(self) -> ObjectStat:
        with self._calls.call():
            self._file.close()
        # As late as possible: no file system offers a conditional write.
        if self._if_match is not None and self._calls.stat(self._path) != self._if_match.stat:
            raise PreconditionFailed(self._path)
        self._commit()
        self._ended = True
        stat = self._calls.stat(self._path)
        if stat is None:
            raise OSError(errno.EIO, f"target {self._path} does not exist after the upload: try again")
        return stat

    def _commit(self) -> None:
        with self._calls.call():
            self._file.commit()

    def pause(self) -> None:
        """Discard what was written; log errors, because the next try or a sweep removes the rest."""
        try:
            self.abort()
        except OSError as error:
            log.warning("Removing the partial upload of %s failed: %s", self._path, error)

    def abort(self) -> None:
        if not self._ended:
            self._calls.discard(self._file)
            self._ended = True


class TemporaryWriter(UploadWriter):
    """Write to a temporary object beside the final one, and move it when it is complete.

    :param root: the prefix of all paths.
    """

    def __init__(self, calls: FilesystemCalls, root: str, key: str, plan: Plan) -> None:
        folder, slash, name = f"{root}{key}".rpartition("/")
        self._temporary = temporary_name(f"{folder}{slash}{'.' if plan.hidden else ''}{name}")
        old = (plan.resume_state or {}).get("temporary")
        if isinstance(old, str) and final_name(old) == key:
            calls.remove(f"{root}{old}")  # of an earlier try
        plan.save_state({"temporary": self._temporary.removeprefix(root)})
        super().__init__(calls, f"{root}{key}", plan)

    def _open(self) -> None:
        try:
            self._file = self._calls.open(self._temporary, autocommit=True)
        except BaseException:
            # It may have been created nevertheless.
            with contextlib.suppress(OSError):
                self._calls.remove(self._temporary)
            raise

    def _commit(self) -> None:
        stat = self._calls.stat(self._temporary)
        if stat is None or stat.size != self._size:
            # Checked before the move, which replaces the published object.
            size = stat.size if stat else "no"
            raise OSError(errno.EIO, f"target {self._path}: the store has {size} bytes of {self._size}: try again")
        self._calls.move(self._temporary, self._path)
        # Some file systems move by copying.
        if self._calls.stat(self._temporary) is not None:
            self._calls.remove(self._temporary)

    def abort(self) -> None:
        if not self._ended:
            self._calls.discard(self._file)
            self._calls.remove(self._temporary)
            self._ended = True
