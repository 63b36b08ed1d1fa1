"""Run all example DAGs with all loggers at DEBUG, then search everything that the runs wrote for each secret.

As a control, the test writes the secrets into the same places itself and repeats the search.
"""

from __future__ import annotations

import json
import logging
import pickle
import re
import sqlite3
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
from tests.system.conftest import StartAirflow
from tests.system.planted import DEBUG, Planted, PlantedState, detect, plant_app_secrets
from tests.system.remains import places, tables_with_rows
from tests.system.test_example_dags import DAGS, LOGICAL_DATE, ROOT, RUNS

MIN_SECRETS = 30
# Airflow's own line, only with `dags test`: InProcessSupervisorComms.send (task SDK 1.3.2) prints at DEBUG each value
# that a provider asks to mask. test_scheduler searches the output of a scheduler, a triggerer and workers without this
# exception.
MASK_REQUEST = re.compile(r"^.*Sending request .*loc=supervisor\.py.*msg=MaskSecret\(value=.*$", re.MULTILINE)


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Planted:
    planted = Planted()
    plant_app_secrets(planted, monkeypatch)
    return planted


def write_unmasked(root: Path, secrets: dict[str, str]) -> str:
    """Write secrets into each place that `places` reads; return the text for the place "printed"."""
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


def test_runs_leave_no_secret(start_airflow: StartAirflow, tmp_path: Path, planted: Planted) -> None:
    with serve(PlantedState(planted)) as url:
        env = {**settings(url, tmp_path / "lake", tmp_path / "warehouse.duckdb"), **DEBUG}
        runs = [
            start_airflow("dags", "test", dag_id, LOGICAL_DATE, "--conf", json.dumps(conf), env=env, dags=ROOT / "dags")
            for dag_id, conf in RUNS.items()
        ]
        runs.append(start_airflow("dags", "test", "every_kind", LOGICAL_DATE, env=env, dags=DAGS))
        printed = "\n".join([run.finish() for run in runs])
    secrets = planted.secrets()
    assert len({secret.value for secret in secrets.values()}) == len(secrets) >= MIN_SECRETS
    # A process fetches another token only after the one before it was rejected.
    assert planted.count("feishu token") > 2
    assert planted.count("wecom token") > 1
    assert planted.count("sharing password") == planted.count("sharing url") == 4

    left = places(tmp_path, MASK_REQUEST.sub("", printed))
    # The search covers what it should: all loggers wrote, and the results of the runs are there.
    assert b"?***" in left["printed"] + left["logs"]
    assert b"; retrying in" in left["printed"] + left["logs"]
    assert b"Token rejected" in left["printed"] + left["logs"]
    assert b"obcnlaunch00000000000004" in left["metadata, decoded"]
    assert all(left.values())
    filled = {table.name for table in tables()} - {"erasures"}
    assert {name for name, rows in landed.tables(tmp_path / "warehouse.duckdb").items() if rows} == filled
    assert tables_with_rows(tmp_path / "lake" / "rows") == filled
    assert b"has_password: True" in left["lake, rows"]

    # Two of each kind: finding all thousands would take a minute and prove no more.
    few = {name: secret for name, secret in secrets.items() if name.endswith((" 1", " 2"))}
    assert len(few) >= MIN_SECRETS
    scratch = tmp_path / "unmasked"
    control = places(scratch, write_unmasked(scratch, {name: secret.value for name, secret in few.items()}))
    del control["warehouse, raw"]  # compressed; its rows are searched as text
    assert {place: detect(few, text) for place, text in control.items()} == {place: set(few) for place in control}
    assert {place: found for place, text in left.items() if (found := detect(secrets, text))} == {}
