"""All example DAGs with every logger at DEBUG, then a search for each secret in all that is left of the runs.

The control: the same search in the same places, after the test itself has written the secrets there.
"""

from __future__ import annotations

import json
import logging
import pickle
import re
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from local_airflow import settings

from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.warehouse.tables.tables import tables
from tests.system import landed
from tests.system.planted import DEBUG, Planted, PlantedState, detect, plant_app_secrets
from tests.system.remains import places, tables_with_rows
from tests.system.test_example_dags import LOGICAL_DATE, ROOT, RUNS, finish

LEAST_SECRETS = 30
# Airflow's own, and of its `dags test` alone: InProcessSupervisorComms.send (task SDK 1.3.2) prints at DEBUG each value
# that it is asked to mask, whichever provider asks. test_scheduler searches, without this exception, what a scheduler,
# a triggerer and real workers leave.
AIRFLOWS_OWN = re.compile(r"^.*Sending request .*loc=supervisor\.py.*msg=MaskSecret\(value=.*$", re.MULTILINE)
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Planted:
    planted = Planted()
    plant_app_secrets(planted, monkeypatch)
    return planted


def write_unmasked(root: Path, secrets: dict[str, str]) -> str:
    """Do what must never be done, in each place that `places` reads; return what to take for printed."""
    home = root / "home-1"
    (home / "logs").mkdir(parents=True)
    handler = logging.FileHandler(home / "logs" / "attempt=1.log")
    log = logging.getLogger("tests.unmasked")
    log.propagate = False
    log.setLevel(logging.DEBUG)
    log.addHandler(handler)
    for secret in secrets.values():
        log.debug("GET %s", secret)
    log.removeHandler(handler)
    handler.close()
    with closing(sqlite3.connect(home / "airflow.db")) as db, db:
        db.execute("CREATE TABLE xcom (value JSON)")
        db.executemany("INSERT INTO xcom VALUES (?)", [(json.dumps({"url": secret}),) for secret in secrets.values()])
    (root / "lake").mkdir()
    (root / "lake" / "a.receipt.json").write_text(json.dumps(secrets))
    (root / "lake" / "a.mp4").write_bytes(pickle.dumps(secrets))
    rows = [{"source": json.dumps({"sharing": secret})} for secret in secrets.values()]
    pq.write_table(pa.Table.from_pylist(rows), root / "lake" / "rows.parquet", compression="zstd")
    with closing(duckdb.connect(str(root / "warehouse.duckdb"))) as warehouse:
        warehouse.execute("CREATE TABLE recordings (source JSON)")
        for secret in secrets.values():
            warehouse.execute("INSERT INTO recordings VALUES (?)", [json.dumps({"sharing": secret})])
    return repr(secrets)


def test_no_run_leaves_a_secret_anywhere(start_airflow: Start, tmp_path: Path, planted: Planted) -> None:
    with serve(PlantedState(planted)) as url:
        env = {**settings(url, tmp_path / "lake", tmp_path / "warehouse.duckdb"), **DEBUG}
        runs = {
            dag_id: start_airflow(
                "dags", "test", dag_id, LOGICAL_DATE, "--conf", json.dumps(conf), env=env, dags=ROOT / "dags"
            )
            for dag_id, conf in RUNS.items()
        }
        own_dags = Path(__file__).parent / "dags"
        runs["every_kind"] = start_airflow("dags", "test", "every_kind", LOGICAL_DATE, env=env, dags=own_dags)
        printed = "\n".join(finish(runs).values())
    secrets = planted.secrets()
    assert len({secret.value for secret in secrets.values()}) == len(secrets) >= LEAST_SECRETS
    # Each token after the first of a process was fetched because the one before it was refused.
    assert planted.count("feishu token") > 2
    assert planted.count("wecom token") > 1
    assert planted.count("sharing password") == planted.count("sharing url") == 4

    left = places(tmp_path, AIRFLOWS_OWN.sub("", printed))
    # What is searched is what was meant: every logger spoke, and what the runs did is there.
    assert b"?***" in left["printed"] + left["logs"]
    assert b"opening it again" in left["printed"] + left["logs"]
    assert b"rejected the token" in left["printed"] + left["logs"]
    assert b"obcnlaunch00000000000004" in left["metadata, decoded"]
    assert all(left.values())
    assert {name for name, rows in landed.tables(tmp_path / "warehouse.duckdb").items() if rows} == {
        table.name for table in tables()
    }
    assert tables_with_rows(tmp_path / "lake" / "rows") == {table.name for table in tables()}
    assert b"has_password: True" in left["lake, rows"]

    # Two of each kind: to find all the thousands would take a minute and show no more.
    few = {name: secret for name, secret in secrets.items() if name.endswith((" 1", " 2"))}
    assert len(few) >= LEAST_SECRETS
    scratch = tmp_path / "unmasked"
    control = places(scratch, write_unmasked(scratch, {name: secret.value for name, secret in few.items()}))
    del control["warehouse, raw"]  # DuckDB compresses; its rows are searched as text
    assert {place: detect(few, text) for place, text in control.items()} == {place: set(few) for place in control}
    assert {place: found for place, text in left.items() if (found := detect(secrets, text))} == {}
