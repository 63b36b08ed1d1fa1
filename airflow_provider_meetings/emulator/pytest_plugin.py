"""The fixture ``meetings_emulator`` for tests of DAGs.

It does not load itself: ask for it in your top ``conftest.py`` with
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
    """A running emulator: its base URL, its knobs, and the environment variables that lead Airflow to it."""

    url: str
    state: EmulatorState

    @property
    def connections(self) -> Mapping[str, str]:
        """Return ``AIRFLOW_CONN_FEISHU_DEFAULT`` and ``AIRFLOW_CONN_WECOM_DEFAULT``, connections as JSON."""
        return {
            "AIRFLOW_CONN_FEISHU_DEFAULT": self.connection("feishu"),
            "AIRFLOW_CONN_WECOM_DEFAULT": self.connection("wecom"),
        }

    def connection(self, conn_type: str) -> str:
        """Return a connection of type "feishu" or "wecom" as JSON, for an id of your own."""
        login, password = {
            "feishu": (FEISHU_APP_ID, FEISHU_APP_SECRET),
            "wecom": (WECOM_CORP_ID, WECOM_CORP_SECRET),
        }[conn_type]
        return json.dumps({"conn_type": conn_type, "login": login, "password": password, "host": self.url})


@pytest.fixture
def meetings_emulator(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MeetingsEmulator]:
    """Serve the default company for one test; ``feishu_default`` and ``wecom_default`` lead there."""
    # No token of a test outlives it, nor lies in the cache of who runs it.
    monkeypatch.setenv("AIRFLOW__MEETINGS__STATE_DIR", str(tmp_path_factory.mktemp("meetings") / "state"))
    state = EmulatorState()
    with serve(state) as url:
        emulator = MeetingsEmulator(url, state)
        for name, value in emulator.connections.items():
            monkeypatch.setenv(name, value)
        yield emulator
