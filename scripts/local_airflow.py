"""Run a whole Airflow for a while: all components, loopback only, free ports, a disposable home."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from airflow_provider_meetings.emulator.seed.company import default_company
from airflow_provider_meetings.emulator.seed.credentials import (
    FEISHU_APP_ID,
    FEISHU_APP_SECRET,
    WECOM_CORP_ID,
    WECOM_CORP_SECRET,
)

STARTUP_SECONDS = 600  # on two busy cores, the first time without bytecode, it takes minutes
FINISHED = {"success", "failed"}
REPORTED = {"deferred", "failed", "success", "up_for_reschedule", "up_for_retry"}


def settings(emulator: str, lake: Path, warehouse: Path) -> dict[str, str]:
    """Return the connections, variables and options that the example DAGs need."""
    owners = sorted({recording.creator for recording in default_company().wecom_recordings.values()})

    def connection(conn_type: str, login: str, password: str) -> str:
        # With its port in a field of its own, the UI's Test button works: see "Test" in docs/reference/connections.rst.
        host, _, port = emulator.rpartition(":")
        return json.dumps(
            {"conn_type": conn_type, "login": login, "password": password, "host": host, "port": int(port)}
        )

    return {
        "AIRFLOW_CONN_FEISHU_DEFAULT": connection("feishu", FEISHU_APP_ID, FEISHU_APP_SECRET),
        "AIRFLOW_CONN_WECOM_DEFAULT": connection("wecom", WECOM_CORP_ID, WECOM_CORP_SECRET),
        "AIRFLOW_CONN_MEETINGS_WAREHOUSE": json.dumps({"conn_type": "duckdb", "host": str(warehouse)}),
        "AIRFLOW__MEETINGS__STATE_DIR": str(warehouse.parent / "home-state"),
        "AIRFLOW_VAR_MEETINGS_LAKE": f"file://{lake}",
        "AIRFLOW_VAR_WECOM_OWNER_IDS": json.dumps(owners),
    }


class LocalAirflow:
    """Run ``airflow standalone`` in its own session and stop it by its process group.

    :param home: AIRFLOW_HOME; created if missing.
    :param dags: DAGs folder.
    :param emulator: base URL of the emulator.
    :param lake: folder for media.
    :param warehouse: DuckDB file.
    :param extra: more environment variables; they override those set here.
    """

    def __init__(
        self,
        home: Path,
        dags: Path,
        emulator: str,
        lake: Path,
        warehouse: Path,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self._home = home
        api, worker_logs, trigger_logs = _free_ports(3)
        self.url = f"http://127.0.0.1:{api}"
        self._session = requests.Session()
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
            **settings(emulator, lake, warehouse),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(api),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "3",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(trigger_logs),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(worker_logs),
            # Run only what is triggered: the daily DAG must not start a run for today.
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "NO_PROXY": "127.0.0.1,localhost",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "no_proxy": "127.0.0.1,localhost",
            **(extra or {}),
        }

    def __enter__(self) -> Self:
        self._home.mkdir(parents=True, exist_ok=True)
        self._log = (self._home / "standalone.log").open("wb")
        self._process = subprocess.Popen(  # noqa: S603  # fixed arguments
            [str(Path(sys.executable).parent / "airflow"), "standalone"],
            env=self._environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._wait(self._healthy, STARTUP_SECONDS, "Airflow is not healthy")
            token = self._session.get(f"{self.url}/auth/token", timeout=30).json()["access_token"]
            self._session.headers["Authorization"] = f"Bearer {token}"
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def trigger(self, dag_id: str, run_id: str, body: dict[str, Any]) -> None:
        """Wait until Airflow has parsed the DAG, then trigger a run."""
        self._wait(lambda: self._get(f"/dags/{dag_id}").ok, STARTUP_SECONDS, f"DAG {dag_id} was not found")
        url = f"{self.url}/api/v2/dags/{dag_id}/dagRuns"
        answer = self._session.post(url, json={"dag_run_id": run_id, **body}, timeout=60)
        if not answer.ok:
            raise RuntimeError(f"{dag_id} could not be triggered: {answer.status_code} {answer.text[:500]}")

    def clear(self, dag_id: str, run_id: str) -> None:
        """Clear all tasks of a finished run."""
        url = f"{self.url}/api/v2/dags/{dag_id}/dagRuns/{run_id}/clear"
        answer = self._session.post(url, json={"dry_run": False, "only_failed": False}, timeout=60)
        if not answer.ok:
            raise RuntimeError(f"{dag_id} could not be cleared: {answer.status_code} {answer.text[:500]}")

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run from the API."""
        answer = self._get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances").json()
        task_instances: list[dict[str, Any]] = answer["task_instances"]
        return task_instances

    def store(self, variables: Mapping[str, str]) -> None:
        """Store connections and variables, named as in `settings`, so that the UI shows them.

        Tasks still use those of the environment, which take precedence.
        """
        for name, value in variables.items():
            if name.startswith("AIRFLOW_CONN_"):
                key = name.removeprefix("AIRFLOW_CONN_").lower()
                self._put("connections", key, {"connection_id": key, **json.loads(value)})
            elif name.startswith("AIRFLOW_VAR_"):
                key = name.removeprefix("AIRFLOW_VAR_").lower()
                self._put("variables", key, {"key": key, "value": value})

    def wait(self) -> None:
        """Wait until Airflow exits."""
        self._process.wait()

    def _put(self, kind: str, key: str, body: dict[str, Any]) -> None:
        url = f"{self.url}/api/v2/{kind}"
        answer = self._session.post(url, json=body, timeout=60)
        if answer.status_code == 409:  # from an earlier start in the same home, with another port
            answer = self._session.patch(f"{url}/{key}", json=body, timeout=60)
        if not answer.ok:
            raise RuntimeError(f"{kind} {key} could not be written: {answer.status_code} {answer.text[:500]}")

    def follow(self, dag_ids: list[str], run_id: str, say: Callable[[str], None], seconds: float) -> dict[str, float]:
        """Report changes of task states until all runs have finished; return for how long each task was deferred.

        :param say: called with each change.
        :param seconds: timeout.
        :raises RuntimeError: a run fails or the timeout expires.
        """
        states: dict[str, str] = {}
        deferred_at: dict[str, float] = {}
        deferred: dict[str, float] = {}
        run_states: dict[str, str] = {}

        def step() -> bool:
            for dag_id in dag_ids:
                for task in self.tasks(dag_id, run_id):
                    mapped = f"[{task['map_index']}]" if task["map_index"] >= 0 else ""
                    name, state = f"{dag_id}.{task['task_id']}{mapped}", task["state"] or "none"
                    if states.get(name) != state:
                        states[name] = state
                        if state in REPORTED:
                            say(f"{name}: {state}")
                    if state == "deferred":
                        deferred_at.setdefault(name, time.monotonic())
                    elif name in deferred_at:
                        deferred.setdefault(name, time.monotonic() - deferred_at[name])
                run_states[dag_id] = self._get(f"/dags/{dag_id}/dagRuns/{run_id}").json()["state"]
            return all(state in FINISHED for state in run_states.values())

        self._wait(step, seconds, "the runs did not finish")
        failed = [dag_id for dag_id, state in run_states.items() if state != "success"]
        if failed:
            raise RuntimeError(f"{', '.join(failed)} failed; see the logs below {self._home / 'logs'}")
        return deferred

    def _get(self, path: str) -> requests.Response:
        return self._session.get(f"{self.url}/api/v2{path}", timeout=30)

    def _healthy(self) -> bool:
        health = self._get("/monitor/health").json()
        names = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return all((health.get(name) or {}).get("status") == "healthy" for name in names)

    def _wait(self, ready: Callable[[], bool], seconds: float, failure: str) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"Airflow exited; the end of its log:\n{self._tail()}")
            with suppress(requests.ConnectionError, requests.Timeout, ValueError):
                if ready():
                    return
            time.sleep(0.5)
        raise RuntimeError(f"{failure} within {seconds:.0f} s; the end of its log:\n{self._tail()}")

    def _tail(self) -> str:
        text = (self._home / "standalone.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-30:])

    def _stop(self) -> None:
        # Its children outlive it for a while. start_new_session gave it its own group.
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
        self._session.close()
        self._log.close()


def _free_ports(count: int) -> list[int]:
    holders = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [holder.getsockname()[1] for holder in holders]
    for holder in holders:
        holder.close()
    return ports
