"""What the origin serves: bodies of any length that begin like an MP4 and need no disk."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterator

MIB = 2**20
GIB = 2**30

# Every body repeats a ring of so many blocks of 1 MiB. It is about as long as one recording, so that it is read from
# memory as a file is and not from the processor's cache; and a prime, so that a piece or a part that lands in another
# one's place changes the hash.
BLOCKS = 1021
_BEGINNING = (24).to_bytes(4, "big") + b"ftypisom" + (512).to_bytes(4, "big") + b"isommp41"
_STEP = 101_027


def ring() -> int:
    """Return a file descriptor of the ring, which lies in memory only."""
    fd = os.memfd_create("body")
    for number in range(BLOCKS):
        os.write(fd, _block(number))
    return fd


def extents(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield where in the ring the bytes from `start` to before `stop` lie: offset and count, within one block each."""
    while start < stop:
        count = min(MIB - start % MIB, stop - start)
        yield start % (BLOCKS * MIB), count
        start += count


@functools.cache
def sha256(size: int) -> str:
    """Return the hash that a body of `size` bytes has."""
    digest = hashlib.sha256()
    for offset, count in extents(0, size):
        digest.update(_block(offset // MIB)[:count])
    return digest.hexdigest()


def _block(number: int) -> bytes:
    """Return a block: the same noise for all, each read from another place."""
    place = number * _STEP % MIB
    block = _noise()[place : place + MIB]
    return block if number else _BEGINNING + block[len(_BEGINNING) :]


@functools.cache
def _noise() -> bytes:
    return hashlib.shake_128(b"noise").digest(MIB) * 2
