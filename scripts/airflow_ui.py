"""An Airflow to look at in the browser: the example DAGs, their connections and variables, and the emulator.

It stays until Ctrl-C and ends all that it started. Everything is kept below ``demo/ui/``; remove it to start anew.
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
"""Long enough to see a task deferred in the browser: at the two stages of a recording, about a minute."""


def guide(url: str, emulator: str) -> str:
    """Say what to click."""
    meetings = json.dumps({"meeting_ids": [READY_MEETING, PROCESSING_MEETING]})
    posts = json.dumps({"post_ids": [NAMED_POST]})
    return f"""
Open           {url}   (no login)
Emulator       {emulator}
Lake           {(HOME / "lake").relative_to(ROOT)}/
Warehouse      {(HOME / "warehouse.duckdb").relative_to(ROOT)}

What to click: Dags, one of these, Trigger, Advanced Options, then
  feishu_recordings       Configuration JSON   {meetings}
                          its task "wait" is purple for a minute: deferred, in the triggerer, without a worker slot
  wecom_recordings_daily  Logical Date         2026-11-13 02:00
  feishu_moments          Configuration JSON   {posts}
Then: a task, Logs; a task, XCom (no link in it); a run, Clear (nothing is fetched or written twice);
Admin, Connections: Test asks the emulator for a token.

Ctrl-C ends it all.
"""


def main() -> None:
    """Start everything, say what to click, and wait to be told to end."""
    # SIGINT by name too: a shell starts its background jobs with it ignored. SIGHUP: a terminal that was closed.
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(number: int, frame: object) -> None:
        # A second Ctrl-C must not cut short the ending, which takes some seconds.
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
            airflow.show(settings(emulator, lake, warehouse))
            print(guide(airflow.url, emulator), flush=True)
            airflow.stay()
            raise SystemExit(f"Airflow ended by itself; see {HOME / 'airflow' / 'standalone.log'}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("Ended.")
