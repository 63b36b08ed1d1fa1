"""Run ``airflow`` commands, each in a process forked from one that has already imported Airflow."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Mapping
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import pytest

TIMEOUT_SECONDS = 480


class AirflowCommand:
    """A running command, which prints to a file."""

    def __init__(self, process: ForkServerProcess, output: Path) -> None:
        self._process = process
        self._output = output

    @property
    def printed(self) -> str:
        return self._output.read_text(errors="replace") if self._output.exists() else ""

    def finish(self, exit_code: int | None = 0) -> str:
        """Wait until the command ends, check its exit code (``None``: any) and return what it printed."""
        self._process.join(TIMEOUT_SECONDS)
        timed_out = self._process.is_alive()
        self.kill()
        assert not timed_out, f"timed out\n{self.printed[-6000:]}"
        assert exit_code is None or self._process.exitcode == exit_code, self.printed[-6000:]
        return self.printed

    def wait_for(self, text: str) -> None:
        """Wait until the command prints ``text``, or ends."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while self._process.is_alive() and text not in self.printed and time.monotonic() < deadline:
            self._process.join(0.1)

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


class AirflowCommands:
    """Start commands.

    The server that processes are forked from imports Airflow without reading its settings; each process reads them from
    its own environment.

    :param home: AIRFLOW_HOME of the server.
    """

    def __init__(self, home: Path) -> None:
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.system.preload"])
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setenv("AIRFLOW_HOME", str(home))
            monkeypatch.setenv("_AIRFLOW__AS_LIBRARY", "1")
            monkeypatch.setenv("PYTHONWARNINGS", "ignore")
            forkserver.ensure_running()

    def start(self, *arguments: str, home: Path, env: Mapping[str, str], output: Path) -> AirflowCommand:
        environment = {
            **os.environ,
            **env,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        }
        process = self._context.Process(target=_run, args=(arguments, environment, output))
        process.start()
        return AirflowCommand(process, output)


def _run(arguments: tuple[str, ...], environment: Mapping[str, str], output: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    sys.argv = ["airflow", *arguments]

    from airflow import settings
    from airflow.__main__ import main

    settings.initialize()  # type: ignore[no-untyped-call]
    main()  # type: ignore[no-untyped-call]
