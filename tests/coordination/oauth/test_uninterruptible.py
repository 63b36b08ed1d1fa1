"""What is done to its end in another thread, as if it were done in this one."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import pytest

from airflow_provider_meetings.coordination.oauth.uninterruptible import run_uninterrupted

TASK: ContextVar[str] = ContextVar("TASK", default="none")


def test_it_is_done_in_the_context_of_who_asks_and_so_its_warnings_reach_that_log() -> None:
    TASK.set("a task")
    assert run_uninterrupted(TASK.get) == "a task"


def test_a_thread_in_which_nothing_is_raised_from_outside_does_it_itself() -> None:
    def both() -> tuple[threading.Thread, threading.Thread]:
        return threading.current_thread(), run_uninterrupted(threading.current_thread)

    with ThreadPoolExecutor(1) as threads:
        here, there = threads.submit(both).result()
    assert there is here


@pytest.mark.parametrize("started", [False, True])
def test_an_interrupt_while_the_thread_is_started_waits_too(monkeypatch: pytest.MonkeyPatch, started: bool) -> None:
    """Python may raise it between any two steps, those within `Thread.start` among them."""
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


def test_without_a_thread_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(RuntimeError, match="new thread"):
        run_uninterrupted(lambda: 1)


def test_one_that_may_end_with_the_interpreter_does_not() -> None:
    done: list[threading.Thread] = []
    thread = threading.Thread(target=lambda: done.append(run_uninterrupted(threading.current_thread)), daemon=True)
    thread.start()
    thread.join()
    assert not done[0].daemon
    assert done[0] is not thread
