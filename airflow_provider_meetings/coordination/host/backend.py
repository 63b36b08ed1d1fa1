"""Share between the processes of one host, which run as one user, by locked files in a folder of their own."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.coordination.backend import BackendError, Busy
from airflow_provider_meetings.coordination.host.record import LONGEST_SECONDS, BootClock, Record
from airflow_provider_meetings.coordination.host.state_dir import StateFolder

_LOCK_SECONDS = 2.0
"""A file is locked for microseconds; whoever takes longer has been stopped."""
_LARGEST = 1024 * 1024
_SWEPT = "swept"
_UNUSED_SECONDS = 7 * 86400.0
_UNKNOWN_WAIT_SECONDS = 2.0
"""A slot from before a start of the machine is waited for no longer, nor a block if the clock stands earlier since."""

_HELD: set[int] = set()


def _let_go_in_child() -> None:
    # A lock lasts as long as anybody has the file open: without this, as long as a child of its dead holder lives.
    while _HELD:
        os.close(_HELD.pop())


os.register_at_fork(after_in_child=_let_go_in_child)


class HostBackend:
    """Share by files; see `Backend`. A hold keeps no order of asking, slots do.

    A file is named by a digest of its key. It is written in place under its lock: a process that is killed meanwhile
    leaves a file that counts as none, and no other. Only a record, which cannot be had again, is written beside its
    place, synced and moved.

    :param path: the folder; made if it is not there, and then for this user alone.
    """

    def __init__(self, path: Path, now: Callable[[], BootClock] = BootClock.now) -> None:
        self._folder = StateFolder(path)
        self._now = now

    def check(self) -> None:
        """See that the folder can be used.

        :raises BackendError: saying what to do.
        """
        self._folder.check()

    def get(self, key: str) -> bytes | None:
        """Return what was set; see `Backend`. What cannot be read counts as nothing."""
        with self._locked(_name(key, "value"), shared=True, create=False) as file:
            record = _read(file) if file is not None else None
        if record is None or not record.left(self._now(), unknown=0.0):
            return None
        return record.payload

    def set(self, key: str, value: bytes, lifetime: float) -> None:
        """Set a value; see `Backend`."""
        record = Record(self._now(), min(max(lifetime, 0.0), LONGEST_SECONDS), value)
        with self._locked(_name(key, "value")) as file:
            self._write(file, record)
        self._sweep()

    @contextlib.contextmanager
    def lock(self, key: str, timeout: float) -> Iterator[None]:
        """Be the only one who holds the key; see `Backend`. The kernel ends the hold with its process."""
        with self._folder.explained():
            file = self._folder.open_locked(_name(key, "lock"), create=True, timeout=timeout)
            assert file is not None  # noqa: S101  # made above
        holder = os.getpid()
        _HELD.add(file)
        try:
            yield
        finally:
            # A child that was forked meanwhile holds nothing, and its end is not ours.
            if os.getpid() == holder:
                _HELD.discard(file)
                _unlock(file)

    def reserve(self, key: str, rates: Sequence[Rate], longest: float) -> float:
        """Take the next free slot; see `Backend`. Evenly spread, the slowest of the rates is the rate of all."""
        spacing = max(rate.spacing for rate in rates)
        with self._locked(_name(key, "slot")) as file:
            now = self._now()
            queue, blocked, known = _waits(file, now)
            # The queue ends with the distance of who took the last slot; each asker has his own.
            wait = max(blocked, queue - known + spacing if queue else 0.0, 0.0)
            if wait > longest:
                raise Busy.until_slot(wait, longest)
            self._write(file, _slots(now, wait + spacing, blocked, spacing))
        return wait

    def block(self, key: str, seconds: float) -> None:
        """Give no slot for a while; see `Backend`."""
        with self._locked(_name(key, "slot")) as file:
            now = self._now()
            queue, blocked, spacing = _waits(file, now)
            self._write(file, _slots(now, queue, max(blocked, min(seconds, LONGEST_SECONDS)), spacing))

    def read(self, key: str) -> bytes | None:
        """Return the record; see `DurableBackend`. It is replaced whole, so no lock is needed."""
        with self._folder.explained():
            file = self._folder.open(_name(key, "record"), create=False)
            if file is None:
                return None
            try:
                record = _read(file)
            finally:
                os.close(file)
        return record.payload if record else b""  # there, and damaged

    def compare_and_set(self, key: str, old: bytes | None, new: bytes) -> bool:
        """Write the record if it is still `old`; see `DurableBackend`."""
        with self._locked(_name(key, "guard")):
            stands = self.read(key)
            if stands == new:
                return True
            if stands != old:
                return False
            with self._folder.explained():
                # No clock takes part: a record holds until it is replaced.
                self._folder.replace(_name(key, "record"), Record(self._now(), LONGEST_SECONDS, new).to_bytes())
        return True

    def close(self) -> None:
        """Do nothing: no file stays open."""

    @contextlib.contextmanager
    def _locked(self, name: str, *, shared: bool = False, create: bool = True) -> Iterator[int | None]:
        with self._folder.explained():
            try:
                file = self._folder.open_locked(name, create=create, shared=shared, timeout=_LOCK_SECONDS)
            except Busy as error:
                # Nobody holds what is asked for: somebody was stopped while he wrote.
                raise BackendError(f"{error}: look for a process that is stopped there, and end it") from None
            try:
                yield file
            finally:
                if file is not None:
                    _unlock(file)

    def _sweep(self) -> None:
        """Once a day, remove what has been of no use for a week: keys come and go with secrets and tickets."""
        with self._locked(_SWEPT) as file:
            record = _read(file) if file is not None else None
            if record is not None and record.left(self._now(), unknown=0.0):
                return
            self._write(file, Record(self._now(), 86400.0))
        with self._folder.explained():
            self._folder.sweep(_UNUSED_SECONDS, (".value", ".slot", ".lock"))

    def _write(self, file: int | None, record: Record) -> None:
        assert file is not None  # noqa: S101  # made when it was opened
        data = record.to_bytes()
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(file, data[written:], written)
            os.ftruncate(file, len(data))
        except OSError:
            os.ftruncate(file, 0)
            raise


def _name(key: str, kind: str) -> str:
    return f"{hashlib.sha256(key.encode()).hexdigest()}.{kind}"


def _read(file: int) -> Record | None:
    # No more than is there: room for the largest takes the system as long as all the rest.
    return Record.from_bytes(os.pread(file, min(os.fstat(file).st_size, _LARGEST), 0))


def _waits(file: int | None, now: BootClock) -> tuple[float, float, float]:
    """Return the seconds until the queue ends and until the platform takes calls again, and the last distance."""
    record = _read(file) if file is not None else None
    if record is None:
        return 0.0, 0.0, 0.0
    told, _, spacing = record.payload.decode().partition(" ")
    queue = record.left(now, _UNKNOWN_WAIT_SECONDS)
    blocked = Record(record.written, float(told or 0)).left(now, _UNKNOWN_WAIT_SECONDS)
    if now.restarted_since(record.written):
        # Nobody is left who stood in the queue; what the platform said holds on.
        queue = min(queue, _UNKNOWN_WAIT_SECONDS)
    return queue, blocked, float(spacing or 0)


def _slots(now: BootClock, queue: float, blocked: float, spacing: float) -> Record:
    return Record(now, min(queue, LONGEST_SECONDS), b"%.9f %.9f" % (blocked, spacing))


def _unlock(file: int) -> None:
    # Closing is enough, unless a process was forked meanwhile, which has the file open too: so unlock it for both.
    with contextlib.suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_UN)
    os.close(file)
