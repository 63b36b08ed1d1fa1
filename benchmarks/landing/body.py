"""The media host's bodies: of any length, with the first bytes of an MP4, generated without a disk."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterator

MIB = 2**20
GIB = 2**30

# Every body repeats a ring of this many blocks of 1 MiB. The ring is about as long as one recording, so that it is not
# read from the processor's cache. The number is prime, so that two swapped chunks or parts change the hash.
BLOCKS = 1021
_BEGINNING = (24).to_bytes(4, "big") + b"ftypisom" + (512).to_bytes(4, "big") + b"isommp41"
_STEP = 101_027


def ring() -> int:
    """Return a file descriptor of the ring, a file in memory."""
    fd = os.memfd_create("body")
    for number in range(BLOCKS):
        os.write(fd, _block(number))
    return fd


def extents(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of the ring with the bytes from `start` to before `stop`: offset and count, within one block."""
    while start < stop:
        count = min(MIB - start % MIB, stop - start)
        yield start % (BLOCKS * MIB), count
        start += count


@functools.cache
def sha256(size: int) -> str:
    """Return the hash of a body of `size` bytes."""
    digest = hashlib.sha256()
    for offset, count in extents(0, size):
        digest.update(_block(offset // MIB)[:count])
    return digest.hexdigest()


def _block(number: int) -> bytes:
    """Return a block: all are the same noise, each from a different offset."""
    offset = number * _STEP % MIB
    block = _noise()[offset : offset + MIB]
    return block if number else _BEGINNING + block[len(_BEGINNING) :]


@functools.cache
def _noise() -> bytes:
    return hashlib.shake_128(b"noise").digest(MIB) * 2
