"""The sha256 of a file, computed in a thread while the file is read and written."""

from __future__ import annotations

import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

_MAX_QUEUED = 4  # chunks that wait for the thread; bounds the memory


class BackgroundDigest:
    """Compute a sha256 in a thread; not thread-safe itself."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="sha256")
        self._queued: deque[Future[None]] = deque()

    def update(self, chunk: bytes) -> None:
        """Add bytes; block while the queue is full."""
        self._queued.append(self._executor.submit(self._hash.update, chunk))
        if len(self._queued) > _MAX_QUEUED:
            self._queued.popleft().result()

    def hexdigest(self) -> str:
        """Return the hash of all bytes so far, in hexadecimal."""
        while self._queued:
            self._queued.popleft().result()
        return self._hash.hexdigest()

    def close(self) -> None:
        """Stop the thread."""
        self._executor.shutdown(cancel_futures=True)
