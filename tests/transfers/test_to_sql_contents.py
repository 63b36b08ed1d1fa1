"""Transcripts, chapters, to-dos, statistics of both platforms: landed, read back, loaded; redacted on the way."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_meetings.emulator.seed.feishu import NAMED_POST
from airflow_provider_meetings.platforms.feishu.operators import FeishuPostsOperator
from airflow_provider_meetings.transfers.to_sql import PostsToSqlOperator, RecordingsToSqlOperator
from airflow_provider_meetings.warehouse.privacy.rules import Action, redactable
from airflow_provider_meetings.warehouse.tables.tables import tables
from tests.transfers.conftest import KEY, hashed

READ_BACK = ("transcript_segments", "minute_chapters", "minute_todos", "minute_statistics")
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


def test_feishu(warehouse: Path, feishu: dict[str, Any], context: Any) -> None:
    written = load(context, **feishu)
    found = rows(warehouse, "transcript_segments")
    assert written["transcript_segments"] == len(found) > 2
    by_kind = {kind: [row for row in found if row["kind"] == kind] for kind in ("transcript-srt", "transcript-txt")}
    told = {
        kind: [(row["speaker_name"], row["start_ms"], row["text"]) for row in given] for kind, given in by_kind.items()
    }
    assert told["transcript-srt"] == told["transcript-txt"]
    assert all(row["end_ms"] > row["start_ms"] and not row["broken"] for row in by_kind["transcript-srt"])
    assert [row["title"] for row in rows(warehouse, "minute_chapters")] == ["开场", "仓储线联调 / schedule"]
    assert [json.loads(row["assignees"]) for row in rows(warehouse, "minute_todos")] == [["赵敏"], ["陈宇", "赵敏"]]
    (statistics,) = rows(warehouse, "minute_statistics")
    assert (statistics["user_view_count"], statistics["page_view_count"]) == (3, 20)
    viewers = json.loads(statistics["viewers"])
    assert {viewer["viewed_at"] for viewer in viewers} >= {"2026-11-10T06:30:12.345000+00:00"}
    assert all(viewer["user_id"].startswith("ou_") for viewer in viewers)
    again = load(context, **feishu)
    assert [again[name] for name in READ_BACK] == [0, 0, 0, 0]


def test_a_transcript_that_changed_replaces_the_old_one(warehouse: Path, feishu: dict[str, Any], context: Any) -> None:
    load(context, **feishu)
    (stored,) = [file for file in feishu["stored_files"] if file["kind"] == "transcript-srt"]
    Path(stored["uri"].removeprefix("file://")).write_text("1\n00:00:01,000 --> 00:00:02,000\nLina: anew\n")
    load(context, **feishu)
    standing = [row for row in rows(warehouse, "transcript_segments") if row["_deleted_at"] is None]
    assert [row["text"] for row in standing if row["kind"] == "transcript-srt"] == ["anew"]
    assert len([row for row in standing if row["kind"] == "transcript-txt"]) > 1


def test_wecom(warehouse: Path, wecom: dict[str, Any], context: Any) -> None:
    load(context, **wecom)
    found = [row for row in rows(warehouse, "transcript_segments") if row["kind"] == "transcript-json"]
    assert {row["speaker_final"] for row in found} == {0, 1}
    assert all(row["text"] and row["end_ms"] > row["start_ms"] and not row["broken"] for row in found)
    smoothed = [row for row in rows(warehouse, "transcript_segments") if row["kind"] == "ai_transcript-txt"]
    assert smoothed
    assert not any(row["broken"] for row in smoothed)


def test_an_object_that_is_gone_fails_before_anything_is_written(
    warehouse: Path, feishu: dict[str, Any], context: Any
) -> None:
    (stored,) = [file for file in feishu["stored_files"] if file["kind"] == "todos-json"]
    Path(stored["uri"].removeprefix("file://")).unlink()
    with pytest.raises(AirflowFailException, match=r"todos-json\) does not exist"):
        load(context, **feishu)
    assert rows_of_all(warehouse) == []
    Path(stored["uri"].removeprefix("file://")).mkdir()
    with pytest.raises(AirflowException):
        load(context, **feishu)


def test_hashes_join_across_tables(warehouse: Path, wecom: dict[str, Any], context: Any, key: str) -> None:
    load(context, **wecom, redact={"owner_id": "hash", "speaker_id": "hash", "speaker_name": "hash"})
    owners = {row["owner_id"] for row in rows(warehouse, "recordings")}
    assert hashed("wangfang") in owners
    assert owners & {row["speaker_id"] for row in rows(warehouse, "transcript_segments")}
    assert owners & {row["selector"] for row in rows(warehouse, "discovery_windows")}
    assert owners & {row["selector"] for row in rows(warehouse, "sync_clocks")}


def test_who_looked_is_hashed_and_when_is_kept(warehouse: Path, feishu: dict[str, Any], context: Any, key: str) -> None:
    load(context, **feishu, table_prefix="raw_")
    load(context, **feishu, redact={"viewers": "hash"})
    (plain,), (row,) = rows(warehouse, "raw_minute_statistics"), rows(warehouse, "minute_statistics")
    raw, found = json.loads(plain["viewers"]), json.loads(row["viewers"])
    assert found == [{"user_id": hashed(view["user_id"]), "viewed_at": view["viewed_at"]} for view in raw]
    assert not any(view["user_id"] in repr(row) for view in raw)


def test_a_key_that_a_command_prints_is_the_same_key(
    warehouse: Path, feishu: dict[str, Any], context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__MEETINGS__REDACT_KEY_CMD", f"echo '{KEY}'")
    load(context, **feishu, redact={"title": "hash"})
    (row,) = rows(warehouse, "recordings")
    assert row["title"] == hashed(feishu["recordings"][0]["title"])


def values(warehouse: Path, prefix: str, column: str) -> set[str]:
    """Return what stands in a column, in all tables, where it is long enough not to stand elsewhere by chance."""
    found = set()
    for table in tables(prefix):
        if column in table.columns and not table.name.removeprefix(prefix).startswith("post"):
            with closing(sqlite3.connect(warehouse)) as db:
                if db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [table.name]).fetchone():
                    given = {row[0] for row in db.execute(f'SELECT "{column}" FROM "{table.name}"')}
                    found |= {value for value in given if isinstance(value, str) and len(value) >= 6}
    return found


@pytest.mark.parametrize("platform", ["feishu", "wecom"])
def test_nothing_of_a_redacted_column_is_left_anywhere(
    platform: str, warehouse: Path, request: pytest.FixtureRequest, context: Any, key: str, caplog: Any
) -> None:
    given = request.getfixturevalue(platform)
    load(context, **given, table_prefix="raw_")
    loaded = [table for table in tables() if not table.name.startswith("post")]
    columns = redactable(loaded)
    for name in ("source", "media_type"):  # what stands in these, others tell as well
        del columns[name]
    # Who owns a recording speaks in it, and looks at it; what is said there, summaries repeat.
    alike = [{"owner_id", "speaker_id", "speaker_name", "viewers"}, {"text", "summary", "content"}]
    seen = 0
    for number, (name, taken) in enumerate(columns.items()):
        secrets = {value for value in values(warehouse, "raw_", name) if "+00:00" not in value}
        for action in taken:
            prefix = f"p{number}{action}_"
            caplog.clear()
            redact = dict.fromkeys(next((names for names in alike if name in names), {name}), action)
            written = load(context, **given, table_prefix=prefix, redact=redact)
            with closing(sqlite3.connect(warehouse)) as db:
                made = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
                own = [table for (table,) in made if table.startswith(prefix)]
                dump = "\n".join(repr(row) for table in own for row in db.execute(f'SELECT * FROM "{table}"'))
            text = f"{dump}\n{caplog.text}\n{written}"
            if name in alike[0]:  # the emulator makes its ids of owners' names
                text = re.sub(r"[a-z]+-[0-9]{8}-[a-z]+-[0-9]{4}", "", text)
            left = [line for line in text.splitlines() for value in secrets if value in line]
            assert left == [], (name, action)
            seen += len(secrets)
    assert seen > 20


def test_posts_are_redacted(warehouse: Path, emulated: Any, context: Any, key: str) -> None:
    posts = FeishuPostsOperator(task_id="read", post_ids=[NAMED_POST]).execute(context)
    author, text = posts[0]["author_id"], posts[0]["content_text"]
    redact: dict[str, Action] = {"author_id": "hash", "content_text": "drop"}
    PostsToSqlOperator(task_id="load", sql_conn_id="warehouse", posts=posts, redact=redact).execute(context)
    (row,) = rows(warehouse, "posts")
    assert (row["author_id"], row["content_text"], row["content"]) == (hashed(author), None, None)
    assert author not in repr(row)
    assert text not in repr(row)


def test_hashing_without_a_key_is_refused_before_anything_is_made(
    warehouse: Path, feishu: dict[str, Any], context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW__MEETINGS__REDACT_KEY", raising=False)
    with pytest.raises(AirflowFailException, match=r"redact: hashing needs a key .* redact_key"):
        load(context, **feishu, redact={"owner_id": "hash"})
    assert not warehouse.exists()
    load(context, **feishu, redact={"owner_id": "drop"})


def test_the_key_is_masked(
    warehouse: Path, feishu: dict[str, Any], context: Any, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    masked: list[str] = []
    monkeypatch.setattr("airflow_provider_meetings.transfers.redaction.mask_secret", masked.append)
    load(context, **feishu, redact={"owner_id": "drop"})
    assert masked == []
    load(context, **feishu, redact={"owner_id": "hash"})
    assert masked == [KEY]


@pytest.mark.parametrize(
    ("redact", "text"),
    [
        ({"titel": "drop"}, "load: redact: unknown column 'titel'"),
        ({"title": "mask"}, "load: redact: 'title' must be one of hash, drop"),
        ({"recording_id": "drop"}, "'recording_id' is part of a key"),
        ({"author_id": "drop"}, "unknown column 'author_id'"),
        (["title"], "load: redact must be a dict"),
    ],
)
def test_a_wrong_redact_fails_while_the_dag_is_read(redact: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        RecordingsToSqlOperator(task_id="load", sql_conn_id="warehouse", recordings=[], redact=redact)
    with pytest.raises(ValueError, match="redact: unknown column 'title'"):
        PostsToSqlOperator(task_id="load", sql_conn_id="warehouse", posts=[], redact={"title": "drop"})
