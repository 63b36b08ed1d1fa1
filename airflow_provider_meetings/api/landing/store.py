"""The store protocol of the landing engine; each subpackage of `storage` implements it for one kind of store.

Stores raise failures as OSError whose text names the target and the next step.
"""

from __future__ import annotations

import errno
import hashlib
import logging
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from pendulum import DateTime

log = logging.getLogger(__name__)

# A store writes objects whose names begin so to find out what it may do; a kill may leave one.
PROBE_NAME = ".airflow-meetings-may-write"
PIECE_BYTES = 1024 * 1024
# A receipt of 10,000 parts, the most that S3 allows, has 0.7 MiB.
MAX_READ_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """Size of an object in bytes, and a validator that changes when the object changes."""

    size: int
    validator: str


@dataclass(frozen=True, slots=True)
class ListedObject:
    """One object in a listing; `key` is relative to the store's root, `modified` is in UTC."""

    key: str
    size: int
    modified: DateTime


@dataclass(frozen=True, slots=True)
class PartialUpload:
    """Bytes of an object that is not published yet, or never will be.

    :param key: the key of the object.
    :param kind: ``part file``, ``multipart upload`` or ``temporary object``.
    :param handle: the store's identifier of the upload.
    :param size: bytes; None if the store does not report it.
    :param modified: time of the last write, in UTC.
    """

    key: str
    kind: str
    handle: str
    size: int | None
    modified: DateTime


@dataclass(frozen=True, slots=True)
class Precondition:
    """The version of an object that a writer may replace.

    :param stat: the object when it was read; None if there was none.
    :param sha256: of its content, in hexadecimal; empty if there was none.
    """

    stat: ObjectStat | None
    sha256: str = ""


class PreconditionFailed(BlockingIOError):
    """Another process has published this object since it was read: read it again, then write again."""

    def __init__(self, uri: str) -> None:
        super().__init__(errno.EAGAIN, f"{uri} was changed by another process; try again later")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is known about an object before its first byte is written.

    :param length: total bytes; None if unknown.
    :param resume_state: the state that an earlier writer passed to `save_state`; None to start a new upload.
    :param save_state: called with plain JSON before any byte is stored.
    :param if_match: replace only this version of the object, else raise `PreconditionFailed`; None replaces any.
    :param hidden: start the name of an incomplete object with a dot, so that Hive and Spark ignore it.
    """

    media_type: str = "application/octet-stream"
    length: int | None = None
    resume_state: Mapping[str, Any] | None = None
    save_state: Callable[[Mapping[str, Any]], None] = lambda state: None
    if_match: Precondition | None = None
    hidden: bool = False


class Writer(Protocol):
    """Write the bytes of one object from one thread; the object is visible only after `publish`."""

    offset: int = 0
    """The number of bytes resumed from an earlier writer; 0 for a new upload."""

    def read_existing(self) -> Iterator[bytes] | None:
        """Read the resumed bytes; None where the store cannot read an unpublished object."""
        return None

    def write(self, chunk: bytes) -> None:
        """Append bytes."""

    def publish(self) -> ObjectStat:
        """Make the object durable, then visible, and return its stat from the store."""

    def pause(self) -> None:
        """Stop and keep what a later writer can resume; after `publish` or `abort` do nothing."""

    def abort(self) -> None:
        """Stop and remove everything written; after `publish` or `pause` do nothing."""


class Store(Protocol):
    """One kind of store below a root; keys are relative to it, with ``/``. Must be thread-safe."""

    def check_writable(self) -> None:
        """Raise OSError, with target and next step, if nothing can be written; leave nothing behind."""

    def supports_if_match(self) -> bool:
        """Return whether the store checks `Plan.if_match` atomically; may send a request, leaves nothing behind."""
        return False

    def uri(self, key: str) -> str:
        """Return the address of an object."""

    def stat(self, key: str) -> ObjectStat | None:
        """Return size and validator of an object; None if there is none."""

    def read(self, key: str) -> bytes | None:
        """Return the content of a small object; None if there is none.

        Objects above `MAX_READ_BYTES`, pipes and devices are treated as missing: anyone who can write to the lake must
        not be able to fill a worker's memory or block it.
        """
        content = bytearray()
        try:
            with closing(self.open(key)) as pieces:
                for piece in pieces:
                    content += piece
                    if len(content) > MAX_READ_BYTES:
                        return None
        except (FileNotFoundError, NotADirectoryError):
            return None
        return bytes(content)

    def open(self, key: str) -> Generator[bytes]:
        """Yield the content of an object in pieces of `PIECE_BYTES`.

        :raises FileNotFoundError: if there is none.
        """

    def sha256(self, key: str) -> str:
        """Read an object, and return its sha256 in hexadecimal."""
        digest = hashlib.sha256()
        for piece in self.open(key):
            digest.update(piece)
        return digest.hexdigest()

    def put(self, key: str, content: bytes) -> None:
        """Write a small object atomically."""
        writer = self.writer(key, Plan(length=len(content)))
        try:
            writer.write(content)
            writer.publish()
        except BaseException:
            with suppress(OSError):  # the first error is more useful
                writer.abort()
            raise

    def writer(self, key: str, plan: Plan) -> Writer:
        """Start an upload, or resume one.

        :raises OSError: if it cannot be written; ENOSPC if there is no room for `plan.length`.
        """

    def delete(self, key: str) -> None:
        """Delete an object; a missing one is no error."""

    def discard(self, key: str, errors: type[OSError] = OSError) -> None:
        """Delete an object that is no longer needed; log one of `errors` as a warning, as under an object lock."""
        try:
            self.delete(key)
        except errors as error:
            log.warning("%s was not deleted: %s", self.uri(key), error.strerror or error)

    def walk(self, folder: str = "") -> Iterator[ListedObject]:
        """Yield every published object; the objects below each folder are yielded consecutively.

        :param folder: list only below this key.
        """

    def partial_uploads(self) -> Iterator[PartialUpload]:
        """Yield the partial uploads below the root, of any process."""

    def remove(self, upload: PartialUpload) -> bool:
        """Remove a partial upload; False if it is gone, or if another process is writing to it."""
