from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from airflow_provider_meetings.coordination.backend import BackendError, Busy
from airflow_provider_meetings.coordination.fallback import LOOK_AGAIN_SECONDS, FallbackBackend
from airflow_provider_meetings.coordination.host.backend import HostBackend


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
    def lock(self, key: str, timeout: float) -> Iterator[None]:
        with super().lock(key, timeout):
            yield
        self._raise()

    def _raise(self) -> None:
        if self.broken:
            raise BackendError("the disk is gone: bring it back")


@pytest.fixture
def wide(tmp_path: Path) -> Broken:
    return Broken(tmp_path / "state")


NARROWED = "Tokens and quotas are shared within this process only, no longer through the disk: the disk is gone"


def test_it_goes_on_in_the_process_says_so_and_looks_again(wide: Broken, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now = 0.0
    backend = FallbackBackend(wide, lambda: now, primary_name="the disk")
    backend.set("k", b"wide", 600)
    wide.broken = True
    assert backend.get("k") is None
    backend.set("k", b"narrow", 600)
    assert backend.get("k") == b"narrow"
    assert wide.asked == 1
    now = LOOK_AGAIN_SECONDS
    assert backend.get("k") == b"narrow"
    assert wide.asked == 2
    wide.broken = False
    assert backend.get("k") == b"narrow"
    now = 2 * LOOK_AGAIN_SECONDS
    assert backend.get("k") == b"wide"
    assert backend.get("k") == b"wide"
    wide.broken = True
    assert backend.get("k") == b"narrow"
    again = "Tokens and quotas are shared through the disk again"
    said = [record.getMessage() for record in caplog.records]
    assert said == [f"{NARROWED}: bring it back", again, f"{NARROWED}: bring it back"]


def test_one_that_answers_busy_is_there_again(wide: Broken, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now = 0.0
    backend = FallbackBackend(wide, lambda: now)
    wide.broken = True
    backend.get("k")
    wide.broken = False
    now = LOOK_AGAIN_SECONDS
    with wide.lock("k", 0), pytest.raises(Busy), backend.lock("k", 0):
        raise AssertionError
    assert "through the state folder again" in caplog.records[-1].getMessage()


def test_an_answer_from_before_the_failure_does_not_widen_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    asked, failed = threading.Event(), threading.Event()

    class Late(Broken):
        def get(self, key: str) -> bytes | None:
            asked.set()
            failed.wait(30)
            return None

    late = FallbackBackend(Late(tmp_path / "late"))
    thread = threading.Thread(target=late.get, args=("k",))
    thread.start()
    asked.wait(30)
    late._leave(BackendError("gone"))
    failed.set()
    thread.join()
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_it_narrows_step_by_step(wide: Broken, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    host = Broken(tmp_path / "host")
    backend = FallbackBackend(wide, fallback=FallbackBackend(host), primary_name="redis connection 'x'")
    wide.broken = True
    backend.set("k", b"v", 60)
    assert host.get("k") == b"v"
    host.broken = True
    backend.set("k", b"w", 60)
    assert backend.get("k") == b"w"
    first, second = [record.getMessage() for record in caplog.records]
    assert "between the processes of this host only, no longer through redis connection 'x'" in first
    assert "within this process only, no longer through the state folder" in second


def test_what_was_done_under_a_hold_that_broke_stays_done(wide: Broken) -> None:
    backend = FallbackBackend(wide)
    done = []
    with backend.lock("k", 0):
        wide.broken = True
        done.append(1)
    assert done == [1]


def test_busy_is_no_failure(wide: Broken, caplog: pytest.LogCaptureFixture) -> None:
    backend = FallbackBackend(wide)
    with wide.lock("k", 0), pytest.raises(Busy), backend.lock("k", 0):
        raise AssertionError
    assert caplog.records == []


def test_threads_exclude_each_other_also_within_the_process(wide: Broken, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    backend = FallbackBackend(HostBackend(tmp_path / "file"))
    busy = threading.Event()

    def ask() -> None:
        try:
            with backend.lock("k", 0):
                pass
        except Busy:
            busy.set()

    with backend.lock("k", 0):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert busy.is_set()
