"""The cases of loading: ours beside Airflow's ``insert_rows`` and beside dlt, on each database that answers."""

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

# Rows a second of rows that are built already, and of dicts; how many times as fast as the peers; MiB at most.
_TARGETS: Mapping[str, Mapping[str, float]] = {
    "postgres": {"prepared": 90_000, "dicts": 60_000, "insert_rows": 2, "dlt": 4},
    "psycopg2": {},
    "sqlite": {"prepared": 250_000, "dicts": 80_000, "insert_rows from dicts": 4},
    "duckdb": {"prepared": 150_000, "dicts": 70_000, "peak": 500},
    "mysql": {"insert_rows": 3},
}


@dataclass(frozen=True, slots=True)
class _Found:
    rate: float
    peak: float


def warehouse(peers: Peers, report: Report) -> None:
    """Rows of 18 columns, one of them JSON, half of them present: prepared, and from dicts."""
    report.note(f"{ROWS} rows, medians of {LOADS}; the load alone, without imports and without making its input;")
    report.note("the peak is that of the whole process, with Airflow and the input, and no server's; files in /dev/shm")
    for kind, targets in _answering(report):
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
        _judge(report, kind, targets, found)


def million(peers: Peers, report: Report) -> None:
    """Ten times as many rows, made as they are taken: the rate and the memory beside those of the tenth."""
    for kind, _ in _answering(report):
        few = _median([_measured(kind, "stream", peers) for _ in range(LOADS)])
        many = _measured(kind, "stream", peers, 10 * ROWS)
        report.note(f"{kind}, {ROWS} rows: {few.rate:.0f} rows/s, peak {few.peak:.0f} MiB")
        report.note(f"{kind}, {10 * ROWS} rows: {many.rate:.0f} rows/s, peak {many.peak:.0f} MiB")
        report.at_least(f"{kind}: rate, to that of a tenth", many.rate / few.rate, 0.8)
        report.target(f"{kind}: peak above that of a tenth, MiB", many.peak - few.peak, 64)


def _answering(report: Report) -> Iterator[tuple[str, Mapping[str, float]]]:
    for kind, targets in _TARGETS.items():
        if kind in _PORTS and not _answers(_PORTS[kind]):
            report.note(f"{kind}: no server answers")
        else:
            yield kind, targets


def _median(found: Sequence[_Found]) -> _Found:
    return _Found(statistics.median(one.rate for one in found), statistics.median(one.peak for one in found))


def _judge(report: Report, kind: str, targets: Mapping[str, float], found: Mapping[str, _Found]) -> None:
    for mode, wanted in targets.items():
        if mode == "peak":
            report.target(f"{kind}: peak, prepared, MiB", found["prepared"].peak, wanted)
        elif mode in ("prepared", "dicts"):
            report.target(f"{kind}: µs per row, {mode}", 1e6 / found[mode].rate, 1e6 / wanted)
        else:
            ours = found["prepared" if mode == "insert_rows" else "dicts"]
            peer = found.get(mode.partition(" ")[0])
            report.target(f"{kind}: time, to {mode}", None if peer is None else peer.rate / ours.rate, 1 / wanted)


def _measured(kind: str, mode: str, peers: Peers, count: int = ROWS) -> _Found:
    with _place(kind) as environment, tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result"
        if mode == "dlt":
            if peers.dlt_python is None:
                raise Failed("missing")
            command = [peers.dlt_python, "-m", "benchmarks.dlt_merge", kind, str(count), str(result)]
            run = measure(command, {**environment, "DLT_DATA_DIR": folder})
        else:
            ours = [sys.executable, "-m", "benchmarks.loader", kind]
            measure([*ours, "half", str(count), str(result)], environment)
            run = measure([*ours, mode, str(count), str(result)], environment)
        return _Found(count / json.loads(result.read_text())["seconds"], run.peak)


@contextmanager
def _place(kind: str) -> Iterator[Mapping[str, str]]:
    """Make a place of our own in the database, and say where it is as an Airflow connection does."""
    place = f"bench_{uuid4().hex[:12]}"
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        settings = {"AIRFLOW_HOME": f"{folder}/home", "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING"}
        if kind in ("sqlite", "duckdb"):
            fields: dict[str, object] = {"conn_type": kind, "host": f"{folder}/bench.{kind}"}
            yield {**settings, "AIRFLOW_CONN_BENCH": json.dumps(fields), "BENCH_PLACE": f"{folder}/bench.{kind}"}
            return
        fields = {"conn_type": "mysql", "host": HOST, "login": "root", "schema": place, "port": 3306}
        if kind != "mysql":
            options = {"options": f"-c search_path={place}"}
            fields = {"conn_type": "postgres", "host": HOST, "login": "postgres", "schema": "test", "extra": options}
        with _mysql(place) if kind == "mysql" else _postgres(place):
            yield {**settings, "AIRFLOW_CONN_BENCH": json.dumps(fields), "BENCH_PLACE": place}


@contextmanager
def _postgres(place: str) -> Iterator[None]:
    import psycopg

    with psycopg.connect(host=HOST, user="postgres", dbname="test", autocommit=True) as admin:
        admin.execute(f"CREATE SCHEMA {place}")
        try:
            yield
        finally:
            for name in (place, f"{place}_staging"):
                admin.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")


@contextmanager
def _mysql(place: str) -> Iterator[None]:
    import pymysql

    with pymysql.connect(host=HOST, user="root", autocommit=True) as admin, admin.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {place}")
        try:
            yield
        finally:
            cursor.execute(f"DROP DATABASE {place}")


def _answers(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), 2).close()
    except OSError:
        return False
    return True


CASES = (warehouse, million)
