from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from airflow_provider_meetings.coordination.backend import BackendError, Busy
from airflow_provider_meetings.coordination.fallback import RETRY_SECONDS, FallbackBackend
from airflow_provider_meetings.coordination.host.backend import HostBackend


class Broken(HostBackend):
    """Files on a disk that fails when the test says so."""

    broken = False
    reads = 0

    def get(self, key: str) -> bytes | None:
        self.reads += 1
        self._raise()
        return super().get(key)

    def set(self, key: str, value: bytes, lifetime: float) -> None:
        self._raise()
        super().set(key, value, lifetime)

    @contextmanager
    def lock(self, key: str, timeout: float) -> Iterator[None]:
        with super().lock(key, timeout):
            yield
        self._raise()

    def _raise(self) -> None:
        if self.broken:
            raise BackendError("the disk is gone: bring it back")


@pytest.fixture
def primary(tmp_path: Path) -> Broken:
    return Broken(tmp_path / "state")


FAILED = "Cannot share tokens and quotas through the disk; sharing them within this process only: the disk is gone"


def test_fallback_is_used_until_primary_recovers(primary: Broken, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now = 0.0
    backend = FallbackBackend(primary, lambda: now, primary_name="the disk")
    backend.set("k", b"primary", 600)
    primary.broken = True
    assert backend.get("k") is None
    backend.set("k", b"fallback", 600)
    assert backend.get("k") == b"fallback"
    assert primary.reads == 1
    now = RETRY_SECONDS
    assert backend.get("k") == b"fallback"
    assert primary.reads == 2
    primary.broken = False
    assert backend.get("k") == b"fallback"
    now = 2 * RETRY_SECONDS
    assert backend.get("k") == b"primary"
    assert backend.get("k") == b"primary"
    primary.broken = True
    assert backend.get("k") == b"fallback"
    again = "Sharing tokens and quotas through the disk again"
    messages = [record.getMessage() for record in caplog.records]
    assert messages == [f"{FAILED}: bring it back", again, f"{FAILED}: bring it back"]


def test_busy_primary_counts_as_recovered(primary: Broken, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now = 0.0
    backend = FallbackBackend(primary, lambda: now)
    primary.broken = True
    backend.get("k")
    primary.broken = False
    now = RETRY_SECONDS
    with primary.lock("k", 0), pytest.raises(Busy), backend.lock("k", 0):
        raise AssertionError
    assert "through the state folder again" in caplog.records[-1].getMessage()


def test_call_begun_before_failure_is_no_recovery(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    called, failed = threading.Event(), threading.Event()

    class Late(Broken):
        def get(self, key: str) -> bytes | None:
            called.set()
            failed.wait(30)
            return None

    late = FallbackBackend(Late(tmp_path / "late"))
    thread = threading.Thread(target=late.get, args=("k",))
    thread.start()
    called.wait(30)
    late._use_fallback(BackendError("gone"))
    failed.set()
    thread.join()
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_fallback_of_fallback(primary: Broken, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    host = Broken(tmp_path / "host")
    backend = FallbackBackend(primary, fallback=FallbackBackend(host), primary_name="redis connection 'x'")
    primary.broken = True
    backend.set("k", b"v", 60)
    assert host.get("k") == b"v"
    host.broken = True
    backend.set("k", b"w", 60)
    assert backend.get("k") == b"w"
    first, second = [record.getMessage() for record in caplog.records]
    assert "through redis connection 'x'; sharing them between the processes of this host only" in first
    assert "through the state folder; sharing them within this process only" in second


def test_primary_that_fails_under_a_lock_raises_nothing(primary: Broken) -> None:
    backend = FallbackBackend(primary)
    done = []
    with backend.lock("k", 0):
        primary.broken = True
        done.append(1)
    assert done == [1]


def test_busy_is_not_a_failure(primary: Broken, caplog: pytest.LogCaptureFixture) -> None:
    backend = FallbackBackend(primary)
    with primary.lock("k", 0), pytest.raises(Busy), backend.lock("k", 0):
        raise AssertionError
    assert caplog.records == []


def test_fallback_lock_excludes_threads(primary: Broken, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    backend = FallbackBackend(HostBackend(tmp_path / "file"))
    busy = threading.Event()

    def try_lock() -> None:
        try:
            with backend.lock("k", 0):
                pass
        except Busy:
            busy.set()

    with backend.lock("k", 0):
        thread = threading.Thread(target=try_lock)
        thread.start()
        thread.join()
    assert busy.is_set()
