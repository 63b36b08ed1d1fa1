"""Transcripts, chapters, to-dos and statistics in a lake, and redaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pendulum
import pyarrow.parquet as pq
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from sqlalchemy import DateTime, Table

from airflow_provider_meetings.emulator.seed.feishu import NAMED_POST
from airflow_provider_meetings.platforms.feishu.operators import FeishuPostsOperator
from airflow_provider_meetings.transfers.to_parquet import PostsToParquetOperator, RecordingsToParquetOperator
from airflow_provider_meetings.transfers.to_sql import PostsToSqlOperator, RecordingsToSqlOperator
from airflow_provider_meetings.warehouse.lake import landing
from airflow_provider_meetings.warehouse.privacy import rules
from airflow_provider_meetings.warehouse.privacy.rules import Action, redactable
from tests.storage.s3.s3_bench import BUCKET, S3Bench, s3_bench
from tests.transfers.conftest import Inputs, hashed, load_parquet
from tests.warehouse.lake.lakes import bare, content, days, read

Redact = Mapping[str, Action]
NAMES = ("owner_id", "speaker_id", "speaker_name", "assignees", "viewers")
TEXTS = ("title", "text", "summary", "content")
REDACTED: list[dict[str, Action]] = [
    {},
    {**dict.fromkeys(NAMES, "hash"), **dict.fromkeys(TEXTS, "drop")},
    {"recording_id": "hash", "tenant": "hash", "started_at": "drop", **dict.fromkeys(TEXTS, "hash")},
]
JOURNALS = {"landings", "pending_items", "discovery_windows", "sync_clocks"}


def in_database(warehouse: Path, table: Table) -> list[dict[str, Any]]:
    key = ", ".join(column.name for column in table.primary_key)
    with closing(sqlite3.connect(warehouse)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(f"SELECT * FROM {table.name} ORDER BY {key}")]


def comparable(rows: list[dict[str, Any]], table: Table) -> list[dict[str, Any]]:
    times = [column.name for column in table.columns if isinstance(column.type, DateTime)]
    return [{**row, **{n: row[n] and datetime.fromisoformat(row[n]) for n in times}} for row in bare(rows)]


def same_as_in_database(lake: Path, warehouse: Path, names: tuple[Table, ...]) -> int:
    counted = 0
    for table in names:
        found = comparable(read(lake, table.name), table)
        assert found == comparable(in_database(warehouse, table), table), table.name
        counted += bool(found)
    return counted


def values(lake: Path) -> str:
    """Return all values, metadata, statistics and names of all files as text."""
    lines = []
    for path in sorted(lake.rglob("*.parquet")):
        file = pq.ParquetFile(path)
        lines += [str(path.relative_to(lake)), repr(file.metadata.metadata), repr(file.schema_arrow)]
        for group in range(file.num_row_groups):
            columns = [file.metadata.row_group(group).column(n) for n in range(file.metadata.num_columns)]
            lines += [repr((c.statistics.min, c.statistics.max)) for c in columns if c.statistics]
        lines += [repr(list(row.values())) for row in file.read().to_pylist()]
    return "\n".join(lines)


def texts_of(rows: Any, names: set[str]) -> set[str]:
    """Return the texts of columns, at any depth, that are too long to occur elsewhere by chance."""
    found: set[str] = set()
    for row in rows:
        for name, value in row.items():
            if name in names and isinstance(value, str):
                parsed = json.loads(value) if value.startswith(("[", "{")) else [value]
                flat = [v for item in parsed for v in (item.values() if isinstance(item, dict) else [item])]
                found |= {text for text in flat if isinstance(text, str) and len(text) >= 6}
    return found


@pytest.mark.parametrize("redact", REDACTED, ids=["nothing", "names-and-texts", "keys-and-days"])
@pytest.mark.parametrize("platform", ["feishu", "wecom"])
def test_lake_equals_database(
    platform: str,
    redact: Redact,
    lake: Path,
    warehouse: Path,
    request: pytest.FixtureRequest,
    context: Any,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inputs = request.getfixturevalue(platform)
    monkeypatch.setattr(pendulum, "now", lambda zone: pendulum.datetime(2026, 11, 20))
    for _ in range(2):
        written = load_parquet(lake, context, **inputs, redact=redact)
        loaded = RecordingsToSqlOperator(task_id="load", sql_conn_id="warehouse", **inputs, redact=redact)
        assert loaded.execute(context).keys() == written.keys()
    filled = same_as_in_database(lake, warehouse, rules.RECORDINGS)
    assert filled >= (8 if platform == "feishu" else 5)
    assert {found["files"] for found in written.values()} == {0}  # the second load has the same time
    recordings = set(days(lake, "recordings").values())
    assert recordings == {None} if "started_at" in redact else None not in recordings
    assert set(days(lake, "transcript_segments").values()) <= recordings


def test_repeated_load_changes_only_journals(lake: Path, feishu: Inputs, context: Any, key: str) -> None:
    for redact in (REDACTED[0], REDACTED[2]):
        load_parquet(lake, context, **feishu, redact=redact)
        before = content(lake)
        written = load_parquet(lake, context, **feishu, redact=redact)
        changed = {name.partition("/")[0] for name, data in content(lake).items() if data != before[name]}
        assert changed <= JOURNALS
        assert {name for name, found in written.items() if found["files"]} == changed


@pytest.mark.parametrize("first", ["hash", "drop"])
@pytest.mark.parametrize("platform", ["feishu", "wecom"])
def test_redacted_values_are_in_no_file(
    platform: str,
    first: Action,
    lake: Path,
    request: pytest.FixtureRequest,
    context: Any,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Redact all columns; the same search finds each value in a lake without redaction."""
    inputs = request.getfixturevalue(platform)
    inputs["recordings"][0] |= {"title": "planted title", "owner_id": "planted-owner"}
    columns = redactable(rules.RECORDINGS)
    del columns["media_type"]
    redact = {name: first if first in actions else actions[0] for name, actions in columns.items()}
    scratch: list[str] = []
    temporary = lake.parent / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    check_store = landing._check_store

    def spy(store: Any) -> None:
        (path,) = temporary.rglob("*.duckdb")
        with duckdb.connect(path) as db:  # the files may be compressed
            names = [name for (name,) in db.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
            scratch.append("\n".join(repr(db.execute(f'FROM "{name}"').fetchall()) for name in names))
        check_store(store)

    monkeypatch.setattr(landing, "_check_store", spy)
    load_parquet(lake / "plain", context, **inputs)
    load_parquet(lake / "redacted", context, **inputs, redact=redact)
    rows = [row for table in rules.RECORDINGS for row in read(lake / "plain", table.name)]
    # `source` and times may have other spellings; other columns contain the same values.
    secrets = {text for text in texts_of(rows, set(columns) - {"source"}) if "+00" not in text}
    if first == "drop":  # hashed viewers keep their time
        secrets |= {row["dt"] for row in rows if row["dt"]}
    assert secrets >= {"planted title", "planted-owner"}
    assert len(secrets) > 20
    plain, redacted = values(lake / "plain"), values(lake / "redacted")
    assert [secret for secret in secrets if secret not in plain] == []
    assert [secret for secret in secrets if secret in redacted] == []
    clear, hidden = scratch
    assert "planted title" in clear
    assert [secret for secret in secrets if secret in hidden] == []


def test_deleted_recording_is_found_by_hashed_id(lake: Path, feishu: Inputs, context: Any, key: str) -> None:
    (recording,) = feishu["recordings"]
    redact: Redact = {"recording_id": "hash"}
    load_parquet(lake, context, **feishu, redact=redact)
    gone = {**recording, "state": "gone", "started_at": None, "files": []}
    load_parquet(lake, context, recordings=[gone], redact=redact)
    (row,) = read(lake, "recordings")
    assert (row["recording_id"], row["state"], row["dt"]) == (
        hashed(recording["recording_id"]),
        "gone",
        recording["started_at"][:10],
    )


def test_hashing_without_key_fails_before_writing(
    lake: Path, feishu: Inputs, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW__MEETINGS__REDACT_KEY", raising=False)
    with pytest.raises(AirflowFailException, match=r"redact: hashing needs a key .* redact_key"):
        load_parquet(lake, context, **feishu, redact={"owner_id": "hash"})
    posts = PostsToParquetOperator(task_id="lake", posts=[], target=f"file://{lake}", redact={"author_id": "hash"})
    with pytest.raises(AirflowFailException, match=r"redact: hashing needs a key"):
        posts.execute(context)
    assert not lake.exists()
    load_parquet(lake, context, **feishu, redact={"owner_id": "drop"})


@pytest.mark.parametrize("redact", [{}, {"author_id": "hash", "content_text": "drop", "created_at": "drop"}])
def test_posts_by_uri_with_redaction(
    redact: Redact,
    lake: Path,
    warehouse: Path,
    emulated: Any,
    context: Any,
    key: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (post,) = FeishuPostsOperator(task_id="read", post_ids=[NAMED_POST]).execute(context)
    batch = tmp_path / "posts.ndjson"
    batch.write_text(json.dumps(post) + "\n" + json.dumps({**post, "post_id": "7", "reactions": []}) + "\n")
    monkeypatch.setattr(pendulum, "now", lambda zone: datetime(2026, 11, 20, tzinfo=UTC))
    arguments: dict[str, Any] = {"posts": [f"file://{batch}"], "redact": redact}
    written = PostsToParquetOperator(task_id="lake", target=f"file://{lake}", **arguments).execute(context)
    PostsToSqlOperator(task_id="load", sql_conn_id="warehouse", **arguments).execute(context)
    assert (written["posts"]["rows"], same_as_in_database(lake, warehouse, rules.POSTS)) == (2, 2)
    secrets = [post["author_id"], repr(post["content_text"])[1:-1], post["created_at"][:10]]
    found = values(lake)
    assert [secret for secret in secrets if secret in found] == ([] if redact else secrets)
    assert set(days(lake, "posts").values()) == ({None} if redact else {post["created_at"][:10]})


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Bench]:
    with s3_bench() as bench:
        login = {"login": "AKIDEXAMPLE", "password": "s3cr3t-s3cr3t"}
        extra = {"endpoint_url": bench.front.url, "region_name": "us-east-1"}
        monkeypatch.setenv("AIRFLOW_CONN_LAKE_CONN", json.dumps({"conn_type": "aws", **login, "extra": extra}))
        yield bench


def test_lake_in_bucket(bucket: S3Bench, feishu: Inputs, context: Any, key: str) -> None:
    arguments = {**feishu, "target": f"s3://lake_conn@{BUCKET}/rows", "redact": REDACTED[1]}
    first = RecordingsToParquetOperator(task_id="lake", **arguments).execute(context)
    second = RecordingsToParquetOperator(task_id="lake", **arguments).execute(context)
    day = feishu["recordings"][0]["started_at"][:10]
    for table in rules.CONTENTS:
        assert f"rows/{table.name}/dt={day}/rows.parquet" in bucket.names()
        assert (first[table.name]["files"], second[table.name]["files"]) == (1, 0)
