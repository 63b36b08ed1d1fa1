"""Hash a stream in a second thread: hashing gives up the interpreter's lock, so that reading goes on meanwhile."""

from __future__ import annotations

import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

_AHEAD = 4  # pieces that may wait for the hash: they are all it holds in memory


class BackgroundDigest:
    """Make the sha256 of bytes as they come; used by one thread."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sha256")
        self._waiting: deque[Future[None]] = deque()

    def update(self, piece: bytes) -> None:
        """Take the next bytes."""
        self._waiting.append(self._thread.submit(self._hash.update, piece))
        if len(self._waiting) > _AHEAD:
            self._waiting.popleft().result()

    def hexdigest(self) -> str:
        """Return the hash of all bytes so far, in hexadecimal."""
        while self._waiting:
            self._waiting.popleft().result()
        return self._hash.hexdigest()

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(cancel_futures=True)
