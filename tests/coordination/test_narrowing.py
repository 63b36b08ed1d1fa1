from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from airflow_provider_meetings.coordination.backend import BackendError, Busy
from airflow_provider_meetings.coordination.host import HostBackend
from airflow_provider_meetings.coordination.narrowing import LOOK_AGAIN_SECONDS, NarrowingBackend


class Broken(HostBackend):
    """Files whose disk is taken away when the test wants it."""

    broken = False
    asked = 0

    def get(self, key: str) -> bytes | None:
        self.asked += 1
        self._raise()
        return super().get(key)

    def set(self, key: str, value: bytes, lifetime: float) -> None:
        self._raise()
        super().set(key, value, lifetime)

    @contextmanager
    def hold(self, key: str, patience: float) -> Iterator[None]:
        with super().hold(key, patience):
            yield
        self._raise()

    def _raise(self) -> None:
        if self.broken:
            raise BackendError("the disk is gone: bring it back")


@pytest.fixture
def wide(tmp_path: Path) -> Broken:
    return Broken(tmp_path / "state")


def test_it_goes_on_in_the_process_warns_once_and_looks_again(wide: Broken, caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    backend = NarrowingBackend(wide, lambda: now)
    backend.set("k", b"wide", 600)
    wide.broken = True
    assert backend.get("k") is None
    backend.set("k", b"narrow", 600)
    assert backend.get("k") == b"narrow"
    assert wide.asked == 1
    wide.broken = False
    now = LOOK_AGAIN_SECONDS
    assert backend.get("k") == b"wide"
    wide.broken = True
    assert backend.get("k") == b"narrow"
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == ["Tokens and quotas are shared within this process only: the disk is gone: bring it back"]


def test_what_was_done_under_a_hold_that_broke_stays_done(wide: Broken) -> None:
    backend = NarrowingBackend(wide)
    done = []
    with backend.hold("k", 0):
        wide.broken = True
        done.append(1)
    assert done == [1]


def test_busy_is_no_failure(wide: Broken, caplog: pytest.LogCaptureFixture) -> None:
    backend = NarrowingBackend(wide)
    with wide.hold("k", 0), pytest.raises(Busy), backend.hold("k", 0):
        raise AssertionError
    assert caplog.records == []


def test_threads_exclude_each_other_also_within_the_process(wide: Broken, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    backend = NarrowingBackend(HostBackend(tmp_path / "file"))
    busy = threading.Event()

    def ask() -> None:
        try:
            with backend.hold("k", 0):
                pass
        except Busy:
            busy.set()

    with backend.hold("k", 0):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert busy.is_set()
