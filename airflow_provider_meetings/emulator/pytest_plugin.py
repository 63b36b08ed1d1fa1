"""The fixture ``meetings_emulator`` for tests of DAGs.

Load it in your top-level ``conftest.py`` with
``pytest_plugins = ["airflow_provider_meetings.emulator.pytest_plugin"]``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from airflow_provider_meetings.emulator.seed.credentials import (
    FEISHU_APP_ID,
    FEISHU_APP_SECRET,
    WECOM_CORP_ID,
    WECOM_CORP_SECRET,
)
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

__all__ = ["MeetingsEmulator", "meetings_emulator"]


@dataclass(frozen=True, slots=True)
class MeetingsEmulator:
    """A running emulator: its base URL, its state, and connections to it as environment variables."""

    url: str
    state: EmulatorState

    @property
    def connections(self) -> Mapping[str, str]:
        """Return ``AIRFLOW_CONN_FEISHU_DEFAULT`` and ``AIRFLOW_CONN_WECOM_DEFAULT`` as JSON."""
        return {f"AIRFLOW_CONN_{name.upper()}_DEFAULT": self.connection(name) for name in ("feishu", "wecom")}

    def connection(self, conn_type: str) -> str:
        """Return a connection of type "feishu" or "wecom" as JSON, for any connection id."""
        login, password = {
            "feishu": (FEISHU_APP_ID, FEISHU_APP_SECRET),
            "wecom": (WECOM_CORP_ID, WECOM_CORP_SECRET),
        }[conn_type]
        return json.dumps({"conn_type": conn_type, "login": login, "password": password, "host": self.url})


@pytest.fixture
def meetings_emulator(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MeetingsEmulator]:
    """Serve the default company for one test; ``feishu_default`` and ``wecom_default`` connect to it."""
    # Cached tokens must not outlive the test, nor be in the user's own cache.
    monkeypatch.setenv("AIRFLOW__MEETINGS__STATE_DIR", str(tmp_path_factory.mktemp("meetings") / "state"))
    state = EmulatorState()
    with serve(state) as url:
        emulator = MeetingsEmulator(url, state)
        for name, value in emulator.connections.items():
            monkeypatch.setenv(name, value)
        yield emulator
