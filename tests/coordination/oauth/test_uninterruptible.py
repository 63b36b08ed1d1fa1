"""Work that is done to its end in another thread."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import pytest

from airflow_provider_meetings.coordination.oauth.uninterruptible import run_uninterrupted

TASK: ContextVar[str] = ContextVar("TASK", default="none")


def test_work_runs_in_context_of_caller() -> None:
    TASK.set("a task")
    assert run_uninterrupted(TASK.get) == "a task"


def test_non_main_thread_runs_work_itself() -> None:
    def both() -> tuple[threading.Thread, threading.Thread]:
        return threading.current_thread(), run_uninterrupted(threading.current_thread)

    with ThreadPoolExecutor(1) as threads:
        caller, worker = threads.submit(both).result()
    assert worker is caller


@pytest.mark.parametrize("started", [False, True])
def test_interrupt_during_thread_start(monkeypatch: pytest.MonkeyPatch, started: bool) -> None:
    """Python may raise an interrupt at any point, also within `Thread.start`."""
    real, starts, worked = threading.Thread.start, [], []

    def start(thread: threading.Thread) -> None:
        starts.append(thread)
        if started or len(starts) > 1:
            real(thread)
        if len(starts) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(KeyboardInterrupt):
        run_uninterrupted(lambda: worked.append(1))
    for thread in starts:
        if thread.ident is not None:
            thread.join()
    assert worked == [1]


def test_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(RuntimeError, match="new thread"):
        run_uninterrupted(lambda: 1)


def test_daemon_thread_runs_work_in_non_daemon_thread() -> None:
    done: list[threading.Thread] = []
    thread = threading.Thread(target=lambda: done.append(run_uninterrupted(threading.current_thread)), daemon=True)
    thread.start()
    thread.join()
    assert not done[0].daemon
    assert done[0] is not thread
