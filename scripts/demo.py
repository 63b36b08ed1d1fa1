"""Run the three example DAGs on a real Airflow against the emulator, and show what landed.

Everything stays below ``demo/``: the lake, the warehouse and Airflow's own home. A second run starts from a fresh
Airflow home but keeps lake and warehouse, and must find nothing to change in them.
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

from airflow_provider_meetings.emulator.model.company import Company
from airflow_provider_meetings.emulator.seed.company import default_company
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "demo"
LAKE = DEMO / "lake"
WAREHOUSE = DEMO / "warehouse.duckdb"
JOURNALS = ("landings", "discovery_windows", "pending_items", "sync_clocks")
PATIENCE_SECONDS = 300

_begun = time.monotonic()


def say(text: str) -> None:
    """Print a line of progress with the seconds since the start."""
    print(f"[{time.monotonic() - _begun:5.1f} s] {text}", flush=True)


def runs_of(company: Company) -> dict[str, dict[str, Any]]:
    """Say what to trigger: a day of WeCom, and those of Feishu's meetings and posts that can have an answer."""
    meetings = [m.meeting_id for m in company.feishu_meetings.values() if m.status not in {"running", "unrecorded"}]
    posts = [p.post_id for p in company.feishu_posts.values() if not p.forbidden]
    return {
        "wecom_recordings_daily": {
            "logical_date": "2026-11-12T18:00:00Z",
            "data_interval_start": "2026-11-11T18:00:00Z",
            "data_interval_end": "2026-11-12T18:00:00Z",
        },
        "feishu_recordings": {"logical_date": "2026-11-13T18:00:00Z", "conf": {"meeting_ids": meetings}},
        "feishu_moments": {"logical_date": "2026-11-13T18:00:00Z", "conf": {"post_ids": posts}},
    }


def fingerprints() -> dict[str, str]:
    """Digest every file of the lake and every table that is no journal."""
    found = {str(p.relative_to(LAKE)): _digest(p.read_bytes()) for p in sorted(LAKE.rglob("*")) if p.is_file()}
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
        # Times as text: reading them as such would need another package.
        return {
            name: db.sql(f'SELECT COLUMNS(*)::VARCHAR FROM "{name}" ORDER BY ALL').fetchall()  # noqa: S608  # ours
            for name in names
        }


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def run_dags() -> dict[str, float]:
    """Run the three DAGs; return the seconds that each deferred task waited."""
    shutil.rmtree(DEMO / "airflow", ignore_errors=True)
    company = default_company()
    with serve(EmulatorState(company, not_ready_polls=1)) as emulator:
        say(f"emulator of Feishu and WeCom at {emulator}")
        say("starting Airflow: database, scheduler, triggerer, API server (half a minute) ...")
        with LocalAirflow(DEMO / "airflow", ROOT / "dags", emulator, LAKE, WAREHOUSE) as airflow:
            say(f"Airflow is up at {airflow.url}")
            runs = runs_of(company)
            for dag_id, body in runs.items():
                airflow.trigger(dag_id, "demo", body)
                say(f"{dag_id}: triggered")
            return airflow.follow(list(runs), "demo", say, PATIENCE_SECONDS)


def report(waited: dict[str, float], before: dict[str, str]) -> None:
    """Print what landed, whether anything changed, and what to try next."""
    files = [p for p in LAKE.rglob("*") if p.is_file()]
    media = [p for p in files if not p.name.endswith(".receipt.json")]
    print(f"\nLake       {LAKE.relative_to(ROOT)}/")
    for platform in sorted({p.relative_to(LAKE).parts[0] for p in media}):
        mine = [p for p in media if p.relative_to(LAKE).parts[0] == platform]
        print(f"  {platform:<20} {len(mine):>4} files {sum(p.stat().st_size for p in mine):>12,} bytes")
    print(f"Warehouse  {WAREHOUSE.relative_to(ROOT)}")
    for name, rows in tables().items():
        print(f"  {name:<20} {len(rows):>4} rows")
    for task, seconds in waited.items():
        print(f"Waited     {seconds:.0f} s in the triggerer, without a worker slot: {task}")
    if before:
        after = fingerprints()
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        print(f"Again      {len(before)} files and tables compared with the run before: {len(changed)} changed")
        for name in changed:
            print(f"  changed: {name}")
        if changed:
            sys.exit("The second run changed what the first had landed.")
    print(f"""
Next
  make demo                  once more: nothing is fetched or written twice
  make test                  the tests
  .venv/bin/python -c "import duckdb; print(duckdb.connect('{WAREHOUSE.relative_to(ROOT)}').sql(
      'FROM recordings SELECT title, state, duration_ms'))"
  less dags/wecom_recordings_daily.py
Took {time.monotonic() - _begun:.0f} s.""")


if __name__ == "__main__":
    DEMO.mkdir(exist_ok=True)
    landed_before = fingerprints()
    report(run_dags(), landed_before)
