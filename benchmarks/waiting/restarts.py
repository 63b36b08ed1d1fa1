"""The case of a triggerer that is killed again and again."""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter

from benchmarks.components import Airflow
from benchmarks.peers import Peers
from benchmarks.platform import Platform, platform
from benchmarks.report import Report
from benchmarks.waiting.meetings import meeting_ids
from benchmarks.waiting.triggerer import airflow_with_waits, defer

WAITS = int(os.environ.get("BENCH_RESTART_WAITS", "200"))
RESTARTS = int(os.environ.get("BENCH_RESTARTS", "20"))
EACH = 2
POKE_SECONDS = 15.0
_SEED = 14
_LIFE_SECONDS = (2.0, 25.0)
"""How long a triggerer lives after it has begun to run triggers. A trigger polls 15 seconds after its start."""
_HEALTH = {
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "5",
}
"""Another triggerer takes over after 5 seconds instead of 30, so that the case takes minutes."""
_LAST_SECONDS = 900


def restarts(_peers: Peers, report: Report) -> None:
    """A real triggerer is killed and restarted 20 times during 200 waits, each for a ready and a pending meeting."""
    started = time.monotonic()
    lives = random.Random(_SEED)
    with platform() as emulator, airflow_with_waits(emulator, WAITS, EACH, POKE_SECONDS, **_HEALTH) as airflow:
        waits = [meeting_ids(number, EACH) for number in range(WAITS)]
        emulator.feishu({one: "pending" if at else "ready" for wait in waits for at, one in enumerate(wait)})
        defer(airflow, "ticker")
        defer(airflow, "ours")
        airflow.select("UPDATE task_instance SET state = 'skipped' WHERE task_id = 'peer'")
        emulator.limit()
        begun = time.time()
        airflow.start_all(triggerer=False)
        ticks = airflow.home / "ticks"
        # A part of the waits can end in each life; the last ones end after the last restart.
        part = -(-WAITS // (RESTARTS + 1))
        for number in range(RESTARTS + 1):
            ticks.unlink(missing_ok=True)
            triggerer = airflow.start("triggerer")
            airflow.wait(ticks.exists, 180, "the triggerer runs no trigger")
            emulator.finish([one for wait in waits[number * part : (number + 1) * part] for one in wait])
            if number < RESTARTS:
                time.sleep(lives.uniform(*_LIFE_SECONDS))
                triggerer.kill()
        unfinished = "SELECT count(*) FROM task_instance WHERE task_id = 'ours' AND state NOT IN ('success', 'failed')"
        airflow.wait(lambda: not airflow.select(unfinished)[0][0], _LAST_SECONDS, "the waits did not end")
        seconds = time.time() - begun
        _check(airflow, emulator, waits, seconds, report)
    report.note(f"took {time.monotonic() - started:.0f} s")


def _check(airflow: Airflow, emulator: Platform, waits: list[list[str]], seconds: float, report: Report) -> None:
    states = dict(airflow.select("SELECT state, count(*) FROM task_instance WHERE task_id = 'ours' GROUP BY state"))
    report.note(f"{RESTARTS} restarts in {seconds:.0f} s; tasks: {states}")
    again = airflow.select("SELECT count(*) FROM task_instance_history WHERE task_id = 'ours'")[0][0]
    again += airflow.select("SELECT count(*) FROM task_instance WHERE task_id = 'ours' AND try_number <> 1")[0][0]
    results: Counter[int] = Counter()
    wrong = 0
    for index, value in airflow.select(
        "SELECT map_index, value FROM xcom WHERE task_id = 'ours' AND key = 'return_value'"
    ):
        results[index] += 1
        found = json.loads(value) if isinstance(value, str) else value
        right = [(meeting, "ready") for meeting in waits[index]]
        wrong += [(one["meeting_id"], one["state"]) for one in found] != right
    logs = airflow.home.glob("logs/**/task_id=ours/**/attempt=?.log")
    ends = [log.read_text().count("recordings are ready") for log in logs]
    report.target("waits that did not end right", WAITS - states.get("success", 0) + wrong, 0)
    report.target("waits without exactly one result", WAITS - list(results.values()).count(1), 0)
    report.target("waits that ran again", again + sum(count > 1 for count in ends), 0)
    asked = [(at, path) for at, path in emulator.times() if path.endswith("/recording")]
    calls, seconds_of = emulator.calls(), Counter(int(at) for at, _ in asked)
    report.note(f"requests: {calls}; {max(seconds_of.values())} for meetings in the worst second")
    report.target("throttled answers", calls["throttled"], 0)
    report.target(
        "most requests for one meeting", max(Counter(path for _, path in asked).values()), 2 + seconds / POKE_SECONDS
    )
