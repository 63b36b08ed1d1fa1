"""Prove all that stands below a root against its receipts, and find what has none."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pendulum
from pendulum import DateTime

from airflow_provider_meetings.api.audit.object_check import Finding, FindingKind, Verdict, find, prove, under_way
from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.landing.layout import CHECKPOINT_SUFFIX, RECEIPT_SUFFIX, stem
from airflow_provider_meetings.api.landing.store import Listed, Store

_THREADS = 8  # each receipt costs a remote store two round trips
# Between an object's publication and its receipt lie moments; the clocks of a worker and a store may differ by more.
_PUBLISHING = timedelta(hours=1)
_AHEAD = 8 * _THREADS  # receipts that may be in work: what bounds the memory


@dataclass(slots=True)
class _Folder:
    """What was seen of a folder so far. It is closed when the walk has left it and all its receipts are read."""

    path: str
    objects: dict[str, int] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)  # by receipts
    begun: set[str] = field(default_factory=set)  # by checkpoints that are young
    torn: set[str] = field(default_factory=set)


_Job = tuple[_Folder, Listed | None, "Future[Verdict] | None"]


class Verification:
    """Verify a store once.

    :param full: read every object and hash it. Else its size and the store's own validator decide, which a copied
        lake does not keep.
    """

    def __init__(
        self, store: Store, *, full: bool = False, now: Callable[[], DateTime] = lambda: pendulum.now("UTC")
    ) -> None:
        self._store = store
        self._full = full
        self._publishing_since = now() - _PUBLISHING
        self._counts: Counter[str] = Counter()

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong, folder by folder.

        :raises InvalidRequest: if nothing stands below the root: nothing would be proven, and a lake that was wiped
            out, or an address with a slip in it, must not look well.
        :raises OSError: if the store cannot be listed.
        """
        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="verify")
        waiting: deque[_Job] = deque()
        try:
            for job in self._walk(pool):
                waiting.append(job)
                if len(waiting) > _AHEAD:
                    yield from self._settle(*waiting.popleft())
            while waiting:
                yield from self._settle(*waiting.popleft())
        finally:
            pool.shutdown(cancel_futures=True)
        if not self._counts:
            raise InvalidRequest(
                f"nothing stands below {self._store.uri('')}, so nothing was proven",
                next_step="Is the address right, and may it be listed?",
            )

    def counts(self) -> dict[str, Any]:
        """Return, as plain JSON, what `findings` has counted so far."""
        names = ("receipts", "proven", "objects", "in_progress", "bytes_read", *FindingKind)
        return {"full": self._full, **{str(name): self._counts[name] for name in names}}

    def _walk(self, pool: ThreadPoolExecutor) -> Iterator[_Job]:
        """Begin the receipts as they are listed; after the last of a folder say that it is closed.

        All below a folder is listed in one run, in any store; its own objects may have subfolders between them.
        """
        opened = [_Folder("")]
        for listed in self._store.walk():
            parent, slash, name = listed.key.rpartition("/")
            path = parent + slash
            while not path.startswith(opened[-1].path):
                yield opened.pop(), None, None
            if opened[-1].path != path:
                opened.append(_Folder(path))
            folder = opened[-1]
            if name.endswith(RECEIPT_SUFFIX):
                self._counts["receipts"] += 1
                yield folder, listed, pool.submit(prove, self._store, listed, full=self._full)
            elif name.endswith(CHECKPOINT_SUFFIX):
                yield folder, listed, pool.submit(under_way, self._store, listed)
            elif name:  # some tools mark a folder by an object whose name ends in a slash
                self._counts["objects"] += 1
                folder.objects[name] = listed.size
        while opened:
            yield opened.pop(), None, None

    def _settle(self, folder: _Folder, listed: Listed | None, future: Future[Verdict] | None) -> Iterator[Finding]:
        if listed is None or future is None:
            yield from self._close(folder)
            return
        verdict = future.result()
        if listed.key.endswith(CHECKPOINT_SUFFIX):
            self._begun(folder, listed, verdict)
            return
        self._counts["bytes_read"] += verdict.read
        finding = verdict.finding
        if verdict.names is None:
            folder.torn.add(stem(listed.key.rpartition("/")[2]))
        elif finding is None and verdict.names in folder.named:
            seen = f"{verdict.names}, which another receipt names"
            finding = find(self._store, listed.key, FindingKind.UNREADABLE, "an object of its own", seen)
        else:
            folder.named.add(verdict.names)
        self._counts["proven" if finding is None else finding.finding] += 1
        if finding is not None:
            yield finding

    def _begun(self, folder: _Folder, listed: Listed, verdict: Verdict) -> None:
        if verdict.names is None:
            self._counts["objects"] += 1
            folder.objects[listed.key.rpartition("/")[2]] = listed.size
            return
        self._counts["in_progress"] += 1
        if listed.modified >= self._publishing_since:
            folder.begun.add(verdict.names)

    def _close(self, folder: _Folder) -> Iterator[Finding]:
        for name, size in folder.objects.items():
            # An object whose receipt cannot be read is one finding, not two.
            if name not in folder.named and name not in folder.begun and stem(name) not in folder.torn:
                self._counts[FindingKind.ORPHANED] += 1
                yield find(self._store, folder.path + name, FindingKind.ORPHANED, "a receipt", f"none; {size} bytes")
