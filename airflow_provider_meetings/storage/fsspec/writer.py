"""Write one object to a file system of fsspec: held back by it until it is whole, or under a temporary name."""

from __future__ import annotations

import contextlib
import errno
import logging
import re
import secrets
from collections.abc import Iterator

from airflow_provider_meetings.api.landing.store import ObjectStat, Parts, Plan, PreconditionFailed
from airflow_provider_meetings.storage.fsspec.calls import FilesystemCalls
from airflow_provider_meetings.storage.fsspec.probe import put_away

log = logging.getLogger(__name__)

_TEMPORARY = re.compile(r"(.+)\.[0-9a-f]{8}\.part", re.DOTALL)


def temporary(name: str) -> str:
    """Return a name for the bytes of an object until it is whole: beside it, and no other writer's."""
    return f"{name}.{secrets.token_hex(4)}.part"


def final(name: str) -> str | None:
    """Return the name of the object that a temporary one was to become; None for a name that is not temporary."""
    found = _TEMPORARY.fullmatch(name)
    return found[1] if found else None


class UploadWriter:
    """Upload under the object's own name; it appears when the upload is committed.

    Nothing is kept for a later try: no file system can be asked what of an upload it holds already.
    """

    def __init__(self, calls: FilesystemCalls, path: str, plan: Plan) -> None:
        self._calls = calls
        self._path = path
        self._if_match = plan.if_match
        self._size = 0
        self._ended = False
        self._begin()

    def _begin(self) -> None:
        self._file = self._calls.open(self._path, autocommit=False)

    @property
    def offset(self) -> int:
        """Return 0: every try begins anew."""
        return 0

    def kept(self) -> Iterator[bytes] | None:
        """Return nothing."""
        return None

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        with self._calls.call():
            self._file.write(chunk)
        self._size += len(chunk)

    def publish(self) -> ObjectStat:
        """End the upload, give it its name and ask the store what stands there."""
        with self._calls.call():
            self._file.close()
        # As late as can be: what no store of these can be asked for is to do both at once.
        if self._if_match is not None and self._calls.stat(self._path) != self._if_match.stat:
            raise PreconditionFailed(self._path)
        self._commit()
        self._ended = True
        stat = self._calls.stat(self._path)
        if stat is None:
            raise OSError(errno.EIO, f"target {self._path} is not there after it was written: try again")
        return stat

    def _commit(self) -> None:
        with self._calls.call():
            self._file.commit()

    def parts(self) -> Parts | None:
        """Return nothing."""
        return None

    def pause(self) -> None:
        """Drop what was written, as far as the store answers: the next try, or a sweep, does the rest."""
        try:
            self.abort()
        except OSError as error:
            log.warning("what was written of %s could not be removed now: %s", self._path, error)

    def abort(self) -> None:
        """Drop what was written; nothing happens after `publish`."""
        if not self._ended:
            put_away(self._calls, self._file)
            self._ended = True


class TemporaryWriter(UploadWriter):
    """Write beside the object, under a name of our own, and move it when it is whole.

    :param root: what stands before a key in a path.
    """

    def __init__(self, calls: FilesystemCalls, root: str, key: str, plan: Plan) -> None:
        folder, slash, name = f"{root}{key}".rpartition("/")
        self._temporary = temporary(f"{folder}{slash}{'.' if plan.hidden else ''}{name}")
        place = (plan.place or {}).get("temporary")
        if isinstance(place, str) and final(place) == key:
            calls.remove(f"{root}{place}")  # an earlier try's
        plan.keep({"temporary": self._temporary.removeprefix(root)})
        super().__init__(calls, f"{root}{key}", plan)

    def _begin(self) -> None:
        try:
            self._file = self._calls.open(self._temporary, autocommit=True)
        except BaseException:
            # It may have been made all the same.
            with contextlib.suppress(OSError):
                self._calls.remove(self._temporary)
            raise

    def _commit(self) -> None:
        found = self._calls.stat(self._temporary)
        if found is None or found.size != self._size:
            # Before the move: it would replace what stands there.
            size = found.size if found else "no"
            raise OSError(errno.EIO, f"target {self._path}: the store holds {size} bytes of {self._size}: try again")
        self._calls.move(self._temporary, self._path)
        # A move may be a copy and a removal.
        if self._calls.stat(self._temporary) is not None:
            self._calls.remove(self._temporary)

    def abort(self) -> None:
        """Remove the temporary object; nothing happens after `publish`."""
        if self._ended:
            return
        put_away(self._calls, self._file)
        self._calls.remove(self._temporary)
        self._ended = True
