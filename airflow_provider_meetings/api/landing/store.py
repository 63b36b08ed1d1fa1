"""What the landing engine asks of a store. One file per kind of store in `storage/` answers it.

Stores speak of failures as OSError, saying which target it was and what to do: no space, no permission, no answer.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pendulum import DateTime

# 10,000 parts, the most that a store takes, make a receipt of 0.7 MiB.
LARGEST_READ = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """What a store says of an object: bytes, and a mark that changes when the object does."""

    size: int
    validator: str


@dataclass(frozen=True, slots=True)
class Listed:
    """One object in a listing; `key` is relative to the store's root, `modified` is in UTC."""

    key: str
    size: int
    modified: DateTime


@dataclass(frozen=True, slots=True)
class PartialUpload:
    """What a try that died left behind: bytes that stand under no final name.

    :param key: the object that it was to become.
    :param kind: ``part file``, ``multipart upload`` or ``temporary object``.
    :param handle: the store's own name of it.
    :param size: bytes, where the store can tell.
    :param modified: when it was last written to, in UTC.
    """

    key: str
    kind: str
    handle: str
    size: int | None
    modified: DateTime


@dataclass(frozen=True, slots=True)
class Parts:
    """Proof of an object of which no whole hash is known: the sha256 of each part, in hexadecimal.

    Each part holds `size` bytes, the last one what is left.
    """

    size: int
    sha256: tuple[str, ...]

    @property
    def tree(self) -> str:
        """Return the sha256 of the parts' digests, one after the other: S3's composite checksum, in hexadecimal."""
        return hashlib.sha256(b"".join(map(bytes.fromhex, self.sha256))).hexdigest()


@dataclass(frozen=True, slots=True)
class Precondition:
    """What stood under a name when its content was read, which a new object is made from.

    :param stat: what the store said; None if there was nothing.
    :param sha256: of the content, in hexadecimal; empty if there was nothing.
    """

    stat: ObjectStat | None
    sha256: str = ""


class PreconditionFailed(BlockingIOError):
    """Somebody else has published under this name since it was read: read again, then write again."""

    def __init__(self, uri: str) -> None:
        super().__init__(errno.EAGAIN, f"{uri} was changed by another process meanwhile; try again later")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is known of an object before its first byte is written.

    :param length: bytes to come in all; None if nobody said.
    :param place: what an earlier try's writer gave to `keep`: continue there; None to begin anew.
    :param keep: is told, as plain JSON, where the bytes lie, before any is stored there; what it was told comes back
        as `place`.
    :param if_match: replace this version of the object only, else raise `PreconditionFailed`; None replaces any.
    :param hidden: give what is not whole a name that begins with a point: whoever reads all that stands in a folder,
        as Hive and Spark do, passes over such.
    """

    media_type: str = "application/octet-stream"
    length: int | None = None
    place: Mapping[str, Any] | None = None
    keep: Callable[[Mapping[str, Any]], None] = lambda place: None
    if_match: Precondition | None = None
    hidden: bool = False


class Writer(Protocol):
    """Take the bytes of one object, from one thread; nothing stands under its name before `publish`."""

    @property
    def offset(self) -> int:
        """Return how many bytes of an earlier try stand already; 0 where it was not continued."""

    def kept(self) -> Iterator[bytes] | None:
        """Read those bytes back; None where the store cannot do so before the object is published."""

    def write(self, chunk: bytes) -> None:
        """Append bytes."""

    def publish(self) -> ObjectStat:
        """Make the object durable, then visible, and ask the store what stands there."""

    def parts(self) -> Parts | None:
        """Return the hashes of the parts after `publish`; None where the store did not keep them."""

    def pause(self) -> None:
        """Stop, and leave what a later try can continue; after `publish` or `discard` do nothing."""

    def abort(self) -> None:
        """Leave no trace; after `publish` or `suspend` do nothing."""


class Store(Protocol):
    """One kind of store, bound to a root; keys are relative to it, with ``/``. Used by several threads at once."""

    def check_writable(self) -> None:
        """Raise OSError, naming target and remedy, if nothing can be written; leave nothing behind."""

    def guards(self) -> bool:
        """Tell whether the store itself checks `Plan.if_match`; else two writers can overtake each other in an instant.

        May ask the store; leaves nothing behind.
        """

    def uri(self, key: str) -> str:
        """Return the object's address."""

    def stat(self, key: str) -> ObjectStat | None:
        """Ask the store about an object; None if there is none."""

    def read(self, key: str) -> bytes | None:
        """Return a small object whole; None if there is none.

        What is larger than `LARGEST_READ`, and what is no file at all (a pipe, a device), counts as none: whoever can
        write to a lake shall not fill a worker's memory, or have it wait for ever.
        """

    def open(self, key: str) -> Iterator[bytes]:
        """Yield an object's bytes in pieces of at most 1 MiB.

        :raises FileNotFoundError: if there is none.
        """

    def put(self, key: str, content: bytes) -> None:
        """Write a small object whole or not at all."""

    def writer(self, key: str, plan: Plan) -> Writer:
        """Begin an object, or continue one.

        :raises OSError: if it cannot be written; ENOSPC where `plan.length` is more than there is room for.
        """

    def delete(self, key: str) -> None:
        """Remove an object; one that is gone is no error."""

    def walk(self, folder: str = "") -> Iterator[Listed]:
        """Yield every object below the root; all below a folder comes in one run, and leftovers are none.

        :param folder: only what stands below it, by its key.
        """

    def leftovers(self) -> Iterator[PartialUpload]:
        """Yield what dead tries may have left below the root, of whoever wrote there."""

    def remove(self, leftover: PartialUpload) -> bool:
        """Remove a leftover; False if somebody writes to it at this moment, or it is gone."""
