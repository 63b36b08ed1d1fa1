"""What is done to its end in another thread, as if it were done in this one."""

from __future__ import annotations

from contextvars import ContextVar

from airflow_provider_meetings.coordination.shielded import finished

TASK: ContextVar[str] = ContextVar("TASK", default="none")


def test_it_is_done_in_the_context_of_who_asks_and_so_its_warnings_reach_that_log() -> None:
    TASK.set("a task")
    assert finished(TASK.get) == "a task"
