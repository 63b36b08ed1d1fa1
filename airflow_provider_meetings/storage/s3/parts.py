"""The parts of an upload, and what the object must look like that is made of them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MIB = 1024 * 1024
PART_SIZE = 5 * MIB  # S3's smallest: what a killed worker loses is the parts in flight and the sockets' buffers
MOST_PARTS = 10_000  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html


@dataclass(frozen=True, slots=True)
class Part:
    """What the store said of a part; `checksum` is its sha256 in base64, None where the store does not keep it."""

    etag: str
    checksum: str | None


@dataclass(frozen=True, slots=True)
class Expected:
    """By what to recognise an object whose making was not confirmed."""

    size: int
    etag: str
    checksum: str | None

    @classmethod
    def of(cls, content: bytes | bytearray, checksum: str | None) -> Expected:
        """Expect an object that is put whole."""
        return cls(len(content), hashlib.md5(content, usedforsecurity=False).hexdigest(), checksum)

    @classmethod
    def of_parts(cls, parts: Mapping[int, Part], size: int) -> Expected:
        """Expect an object that is made of parts: S3 hashes their hashes.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
        """
        try:
            digests = b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts.values())
        except ValueError:  # another vendor's own kind of tag
            digests = b""
        etag = f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}" if digests else ""
        hashes = [base64.b64decode(part.checksum) for part in parts.values() if part.checksum]
        if len(hashes) < len(parts):
            return cls(size, etag, None)
        composite = base64.b64encode(hashlib.sha256(b"".join(hashes)).digest()).decode()
        return cls(size, etag, composite)

    def met_by(self, head: Mapping[str, Any]) -> bool:
        """Tell by the answer to a HEAD whether this is the object."""
        if head["ContentLength"] != self.size:
            return False
        if self.checksum and "ChecksumSHA256" in head:
            return bool(head["ChecksumSHA256"].partition("-")[0] == self.checksum)  # S3 adds the count of parts
        # Under KMS an ETag is no md5, and the object is not recognised: then it is landed again.
        return bool(self.etag and head["ETag"].strip('"') == self.etag)


def part_size(length: int | None) -> int:
    """Choose the size of the parts: as small as may be, for two are held in memory and as much is lost by a kill."""
    return max(PART_SIZE, -(-(length or 0) // (MOST_PARTS * MIB)) * MIB)
