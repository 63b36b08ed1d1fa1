"""Batches in stores: names, URIs, and what a reader finds when a batch has changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseOperator, literal

from airflow_provider_meetings.api.errors import InvalidRequest, NotFound
from airflow_provider_meetings.api.models import Recording
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.batches import BatchWriter, warn_if_large
from tests.conftest import TaskInstance
from tests.storage.s3.s3_bench import s3_bench

ITEM = {"platform": "wecom", "tenant": "t", "recording_id": "r", "state": "ready", "title": "会\n议"}


def write(url: str, count: int, **task: Any) -> list[str]:
    writer = BatchWriter(url, {"ti": TaskInstance(**task)}, "recordings", 2)
    for number in range(count):
        writer.add({**ITEM, "recording_id": f"r-{number}"})
    return writer.finish()


def read(value: Any) -> list[str]:
    return [str(row["recording_id"]) for row in arguments.rows(Recording, value, "recordings", {})]


def path_of(uri: str) -> Path:
    return Path(uri.removeprefix("file://").partition("#")[0])


def test_names_fragment_and_order(tmp_path: Path) -> None:
    run_id = "scheduled__2026-11-10T00:00:00+00:00"
    uris = write(f"file://{tmp_path}/my lake", 5, run_id=run_id)
    folder = f"file://{tmp_path}/my lake/dag/scheduled__2026-11-10T00%3A00%3A00%2B00%3A00/task/-1"
    assert [uri.partition("#")[0] for uri in uris] == [
        f"{folder}/recordings-0000{number}.batch.ndjson" for number in (1, 2, 3)
    ]
    assert [len(uri.partition("#sha256=")[2]) for uri in uris] == [16, 16, 16]
    assert read(uris) == read([[literal(uris[0])], uris[1:]]) == [f"r-{number}" for number in range(5)]
    assert [json.loads(line)["title"] for line in path_of(uris[2]).read_text().splitlines()] == [ITEM["title"]]
    assert write(f"file://{tmp_path}/my lake", 0) == []


def test_retry_overwrites_and_mapped_tasks_do_not(tmp_path: Path) -> None:
    first = write(f"file://{tmp_path}", 2)
    assert write(f"file://{tmp_path}", 2, try_number=2) == first
    others = [write(f"file://{tmp_path}", 2, map_index=index) for index in (0, 1)]
    assert len({path_of(*uris) for uris in (first, *others)}) == len(list(tmp_path.rglob("*.ndjson"))) == 3


@pytest.mark.parametrize("hostile", ["..", ".", "../../etc", "/etc", "a/b", "a\n\0b", "一" * 200, "{{ x }}", "#a?b"])
def test_ids_stay_one_folder(tmp_path: Path, hostile: str) -> None:
    (uri,) = write(f"file://{tmp_path}/a/b", 1, dag_id=hostile, run_id=hostile, task_id=hostile)
    (written,) = tmp_path.rglob("*.ndjson")
    assert len(written.relative_to(tmp_path / "a" / "b").parts) == 5
    assert read(uri) == ["r-0"]


@pytest.fixture
def s3_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with s3_bench() as bench:
        extra = {"endpoint_url": bench.front.url, "region_name": "us-east-1"}
        value = {"conn_type": "aws", "login": "AKIDEXAMPLE", "password": "s3cr3t-of-the-bucket", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_LAKE_CONN", json.dumps(value))
        yield "s3://lake_conn@lake/batches/"


def test_in_bucket_of_a_connection(s3_url: str) -> None:
    uris = write(s3_url, 3)
    assert all(uri.startswith("s3://lake_conn@lake/batches/dag/run/task/-1/recordings-0000") for uri in uris)
    assert read(uris) == ["r-0", "r-1", "r-2"]
    with pytest.raises(NotFound, match=r"recordings: batch 2 \(s3://lake/…\) does not exist. Run the task"):
        read([uris[0], uris[1].replace("00002", "00009")])


@pytest.mark.parametrize("use", [lambda url: write(url, 1), read])
@pytest.mark.parametrize("url", ["s3://me:PRIVATE@lake/x", "file://me:PRIVATE@host/x"])
def test_url_with_password_is_refused(url: str, use: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"contains a password: store it in a connection") as caught:
        use(url)
    assert "PRIVATE" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content[:-7],
        lambda content: content[: content.index(b"\n") + 1],
        lambda content: b"",
        lambda content: content + content,
        lambda content: content.replace(b"r-1", b"r-7"),
        lambda content: content.replace(b"{", b"[", 1),
        lambda content: content + b"\n",
    ],
)
def test_changed_batch_is_one_error(tmp_path: Path, change: Any) -> None:
    (uri,) = write(f"file://{tmp_path}", 2)
    path_of(uri).write_bytes(change(path_of(uri).read_bytes()))
    with pytest.raises(InvalidRequest, match=r"recordings: batch 1 \(file:///…\)(:| is) .*not.* Run the task .*again"):
        read([uri])


def test_batch_written_to_while_it_is_read(tmp_path: Path) -> None:
    (uri,) = write(f"file://{tmp_path}", 2)
    found = arguments.rows(Recording, uri, "recordings", {})
    next(found)
    with path_of(uri).open("ab") as file:
        file.write(json.dumps(ITEM).encode())
    with pytest.raises(InvalidRequest, match=r"is not what was written"):
        list(found)


def test_own_ndjson_is_read_unchecked(tmp_path: Path) -> None:
    (uri,) = write(f"file://{tmp_path}", 2)
    uri = uri.partition("#")[0]
    path_of(uri).write_text(f"{json.dumps(ITEM)}\r\n\n")
    assert read(uri) == ["r"]


def test_batch_of_another_schema(tmp_path: Path) -> None:
    writer = BatchWriter(f"file://{tmp_path}", {"ti": TaskInstance()}, "recordings")
    writer.add({**ITEM, "newer": {"a": 1}})
    (uri,) = writer.finish()
    (recording,) = arguments.values(Recording, uri, "recordings", {})
    assert (recording.listed_by, recording.to_dict()["newer"]) == (None, {"a": 1})
    writer.add({"platform": "wecom", "state": "ready"})
    with pytest.raises(InvalidRequest, match=r"recordings: item 2 is not a Recording: its tenant is missing"):
        list(arguments.values(Recording, writer.finish(), "recordings", {}))


def test_large_result_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    log, items = BaseOperator(task_id="x").log, ["x" * 1000] * 1001
    warn_if_large(log, items[:900], "set batches_to")
    assert "larger" not in capsys.readouterr().out
    warn_if_large(log, items, "set batches_to")
    assert "The result is larger than 1 MB, too large for an XCom: set batches_to" in capsys.readouterr().out
