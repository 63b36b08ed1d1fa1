"""Run three example DAGs on a real Airflow against the emulator and print what landed.

Lake, warehouse and Airflow's home stay below ``demo/``. A second run uses a fresh Airflow home and the same lake and
warehouse, and must change nothing in them.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
from local_airflow import LocalAirflow

from airflow_provider_meetings.api.ledger.ledger import FOLDER
from airflow_provider_meetings.emulator.model.company import Company
from airflow_provider_meetings.emulator.seed.company import default_company
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "demo"
LAKE = DEMO / "lake"
WAREHOUSE = DEMO / "warehouse.duckdb"
JOURNALS = ("landings", "discovery_windows", "pending_items", "sync_clocks")
TIMEOUT_SECONDS = 300

_started = time.monotonic()


def say(text: str) -> None:
    """Print a line of progress with the seconds since the start."""
    print(f"[{time.monotonic() - _started:5.1f} s] {text}", flush=True)


def dag_runs(company: Company) -> dict[str, dict[str, Any]]:
    """Return the body of each DAG run: all of WeCom, all Feishu meetings and posts that the emulator can return."""
    meetings = [m.meeting_id for m in company.feishu_meetings.values() if m.status not in {"running", "unrecorded"}]
    posts = [p.post_id for p in company.feishu_posts.values() if not p.forbidden]
    return {
        "wecom_recordings_daily": {"logical_date": "2026-11-12T18:00:00Z"},
        "feishu_recordings": {"logical_date": "2026-11-13T18:00:00Z", "conf": {"meeting_ids": meetings}},
        "feishu_moments": {"logical_date": "2026-11-13T18:00:00Z", "conf": {"post_ids": posts}},
    }


def fingerprints() -> dict[str, str]:
    """Return a digest of each file in the lake and of each table except the journals."""
    found = {str(p.relative_to(LAKE)): _digest(p.read_bytes()) for p in _landed()}
    for name, rows in tables().items():
        if name not in JOURNALS:
            found[f"table {name}"] = _digest(repr(rows).encode())
    return found


def tables() -> dict[str, list[tuple[Any, ...]]]:
    """Read every table of the warehouse, rows sorted."""
    if not WAREHOUSE.exists():
        return {}
    with duckdb.connect(str(WAREHOUSE), read_only=True) as db:
        names = [name for (name,) in db.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()]
        # As text: DuckDB needs another package to return time zones. Each listing sets asked_at.
        return {
            name: db.sql(f"SELECT COLUMNS(lambda c: c <> 'asked_at')::VARCHAR FROM {name} ORDER BY ALL").fetchall()  # noqa: S608  # names of the package
            for name in names
        }


def _landed() -> list[Path]:
    """Return the files of the lake, without the ledgers, to which each run adds."""
    return [path for path in sorted(LAKE.rglob("*")) if path.is_file() and path.parent.name != FOLDER]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def run_dags() -> dict[str, float]:
    """Run the three DAGs and return for how many seconds each task was deferred."""
    shutil.rmtree(DEMO / "airflow", ignore_errors=True)
    company = default_company()
    with serve(EmulatorState(company, not_ready_polls=1)) as emulator:
        say(f"emulator of Feishu and WeCom: {emulator}")
        say("starting Airflow: database, scheduler, triggerer, API server (half a minute) ...")
        with LocalAirflow(DEMO / "airflow", ROOT / "dags", emulator, LAKE, WAREHOUSE) as airflow:
            say(f"Airflow is healthy: {airflow.url}")
            runs = dag_runs(company)
            for dag_id, body in runs.items():
                airflow.trigger(dag_id, "demo", body)
                say(f"{dag_id}: triggered")
            return airflow.follow(list(runs), "demo", say, TIMEOUT_SECONDS)


def report(deferred: dict[str, float], before: dict[str, str]) -> None:
    """Print what landed, whether the second run changed anything, and next steps."""
    media = [p for p in _landed() if not p.name.endswith(".receipt.json")]
    print(f"\nLake       {LAKE.relative_to(ROOT)}/")
    for platform in sorted({p.relative_to(LAKE).parts[0] for p in media}):
        landed = [p for p in media if p.relative_to(LAKE).parts[0] == platform]
        print(f"  {platform:<20} {len(landed):>4} files {sum(p.stat().st_size for p in landed):>12,} bytes")
    print(f"Warehouse  {WAREHOUSE.relative_to(ROOT)}")
    for name, rows in tables().items():
        print(f"  {name:<20} {len(rows):>4} rows")
    for task, seconds in deferred.items():
        print(f"Deferred   {seconds:.0f} s in the triggerer, without a worker slot: {task}")
    if before:
        after = fingerprints()
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        print(f"Again      {len(changed)} of {len(before)} files and tables changed since the run before")
        for name in changed:
            print(f"  changed: {name}")
        if changed:
            sys.exit("This run changed files or tables of the run before.")
    print(f"""
Next
  make demo                  again: nothing is fetched or written twice
  make test                  the tests
  .venv/bin/python -c "import duckdb; print(duckdb.connect('{WAREHOUSE.relative_to(ROOT)}').sql(
      'FROM recordings SELECT title, state, duration_ms'))"
  less dags/wecom_recordings_daily.py
Took {time.monotonic() - _started:.0f} s.""")


if __name__ == "__main__":
    DEMO.mkdir(exist_ok=True)
    landed_before = fingerprints()
    report(run_dags(), landed_before)
