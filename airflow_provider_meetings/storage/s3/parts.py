"""Parts of a multipart upload, and the ETag and checksum of the object made of them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
    """How to recognize an object after an unconfirmed upload."""

    size: int
    etag: str
    checksum: str | None

    @classmethod
    def from_content(cls, content: bytes | bytearray, checksum: str | None) -> ExpectedObject:
        """Return what a single PUT makes."""
        return cls(len(content), hashlib.md5(content, usedforsecurity=False).hexdigest(), checksum)

    @classmethod
    def from_parts(cls, parts: Mapping[int, Part], size: int) -> ExpectedObject:
        """Return what a multipart upload makes: S3 hashes the hashes of the parts.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
        """
        try:
            digests = b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts.values())
        except ValueError:  # another vendor's kind of ETag
            digests = b""
        etag = f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}" if digests else ""
        hashes = [base64.b64decode(part.checksum) for part in parts.values() if part.checksum]
        if len(hashes) < len(parts):
            return cls(size, etag, None)
        composite = base64.b64encode(hashlib.sha256(b"".join(hashes)).digest()).decode()
        return cls(size, etag, composite)

    def matches(self, head: Mapping[str, Any]) -> bool:
        """Return whether a HEAD response describes this object."""
        if head["ContentLength"] != self.size:
            return False
        if self.checksum and "ChecksumSHA256" in head:
            return bool(head["ChecksumSHA256"].partition("-")[0] == self.checksum)  # S3 appends the number of parts
        # With KMS an ETag is not an MD5: the object is not recognized and lands again.
        return bool(self.etag and head["ETag"].strip('"') == self.etag)


def part_size(length: int | None) -> int:
    """Return `PART_SIZE`, or the smallest size in MiB with which `length` bytes fit into `MAX_PARTS` parts."""
    if length is None or length <= MAX_PARTS * PART_SIZE:
        return PART_SIZE
    return -(-length // (MAX_PARTS * MIB)) * MIB
