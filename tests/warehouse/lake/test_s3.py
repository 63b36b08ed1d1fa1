"""A lake in a bucket."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.storage.s3.s3_bench import BUCKET, S3Bench, s3_bench
from tests.storage.s3.s3_front import Forward, Response, refuse
from tests.warehouse.lake.lakes import land, transcript

Make = Callable[..., dict[str, Any]]
DAY = "raw/recordings/dt=2026-05-01/rows.parquet"


@pytest.fixture
def s3() -> Iterator[S3Bench]:
    with s3_bench() as bench:
        yield bench


def ids(s3: S3Bench, key: str = DAY) -> list[str]:
    body = s3.direct.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return [str(value) for value in pq.read_table(io.BytesIO(body)).column("recording_id").to_pylist()]


def test_partition_is_one_object(s3: S3Bench, recording: Make, stored: Make) -> None:
    land(s3.store(), [recording()], stored=[stored()])
    land(s3.store(), [recording(recording_id="rec-2"), recording(recording_id="rec-3", started_at=None, files=[])])
    assert s3.names() == {
        DAY,
        "raw/recordings/dt=__HIVE_DEFAULT_PARTITION__/rows.parquet",
        "raw/recording_files/dt=2026-05-01/rows.parquet",
        "raw/landings/dt=2026-05-01/rows.parquet",
    }
    assert (ids(s3), s3.uploads()) == (["rec-1", "rec-2"], [])
    head = s3.direct.head_object(Bucket=BUCKET, Key=DAY)
    assert head["ContentType"] == "application/vnd.apache.parquet"
    again = land(s3.store(), [recording()])
    assert {written["files"] for written in again.values()} == {0}


def test_artifact_rows_move_with_their_recording(s3: S3Bench, recording: Make, stored: Make) -> None:
    before, after = (f"raw/transcript_segments/dt=2026-05-{day}/rows.parquet" for day in ("02", "01"))
    land(s3.store(), [recording(started_at="2026-05-02T00:00:00Z")], contents=[transcript("a", "b")])
    assert ids(s3, before) == ["rec-1", "rec-1"]
    land(s3.store(), [recording()])
    assert (ids(s3, before), ids(s3, after)) == ([], ["rec-1", "rec-1"])
    assert land(s3.store(), [recording()], contents=[transcript("a", "b")])["transcript_segments"]["files"] == 0


def test_deleted_recording_is_found_by_listing(s3: S3Bench, recording: Make) -> None:
    land(s3.store(), [recording(recording_id=f"rec-{n}", started_at=f"2026-0{n}-01T00:00:00Z") for n in range(1, 5)])
    written = land(s3.store(), [recording(recording_id="rec-2", started_at=None, state="gone", files=[])])
    assert written["recordings"] == {"rows": 1, "files": 1}
    assert ids(s3, "raw/recordings/dt=2026-02-01/rows.parquet") == ["rec-2"]


def test_concurrent_loads(s3: S3Bench, recording: Make) -> None:
    """S3 compares and replaces atomically; moto does not, so the front serializes the requests."""
    lock = threading.Lock()

    def locked(forward: Forward) -> Response:
        with lock:
            return forward()

    s3.front.on("Put", locked)
    failed: list[BaseException] = []

    def load(number: int) -> None:
        try:
            for turn in range(2):
                rows = [recording(recording_id=f"rec-{number}-{turn}", files=[])]
                land(s3.store(), rows, sleep=time.sleep)
        except BaseException as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=load, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert ids(s3) == sorted(f"rec-{number}-{turn}" for number in range(3) for turn in range(2))


@pytest.mark.parametrize("operation", ["Put", "Get", "Head"])
def test_failing_store_leaves_complete_partitions(s3: S3Bench, recording: Make, operation: str) -> None:
    land(s3.store(), [recording()])
    before = ids(s3)
    s3.front.on(operation, refuse(503, "SlowDown"))
    with pytest.raises(OSError, match=r"busy|later|may not"):
        land(s3.store(), [recording(recording_id="rec-2")])
    assert ids(s3) == before
    s3.front.on(operation, lambda forward: forward())
    land(s3.store(), [recording(recording_id="rec-2")])
    assert ids(s3) == ["rec-1", "rec-2"]


def test_warning_without_conditional_writes(s3: S3Bench, recording: Make, caplog: pytest.LogCaptureFixture) -> None:
    s3.front.on("Put", refuse(501, "NotImplemented"), lambda forward: forward())
    land(s3.store(), [recording()])
    assert "a pool with one slot" in caplog.text
    assert ids(s3) == ["rec-1"]
