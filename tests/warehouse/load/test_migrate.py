from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.merge.engine import Hook
from tests.warehouse.ledgers import DATE, DONE, item, ledger

Load = Callable[..., dict[str, int]]
Make = Callable[..., dict[str, Any]]
Dump = Callable[[str], list[dict[str, Any]]]
Sql = Callable[[str], list[dict[str, Any]]]

HOSTILE = 'x"; drop table y; --'


VIEWS = {"v_recordings_latest", "v_pending"}
OWN = {"duckdb": "'main'", "postgres": "current_schema()", "mysql": "database()"}


def _names(hook: Hook, sql: Sql, schema: str | None = None) -> set[str]:
    """Name the tables and views of a schema."""
    if hook.conn_type == "sqlite":
        return {str(row["name"]) for row in sql("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}
    quoted = f"'{schema}'" if schema else OWN[hook.conn_type]
    found = sql(f"SELECT table_name AS name FROM information_schema.tables WHERE table_schema = {quoted}")
    return {str(row["name"]) for row in found}


def test_only_tables_of_call_are_created(
    hook: Hook, load: Load, load_post: Load, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        load()
    recordings = {"recordings", "recording_files", "landings", "pending_items", "discovery_windows", "sync_clocks"}
    assert _names(hook, sql) == recordings | VIEWS
    assert all(f"table '{name}'" in caplog.text for name in recordings)
    load_post()
    assert _names(hook, sql) == recordings | VIEWS | {"posts", "post_reactions"}


def test_missing_column_is_added(
    hook: Hook, load: Load, recording: Make, dump: Dump, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    load(recordings=[recording()])
    for view in VIEWS:
        sql(f"DROP VIEW {view}")
    sql("ALTER TABLE recordings DROP COLUMN reason")
    if hook.conn_type != "postgres":  # which distinguishes these names
        sql('ALTER TABLE recordings RENAME COLUMN title TO "Title"')
    with caplog.at_level(logging.INFO):
        load(recordings=[recording(reason="why", title="new")])
    assert "table 'recordings' column(s) reason" in caplog.text
    (row,) = dump("recordings")
    assert (row["reason"], row.get("Title", row.get("title"))) == ("why", "new")


def test_fail_names_missing_columns_and_changes_nothing(
    hook: Hook, load: Load, recording: Make, dump: Dump, sql: Sql
) -> None:
    with pytest.raises(LoadError, match="table 'recordings'; table 'recording_files'; "):
        load(schema_changes="fail")
    assert _names(hook, sql) == set()
    load(recordings=[recording()])
    assert load(schema_changes="fail", recordings=[recording(title="new")])["recordings"] == 1
    for view in VIEWS:
        sql(f"DROP VIEW {view}")
    sql("ALTER TABLE recordings DROP COLUMN reason")
    sql("ALTER TABLE recordings DROP COLUMN page_url")
    before = dump("recordings")
    with pytest.raises(LoadError, match=r"table 'recordings' column\(s\) reason, page_url\. "):
        load(schema_changes="fail", recordings=[recording(title="newer")])
    assert dump("recordings") == before


def test_table_of_other_origin_is_refused(load: Load, recording: Make, sql: Sql) -> None:
    sql("CREATE TABLE recordings (id VARCHAR(50), title VARCHAR(50))")
    with pytest.raises(LoadError, match=r"without the key column.* platform, tenant, recording_id"):
        load(recordings=[recording()])
    assert sql("SELECT * FROM recordings") == []
    assert load(recordings=[recording()], table_prefix="ours_")["recordings"] == 1


@pytest.mark.parametrize("key", ["", ", PRIMARY KEY (recording_id)", ", PRIMARY KEY (platform, tenant)"])
def test_table_with_other_key_is_refused(load: Load, recording: Make, sql: Sql, key: str) -> None:
    sql(
        "CREATE TABLE recordings (platform VARCHAR(50) NOT NULL, tenant VARCHAR(50) NOT NULL, "
        f"recording_id VARCHAR(50) NOT NULL{key})"
    )
    with pytest.raises(LoadError, match=r"'recordings' .* with the primary key .*not of this package"):
        load(recordings=[recording()])
    assert sql("SELECT * FROM recordings") == []


@pytest.mark.parametrize(
    ("column", "kind"),
    [("started_at", "INTEGER"), ("duration_ms", "INTEGER"), ("title", "DATE"), ("source", "INTEGER")],
)
def test_table_with_other_types_is_refused(
    hook: Hook, load: Load, recording: Make, sql: Sql, column: str, kind: str
) -> None:
    sql(
        "CREATE TABLE recordings (platform VARCHAR(50) NOT NULL, tenant VARCHAR(50) NOT NULL, "
        f"recording_id VARCHAR(50) NOT NULL, {column} {kind}, PRIMARY KEY (platform, tenant, recording_id))"
    )
    if hook.conn_type == "sqlite" and column != "title":  # where a column accepts values of any type
        assert load(recordings=[recording()])["recordings"] == 1
        return
    with pytest.raises(LoadError, match=rf"'{column}' has the type (int|date).*Change the type"):
        load(recordings=[recording()])
    assert sql("SELECT * FROM recordings") == []


@pytest.mark.parametrize("opened", ["sqlite"], indirect=True)
def test_column_with_numeric_affinity_is_refused(load: Load, recording: Make, sql: Sql) -> None:
    """SQLite would store the ids 007 and 7 as one number, and two ids of more than 64 bits as one float."""
    kinds = {"INTEGER": False, "bigint": False, "REAL": False, "STRING": False, "CHARINT": False}
    kinds |= {"VARCHAR(50)": True, "clob": True, "BLOB": True, "": True}
    ids = ["007", "7", "9223372036854775808", "9223372036854775809"]
    recordings = [recording(recording_id=one, files=[]) for one in ids]
    for number, (kind, kept) in enumerate(kinds.items()):
        sql(
            f"CREATE TABLE t{number}_recordings (platform TEXT, tenant TEXT, recording_id {kind}, title TEXT, "
            "PRIMARY KEY (platform, tenant, recording_id))"
        )
        if kept:
            assert load(recordings=recordings, table_prefix=f"t{number}_")["recordings"] == 4
            found = sql(f"SELECT recording_id AS id FROM t{number}_recordings ORDER BY 1")
            assert [row["id"] for row in found] == ids
        else:
            message = rf"'recording_id' has the type {kind.lower()}, not TEXT\."
            with pytest.raises(LoadError, match=message):
                load(recordings=recordings, table_prefix=f"t{number}_")


@pytest.mark.parametrize(
    ("opened", "folding", "exact"),
    [
        ("sqlite", "NOCASE", "BINARY"),
        ("mysql", "utf8mb4_general_ci", "utf8mb4_nopad_bin"),
        ("mysql", "utf8mb4_bin", "utf8mb4_nopad_bin"),
    ],
    indirect=["opened"],
)
def test_key_with_inexact_collation_is_refused(load: Load, recording: Make, sql: Sql, folding: str, exact: str) -> None:
    for prefix, of_key in (("theirs_", folding), ("ours_", exact)):
        sql(
            f"CREATE TABLE {prefix}recordings (platform VARCHAR(50) COLLATE {exact} NOT NULL, "
            f"tenant VARCHAR(50) COLLATE {exact} NOT NULL, recording_id VARCHAR(50) COLLATE {of_key} NOT NULL, "
            f"title TEXT COLLATE {folding}, mine VARCHAR(50) COLLATE {folding}, "
            "PRIMARY KEY (platform, tenant, recording_id))"
        )
    recordings = [recording(recording_id=one, files=[]) for one in ("rec-a", "rec-A")]
    message = rf"'theirs_recordings'.* 'recording_id' has the collation {folding}, .* not .*COLLATE {exact}\."
    with pytest.raises(LoadError, match=message):
        load(recordings=recordings, table_prefix="theirs_")
    assert sql("SELECT * FROM theirs_recordings") == []
    assert load(recordings=recordings, table_prefix="ours_")["recordings"] == 2


def test_views_show_latest_recording_and_pending_items(
    load: Load, recording: Make, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    recordings = [
        recording(recording_id="old", started_at="2026-05-01T00:00:00+00:00"),
        recording(recording_id="new", started_at="2026-05-02T00:00:00+00:00"),
        recording(recording_id="undated", started_at=None),
        recording(recording_id="gone", started_at="2026-05-03T00:00:00+00:00", state="gone"),
        recording(recording_id="alone", meeting_id=None),
        recording(recording_id="waits", meeting_id="m-2", state="processing"),
    ]
    load(recordings=recordings, ledger=ledger(item(item_key="recording:waits")))
    latest = sql("SELECT recording_id FROM v_recordings_latest ORDER BY 1")
    assert [row["recording_id"] for row in latest] == ["alone", "new", "waits"]
    assert [row["item_key"] for row in sql("SELECT item_key FROM v_pending")] == ["recording:waits"]
    assert "Failed to create view" not in caplog.text


def test_users_view_of_same_name_is_kept(load: Load, recording: Make, sql: Sql) -> None:
    sql("CREATE VIEW v_pending AS SELECT 1 AS mine")
    load(recordings=[recording()])
    assert sql("SELECT * FROM v_pending") == [{"mine": 1}]


def test_hostile_names_are_quoted(
    hook: Hook, place: str, load: Load, load_post: Load, recording: Make, post: Make, sql: Sql
) -> None:
    sql("CREATE TABLE y (a VARCHAR(50))")
    schema = None if hook.conn_type == "sqlite" else f'S "p%s"; -- {place}'
    names = {"table_prefix": HOSTILE, "schema": schema}
    waits = ledger(item(), dates=[DATE])
    assert load(recordings=[recording(state="processing")], ledger=waits, **names)["pending_items"] == 1
    assert load(recordings=[recording()], ledger=ledger(item(settled_at=DONE)), **names)["pending_items"] == 1
    assert load(recordings=[recording()], **names)["recordings"] == 0
    assert load_post(post(), **names) == {"posts": 1, "post_reactions": 2}
    assert load_post(post(reactions=[]), **names) == {"posts": 0, "post_reactions": 2}
    assert HOSTILE + "recordings" in _names(hook, sql, schema)
    assert "y" in _names(hook, sql)
    where = '"' + schema.replace('"', '""') + '".' if schema else ""
    for view in VIEWS:
        sql(f'DROP VIEW {where}"x""; drop table y; --{view}"')
    sql(f'ALTER TABLE {where}"x""; drop table y; --recordings" DROP COLUMN reason')
    assert load(recordings=[recording(reason="new")], **names)["recordings"] == 1


@pytest.mark.parametrize("names", [{"table_prefix": "schema" * 9}, {"schema": "会" * 22}])
def test_long_names_are_refused(load: Load, names: dict[str, str]) -> None:
    with pytest.raises(LoadError, match=r"longer than (32|63) bytes"):
        load(**names)


def test_schemas_have_separate_tables(hook: Hook, place: str, load: Load, recording: Make, sql: Sql) -> None:
    if hook.conn_type == "sqlite":
        pytest.skip("the operator refuses a schema there")
    lake = f"{place}_lake"
    load(recordings=[recording(title="a")], schema=lake)
    load(recordings=[recording(title="b")])
    found = sql(f"SELECT title FROM {lake}.recordings UNION ALL SELECT title FROM recordings")
    assert [row["title"] for row in found] == ["a", "b"]


@pytest.mark.parametrize("opened", ["sqlite", "duckdb"], indirect=True)
def test_prefixes_ignore_case(load: Load, recording: Make, dump: Dump) -> None:
    load(recordings=[recording(recording_id="a")], table_prefix="ab_")
    load(recordings=[recording(recording_id="b")], table_prefix="AB_")
    assert [row["recording_id"] for row in dump("ab_recordings")] == ["a", "b"]


def test_prefixes_have_separate_tables(load: Load, recording: Make, dump: Dump) -> None:
    load(recordings=[recording(title="a")], table_prefix="a_")
    load(recordings=[recording(title="b")], table_prefix="b_")
    assert [row["title"] for row in dump("a_recordings") + dump("b_recordings")] == ["a", "b"]
