"""Parts of a multipart upload, and the ETag and checksum of the object made of them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_meetings.storage.s3.bucket import etag_of

MIB = 1024 * 1024
PART_SIZE = 5 * MIB  # S3's minimum: a killed worker loses only the parts in flight
MAX_PARTS = 10_000  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html


@dataclass(frozen=True, slots=True)
class Part:
    """ETag of an uploaded part, and its sha256 in base64; None where the store does not keep checksums."""

    etag: str
    checksum: str | None


@dataclass(frozen=True, slots=True)
class ExpectedObject:
    """How to recognize an object after an unconfirmed upload; the ETag is empty if it is unknown."""

    size: int
    etag: str
    checksum: str | None
    part_size: int | None = None

    @classmethod
    def from_parts(cls, parts: Mapping[int, Part], size: int, part_size: int) -> ExpectedObject:
        """Return what a multipart upload makes: S3 hashes the hashes of the parts.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
        """
        try:
            digests = b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts.values())
        except ValueError:  # another vendor's kind of ETag
            digests = b""
        etag = f"{md5(digests)}-{len(parts)}" if digests else ""
        hashes = [base64.b64decode(part.checksum) for part in parts.values() if part.checksum]
        if len(hashes) < len(parts):
            return cls(size, etag, None, part_size)
        composite = base64.b64encode(hashlib.sha256(b"".join(hashes)).digest()).decode()
        return cls(size, etag, composite, part_size)

    def matches(self, head: Mapping[str, Any], *, default: bool) -> bool | None:
        """Return whether a HEAD response describes this object; `default` without a mark, None if contents decide."""
        if head["ContentLength"] != self.size:
            return False
        if self.checksum and "ChecksumSHA256" in head:
            return bool(head["ChecksumSHA256"].partition("-")[0] == self.checksum)  # S3 appends the number of parts
        if not (self.etag and etag_of(head)):
            return default
        return True if etag_of(head) == self.etag else None  # some stores, and KMS, have other ETags

    def matches_content(self, pieces: Iterable[bytes]) -> bool:
        """Return whether this is the content of the object; its ETag must be known."""
        etags = _etags(pieces, self.part_size or max(self.size, 1))
        parts = {number: Part(etag, None) for number, etag in enumerate(etags)}
        return self.etag == (self.from_parts(parts, 0, 0).etag if self.part_size else parts[0].etag)


def _etags(pieces: Iterable[bytes], part_size: int) -> Iterator[str]:
    """Yield the MD5 of each part; one for an empty object."""
    part, empty = bytearray(), True
    for piece in pieces:
        view = memoryview(piece)
        while view:
            head, view = view[: part_size - len(part)], view[part_size - len(part) :]
            part += head
            if len(part) == part_size:
                yield md5(part)
                part, empty = bytearray(), False
    if part or empty:
        yield md5(part)


def md5(content: bytes | bytearray) -> str:
    """Return the MD5 of an object or a part, which is its usual ETag."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def part_size(length: int | None) -> int:
    """Return `PART_SIZE`, or the smallest size in MiB with which `length` bytes fit into `MAX_PARTS` parts."""
    if length is None or length <= MAX_PARTS * PART_SIZE:
        return PART_SIZE
    return -(-length // (MAX_PARTS * MIB)) * MIB
