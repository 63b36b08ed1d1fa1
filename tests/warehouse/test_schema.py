from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_meetings.warehouse.engine import Hook
from airflow_provider_meetings.warehouse.errors import LoadError

Load = Callable[..., dict[str, int]]
Make = Callable[..., dict[str, Any]]
Dump = Callable[[str], list[dict[str, Any]]]
Sql = Callable[[str], list[dict[str, Any]]]

HOSTILE = 'x"; drop table y; --'


def _names(hook: Hook, sql: Sql, schema: str = "main") -> set[str]:
    if hook.conn_type == "sqlite":
        return {str(row["name"]) for row in sql("SELECT name FROM sqlite_master WHERE type = 'table'")}
    found = sql(f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{schema}'")
    return {str(row["table_name"]) for row in found}


def test_creates_the_tables_of_the_call_and_no_others(
    hook: Hook, load: Load, load_post: Load, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        load()
    recordings = {"recordings", "recording_files", "landings", "pending_items", "discovery_windows"}
    assert _names(hook, sql) == recordings
    assert all(f"table '{name}'" in caplog.text for name in recordings)
    load_post()
    assert _names(hook, sql) == recordings | {"posts", "post_reactions"}


def test_adds_a_missing_column_and_keeps_the_rest(
    load: Load, recording: Make, dump: Dump, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    load(recordings=[recording()])
    sql("ALTER TABLE recordings DROP COLUMN reason")
    sql('ALTER TABLE recordings RENAME COLUMN title TO "Title"')
    with caplog.at_level(logging.INFO):
        load(recordings=[recording(reason="asked twice", title="new")])
    assert "table 'recordings' column(s) reason" in caplog.text
    (row,) = dump("recordings")
    assert (row["reason"], row["Title"]) == ("asked twice", "new")


def test_fail_changes_nothing_and_names_what_is_missing(
    hook: Hook, load: Load, recording: Make, dump: Dump, sql: Sql
) -> None:
    with pytest.raises(LoadError, match="table 'recordings'; table 'recording_files'; "):
        load(schema_changes="fail")
    assert _names(hook, sql) == set()
    load(recordings=[recording()])
    assert load(schema_changes="fail", recordings=[recording(title="new")])["recordings"] == 1
    sql("ALTER TABLE recordings DROP COLUMN reason")
    sql("ALTER TABLE recordings DROP COLUMN page_url")
    before = dump("recordings")
    with pytest.raises(LoadError, match=r"table 'recordings' column\(s\) reason, page_url\. "):
        load(schema_changes="fail", recordings=[recording(title="newer")])
    assert dump("recordings") == before


def test_a_foreign_table_of_the_same_name_is_left_alone(load: Load, recording: Make, sql: Sql) -> None:
    sql("CREATE TABLE recordings (id TEXT, title TEXT)")
    with pytest.raises(LoadError, match=r"without the key column.* platform, tenant, recording_id"):
        load(recordings=[recording()])
    assert sql("SELECT * FROM recordings") == []


def test_hostile_names_are_quoted(
    hook: Hook, load: Load, load_post: Load, recording: Make, post: Make, sql: Sql
) -> None:
    sql("CREATE TABLE y (a TEXT)")
    schema = None if hook.conn_type == "sqlite" else 'S "p%s"; --'
    names = {"table_prefix": HOSTILE, "schema": schema}
    assert load(recordings=[recording(state="processing")], **names)["pending_items"] == 1
    assert load(recordings=[recording()], **names)["pending_items"] == 1
    assert load(recordings=[recording()], **names)["recordings"] == 0
    assert load_post(post(), **names) == {"posts": 1, "post_reactions": 2}
    assert load_post(post(reactions=[]), **names) == {"posts": 0, "post_reactions": 2}
    assert HOSTILE + "recordings" in _names(hook, sql, schema or "main")
    assert "y" in _names(hook, sql)
    where = '"S ""p%s""; --".' if schema else ""
    sql(f'ALTER TABLE {where}"x""; drop table y; --recordings" DROP COLUMN reason')
    assert load(recordings=[recording(reason="new")], **names)["recordings"] == 1


@pytest.mark.parametrize("names", [{"table_prefix": "a\x00"}, {"schema": "a\nb"}, {"schema": " "}])
def test_names_that_no_engine_takes_are_refused(load: Load, names: dict[str, str]) -> None:
    with pytest.raises(LoadError, match="schema"):
        load(**names)


def test_two_schemas_are_two_sets_of_tables(hook: Hook, load: Load, recording: Make, sql: Sql) -> None:
    if hook.conn_type == "sqlite":
        with pytest.raises(LoadError, match=r"sqlite has no schemas: .* table_prefix"):
            load(schema="lake")
        return
    load(recordings=[recording(title="a")], schema="lake")
    load(recordings=[recording(title="b")])
    found = sql("SELECT title FROM lake.recordings UNION ALL SELECT title FROM main.recordings")
    assert [row["title"] for row in found] == ["a", "b"]


def test_two_prefixes_are_two_sets_of_tables(load: Load, recording: Make, dump: Dump) -> None:
    load(recordings=[recording(title="a")], table_prefix="a_")
    load(recordings=[recording(title="b")], table_prefix="b_")
    assert [row["title"] for row in dump("a_recordings") + dump("b_recordings")] == ["a", "b"]
