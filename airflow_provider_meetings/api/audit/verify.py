"""Verify all objects below a root against their receipts, and find objects without a receipt.

Those of a ledger are passed over.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pendulum
from pendulum import DateTime

from airflow_provider_meetings.api.audit.object_check import (
    CheckResult,
    Finding,
    FindingKind,
    check_receipt,
    make_finding,
    object_in_progress,
)
from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.landing.layout import BATCH_SUFFIX, CHECKPOINT_SUFFIX, RECEIPT_SUFFIX, stem
from airflow_provider_meetings.api.landing.store import ListedObject, Store
from airflow_provider_meetings.api.ledger.ledger import in_ledger

_THREADS = 8  # each receipt costs two round trips to a remote store
_MAX_QUEUED = 8 * _THREADS  # receipts; bounds the memory
# A receipt is written moments after its object; the clocks of worker and store may differ by more.
_PUBLISHING = timedelta(hours=1)


@dataclass(slots=True)
class _Folder:
    """What the walk has seen of one folder; complete when the walk has left it and its receipts are checked."""

    path: str
    objects: dict[str, int] = field(default_factory=dict)
    with_receipt: set[str] = field(default_factory=set)
    in_progress: set[str] = field(default_factory=set)  # named by a young checkpoint
    unreadable_stems: set[str] = field(default_factory=set)


_Job = tuple[_Folder, ListedObject | None, "Future[CheckResult] | None"]


class Verification:
    """Verify a store once.

    :param full: read and hash every object; else compare its size and the store's validator, which differs in a copied
        lake.
    """

    def __init__(
        self, store: Store, *, full: bool = False, now: Callable[[], DateTime] = lambda: pendulum.now("UTC")
    ) -> None:
        self._store = store
        self._full = full
        self._publishing_since = now() - _PUBLISHING
        self._counts: Counter[str] = Counter()

    def findings(self) -> Iterator[Finding]:
        """Yield the problems, folder by folder.

        :raises InvalidRequest: if there is nothing below the root: a deleted lake or a wrong address must not pass.
        :raises OSError: if the store cannot be listed.
        """
        executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="verify")
        queued: deque[_Job] = deque()
        try:
            for job in self._walk(executor):
                queued.append(job)
                if len(queued) > _MAX_QUEUED:
                    yield from self._finish(*queued.popleft())
            while queued:
                yield from self._finish(*queued.popleft())
        finally:
            executor.shutdown(cancel_futures=True)
        if not self._counts:
            raise InvalidRequest(
                f"Found nothing below {self._store.uri('')}, so nothing was verified",
                next_step="Check the address, and that the connection may list it.",
            )

    def counts(self) -> dict[str, Any]:
        """Return the counts of `findings` so far as plain JSON."""
        names = ("receipts", "proven", "objects", "in_progress", "bytes_read", *FindingKind)
        return {"full": self._full, **{str(name): self._counts[name] for name in names}}

    def _walk(self, executor: ThreadPoolExecutor) -> Iterator[_Job]:
        """Start a check for each listed receipt; yield (folder, None, None) after the last job of a folder.

        Stores list everything below a folder consecutively; subfolders may come between a folder's own objects.
        """
        open_folders = [_Folder("")]
        for listed in self._store.walk():
            if in_ledger(listed.key):  # no landed file
                continue
            parent, slash, name = listed.key.rpartition("/")
            path = parent + slash
            while not path.startswith(open_folders[-1].path):
                yield open_folders.pop(), None, None
            if open_folders[-1].path != path:
                open_folders.append(_Folder(path))
            folder = open_folders[-1]
            if name.endswith(RECEIPT_SUFFIX):
                self._counts["receipts"] += 1
                yield folder, listed, executor.submit(check_receipt, self._store, listed, full=self._full)
            elif name.endswith(CHECKPOINT_SUFFIX) and (object_name := object_in_progress(self._store, listed.key)):
                self._counts["in_progress"] += 1
                if listed.modified >= self._publishing_since:
                    folder.in_progress.add(object_name)
            elif name and not name.endswith(BATCH_SUFFIX):  # some tools mark a folder by an object that ends in a slash
                self._counts["objects"] += 1
                folder.objects[name] = listed.size
        while open_folders:
            yield open_folders.pop(), None, None

    def _finish(
        self, folder: _Folder, listed: ListedObject | None, future: Future[CheckResult] | None
    ) -> Iterator[Finding]:
        if listed is None or future is None:
            yield from self._find_orphans(folder)
            return
        result = future.result()
        self._counts["bytes_read"] += result.bytes_read
        finding = result.finding
        if result.object_name is None:
            folder.unreadable_stems.add(stem(listed.key.rpartition("/")[2]))
        elif finding is None and result.object_name in folder.with_receipt:
            seen = f"{result.object_name}, which another receipt names"
            finding = make_finding(self._store, listed.key, FindingKind.UNREADABLE, "an object with one receipt", seen)
        else:
            folder.with_receipt.add(result.object_name)
        self._counts["proven" if finding is None else finding.finding] += 1
        if finding is not None:
            yield finding

    def _find_orphans(self, folder: _Folder) -> Iterator[Finding]:
        for name, size in folder.objects.items():
            # An object whose receipt is unreadable is one finding, not two.
            if (
                name not in folder.with_receipt
                and name not in folder.in_progress
                and stem(name) not in folder.unreadable_stems
            ):
                self._counts[FindingKind.ORPHANED] += 1
                key = folder.path + name
                yield make_finding(self._store, key, FindingKind.ORPHANED, "a receipt", f"none; {size} bytes")
