"""A third platform from another distribution works in the real operators, without a change to the provider."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from airflow._shared.module_loading import _get_grouped_entry_points as shared_entry_points
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.providers_manager import ProvidersManager
from airflow.sdk._shared.module_loading import _get_grouped_entry_points as sdk_entry_points
from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.manifests import manifests
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.sensors.recordings import RecordingReadySensor
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from airflow_provider_meetings.transfers.to_sql import RecordingsToSqlOperator

ENTRY_POINTS = """
[apache_airflow_provider]
provider_info = tests.platforms.toymeet:get_provider_info

[airflow_provider_meetings.platforms]
toymeet = tests.platforms.toymeet:MANIFEST
"""
VIDEO = b"\0\0\0\x18ftypmp42" + bytes(2000)


class Service(BaseHTTPRequestHandler):
    """The toy's API. A recording is ready when it is requested for the second time."""

    polls = 0

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/token":
            self.answer({"token": f"token-of-{parse_qs(url.query)['secret'][0]}"})
        elif url.path == "/video":
            self.answer(VIDEO, "video/mp4")
        elif self.headers["X-Toy-Token"] != "token-of-S3CRET":
            self.send_error(403)
        elif url.path == "/tapes":
            self.answer({"tapes": [self.tape(4)]})
        else:
            Service.polls += 1
            self.answer(self.tape(9 if Service.polls > 1 else 4))

    def tape(self, phase: int) -> dict[str, Any]:
        address = f"http://127.0.0.1:{self.connection.getsockname()[1]}/video"
        return {"id": "tape-1", "boss": "ann", "phase": phase, "video_url": address}

    def answer(self, body: Any, media_type: str = "application/json") -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Keep the test's output clean."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Install the toy's distribution: its metadata on the path, and everything that caches entry points renewed."""
    site = tmp_path_factory.mktemp("site")
    folder = site / "toymeet_provider-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: toymeet-provider\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(ENTRY_POINTS)
    caches = [shared_entry_points, sdk_entry_points, manifests]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path, str(site)])
        for manager in (ProvidersManager, ProvidersManagerTaskRuntime):
            patch.setattr(manager, "_instance", None)
            patch.setattr(manager, "_initialized", False)
        for cache in caches:
            cache.cache_clear()
        yield
    for cache in caches:
        cache.cache_clear()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Service.polls = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        connect(monkeypatch, host=f"http://127.0.0.1:{server.server_address[1]}")
        yield
        server.shutdown()


def connect(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    connection = {"conn_type": "toymeet", "login": "acme", "password": "S3CRET", **changes}
    monkeypatch.setenv("AIRFLOW_CONN_TOYMEET_DEFAULT", json.dumps(connection))


@pytest.mark.usefixtures("installed", "service")
def test_recording_is_listed_awaited_landed_and_loaded(
    context: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__MEETINGS__STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("AIRFLOW__MEETINGS__REDACT_KEY", "a key of the tests, long enough")
    database = tmp_path / "warehouse.sqlite"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(database)}))
    conn: dict[str, Any] = {"meetings_conn_id": "toymeet_default"}

    (listed,) = ListRecordingsOperator(task_id="list", owner_ids=["ann"], **conn).execute(context)
    assert (listed["recording_id"], listed["state"]) == ("tape-1", "processing")
    sensor = RecordingReadySensor(task_id="wait", recordings=[listed], poke_interval=0, **conn)
    (ready,) = sensor.execute(context)
    assert ready["state"] == "ready"
    (stored,) = RecordingsToObjectStorageOperator(
        task_id="land", recordings=[ready], target=f"file://{tmp_path}/lake", **conn
    ).execute(context)
    assert Path(stored["uri"].removeprefix("file://")).read_bytes() == VIDEO
    RecordingsToSqlOperator(
        task_id="load",
        sql_conn_id="warehouse",
        recordings=[ready],
        stored_files=[stored],
        redact={"owner_id": "hash"},
    ).execute(context)

    with closing(sqlite3.connect(database)) as db:
        ((state_code, owner_id, source),) = db.execute("SELECT state_code, owner_id, source FROM recordings")
        assert db.execute("SELECT platform, uri FROM recording_files").fetchall() == [("toymeet", stored["uri"])]
    # The manifest says that the column takes `phase`, and that `boss` is the owner.
    assert state_code == 9
    assert json.loads(source) == {"id": "tape-1", "phase": 9, "boss": owner_id}
    assert len(owner_id) == 64


@pytest.mark.usefixtures("installed")
def test_airflow_builds_the_form_of_the_toy() -> None:
    manager = ProvidersManager()  # type: ignore[no-untyped-call]
    assert manager.field_behaviours["toymeet"]["relabeling"]["login"] == "Account"
    assert "extra__toymeet__region" in manager.connection_form_widgets


@pytest.mark.usefixtures("installed")
def test_extras_are_checked_by_the_form_of_the_toy(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, extra={"region": "east"})
    with pytest.raises(AirflowFailException, match="extra region that is not one of north, south"):
        MeetingsHook.for_connection("toymeet_default").get_conn()
