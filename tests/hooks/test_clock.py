"""The clock of a simulation."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.hooks.clock import CLOCK_FILE, clock_of
from airflow_provider_meetings.hooks.meetings import MeetingsHook


@pytest.fixture
def clock_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "now"
    path.write_text("1000.5")
    monkeypatch.setenv(CLOCK_FILE, str(path))
    return path


@pytest.mark.parametrize("url", ["http://127.0.0.1:8765", "http://localhost", "https://[::1]:80"])
def test_file_counts_on_this_machine(url: str, clock_file: Path) -> None:
    clock = clock_of(url)
    assert clock() == 1000.5
    clock_file.write_text("2000")
    assert clock() == 2000


@pytest.mark.parametrize(
    "url", ["https://open.feishu.cn", "http://127.0.0.1.example.com", "http://10.0.0.1", "http://"]
)
def test_file_counts_for_no_other_machine(url: str, clock_file: Path) -> None:
    assert clock_of(url) is time.time


def test_without_file() -> None:
    assert clock_of("http://127.0.0.1:8765") is time.time


@pytest.mark.parametrize("conn_id", ["feishu_default", "wecom_default"])
def test_client_has_the_clock_and_its_token_is_fetched_once(conn_id: str, emulated: Any, clock_file: Path) -> None:
    client = MeetingsHook.for_connection(conn_id).get_conn()
    assert client.clock() == 1000.5
    client.whoami()
    MeetingsHook.for_connection(conn_id).get_conn().whoami()
    assert sum(emulated.state.token_requests.values()) == 1
