"""Airflow's home for the tests, the emulator with connections to it, and options."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

# Airflow reads its settings and makes its home on import: set them before any test module imports it.
for _name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[_name]
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-provider-meetings-tests-")
os.environ["AIRFLOW__MEETINGS__STATE_DIR"] = str(Path(os.environ["AIRFLOW_HOME"]) / "state")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(Path(__file__).resolve().parent.parent / "dags")

from airflow_provider_meetings.coordination.memory import PROCESS_TOKENS, ProcessTokenStore
from airflow_provider_meetings.emulator.seed.credentials import (
    FEISHU_APP_ID,
    FEISHU_APP_SECRET,
    WECOM_CORP_ID,
    WECOM_CORP_SECRET,
)
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--scheduler", action="store_true", help="run the tests on a whole Airflow: minutes")
    parser.addoption("--browser", action="store_true", help="run the tests in Chromium, on a whole Airflow: a minute")
    parser.addoption("--kills", type=int, default=20, help="number of landings to kill")
    parser.addoption("--processes", type=int, default=30, help="number of processes that request a token at once")
    parser.addoption("--meetings", type=int, default=300, help="number of meetings of the simulated month")
    parser.addoption("--sequences", type=int, default=25, help="number of random fault sequences per landing test")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "scheduler: starts a whole Airflow; runs only with --scheduler")
    config.addinivalue_line("markers", "browser: uses a whole Airflow in Chromium; runs only with --browser")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    targets = {"scheduler": "make test-scheduler, make nightly", "browser": "make test-browser"}
    for name in [name for name in targets if not config.getoption(f"--{name}")]:
        skip = pytest.mark.skip(reason=f"starts a whole Airflow: {targets[name]}")
        for item in items:
            if item.get_closest_marker(name):
                item.add_marker(skip)


def connection(conn_type: str, url: str | None, **changes: Any) -> str:
    """Return a connection to the emulator in the JSON form of Airflow's environment variables."""
    login, password = {
        "feishu": (FEISHU_APP_ID, FEISHU_APP_SECRET),
        "wecom": (WECOM_CORP_ID, WECOM_CORP_SECRET),
    }[conn_type]
    return json.dumps({"conn_type": conn_type, "login": login, "password": password, "host": url, **changes})


@pytest.fixture(autouse=True)
def _reset_secrets_maskers() -> Iterator[None]:
    """Remove the secrets of the test: Airflow compiles one expression of all secrets whenever it gets one more."""
    yield
    for name in ("airflow._shared", "airflow.sdk._shared"):
        module = sys.modules.get(f"{name}.secrets_masker")
        if module is not None:
            module.reset_secrets_masker()


@dataclass
class Emulated:
    """A running emulator; ``feishu_default`` and ``wecom_default`` are connections to it."""

    url: str
    state: EmulatorState
    monkeypatch: pytest.MonkeyPatch

    def connect(self, conn_type: str, url: str | None = None, **changes: Any) -> None:
        """Set the connection of a platform."""
        value = connection(conn_type, url or self.url, **changes)
        self.monkeypatch.setenv(f"AIRFLOW_CONN_{conn_type.upper()}_DEFAULT", value)


@pytest.fixture
def emulated(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    with run_emulator(monkeypatch, tmp_path_factory.mktemp("meetings") / "state") as running:
        yield running


@contextmanager
def run_emulator(monkeypatch: pytest.MonkeyPatch, state_dir: Path) -> Iterator[Emulated]:
    """Serve an emulator, with token stores that hold no token of an earlier one: its app ids are the same."""
    monkeypatch.setenv("AIRFLOW__MEETINGS__STATE_DIR", str(state_dir))
    for name, value in vars(ProcessTokenStore()).items():
        monkeypatch.setattr(PROCESS_TOKENS, name, value)
    # The triggerer's client outlives a test, and its next one has another connection.
    monkeypatch.setattr("airflow_provider_meetings.triggers.clients.CURRENT_SECONDS", 0.0)
    state = EmulatorState()
    with serve(state) as url:
        running = Emulated(url, state, monkeypatch)
        running.connect("feishu")
        running.connect("wecom")
        yield running


@pytest.fixture
def hung() -> Iterator[str]:
    """The URL of a platform that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=300) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@dataclass
class TaskInstance:
    """The part of a task instance that operators use when a test calls their `execute`."""

    dag_id: str = "dag"
    run_id: str = "run"
    task_id: str = "task"
    map_index: int = -1
    try_number: int = 1
    pushed: dict[str, Any] = field(default_factory=dict)
    start_date: datetime = field(default_factory=lambda: datetime.now(UTC))

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = json.loads(json.dumps(value))

    def get_first_reschedule_date(self, context: Any) -> None:
        return None


@pytest.fixture
def context() -> Any:
    return {"ti": TaskInstance()}
