"""Serve an Airflow for the browser, with the example DAGs, their connections and variables, and the emulator.

It runs until Ctrl-C. Its files stay below ``demo/ui/``; remove them for a fresh start.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path

from local_airflow import LocalAirflow, settings

from airflow_provider_meetings.emulator.seed.feishu import NAMED_POST, PROCESSING_MEETING, READY_MEETING
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "demo" / "ui"
UNFINISHED_POLLS = 2
"""Keeps a task deferred for about a minute, long enough to see it in the browser."""


def guide(url: str, emulator: str) -> str:
    """Return instructions for the browser."""
    meetings = json.dumps({"meeting_ids": [READY_MEETING, PROCESSING_MEETING]})
    posts = json.dumps({"post_ids": [NAMED_POST]})
    return f"""
Open           {url}   (no login)
Emulator       {emulator}
Lake           {(HOME / "lake").relative_to(ROOT)}/
Warehouse      {(HOME / "warehouse.duckdb").relative_to(ROOT)}

What to click: Dags, one of these, Trigger, Advanced Options, then
  feishu_recordings       Configuration JSON   {meetings}
                          its task "wait" is deferred (purple) for a minute: the triggerer polls for it
  wecom_recordings_daily  (nothing)            the recordings since November; its ledger is in the lake
  feishu_moments          Configuration JSON   {posts}
Then: a task, Logs; a task, Storage, XCom (it holds no link); a run, Clear (nothing is fetched or written twice);
Admin, Connections, Test (it requests a token from the emulator).

Ctrl-C stops everything.
"""


def main() -> None:
    """Start everything, print instructions and wait for a signal."""
    # A shell starts background jobs with SIGINT ignored. A closed terminal sends SIGHUP.
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(number: int, frame: object) -> None:
        # A second Ctrl-C must not interrupt the shutdown, which takes some seconds.
        for one in signals:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    for one in signals:
        signal.signal(one, interrupt)
    lake, warehouse = HOME / "lake", HOME / "warehouse.duckdb"
    extra = {"AIRFLOW__CORE__TEST_CONNECTION": "Enabled"}
    with serve(EmulatorState(not_ready_polls=UNFINISHED_POLLS)) as emulator:
        print("Starting Airflow: database, scheduler, triggerer, API server (half a minute) ...", flush=True)
        with LocalAirflow(HOME / "airflow", ROOT / "dags", emulator, lake, warehouse, extra) as airflow:
            airflow.store(settings(emulator, lake, warehouse))
            print(guide(airflow.url, emulator), flush=True)
            airflow.wait()
            raise SystemExit(f"Airflow exited; see {HOME / 'airflow' / 'standalone.log'}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("Stopped.")
