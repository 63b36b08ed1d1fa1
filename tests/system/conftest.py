"""Airflow commands, each in a copy of one migrated Airflow home."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pytest

from tests.system.commands import AirflowCommand, AirflowCommands


class StartAirflow(Protocol):
    def __call__(self, *arguments: str, env: Mapping[str, str], dags: Path) -> AirflowCommand: ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The longest tests start first: otherwise one worker runs them when all others have ended.
    items.sort(key=lambda item: Path(__file__).parent not in item.path.parents)


@pytest.fixture(scope="session")
def airflow_commands(tmp_path_factory: pytest.TempPathFactory) -> AirflowCommands:
    return AirflowCommands(tmp_path_factory.mktemp("airflow"))


@pytest.fixture(scope="session")
def migrated_home(airflow_commands: AirflowCommands, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("migrated")
    home = root / "home"
    home.mkdir()
    airflow_commands.start("db", "migrate", home=home, env={}, output=root / "printed").finish()
    return home


@pytest.fixture
def start_airflow(airflow_commands: AirflowCommands, migrated_home: Path, tmp_path: Path) -> StartAirflow:
    """Start an ``airflow`` command in its own copy of the migrated home: ``home-1``, ``home-2``, ..."""
    count = 0

    def start(*arguments: str, env: Mapping[str, str], dags: Path) -> AirflowCommand:
        nonlocal count
        count += 1
        home = tmp_path / f"home-{count}"
        shutil.copytree(migrated_home, home)
        return airflow_commands.start(
            *arguments,
            home=home,
            env={**env, "AIRFLOW__CORE__DAGS_FOLDER": str(dags)},
            output=tmp_path / f"printed-{count}",
        )

    return start
