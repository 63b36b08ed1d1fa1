"""Loads of NDJSON batches by reference, and what they write if a batch is bad: nothing."""

from __future__ import annotations

import json
import sqlite3
import traceback
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_meetings.hooks.batches import BatchWriter
from airflow_provider_meetings.transfers.to_sql import PostsToSqlOperator, RecordingsToSqlOperator


def _recording(number: int) -> dict[str, Any]:
    return {"platform": "wecom", "tenant": "corp", "recording_id": f"r-{number}", "state": "ready", "title": "会\n议"}


def _batch(folder: Path, name: str, values: list[dict[str, Any]]) -> str:
    path = folder / name
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return f"file://{path}"


def _ids(warehouse: Path) -> list[str]:
    with closing(sqlite3.connect(warehouse)) as db:
        return [name for (name,) in db.execute("SELECT recording_id FROM recordings ORDER BY 1")]


@pytest.mark.parametrize("form", ["one", "list", "mapped", "mixed"])
def test_uris_replace_lists(form: str, warehouse: Path, tmp_path: Path, context: Any) -> None:
    uris = [_batch(tmp_path, f"{i}.ndjson", [_recording(2 * i), _recording(2 * i + 1)]) for i in range(2)]
    recordings: Any = {
        "one": uris[0],
        "list": uris,
        "mapped": [[uris[0]], [uris[1]]],
        "mixed": [uris[0], [_recording(9)]],
    }[form]
    written = RecordingsToSqlOperator(task_id="load", sql_conn_id="warehouse", recordings=recordings).execute(context)
    expected = {"one": [0, 1], "list": [0, 1, 2, 3], "mapped": [0, 1, 2, 3], "mixed": [0, 1, 9]}[form]
    assert _ids(warehouse) == [f"r-{i}" for i in expected]
    assert written["recordings"] == len(expected)


def test_posts(warehouse: Path, tmp_path: Path, context: Any) -> None:
    uri = _batch(tmp_path, "posts.ndjson", [{"platform": "feishu", "tenant": "t", "post_id": "7"}])
    assert PostsToSqlOperator(task_id="load", sql_conn_id="warehouse", posts=[uri]).execute(context)["posts"] == 1


@pytest.mark.parametrize("name", ["my lake/b 1.ndjson", "会议 #1?.ndjson", "a\u3000b.ndjson"])
def test_path_with_special_characters(name: str, warehouse: Path, tmp_path: Path, context: Any) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    uri = _batch(tmp_path, name, [_recording(1)])
    RecordingsToSqlOperator(task_id="load", sql_conn_id="warehouse", recordings=[uri]).execute(context)
    assert _ids(warehouse) == ["r-1"]


def test_missing_batch(warehouse: Path, tmp_path: Path, context: Any) -> None:
    recordings = [_batch(tmp_path, "1.ndjson", [_recording(1)]), f"file://{tmp_path}/my lake/2.ndjson"]
    operator = RecordingsToSqlOperator(task_id="load", sql_conn_id="warehouse", recordings=recordings)
    message = r"recordings: batch 2 \(file:///…\) does not exist. Run the task that wrote it again"
    with pytest.raises(AirflowFailException, match=message) as caught:
        operator.execute(context)
    assert "my lake" not in str(caught.value)
    with closing(sqlite3.connect(warehouse)) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == []


@pytest.mark.parametrize("line", ["PRIVATE", "[1]", '{"a": ', "[" * 100_000])
def test_error_names_invalid_line_without_content(line: str, warehouse: Path, tmp_path: Path, context: Any) -> None:
    uri = _batch(tmp_path, "x.ndjson", [_recording(1)])
    with Path(uri.removeprefix("file://")).open("a") as file:
        file.write(line)
    operator = RecordingsToSqlOperator(task_id="load", sql_conn_id="warehouse", recordings=[uri])
    with pytest.raises(AirflowFailException, match=r"recordings: batch 1 \(file:///…\): line 2 is not") as caught:
        operator.execute(context)
    assert "PRIVATE" not in str(caught.value)
    with closing(sqlite3.connect(warehouse)) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == []


def test_unreadable_batch_error_hides_path(warehouse: Path, tmp_path: Path, context: Any) -> None:
    recordings = [[_batch(tmp_path, "PRIVATE", [_recording(1)])], [f"file://{tmp_path}/PRIVATE/2.ndjson"]]
    operator = RecordingsToSqlOperator(task_id="load", sql_conn_id="warehouse", recordings=recordings)
    with pytest.raises(
        AirflowException, match=r"batch 2 \(file:///…\) could not be read \(NotADir.*Try again"
    ) as caught:
        operator.execute(context)
    assert "PRIVATE" not in "".join(traceback.format_exception(caught.value))


def test_error_hides_password_in_uri(warehouse: Path, context: Any) -> None:
    operator = RecordingsToSqlOperator(
        task_id="load", sql_conn_id="warehouse", recordings=["file://me:PRIVATE@host/no/x.ndjson"]
    )
    with pytest.raises(AirflowException, match=r"batch 1 \(file://host/…\) file:// contains a pass") as caught:
        operator.execute(context)
    assert "PRIVATE" not in str(caught.value)


@pytest.mark.parametrize("by_uri", [False, True])
def test_error_hides_value_of_redacted_column(by_uri: bool, warehouse: Path, tmp_path: Path, context: Any) -> None:
    recordings: Any = [_recording(1), {**_recording(2), "started_at": "PRIVATE 2026-05-01"}]
    operator = RecordingsToSqlOperator(
        task_id="load",
        sql_conn_id="warehouse",
        recordings=_batch(tmp_path, "x.ndjson", recordings) if by_uri else recordings,
        redact={"started_at": "drop"},
    )
    with pytest.raises(AirflowFailException, match="recordings: item 2 is not a Recording: started_at") as caught:
        operator.execute(context)
    assert "PRIVATE" not in str(caught.value)


def test_changed_batch_writes_nothing(warehouse: Path, tmp_path: Path, context: Any) -> None:
    writer = BatchWriter(f"file://{tmp_path}/batches", context, "recordings", 2)
    for number in range(3):
        writer.add(_recording(number))
    uris = writer.finish()
    path = Path(uris[1].removeprefix("file://").partition("#")[0])
    path.write_text(path.read_text().replace("r-2", "r-9"))
    operator = RecordingsToSqlOperator(task_id="load", sql_conn_id="warehouse", recordings=uris)
    with pytest.raises(AirflowFailException, match=r"recordings: batch 2 \(file:///…\) is not what was written"):
        operator.execute(context)
    with closing(sqlite3.connect(warehouse)) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == []


def test_unknown_keys_reach_no_column(warehouse: Path, tmp_path: Path, context: Any) -> None:
    file = {"platform": "wecom", "tenant": "corp", "recording_id": "r-1", "meeting_id": None, "file_id": "f"}
    newer = {"state_code": 7, "PRIVATE": 1, "files": [{**file, "kind": "video", "sharing_state": 7}]}
    uri = _batch(tmp_path, "newer.ndjson", [{**_recording(1), **newer}])
    RecordingsToSqlOperator(task_id="load", sql_conn_id="warehouse", recordings=uri).execute(context)
    with closing(sqlite3.connect(warehouse)) as db:
        assert db.execute("SELECT state_code FROM recordings").fetchall() == [(None,)]
        assert db.execute("SELECT sharing_state FROM recording_files").fetchall() == [(None,)]
