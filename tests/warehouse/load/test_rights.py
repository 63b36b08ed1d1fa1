"""A login without a privilege, a read-only file, a missing schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.merge.engine import Hook
from tests.contract.backends.backend_servers import HOST
from tests.warehouse import servers

Make = Callable[..., dict[str, Any]]
Dump = Callable[[str], list[dict[str, Any]]]
Run = Callable[..., dict[str, int]]
Chain = Callable[[BaseException], str]

on_servers = pytest.mark.parametrize("opened", ["postgres", "psycopg2", "mysql"], indirect=True)


@contextmanager
def _without_rights(kind: str, place: str, *rights: str) -> Iterator[str]:
    """Create a login that can connect, with no privileges but `rights`."""
    login = f"{place}_login"
    if kind == "postgres":
        with psycopg.connect(host=HOST, user="postgres", dbname="test", autocommit=True) as admin:
            admin.execute(f"CREATE ROLE {login} LOGIN")
            admin.execute(f"GRANT USAGE ON SCHEMA {place} TO {login}")
            try:
                for right in rights:
                    admin.execute(f"GRANT {right} ON ALL TABLES IN SCHEMA {place} TO {login}")
                yield login
            finally:
                admin.execute(f"DROP OWNED BY {login}")
                admin.execute(f"DROP ROLE {login}")
    else:
        with closing(pymysql.connect(host=HOST, user="root", autocommit=True)) as admin, admin.cursor() as cursor:
            cursor.execute(f"CREATE USER {login}@'%'")
            try:
                for right in ("SELECT", "CREATE TEMPORARY TABLES", *rights):
                    cursor.execute(f"GRANT {right} ON {place}.* TO {login}@'%'")
                yield login
            finally:
                cursor.execute(f"DROP USER {login}@'%'")


@on_servers
def test_user_without_create_permission(opened: tuple[Hook, str], loaded: Run, recording: Make, chain: Chain) -> None:
    hook, place = opened
    with _without_rights(hook.conn_type, place) as login:
        other = servers.server_hook(hook.conn_type, place, login=login)
        with pytest.raises(
            LoadError, match=r"table 'recordings' .*(42501|1142): .* lacks a privilege.* CREATE"
        ) as caught:
            loaded(other, [recording(title="PRIVATE")])
    assert "PRIVATE" not in chain(caught.value)
    hook = servers.server_hook(hook.conn_type, place)
    assert loaded(hook, [recording()])["recordings"] == 1


@pytest.mark.parametrize("opened", ["postgres", "psycopg2"], indirect=True)
def test_user_without_permission_to_create_schemas(opened: tuple[Hook, str], loaded: Run, recording: Make) -> None:
    hook, place = opened
    with _without_rights(hook.conn_type, place) as login:
        with psycopg.connect(host=HOST, user="postgres", dbname="test", autocommit=True) as admin:
            admin.execute(f"GRANT CREATE ON SCHEMA {place} TO {login}")
        other = servers.server_hook(hook.conn_type, "public", login=login)
        assert loaded(other, [recording()], schema=place)["recordings"] == 1


@on_servers
def test_user_without_update_permission(
    opened: tuple[Hook, str], loaded: Run, recording: Make, dump: Dump, chain: Chain
) -> None:
    hook, place = opened
    loaded(hook, [recording(title="before")])
    before = dump("recordings"), dump("recording_files")
    with _without_rights(hook.conn_type, place, "SELECT", "INSERT") as login:
        other = servers.server_hook(hook.conn_type, place, login=login)
        with pytest.raises(
            LoadError, match=r"table 'recordings' .*(42501|1142): .* lacks a privilege.* UPDATE"
        ) as caught:
            loaded(other, [recording(title="PRIVATE"), recording(recording_id="new")])
    assert "PRIVATE" not in chain(caught.value)
    hook = servers.server_hook(hook.conn_type, place)
    assert (dump("recordings"), dump("recording_files")) == before
    assert loaded(hook, [recording(title="after")])["recordings"] == 1


@pytest.mark.parametrize(
    ("kind", "extra"), [("sqlite", {"mode": "ro"}), ("duckdb", {"read_only": True})], ids=["sqlite", "duckdb"]
)
@pytest.mark.parametrize("tables", ["missing", "existing"])
def test_read_only_file(
    kind: str,
    extra: dict[str, Any],
    tables: str,
    loaded: Run,
    recording: Make,
    chain: Chain,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_TEST", "{}")
    path = tmp_path / "file"
    hook = servers.file_hook(kind, path)
    servers.run_sql(hook, "CREATE TABLE mine (id int)")
    if tables == "existing":
        loaded(hook, [recording(title="before")])
    with pytest.raises(LoadError, match=r"the file is read-only\. Make it writable for the worker") as caught:
        loaded(servers.file_hook(kind, path, extra=extra), [recording(title="PRIVATE")])
    assert "PRIVATE" not in chain(caught.value)
    hook = servers.file_hook(kind, path)
    if tables == "existing":
        assert servers.run_sql(hook, "SELECT title FROM recordings") == [{"title": "before"}]
    assert loaded(hook, [recording()])["recordings"] == 1


@on_servers
def test_missing_schema(opened: tuple[Hook, str], loaded: Run, recording: Make, chain: Chain) -> None:
    """The schema of the connection is not created, because it may be a typing error; the argument `schema` is."""
    hook, place = opened
    other = servers.server_hook(hook.conn_type, f"{place}_no")
    with pytest.raises(LoadError, match=r"the (schema|database) does not exist") as caught:
        loaded(other, [recording(title="PRIVATE")])
    assert "PRIVATE" not in chain(caught.value)
    hook = servers.server_hook(hook.conn_type, place)
    assert loaded(hook, [recording()], schema=f"{place}_no")["recordings"] == 1
