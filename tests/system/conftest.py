"""A migrated Airflow home, copied for each process that runs a DAG in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

MARKER = "scheduler: starts a whole Airflow, with scheduler and triggerer; runs only with --scheduler"
AIRFLOW = str(Path(sys.executable).parent / "airflow")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--scheduler"):
        return
    for item in items:
        if item.get_closest_marker("scheduler"):
            item.add_marker(pytest.mark.skip(reason="starts a whole Airflow: make test-scheduler"))


@pytest.fixture(scope="session")
def migrated_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("airflow") / "home"
    home.mkdir()
    environment = {**os.environ, "AIRFLOW_HOME": str(home)}
    subprocess.run([AIRFLOW, "db", "migrate"], env=environment, check=True, capture_output=True, timeout=300)
    return home


@pytest.fixture
def start_airflow(migrated_home: Path, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start an ``airflow`` command in a home of its own; everything it prints goes to one pipe."""
    count = 0

    def start(*command: str, env: Mapping[str, str], dags: Path) -> subprocess.Popen[str]:
        nonlocal count
        count += 1
        home = tmp_path / f"home-{count}"
        shutil.copytree(migrated_home, home)
        # The copied settings name the database of the home that they were made in.
        (home / "airflow.cfg").unlink(missing_ok=True)
        environment = {**os.environ, **env, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__DAGS_FOLDER": str(dags)}
        return subprocess.Popen(
            [AIRFLOW, *command], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    return start
