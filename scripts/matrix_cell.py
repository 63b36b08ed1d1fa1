"""One cell of the matrix: import all, then list, land and load with what is installed; what is not must say so.

`matrix.py` runs this with the interpreter of the cell, where the package is installed from its wheel. The last line of
the output is a JSON object.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PACKAGE = "airflow_provider_meetings"
SERVERS = ("postgres", "mysql")
SCHEMA = f"matrix_{os.getpid()}"
NOT_FROM_AN_EXTRA = {f"{PACKAGE}.emulator.pytest_plugin": "pytest"}


def main() -> None:
    """Do all, and print what was done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--extras", default="", help="the installed ones, with commas")
    parser.add_argument("--emulator", help="base URL; without it the cell serves its own")
    parser.add_argument("--s3", default="", help="base URL of a server with the bucket lake")
    options = parser.parse_args()
    extras = set(filter(None, options.extras.split(",")))
    package = importlib.import_module(PACKAGE)
    if not Path(str(package.__file__)).is_relative_to(sys.prefix):
        raise RuntimeError(f"{package.__file__} is not the wheel that is installed in {sys.prefix}")
    modules = import_all()
    os.environ |= {"MATRIX_EXTRAS": options.extras, "MATRIX_LAKE": str(Path.cwd() / "lake"), "MATRIX_SCHEMA": SCHEMA}
    with ExitStack() as stack:
        connect(options.emulator or stack.enter_context(own_emulator()), options.s3, extras)
        for each in sorted(extras & set(SERVERS)):
            stack.enter_context(own_schema(each))
        done = run_dag()
    # The extra parquet is DuckDB, which the extra duckdb brings, too.
    installed = extras | ({"parquet"} if "duckdb" in extras else set())
    missing = sorted(name for name in FEATURES if name not in installed and name_the_extra(name))
    print(json.dumps({"modules": modules, "done": done, "missing": missing, "providers": providers()}))


def import_all() -> int:
    """Import every module; none may need an extra only to be imported. Return their number."""
    found = [each.name for each in pkgutil.walk_packages(importlib.import_module(PACKAGE).__path__, f"{PACKAGE}.")]
    for name in found:
        needed = NOT_FROM_AN_EXTRA.get(name)
        if needed is None or find_spec(needed):
            importlib.import_module(name)
    return len(found)


@contextmanager
def own_emulator() -> Iterator[str]:
    """Serve the emulator from this environment."""
    from airflow_provider_meetings.emulator.server import serve
    from airflow_provider_meetings.emulator.state.emulator import EmulatorState

    with serve(EmulatorState()) as url:
        yield url


def connect(emulator: str, s3: str, extras: set[str]) -> None:
    """Define the connections: to the emulator, to a database of each kind, to a store, to Redis."""
    from airflow_provider_meetings.emulator.seed import credentials

    here = Path.cwd()
    shared = {"coordination_conn_id": "redis"} if "redis" in extras else {}
    connections: dict[str, dict[str, Any]] = {
        "feishu_default": {"login": credentials.FEISHU_APP_ID, "password": credentials.FEISHU_APP_SECRET},
        "wecom_default": {"login": credentials.WECOM_CORP_ID, "password": credentials.WECOM_CORP_SECRET},
    }
    for name, fields in connections.items():
        fields |= {"conn_type": name.partition("_")[0], "host": emulator, "extra": shared}
    connections |= {
        "sqlite": {"host": str(here / "warehouse.sqlite")},
        "duckdb": {"host": str(here / "warehouse.duckdb")},
        "postgres": {"host": "127.0.0.1", "login": "postgres", "schema": "postgres", "port": 5432},
        "mysql": {"host": "127.0.0.1", "login": "root", "port": 3306, "schema": "mysql"},
        "redis": {"host": "127.0.0.1", "port": 6379},
        "aws": {"login": "matrix", "password": "matrix", "extra": {"endpoint_url": s3, "region_name": "us-east-1"}},
    }
    for name, fields in connections.items():
        os.environ[f"AIRFLOW_CONN_{name.upper()}"] = json.dumps({"conn_type": name, **fields})


@contextmanager
def own_schema(kind: str) -> Iterator[None]:
    """Create a schema on the server, and drop it afterwards."""
    from airflow_provider_meetings.hooks.connections import hook_of

    hook = hook_of(kind, "conn_id")
    hook.run(f"CREATE SCHEMA {SCHEMA}", autocommit=True)
    try:
        yield
    finally:
        hook.run(f"DROP SCHEMA {SCHEMA}{' CASCADE' if kind == 'postgres' else ''}", autocommit=True)


def run_dag() -> dict[str, int]:
    """Run the DAG as ``airflow dags test`` does; return what each of its tasks returned, as a number."""
    from matrix_dags.matrix import dag

    run = dag.test()
    returned = {each.task_id: _count(each.xcom_pull(task_ids=each.task_id)) for each in run.get_task_instances()}
    failed = {each.task_id: each.state for each in run.get_task_instances() if each.state != "success"}
    if failed or not all(returned.values()):
        raise RuntimeError(f"failed: {failed}; returned: {returned}")
    return returned


def _count(value: Any) -> int:
    if isinstance(value, dict):  # rows by table
        return sum(_count(each) for each in value.values())
    return value if isinstance(value, int) else len(value or ())


def _sql(conn_id: str) -> Callable[[], object]:
    def load() -> object:
        from airflow_provider_meetings.transfers.to_sql import engine_at

        return engine_at(conn_id)

    return load


def _store(url: str) -> Callable[[], object]:
    def open_it() -> object:
        from airflow_provider_meetings.hooks.stores import store_at

        return store_at(url)

    return open_it


def _parquet() -> None:
    from airflow_provider_meetings.warehouse.lake.parquet import check_installed

    check_installed()


def _redis() -> object:
    from airflow_provider_meetings.platforms.feishu.hook import FeishuHook

    os.environ["AIRFLOW_CONN_SHARED"] = os.environ["AIRFLOW_CONN_FEISHU_DEFAULT"].replace(
        '"extra": {}', '"extra": {"coordination_conn_id": "redis"}'
    )
    return FeishuHook("shared").get_conn()


FEATURES: dict[str, tuple[Callable[[], object], ...]] = {
    "amazon": (_store("s3://aws@lake/raw"), _store("oss://lake/raw")),
    "duckdb": (_sql("duckdb"),),
    "mysql": (_sql("mysql"),),
    "parquet": (_parquet,),
    "postgres": (_sql("postgres"),),
    "redis": (_redis,),
    "sqlite": (_sql("sqlite"),),
}
"""What needs each extra. Not ``emulator``: whatever it names comes with Airflow itself."""


def name_the_extra(extra: str) -> bool:
    """Use what needs an extra that is not installed; its error must name the extra and the command."""
    for use in FEATURES[extra]:
        try:
            use()
        except Exception as error:
            if f"pip install 'airflow-provider-meetings[{extra}]'" not in str(error):
                raise RuntimeError(f"the error does not name the extra {extra}: {error}") from error
        else:
            raise RuntimeError(f"works without the extra {extra}, which this environment should not have")
    return True


def providers() -> dict[str, str]:
    """Return the versions of the providers that each environment has."""
    return {name: version(f"apache-airflow-providers-{name}") for name in ("common-compat", "common-sql")}


if __name__ == "__main__":
    main()
