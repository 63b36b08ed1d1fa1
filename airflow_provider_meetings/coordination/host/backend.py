"""Share between the processes of one user on one host, through locked files in a private folder."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.coordination.backend import BackendError, Busy, DurableBackend
from airflow_provider_meetings.coordination.host.record import MAX_SECONDS, BootClock, Record
from airflow_provider_meetings.coordination.host.state_dir import StateFolder

_FILE_LOCK_SECONDS = 2.0
"""Files are locked for microseconds; a process that holds one for longer has been stopped."""
_LARGEST = 1024 * 1024
_SWEPT = "swept"
_UNUSED_SECONDS = 7 * 86400.0
_UNKNOWN_WAIT_SECONDS = 2.0
"""Longest wait for a slot that was taken before a reboot, or for a block if the clock was set back since."""

_HELD: set[int] = set()


def _close_in_child() -> None:
    # A file lock lasts as long as any process has the file open: a child would keep the lock of its dead parent.
    while _HELD:
        os.close(_HELD.pop())


os.register_at_fork(after_in_child=_close_in_child)


class HostBackend(DurableBackend):
    """Share through files. Slots, but not locks, keep the order of requests.

    A file is named by a digest of its key. It is written in place under its lock; after a kill during the write,
    the checksum is wrong and the file counts as missing. Only a record, which cannot be fetched again, is written to
    another file, synced and moved.

    :param path: the folder; created for this user alone if it is missing.
    """

    def __init__(self, path: Path, now: Callable[[], BootClock] = BootClock.now) -> None:
        self._folder = StateFolder(path)
        self._now = now

    def get(self, key: str) -> bytes | None:
        name = _name(key, "value")
        if not self._folder.has(name):  # else it would be created
            return None
        with self._locked(name, shared=True) as file:
            record = _read(file)
        if record is None or not record.remaining(self._now(), unknown=0.0):
            return None
        return record.payload

    def set(self, key: str, value: bytes, lifetime: float) -> None:
        record = Record(self._now(), min(max(lifetime, 0.0), MAX_SECONDS), value)
        with self._locked(_name(key, "value")) as file:
            _write(file, record)
        self._sweep()

    @contextlib.contextmanager
    def lock(self, key: str, timeout: float) -> Iterator[None]:
        """Hold the lock of the key; see `Backend`. The kernel releases it when the process ends."""
        with self._folder.translated_errors():
            file = self._folder.open_locked(_name(key, "lock"), timeout=timeout)
        holder = os.getpid()
        _HELD.add(file)
        try:
            yield
        finally:
            # A child process forked under the lock does not hold the lock, and must not release it.
            if os.getpid() == holder:
                _HELD.discard(file)
                _unlock(file)

    def reserve(self, key: str, rates: Sequence[Rate], max_wait: float) -> float:
        spacing = max(rate.spacing for rate in rates)
        with self._locked(_name(key, "slot")) as file:
            now = self._now()
            queue, blocked, last_spacing = _read_slots(file, now)
            # The queue ends one spacing after the last slot; this caller may need another spacing.
            wait = max(blocked, queue - last_spacing + spacing if queue else 0.0, 0.0)
            if wait > max_wait:
                raise Busy.until_slot(wait, max_wait)
            _write(file, _slots(now, wait + spacing, blocked, spacing))
        return wait

    def block(self, key: str, seconds: float) -> None:
        with self._locked(_name(key, "slot")) as file:
            now = self._now()
            queue, blocked, spacing = _read_slots(file, now)
            _write(file, _slots(now, queue, max(blocked, min(seconds, MAX_SECONDS)), spacing))

    def read(self, key: str) -> bytes | None:
        """Return the record; see `DurableBackend`. It is replaced as a whole, so no lock is needed."""
        with self._folder.translated_errors():
            try:
                file = self._folder.open(_name(key, "record"))
            except FileNotFoundError:
                return None
            try:
                record = _read(file)
            finally:
                os.close(file)
        return record.payload if record else b""  # empty: the record is damaged

    def compare_and_set(self, key: str, old: bytes | None, new: bytes) -> bool:
        with self._locked(_name(key, "guard")):
            existing = self.read(key)
            if existing == new:
                return True
            if existing != old:
                return False
            with self._folder.translated_errors():
                self._folder.replace(_name(key, "record"), Record(self._now(), MAX_SECONDS, new).to_bytes())
        return True

    @contextlib.contextmanager
    def _locked(self, name: str, *, shared: bool = False) -> Iterator[int]:
        with self._folder.translated_errors():
            try:
                file = self._folder.open_locked(name, shared=shared, timeout=_FILE_LOCK_SECONDS)
            except Busy as error:
                raise BackendError(f"{error}: look for a stopped process of this user and end it") from None
            try:
                yield file
            finally:
                _unlock(file)

    def _sweep(self) -> None:
        """Once a day, remove files that were not used for a week: each new secret and app adds keys."""
        with self._locked(_SWEPT) as file:
            record = _read(file)
            if record is not None and record.remaining(self._now(), unknown=0.0):
                return
            _write(file, Record(self._now(), 86400.0))
        with self._folder.translated_errors():
            self._folder.sweep(_UNUSED_SECONDS, (".value", ".slot", ".lock"))


def _name(key: str, kind: str) -> str:
    return f"{hashlib.sha256(key.encode()).hexdigest()}.{kind}"


def _read(file: int) -> Record | None:
    # Read only the size of the file: allocating a buffer of the maximum size takes as long as the rest of the call.
    return Record.from_bytes(os.pread(file, min(os.fstat(file).st_size, _LARGEST), 0))


def _write(file: int, record: Record) -> None:
    data = record.to_bytes()
    try:
        written = 0
        while written < len(data):
            written += os.pwrite(file, data[written:], written)
        os.ftruncate(file, len(data))
    except OSError:
        os.ftruncate(file, 0)
        raise


def _read_slots(file: int, now: BootClock) -> tuple[float, float, float]:
    """Return the seconds until the queue ends, the seconds until the block ends, and the last spacing."""
    record = _read(file)
    if record is None:
        return 0.0, 0.0, 0.0
    block_seconds, _, spacing = record.payload.decode().partition(" ")
    queue = record.remaining(now, _UNKNOWN_WAIT_SECONDS)
    blocked = Record(record.written, float(block_seconds or 0)).remaining(now, _UNKNOWN_WAIT_SECONDS)
    if now.rebooted_since(record.written):
        # The processes in the queue are gone; the platform's block still counts.
        queue = min(queue, _UNKNOWN_WAIT_SECONDS)
    return queue, blocked, float(spacing or 0)


def _slots(now: BootClock, queue: float, blocked: float, spacing: float) -> Record:
    return Record(now, min(queue, MAX_SECONDS), b"%.9f %.9f" % (blocked, spacing))


def _unlock(file: int) -> None:
    # A process forked under the lock has the file open, too: closing it would not release the lock.
    with contextlib.suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_UN)
    os.close(file)
