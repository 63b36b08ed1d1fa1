"""Airflow's components as processes of their own, on a PostgreSQL database of their own, without a UI.

The server is that of the tests: 127.0.0.1, port 5432, user postgres. The database is dropped on exit.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from benchmarks.landing.body import MIB
from benchmarks.processes import Failed

_SERVER = "postgresql://postgres@127.0.0.1"
_START_SECONDS = 180
_TICKS = os.sysconf("SC_CLK_TCK")


class Component:
    """One component with its child processes, which form a session."""

    def __init__(self, arguments: tuple[str, ...], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                [sys.executable, "-m", "airflow", *arguments],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def runs(self) -> bool:
        return self._popen.poll() is None

    def cpu(self) -> float:
        """Return the seconds of CPU of all its processes."""
        return sum(sum(map(int, fields[11:15])) / _TICKS for _, fields in self._processes())

    def mib(self) -> float:
        """Return the memory of all its processes in MiB; what several share counts in parts (PSS)."""
        found = 0
        for pid, _ in self._processes():
            with suppress(OSError):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                found += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return found * 1024 / MIB

    def threads(self) -> int:
        """Return the number of threads of all its processes."""
        return sum(int(fields[17]) for _, fields in self._processes())

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to all its processes, and wait for the first."""
        with suppress(ProcessLookupError):
            os.killpg(self._popen.pid, number)
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(20)

    def _processes(self) -> list[tuple[int, list[str]]]:
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                fields = (path / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == self._popen.pid:  # the session
                    found.append((int(path.name), fields))
        return found


class Airflow:
    """A disposable home and database; the components that are started run until the end of the context.

    :param dags: the folder of DAGs.
    :param environment: variables in addition to those of the benchmark.
    """

    def __init__(self, dags: Path, environment: Mapping[str, str]) -> None:
        self._name = f"bench_{secrets.token_hex(6)}"
        self.home = Path(tempfile.mkdtemp(prefix="bench-"))
        self._components: list[Component] = []
        api, worker_logs, trigger_logs = _free_ports(3)
        self.url = f"http://127.0.0.1:{api}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(api),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(32),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"{_SERVER.replace('://', '+psycopg2://')}/{self._name}",
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(trigger_logs),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(worker_logs),
            "AIRFLOW__MEETINGS__STATE_DIR": str(self.home / "state"),
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "NO_PROXY": "127.0.0.1,localhost",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "no_proxy": "127.0.0.1,localhost",
            **environment,
        }

    def __enter__(self) -> Self:
        self._administrate(f"CREATE DATABASE {self._name}")
        try:
            self.run("-m", "airflow", "db", "migrate")
            self.run("-m", "airflow", "dags", "reserialize")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for component in self._components:
            component.kill()
        self._administrate(f"DROP DATABASE IF EXISTS {self._name} WITH (FORCE)")
        shutil.rmtree(self.home, ignore_errors=True)

    def run(self, *arguments: str, order: object = None) -> Any:
        """Run Python to its end, with `order` as JSON on its standard input; return the last line, if it is JSON.

        :raises Failed: with the end of its standard error.
        """
        found = subprocess.run(
            [sys.executable, *arguments],
            env=self.environment,
            input=json.dumps(order),
            capture_output=True,
            text=True,
            timeout=600,
        )
        if found.returncode:
            raise Failed(f"{' '.join(arguments)}: {(found.stderr or found.stdout).strip()[-1500:]}")
        with suppress(ValueError, IndexError):
            return json.loads(found.stdout.strip().splitlines()[-1])
        return None

    def start(self, *arguments: str) -> Component:
        """Start a component, such as ``triggerer``; it is killed at the end of the context."""
        component = Component(arguments, self.environment, self.home / f"{arguments[0]}.log")
        self._components.append(component)
        return component

    def start_all(self, *, triggerer: bool = True) -> Component:
        """Start the API server, and then scheduler, DAG processor and triggerer; return the scheduler."""
        self.start("api-server", "--workers", "1")
        self.wait(self._answers, _START_SECONDS, "the API server does not answer")
        self.start("dag-processor")
        if triggerer:
            self.start("triggerer")
        return self.start("scheduler")

    def select(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run one statement in the database; return its rows."""
        import psycopg

        with psycopg.connect(f"{_SERVER}/{self._name}", autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def trigger(self, dag_id: str, run_id: str) -> None:
        """Start a run through the API."""
        with urllib.request.urlopen(f"{self.url}/auth/token", timeout=60) as answer:
            token = json.load(answer)["access_token"]
        request = urllib.request.Request(
            f"{self.url}/api/v2/dags/{dag_id}/dagRuns",
            json.dumps({"dag_run_id": run_id, "logical_date": None}).encode(),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60):
            return

    def wait(self, ready: Callable[[], bool], seconds: float, failure: str) -> float:
        """Wait until `ready`; return the seconds that it took.

        :raises Failed: with `failure` after `seconds`, or when a component that was not killed has ended.
        """
        started = time.monotonic()
        while not ready():
            if time.monotonic() > started + seconds:
                raise Failed(f"{failure} within {seconds:.0f} s: {self._logs()}")
            time.sleep(0.25)
        return time.monotonic() - started

    def _answers(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"{self.url}/auth/token", timeout=5):
            return True
        return False

    def _logs(self) -> str:
        logs = sorted(self.home.glob("*.log"))
        return "; ".join(f"{log.stem}: {log.read_text(errors='replace')[-400:]}" for log in logs)

    @staticmethod
    def _administrate(statement: str) -> None:
        import psycopg

        with psycopg.connect(f"{_SERVER}/postgres", autocommit=True) as connection:
            connection.execute(statement.encode())


def _free_ports(count: int) -> list[int]:
    holders = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [holder.getsockname()[1] for holder in holders]
    for holder in holders:
        holder.close()
    return ports
