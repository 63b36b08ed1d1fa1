"""What a lake holds of transcripts, chapters, to-dos and statistics, and of what is redacted: nothing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pendulum
import pyarrow.parquet as pq
import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from sqlalchemy import DateTime, Table

from airflow_provider_meetings.emulator.seed.feishu import NAMED_POST
from airflow_provider_meetings.platforms.feishu.operators import FeishuPostsOperator
from airflow_provider_meetings.transfers.to_parquet import PostsToParquetOperator, RecordingsToParquetOperator
from airflow_provider_meetings.transfers.to_sql import PostsToSqlOperator, RecordingsToSqlOperator
from airflow_provider_meetings.warehouse.lake import landing
from airflow_provider_meetings.warehouse.privacy import rules as written
from airflow_provider_meetings.warehouse.privacy.rules import Action, redactable
from tests.storage.s3.s3_bench import BUCKET, S3Bench, s3_bench
from tests.storage.s3.s3_front import refuse, serve_moto
from tests.transfers.conftest import hashed, land
from tests.warehouse.lake.lakes import bare, content, days, read

Redact = Mapping[str, Action]
NAMES = ("owner_id", "speaker_id", "speaker_name", "assignees", "viewers")
WORDS = ("title", "text", "summary", "content")
REDACTED: list[dict[str, Action]] = [
    {},
    {**dict.fromkeys(NAMES, "hash"), **dict.fromkeys(WORDS, "drop")},
    {"recording_id": "hash", "tenant": "hash", "started_at": "drop", **dict.fromkeys(WORDS, "hash")},
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
    """Write out every value of every file as it is read back, the files' metadata, and their names."""
    lines = []
    for path in sorted(lake.rglob("*.parquet")):
        file = pq.ParquetFile(path)
        lines += [str(path.relative_to(lake)), repr(file.metadata.metadata), repr(file.schema_arrow)]
        for group in range(file.num_row_groups):
            columns = [file.metadata.row_group(group).column(n) for n in range(file.metadata.num_columns)]
            lines += [repr((c.statistics.min, c.statistics.max)) for c in columns if c.statistics]
        lines += [repr(list(row.values())) for row in file.read().to_pylist()]
    return "\n".join(lines)


def stood(rows: Any, names: set[str]) -> set[str]:
    """Return the texts, long enough to stand nowhere by chance, that stand in columns of these names, at any depth."""
    found: set[str] = set()
    for row in rows:
        for name, value in row.items():
            if name in names and isinstance(value, str):
                held = json.loads(value) if value.startswith(("[", "{")) else [value]
                flat = [v for item in held for v in (item.values() if isinstance(item, dict) else [item])]
                found |= {text for text in flat if isinstance(text, str) and len(text) >= 6}
    return found


@pytest.mark.parametrize("redact", REDACTED, ids=["as it is", "names and words", "keys and days"])
@pytest.mark.parametrize("platform", ["feishu", "wecom"])
def test_a_lake_and_a_database_hold_the_same(
    platform: str,
    redact: Redact,
    lake: Path,
    warehouse: Path,
    request: pytest.FixtureRequest,
    context: Any,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = request.getfixturevalue(platform)
    monkeypatch.setattr(pendulum, "now", lambda zone: pendulum.datetime(2026, 11, 20))
    for _ in range(2):
        told = land(lake, context, **given, redact=redact)
        loaded = RecordingsToSqlOperator(task_id="load", sql_conn_id="warehouse", **given, redact=redact)
        assert loaded.execute(context).keys() == told.keys()
    filled = same_as_in_database(lake, warehouse, written.RECORDINGS)
    assert filled >= (8 if platform == "feishu" else 5)
    assert {found["files"] for found in told.values()} == {0}  # the second time, at the very same moment
    recordings = set(days(lake, "recordings").values())
    assert recordings == {None} if "started_at" in redact else None not in recordings
    assert set(days(lake, "transcript_segments").values()) <= recordings


def test_a_later_load_of_the_same_writes_no_file_but_of_journals(
    lake: Path, feishu: dict[str, Any], context: Any, key: str
) -> None:
    for redact in (REDACTED[0], REDACTED[2]):
        land(lake, context, **feishu, redact=redact)
        before = content(lake)
        told = land(lake, context, **feishu, redact=redact)
        changed = {name.partition("/")[0] for name, held in content(lake).items() if held != before[name]}
        assert changed <= JOURNALS
        assert {name for name, found in told.items() if found["files"]} == changed


def test_a_transcript_that_changed_replaces_the_old_one(lake: Path, feishu: dict[str, Any], context: Any) -> None:
    land(lake, context, **feishu)
    (stored,) = [file for file in feishu["stored_files"] if file["kind"] == "transcript-srt"]
    Path(stored["uri"].removeprefix("file://")).write_text("1\n00:00:01,000 --> 00:00:02,000\nLina: anew\n")
    land(lake, context, **feishu)
    rows = [row for row in read(lake, "transcript_segments") if row["kind"] == "transcript-srt"]
    assert [row["text"] for row in rows if row["_deleted_at"] is None] == ["anew"]
    assert len(rows) > 1
    # Without what was landed they are left alone, whatever the files say now.
    before = read(lake, "transcript_segments")
    Path(stored["uri"].removeprefix("file://")).unlink()
    land(lake, context, recordings=feishu["recordings"])
    assert read(lake, "transcript_segments") == before


def test_an_object_that_is_gone_fails_before_anything_is_written(
    lake: Path, feishu: dict[str, Any], context: Any
) -> None:
    (stored,) = [file for file in feishu["stored_files"] if file["kind"] == "todos-json"]
    Path(stored["uri"].removeprefix("file://")).unlink()
    with pytest.raises(AirflowFailException, match=r"todos-json\) does not exist"):
        land(lake, context, **feishu)
    assert not lake.exists()


@pytest.mark.parametrize("first", ["hash", "drop"])
@pytest.mark.parametrize("platform", ["feishu", "wecom"])
def test_nothing_redacted_is_in_any_file(
    platform: str,
    first: Action,
    lake: Path,
    request: pytest.FixtureRequest,
    context: Any,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All columns that can be are redacted at once; the same search finds each value where none is."""
    given = request.getfixturevalue(platform)
    given["recordings"][0] |= {"title": "planted title", "owner_id": "planted-owner"}
    columns = redactable(written.RECORDINGS)
    del columns["media_type"]
    redact = {name: first if first in taken else taken[0] for name, taken in columns.items()}
    scratch: list[bytes] = []
    temporary = lake.parent / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    check_store = landing._check_store

    def seen(store: Any) -> None:
        scratch.append(b"".join(path.read_bytes() for path in temporary.rglob("*.sqlite*")))
        check_store(store)

    monkeypatch.setattr(landing, "_check_store", seen)
    land(lake / "plain", context, **given)
    land(lake / "redacted", context, **given, redact=redact)
    rows = [row for table in written.RECORDINGS for row in read(lake / "plain", table.name)]
    # Of `source` and of times only other spellings could be left: those are searched by what else tells them.
    secrets = {text for text in stood(rows, set(columns) - {"source"}) if "+00" not in text}
    if first == "drop":  # hashed viewers keep when they looked
        secrets |= {row["dt"] for row in rows if row["dt"]}
    assert secrets >= {"planted title", "planted-owner"}
    assert len(secrets) > 20
    plain, redacted = values(lake / "plain"), values(lake / "redacted")
    assert [secret for secret in secrets if secret not in plain] == []
    assert [secret for secret in secrets if secret in redacted] == []
    clear, hidden = (held.decode(errors="replace") for held in scratch)
    assert "planted title" in clear
    assert [secret for secret in secrets if secret in hidden] == []


def test_what_is_gone_is_found_by_the_hash_of_its_id(
    lake: Path, feishu: dict[str, Any], context: Any, key: str
) -> None:
    (recording,) = feishu["recordings"]
    redact: Redact = {"recording_id": "hash"}
    land(lake, context, **feishu, redact=redact)
    gone = {**recording, "state": "gone", "started_at": None, "files": []}
    land(lake, context, recordings=[gone], redact=redact)
    (row,) = read(lake, "recordings")
    assert (row["recording_id"], row["state"], row["dt"]) == (
        hashed(recording["recording_id"]),
        "gone",
        recording["started_at"][:10],
    )


def test_hashing_without_a_key_is_refused_before_anything_is_made(
    lake: Path, feishu: dict[str, Any], context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW__MEETINGS__REDACT_KEY", raising=False)
    with pytest.raises(AirflowFailException, match=r"redact: hashing needs a key .* redact_key"):
        land(lake, context, **feishu, redact={"owner_id": "hash"})
    posts = PostsToParquetOperator(task_id="lake", posts=[], target=f"file://{lake}", redact={"author_id": "hash"})
    with pytest.raises(AirflowFailException, match=r"redact: hashing needs a key"):
        posts.execute(context)
    assert not lake.exists()
    land(lake, context, **feishu, redact={"owner_id": "drop"})


@pytest.mark.parametrize("redact", [{}, {"author_id": "hash", "content_text": "drop", "created_at": "drop"}])
def test_posts_come_by_uri_and_are_redacted(
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
    given: dict[str, Any] = {"posts": [f"file://{batch}"], "redact": redact}
    told = PostsToParquetOperator(task_id="lake", target=f"file://{lake}", **given).execute(context)
    PostsToSqlOperator(task_id="load", sql_conn_id="warehouse", **given).execute(context)
    assert (told["posts"]["rows"], same_as_in_database(lake, warehouse, written.POSTS)) == (2, 2)
    secrets = [post["author_id"], repr(post["content_text"])[1:-1], post["created_at"][:10]]
    found = values(lake)
    assert [secret for secret in secrets if secret in found] == ([] if redact else secrets)
    assert set(days(lake, "posts").values()) == ({None} if redact else {post["created_at"][:10]})


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Bench]:
    with serve_moto() as moto, s3_bench(moto) as bench:
        login = {"login": "AKIDEXAMPLE", "password": "s3cr3t-s3cr3t"}
        extra = {"endpoint_url": bench.front.url, "region_name": "us-east-1"}
        monkeypatch.setenv("AIRFLOW_CONN_LAKE_CONN", json.dumps({"conn_type": "aws", **login, "extra": extra}))
        yield bench


def test_a_lake_in_a_bucket(bucket: S3Bench, feishu: dict[str, Any], context: Any, key: str) -> None:
    given = {**feishu, "target": f"s3://lake_conn@{BUCKET}/rows", "redact": REDACTED[1]}
    told = RecordingsToParquetOperator(task_id="lake", **given).execute(context)
    again = RecordingsToParquetOperator(task_id="lake", **given).execute(context)
    day = feishu["recordings"][0]["started_at"][:10]
    for table in written.CONTENTS:
        assert f"rows/{table.name}/dt={day}/rows.parquet" in bucket.names()
        assert (told[table.name]["files"], again[table.name]["files"]) == (1, 0)


def test_a_store_of_transcripts_that_fails_may_be_tried_again(
    bucket: S3Bench, lake: Path, feishu: dict[str, Any], context: Any
) -> None:
    feishu["stored_files"][0]["uri"] = f"s3://lake_conn@{BUCKET}/transcript.txt"
    bucket.front.on("Get", refuse(403, "AccessDenied"))
    with pytest.raises(AirflowException, match="could not be read") as raised:
        land(lake, context, **feishu)
    assert not isinstance(raised.value, AirflowFailException)
    assert not lake.exists()
