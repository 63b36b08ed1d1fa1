"""The bytes of recordings, computed from name and offset; a file of any size needs no memory and no disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

Kind = Literal["mp4", "m4a", "txt", "srt", "docx", "docs", "pdf", "html"]

CONTENT_TYPES: Final[dict[Kind, str]] = {
    "mp4": "video/mp4",
    "m4a": "audio/mp4",
    "txt": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "docs": "application/octet-stream",
    "pdf": "application/pdf",
    "html": "text/html; charset=utf-8",
}

_BLOCK: Final = 256 * 1024
# Each block is another rotation of the same random bytes, so a client that confuses offsets is detected. With an odd
# step all 2**18 rotations are used: blocks repeat only after 64 GiB.
_STEP: Final = 101_027
_MAJOR_BRANDS: Final[dict[Kind, bytes]] = {"mp4": b"isom", "m4a": b"M4A "}
_MAGIC: Final[dict[Kind, bytes]] = {"docx": b"PK\x03\x04", "pdf": b"%PDF-1.7\n"}
_TEXT_KINDS: Final[frozenset[Kind]] = frozenset({"txt", "srt", "html"})
_PRINTABLE: Final = bytes(b"abcdefghijklmnopqrstuvwxyz     \n"[value % 32] for value in range(256))


@dataclass(frozen=True, slots=True)
class Media:
    """One file: ``size`` bytes of ``kind``, always the same for the same ``name``.

    ``content``, if any, is the start of the file. :meth:`of` makes a file of exactly that content.
    """

    size: int
    kind: Kind
    name: str = "media"
    content: bytes = b""

    @classmethod
    def of(cls, content: bytes, kind: Kind) -> Media:
        """Return a file with exactly this content."""
        return cls(len(content), kind, content=content)

    @property
    def content_type(self) -> str:
        return CONTENT_TYPES[self.kind]

    @property
    def etag(self) -> str:
        """Return a strong entity tag with its quotes."""
        identity = f"{self.kind}\0{self.size}\0{self.name}\0".encode() + self.content
        return f'"{hashlib.sha256(identity).hexdigest()[:32]}"'

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from ``start`` to ``stop`` (exclusive; None: the end), at most 256 KiB at a time."""
        stop = self.size if stop is None else min(stop, self.size)
        beginning = self._beginning()
        ring = memoryview(_ring(self.name, self.kind in _TEXT_KINDS))
        while start < stop:
            block, within = divmod(start, _BLOCK)
            length = min(_BLOCK - within, stop - start)
            place = block * _STEP % _BLOCK + within
            fixed = beginning[start : start + length]
            yield fixed + bytes(ring[place + len(fixed) : place + length])
            start += length

    def read(self, start: int = 0, stop: int | None = None) -> bytes:
        """Return the bytes from ``start`` to ``stop`` (exclusive; None: the end)."""
        return b"".join(self.chunks(start, stop))

    def _beginning(self) -> bytes:
        if self.content:
            return self.content
        if self.kind in _MAJOR_BRANDS:
            return _iso_beginning(_MAJOR_BRANDS[self.kind], self.size)
        return _MAGIC.get(self.kind, b"")


def _iso_beginning(brand: bytes, size: int) -> bytes:
    """Return the file type box of ISO base media, and the header of the media data box that fills the rest."""
    file_type = b"ftyp" + brand + (512).to_bytes(4, "big") + b"isomiso2mp41"
    file_type = (len(file_type) + 4).to_bytes(4, "big") + file_type
    # A 32-bit size of 1 means that a 64-bit size follows: recordings can exceed 4 GiB.
    return file_type + (1).to_bytes(4, "big") + b"mdat" + max(16, size - len(file_type)).to_bytes(8, "big")


@lru_cache(maxsize=32)
def _ring(name: str, text: bool) -> bytes:
    """Return a pseudo-random block twice, so that each rotation is one slice."""
    block = hashlib.shake_128(name.encode()).digest(_BLOCK)
    return (block.translate(_PRINTABLE) if text else block) * 2
