"""The loading cases and their targets: ours, Airflow's ``insert_rows`` and dlt, on each available database."""

from __future__ import annotations

import json
import os
import socket
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from benchmarks.peers import Peers
from benchmarks.processes import Failed, measure
from benchmarks.report import Report

ROWS = int(os.environ.get("BENCH_ROWS", "100000"))
LOADS = int(os.environ.get("BENCH_LOADS", "3"))
HOST = "127.0.0.1"
_PEERS = {"postgres": ("dlt",), "duckdb": ("dlt",), "sqlite": ("executemany",), "mysql": ("load_data",)}
_PORTS = {"postgres": 5432, "psycopg2": 5432, "mysql": 3306}

# Rows per second for prepared rows and for dicts; how many times as fast as the peers; the peak in MiB.
_TARGETS: Mapping[str, Mapping[str, float]] = {
    "postgres": {"prepared": 90_000, "dicts": 60_000, "insert_rows": 2, "dlt": 4},
    "psycopg2": {},
    "sqlite": {"prepared": 250_000, "dicts": 80_000, "insert_rows from dicts": 4},
    "duckdb": {"prepared": 150_000, "dicts": 70_000, "peak": 500},
    "mysql": {"insert_rows": 3},
}


@dataclass(frozen=True, slots=True)
class _Result:
    rate: float
    peak: float


def warehouse(peers: Peers, report: Report) -> None:
    """Rows of 18 columns, one of them JSON; half of the rows exist already: prepared, and from dicts."""
    report.note(f"{ROWS} rows, medians of {LOADS}; only the load, without imports and without generating its input;")
    report.note("the peak includes Airflow and the input, but not the database server; files are in /dev/shm")
    for kind, targets in _available(report):
        found = {}
        for mode in ("prepared", "dicts", "insert_rows", *_PEERS.get(kind, ())):
            try:
                found[mode] = _median([_measured(kind, mode, peers) for _ in range(LOADS)])
            except Failed as error:
                report.note(f"{kind}, {mode}: {error}")
                if mode in ("prepared", "dicts"):
                    raise
                continue
            report.note(f"{kind}, {mode}: {found[mode].rate:.0f} rows/s, peak {found[mode].peak:.0f} MiB")
        _report_targets(report, kind, targets, found)


def million(peers: Peers, report: Report) -> None:
    """Ten times as many rows, generated during the load: rate and memory compared with a tenth of the rows."""
    for kind, _ in _available(report):
        few = _median([_measured(kind, "stream", peers) for _ in range(LOADS)])
        many = _measured(kind, "stream", peers, 10 * ROWS)
        report.note(f"{kind}, {ROWS} rows: {few.rate:.0f} rows/s, peak {few.peak:.0f} MiB")
        report.note(f"{kind}, {10 * ROWS} rows: {many.rate:.0f} rows/s, peak {many.peak:.0f} MiB")
        report.at_least(f"{kind}: rate, to that of a tenth", many.rate / few.rate, 0.8)
        report.target(f"{kind}: peak above that of a tenth, MiB", many.peak - few.peak, 64)


def _available(report: Report) -> Iterator[tuple[str, Mapping[str, float]]]:
    for kind, targets in _TARGETS.items():
        if kind in _PORTS and not _is_open(_PORTS[kind]):
            report.note(f"{kind}: MISSING, so not measured")
        else:
            yield kind, targets


def _median(results: Sequence[_Result]) -> _Result:
    return _Result(statistics.median(r.rate for r in results), statistics.median(r.peak for r in results))


def _report_targets(report: Report, kind: str, targets: Mapping[str, float], found: Mapping[str, _Result]) -> None:
    for mode, target in targets.items():
        if mode == "peak":
            report.target(f"{kind}: peak, prepared, MiB", found["prepared"].peak, target)
        elif mode in ("prepared", "dicts"):
            report.target(f"{kind}: µs per row, {mode}", 1e6 / found[mode].rate, 1e6 / target)
        else:
            ours = found["prepared" if mode == "insert_rows" else "dicts"]
            peer = found.get(mode.partition(" ")[0])
            report.target(f"{kind}: time, to {mode}", None if peer is None else peer.rate / ours.rate, 1 / target)


def _measured(kind: str, mode: str, peers: Peers, count: int = ROWS) -> _Result:
    with _empty_target(kind) as environment, tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result"
        if mode == "dlt":
            if peers.dlt_python is None:
                raise Failed("missing")
            command = [peers.dlt_python, "-m", "benchmarks.loading.dlt_merge", kind, str(count), str(result)]
            run = measure(command, {**environment, "DLT_DATA_DIR": folder})
        else:
            ours = [sys.executable, "-m", "benchmarks.loading.loader", kind]
            measure([*ours, "half", str(count), str(result)], environment)
            run = measure([*ours, mode, str(count), str(result)], environment)
        return _Result(count / json.loads(result.read_text())["seconds"], run.peak)


@contextmanager
def _empty_target(kind: str) -> Iterator[Mapping[str, str]]:
    """Create an empty database file or schema; yield variables with the Airflow connection ``bench`` to it."""
    name = f"bench_{uuid4().hex[:12]}"
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        settings = {"AIRFLOW_HOME": f"{folder}/home", "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING"}
        if kind in ("sqlite", "duckdb"):
            fields: dict[str, object] = {"conn_type": kind, "host": f"{folder}/bench.{kind}"}
            yield {**settings, "AIRFLOW_CONN_BENCH": json.dumps(fields), "BENCH_TARGET": f"{folder}/bench.{kind}"}
            return
        fields = {"conn_type": "mysql", "host": HOST, "login": "root", "schema": name, "port": 3306}
        if kind != "mysql":
            options = {"options": f"-c search_path={name}"}
            fields = {"conn_type": "postgres", "host": HOST, "login": "postgres", "schema": "test", "extra": options}
        with _mysql(name) if kind == "mysql" else _postgres(name):
            yield {**settings, "AIRFLOW_CONN_BENCH": json.dumps(fields), "BENCH_TARGET": name}


@contextmanager
def _postgres(name: str) -> Iterator[None]:
    import psycopg

    with psycopg.connect(host=HOST, user="postgres", dbname="test", autocommit=True) as admin:
        admin.execute(f"CREATE SCHEMA {name}")
        try:
            yield
        finally:
            for schema in (name, f"{name}_staging"):
                admin.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


@contextmanager
def _mysql(name: str) -> Iterator[None]:
    import pymysql

    with pymysql.connect(host=HOST, user="root", autocommit=True) as admin, admin.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
        try:
            yield
        finally:
            cursor.execute(f"DROP DATABASE {name}")


def _is_open(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), 2).close()
    except OSError:
        return False
    return True


CASES = (warehouse, million)
