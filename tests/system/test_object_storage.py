"""Run an example DAG and ``airflow meetings verify`` on a lake in an S3 bucket, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_airflow import settings
from moto.server import ThreadedMotoServer

from airflow_provider_meetings.emulator.seed.wecom import TWO_FILES_RECORD
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from tests.storage.s3.s3_bench import s3_client
from tests.system.conftest import StartAirflow
from tests.system.landed import tables

ROOT = Path(__file__).resolve().parents[2]
LOGICAL_DATE = "2026-11-12T18:00:00+00:00"
LAKE = "s3://lake_conn@lake/raw"


@pytest.fixture
def bucket() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    s3_client(url).create_bucket(Bucket="lake")
    yield url
    server.stop()


def _lake_connection(url: str) -> str:
    extra = {
        "endpoint_url": url,
        "region_name": "us-east-1",
        "service_config": {"s3": {"extra_args": {"ServerSideEncryption": "AES256"}}},
    }
    return json.dumps({"conn_type": "aws", "login": "AKIDEXAMPLE", "password": "s3cr3t-of-the-bucket", "extra": extra})


def test_lake_in_bucket(start_airflow: StartAirflow, tmp_path: Path, bucket: str) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    state = EmulatorState()
    printed: list[str] = []
    with serve(state) as url:
        env = {
            **settings(url, tmp_path / "unused", warehouse),
            "AIRFLOW_VAR_MEETINGS_LAKE": LAKE,
            "AIRFLOW_CONN_LAKE_CONN": _lake_connection(bucket),
        }

        def run(*command: str) -> None:
            printed.append(start_airflow(*command, env=env, dags=ROOT / "dags").finish())

        for _ in range(2):
            run("dags", "test", "wecom_recordings_daily", LOGICAL_DATE)
        fetched = [request.path for request in state.requests if request.path.startswith("/wecom-media/")]
        run("meetings", "verify", LAKE, "--full", "--output", "json")
    stored = [row for row in tables(warehouse)["recording_files"] if row["uri"]]
    assert stored
    client = s3_client(bucket)
    files = {file.record_file_id: file for file in state.company.wecom_recordings[TWO_FILES_RECORD].files}
    for row in stored:
        assert row["uri"].startswith(f"{LAKE}/wecom/")
        found = client.get_object(Bucket="lake", Key=row["uri"].removeprefix("s3://lake_conn@lake/"))
        body = found["Body"].read()
        assert (len(body), found["ServerSideEncryption"]) == (int(row["size"]), "AES256")
        if row["kind"] == "video" and row["file_id"] in files:
            media = files[row["file_id"]].video
            assert media is not None
            assert body == media.read(0, media.size)
    # The second run fetched nothing.
    assert len(fetched) == len(set(fetched)), fetched
    assert not client.list_multipart_uploads(Bucket="lake").get("Uploads")
    assert not any("s3cr3t-of-the-bucket" in text for text in printed)
