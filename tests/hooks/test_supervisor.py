"""Threads of ours speak with Airflow's supervisor one after the other: that of ``dags test`` takes no two at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from airflow.sdk.execution_time import task_runner

from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from airflow_provider_meetings.transfers.task_state import LandedFiles


class Supervisor:
    """Notice whether a second speaker comes while one is speaking."""

    def __init__(self) -> None:
        self._both = threading.Barrier(2)
        self.overlapped = False
        self.heard = 0

    def send(self, message: Any) -> None:
        self.heard += 1
        if self.heard > 6:
            return
        try:
            self._both.wait(0.1)
            self.overlapped = True
        except threading.BrokenBarrierError:
            self._both.reset()

    def get(self, key: str) -> None:
        self.send(key)

    def set(self, key: str, value: object) -> None:
        self.send(value)


def test_one_thread_speaks_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    hook = FeishuHook()
    files = LandedFiles(None)
    files._store = supervisor

    def speak(number: int) -> None:
        if number % 2:
            hook._mask(f"a-secret-of-thread-{number}")
        else:
            files.add(f"file-{number}")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(speak, range(16)))
    assert supervisor.heard >= 16
    assert not supervisor.overlapped
