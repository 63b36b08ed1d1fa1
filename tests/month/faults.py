"""The faults of a simulated month: how a process is killed between two steps; and calls without quotas."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from airflow_provider_meetings.api.errors import RateLimited
from airflow_provider_meetings.api.http.rate_limit import Quota, RateLimiter
from airflow_provider_meetings.api.landing.layout import RECEIPT_SUFFIX
from airflow_provider_meetings.api.ledger.ledger import Ledger
from airflow_provider_meetings.storage.local.store import LocalStore
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator

KILLED = 9
Task = Literal["list", "land", "load"]


class Unlimited(RateLimiter):
    """No call waits for a slot: the quotas of a month would take hours. A refused one waits for the scheduler."""

    def __init__(self, *_: object) -> None:
        pass

    def reserve(self, quota: Quota, max_wait: float) -> float:
        return 0.0

    def spacing(self, quota: Quota) -> float:
        return 0.0

    def still_valid(self, quota: Quota, late: float) -> bool:
        return True

    def refused(self, quota: Quota, error: RateLimited) -> float:
        return 3600.0


def _exit_before(cls: type, name: str, number: int = 1, of: Callable[..., bool] = lambda *_: True) -> None:
    original, calls = getattr(cls, name), 0

    def dies(self: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += of(*args)
        if calls == number:
            os._exit(KILLED)
        return original(self, *args, **kwargs)

    setattr(cls, name, dies)


def _exit_after(cls: type, name: str) -> None:
    original = getattr(cls, name)

    def dies(self: Any, *args: Any, **kwargs: Any) -> Any:
        original(self, *args, **kwargs)
        os._exit(KILLED)

    setattr(cls, name, dies)


def _is_receipt(key: str, *_: object) -> bool:
    return key.endswith(RECEIPT_SUFFIX)


@dataclass(frozen=True, slots=True)
class Kill:
    """A task that is killed at a step, in a process of its own.

    :param retried: whether its next try comes; otherwise the run ends with what it has.
    """

    task: Task
    step: str
    arm: Callable[[], None]
    retried: bool = True


def kills() -> tuple[Kill, ...]:
    """Return a kill between each two steps of the commit order."""
    return (
        Kill("list", "before the ledger is written", lambda: _exit_before(Ledger, "write")),
        Kill("list", "after the ledger is written", lambda: _exit_after(Ledger, "write")),
        Kill("list", "after the ledger is written, for good", lambda: _exit_after(Ledger, "write"), retried=False),
        Kill("land", "between an object and its receipt", lambda: _exit_before(LocalStore, "put", 1, _is_receipt)),
        Kill("land", "between two files", lambda: _exit_before(LocalStore, "put", 2, _is_receipt), retried=False),
        Kill("land", "after all receipts", lambda: _exit_after(RecordingsToObjectStorageOperator, "_collect")),
        Kill("load", "after the rows, before items are closed", lambda: _exit_before(Ledger, "write")),
        Kill("load", "the same, for good", lambda: _exit_before(Ledger, "write"), retried=False),
        Kill("load", "after items are closed", lambda: _exit_after(Ledger, "write")),
        Kill("load", "after items are closed, for good", lambda: _exit_after(Ledger, "write"), retried=False),
    )


def in_child(work: Callable[[], object]) -> int:
    """Run a function in a forked process, and return its exit code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork of a process with threads
        pid = os.fork()
    if not pid:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
