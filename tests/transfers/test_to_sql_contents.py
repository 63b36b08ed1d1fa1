"""Transcripts, chapters, to-dos and statistics of both platforms in a database, and redaction."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_meetings.transfers.to_sql import RecordingsToSqlOperator
from airflow_provider_meetings.warehouse.privacy.rules import redactable
from airflow_provider_meetings.warehouse.tables.tables import tables
from tests.transfers.conftest import KEY, Inputs, hashed

ARTIFACT_TABLES = ("transcript_segments", "minute_chapters", "minute_todos", "minute_keywords", "minute_statistics")
Rows = list[dict[str, Any]]


def load(context: Any, **arguments: Any) -> dict[str, int]:
    return RecordingsToSqlOperator(**{"task_id": "load", "sql_conn_id": "warehouse", **arguments}).execute(context)


def rows(warehouse: Path, table: str) -> Rows:
    with closing(sqlite3.connect(warehouse)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4, 5, 6")]


def rows_of_all(warehouse: Path) -> list[Any]:
    with closing(sqlite3.connect(warehouse)) as db:
        return db.execute("SELECT name FROM sqlite_master").fetchall()


def test_feishu(warehouse: Path, feishu: Inputs, context: Any) -> None:
    written = load(context, **feishu)
    found = rows(warehouse, "transcript_segments")
    assert written["transcript_segments"] == len(found) > 2
    kinds = ("transcript-srt", "transcript-txt", "ai_transcript-txt")
    by_kind = {kind: [row for row in found if row["kind"] == kind] for kind in kinds}
    spoken = {
        kind: [(row["speaker_name"], row["start_ms"], row["text"]) for row in of_kind]
        for kind, of_kind in by_kind.items()
    }
    assert spoken["transcript-srt"] == spoken["transcript-txt"] == spoken["ai_transcript-txt"]
    assert json.loads(by_kind["transcript-txt"][0]["source"])["header"].endswith("\n路线图、样机、仓储线")
    assert all(row["end_ms"] > row["start_ms"] and not row["broken"] for row in by_kind["transcript-srt"])
    assert [row["title"] for row in rows(warehouse, "minute_chapters")] == ["开场", "仓储线联调 / schedule"]
    assert [json.loads(row["assignees"]) for row in rows(warehouse, "minute_todos")] == [["赵敏"], ["陈宇", "赵敏"]]
    assert [row["keyword"] for row in rows(warehouse, "minute_keywords")] == ["路线图", "样机", "仓储线"]
    (statistics,) = rows(warehouse, "minute_statistics")
    assert (statistics["user_view_count"], statistics["page_view_count"]) == (3, 20)
    viewers = json.loads(statistics["viewers"])
    assert {viewer["viewed_at"] for viewer in viewers} >= {"2026-11-10T06:30:12.345000+00:00"}
    assert all(viewer["user_id"].startswith("ou_") for viewer in viewers)
    again = load(context, **feishu)
    assert [again[name] for name in ARTIFACT_TABLES] == [0, 0, 0, 0, 0]


def test_changed_transcript_replaces_rows(warehouse: Path, feishu: Inputs, context: Any) -> None:
    load(context, **feishu)
    (stored,) = [file for file in feishu["stored_files"] if file["kind"] == "transcript-srt"]
    Path(stored["uri"].removeprefix("file://")).write_text("1\n00:00:01,000 --> 00:00:02,000\nLina: new\n")
    load(context, **feishu)
    current = [row for row in rows(warehouse, "transcript_segments") if row["_deleted_at"] is None]
    assert [row["text"] for row in current if row["kind"] == "transcript-srt"] == ["new"]
    assert len([row for row in current if row["kind"] == "transcript-txt"]) > 1


def test_wecom(warehouse: Path, wecom: Inputs, context: Any) -> None:
    load(context, **wecom)
    found = [row for row in rows(warehouse, "transcript_segments") if row["kind"] == "transcript-json"]
    assert {row["speaker_final"] for row in found} == {0, 1}
    assert all(row["text"] and row["end_ms"] > row["start_ms"] and not row["broken"] for row in found)
    smoothed = [row for row in rows(warehouse, "transcript_segments") if row["kind"] == "ai_transcript-txt"]
    assert smoothed
    assert not any(row["broken"] for row in smoothed)


def test_missing_object_fails_before_writing(warehouse: Path, feishu: Inputs, context: Any) -> None:
    (stored,) = [file for file in feishu["stored_files"] if file["kind"] == "todos-json"]
    Path(stored["uri"].removeprefix("file://")).unlink()
    with pytest.raises(AirflowFailException, match=r"todos-json\) does not exist"):
        load(context, **feishu)
    assert rows_of_all(warehouse) == []
    Path(stored["uri"].removeprefix("file://")).mkdir()
    with pytest.raises(AirflowException):
        load(context, **feishu)


def test_hashes_join_across_tables(warehouse: Path, wecom: Inputs, context: Any, key: str) -> None:
    load(context, **wecom, redact={"owner_id": "hash", "speaker_id": "hash", "speaker_name": "hash"})
    owners = {row["owner_id"] for row in rows(warehouse, "recordings")}
    assert hashed("wangfang") in owners
    assert owners & {row["speaker_id"] for row in rows(warehouse, "transcript_segments")}
    assert owners & {row["selector"] for row in rows(warehouse, "discovery_windows")}


def test_viewers_are_hashed_without_their_times(warehouse: Path, feishu: Inputs, context: Any, key: str) -> None:
    load(context, **feishu, table_prefix="raw_")
    load(context, **feishu, redact={"viewers": "hash"})
    (plain,), (row,) = rows(warehouse, "raw_minute_statistics"), rows(warehouse, "minute_statistics")
    raw, found = json.loads(plain["viewers"]), json.loads(row["viewers"])
    assert found == [{"user_id": hashed(view["user_id"]), "viewed_at": view["viewed_at"]} for view in raw]
    assert not any(view["user_id"] in repr(row) for view in raw)


def test_key_from_command(warehouse: Path, feishu: Inputs, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__MEETINGS__REDACT_KEY_CMD", f"echo '{KEY}'")
    load(context, **feishu, redact={"title": "hash"})
    (row,) = rows(warehouse, "recordings")
    assert row["title"] == hashed(feishu["recordings"][0]["title"])


def values(warehouse: Path, prefix: str, column: str) -> set[str]:
    """Return the values of a column in all tables that are too long to occur elsewhere by chance."""
    found = set()
    for table in tables(prefix):
        if column in table.columns and not table.name.removeprefix(prefix).startswith("post"):
            with closing(sqlite3.connect(warehouse)) as db:
                if db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [table.name]).fetchone():
                    column_values = {row[0] for row in db.execute(f'SELECT "{column}" FROM "{table.name}"')}
                    found |= {value for value in column_values if isinstance(value, str) and len(value) >= 6}
    return found


@pytest.mark.parametrize("platform", ["feishu", "wecom"])
def test_redacted_values_are_in_no_row_or_log(
    platform: str, warehouse: Path, request: pytest.FixtureRequest, context: Any, key: str, caplog: Any
) -> None:
    """By default with one action per column; ``make nightly`` tests both."""
    inputs = request.getfixturevalue(platform)
    load(context, **inputs, table_prefix="raw_")
    loaded = [table for table in tables() if not table.name.startswith("post")]
    columns = redactable(loaded)
    for name in ("source", "media_type"):  # other columns contain the same values
        del columns[name]
    # Owners are also speakers and viewers; summaries repeat spoken text.
    equal = [{"owner_id", "speaker_id", "speaker_name", "viewers"}, {"text", "summary", "content"}]
    seen = 0
    thorough = request.config.getoption("--sequences") >= 1000
    for number, (name, actions) in enumerate(columns.items()):
        secrets = {value for value in values(warehouse, "raw_", name) if "+00:00" not in value}
        if not secrets:
            continue
        for action in actions if thorough else (actions[number % len(actions)],):
            prefix = f"p{number}{action}_"
            caplog.clear()
            redact = dict.fromkeys(next((names for names in equal if name in names), {name}), action)
            written = load(context, **inputs, table_prefix=prefix, redact=redact)
            with closing(sqlite3.connect(warehouse)) as db:
                names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
                own = [table for (table,) in names if table.startswith(prefix)]
                dump = "\n".join(repr(row) for table in own for row in db.execute(f'SELECT * FROM "{table}"'))
            text = f"{dump}\n{caplog.text}\n{written}"
            if name in equal[0]:  # the emulator's ids contain the names of owners
                text = re.sub(r"[a-z]+-[0-9]{8}-[a-z]+-[0-9]{4}", "", text)
            left = [line for line in text.splitlines() for value in secrets if value in line]
            assert left == [], (name, action)
            seen += len(secrets)
    assert seen > 20


def test_hashing_without_key_fails_before_writing(
    warehouse: Path, feishu: Inputs, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW__MEETINGS__REDACT_KEY", raising=False)
    with pytest.raises(AirflowFailException, match=r"redact: hashing needs a key .* redact_key"):
        load(context, **feishu, redact={"owner_id": "hash"})
    assert not warehouse.exists()
    load(context, **feishu, redact={"owner_id": "drop"})


def test_key_is_masked(
    warehouse: Path, feishu: Inputs, context: Any, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    masked: list[str] = []
    monkeypatch.setattr("airflow_provider_meetings.hooks.redact_key.mask_secret", masked.append)
    load(context, **feishu, redact={"owner_id": "drop"})
    assert masked == []
    load(context, **feishu, redact={"owner_id": "hash"})
    assert masked == [KEY]
