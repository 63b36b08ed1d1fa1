"""Batches by reference: URIs in place of what they hold."""

from __future__ import annotations

import json
import sqlite3
import traceback
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_meetings.transfers.to_sql import PostsToSqlOperator, RecordingsToSqlOperator


def _recording(number: int) -> dict[str, Any]:
    return {"platform": "wecom", "tenant": "corp", "recording_id": f"r-{number}", "state": "ready", "title": "会\n议"}


def _batch(folder: Path, name: str, values: list[dict[str, Any]]) -> str:
    path = folder / name
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return f"file://{path}"


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "warehouse.sqlite"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    return path


def _ids(warehouse: Path) -> list[str]:
    with closing(sqlite3.connect(warehouse)) as db:
        return [name for (name,) in db.execute("SELECT recording_id FROM recordings ORDER BY 1")]


@pytest.mark.parametrize("form", ["one", "list", "mapped", "mixed"])
def test_uris_stand_for_what_they_hold(form: str, warehouse: Path, tmp_path: Path, context: Any) -> None:
    uris = [_batch(tmp_path, f"{i}.ndjson", [_recording(2 * i), _recording(2 * i + 1)]) for i in range(2)]
    given: Any = {
        "one": uris[0],
        "list": uris,
        "mapped": [[uris[0]], [uris[1]]],
        "mixed": [uris[0], [_recording(9)]],
    }[form]
    written = RecordingsToSqlOperator(task_id="load", sql_conn_id="warehouse", recordings=given).execute(context)
    expected = {"one": [0, 1], "list": [0, 1, 2, 3], "mapped": [0, 1, 2, 3], "mixed": [0, 1, 9]}[form]
    assert _ids(warehouse) == [f"r-{i}" for i in expected]
    assert written["recordings"] == len(expected)


def test_posts_come_by_uri_too(warehouse: Path, tmp_path: Path, context: Any) -> None:
    uri = _batch(tmp_path, "posts.ndjson", [{"platform": "feishu", "tenant": "t", "post_id": "7"}])
    assert PostsToSqlOperator(task_id="load", sql_conn_id="warehouse", posts=[uri]).execute(context)["posts"] == 1


@pytest.mark.parametrize("name", ["my lake/b 1.ndjson", "会议 #1?.ndjson", "a\u3000b.ndjson"])
def test_a_path_may_hold_blanks(name: str, warehouse: Path, tmp_path: Path, context: Any) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    uri = _batch(tmp_path, name, [_recording(1)])
    RecordingsToSqlOperator(task_id="load", sql_conn_id="warehouse", recordings=[uri]).execute(context)
    assert _ids(warehouse) == ["r-1"]


def test_a_batch_that_is_not_there_is_named(warehouse: Path, tmp_path: Path, context: Any) -> None:
    given = [_batch(tmp_path, "1.ndjson", [_recording(1)]), f"file://{tmp_path}/my lake/2.ndjson"]
    operator = RecordingsToSqlOperator(task_id="load", sql_conn_id="warehouse", recordings=given)
    told = r"recordings: batch 2 \(file:///…\) does not exist. Run the task that wrote it again"
    with pytest.raises(AirflowFailException, match=told) as caught:
        operator.execute(context)
    assert "my lake" not in str(caught.value)
    with closing(sqlite3.connect(warehouse)) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == []


@pytest.mark.parametrize("line", ["PRIVATE", "[1]", '{"a": ', "[" * 100_000])
def test_a_line_that_is_no_object_is_named_and_not_shown(
    line: str, warehouse: Path, tmp_path: Path, context: Any
) -> None:
    uri = _batch(tmp_path, "x.ndjson", [_recording(1)])
    with Path(uri.removeprefix("file://")).open("a") as file:
        file.write(line)
    operator = RecordingsToSqlOperator(task_id="load", sql_conn_id="warehouse", recordings=[uri])
    with pytest.raises(AirflowFailException, match=r"recordings: batch 1 \(file:///…\): line 2 is not") as caught:
        operator.execute(context)
    assert "PRIVATE" not in str(caught.value)
    with closing(sqlite3.connect(warehouse)) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == []


def test_a_batch_that_cannot_be_read_is_told_without_its_path(warehouse: Path, tmp_path: Path, context: Any) -> None:
    (tmp_path / "PRIVATE").mkdir()
    given = [[_batch(tmp_path, "1.ndjson", [_recording(1)])], [f"file://{tmp_path}/PRIVATE"]]
    operator = RecordingsToSqlOperator(task_id="load", sql_conn_id="warehouse", recordings=given)
    with pytest.raises(
        AirflowException, match=r"batch 2 \(file:///…\) could not be read \(IsADir.*Try again"
    ) as caught:
        operator.execute(context)
    assert "PRIVATE" not in "".join(traceback.format_exception(caught.value))


def test_a_password_in_an_address_is_not_shown(warehouse: Path, context: Any) -> None:
    operator = RecordingsToSqlOperator(
        task_id="load", sql_conn_id="warehouse", recordings=["file://me:PRIVATE@host/no/x.ndjson"]
    )
    with pytest.raises(AirflowException, match=r"batch 1 \(file://host/…\)") as caught:
        operator.execute(context)
    assert "PRIVATE" not in str(caught.value)


def test_a_text_that_is_no_uri_is_still_refused(warehouse: Path, context: Any) -> None:
    operator = RecordingsToSqlOperator(task_id="load", sql_conn_id="warehouse", recordings=["{{ x }}"])
    with pytest.raises(AirflowFailException, match="recordings must be a list"):
        operator.execute(context)


@pytest.mark.parametrize("by_uri", [False, True])
def test_a_value_that_is_redacted_is_not_shown_where_it_is_refused(
    by_uri: bool, warehouse: Path, tmp_path: Path, context: Any
) -> None:
    given: Any = [_recording(1), {**_recording(2), "started_at": "PRIVATE 2026-05-01"}]
    operator = RecordingsToSqlOperator(
        task_id="load",
        sql_conn_id="warehouse",
        recordings=_batch(tmp_path, "x.ndjson", given) if by_uri else given,
        redact={"started_at": "drop"},
    )
    with pytest.raises(AirflowFailException, match="recordings: item 2 is not a recording: started_at") as caught:
        operator.execute(context)
    assert "PRIVATE" not in str(caught.value)
