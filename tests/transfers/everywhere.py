"""A pipeline of one platform that writes everywhere: media, receipts, batches, a ledger, a database, a lake of rows."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_meetings.emulator.seed.credentials import FEISHU_APP_ID, WECOM_CORP_ID
from airflow_provider_meetings.emulator.seed.feishu import (
    ENGLISH_MEETING,
    NAMED_POST,
    READY_MEETING,
    READY_MINUTE,
    SECOND_NAMED_POST,
)
from airflow_provider_meetings.emulator.seed.wecom import OWNERS
from airflow_provider_meetings.hooks.stores import store_at
from airflow_provider_meetings.operators.forget import ForgetOperator
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.platforms.feishu.operators import FeishuPostsOperator
from airflow_provider_meetings.sensors.recordings import RecordingReadySensor
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from airflow_provider_meetings.transfers.to_parquet import PostsToParquetOperator, RecordingsToParquetOperator
from airflow_provider_meetings.transfers.to_sql import PostsToSqlOperator, RecordingsToSqlOperator
from airflow_provider_meetings.warehouse.tables.tables import tables
from tests.conftest import TaskInstance
from tests.storage.s3.s3_bench import BUCKET, s3_bench
from tests.transfers.conftest import ARTIFACTS
from tests.warehouse.lake.lakes import read
from tests.warehouse.servers import CONN_ID, as_text, opened, run_sql

PEOPLE = {"feishu": ("ou_bluewave0chenyu", "陈宇", "Chen Yu"), "wecom": ("wangfang",)}
WORDS = {"feishu": ("The new firmware halves", "那仓储线的联调"), "wecom": ()}
"""What these people have said, or others under their name."""
OWN = {"feishu": (READY_MINUTE, NAMED_POST), "wecom": ("mr-20261112-wangfang-1400",)}
"""The recordings that they own, and their posts."""
TENANTS = {"feishu": FEISHU_APP_ID, "wecom": WECOM_CORP_ID}
LISTED: Mapping[str, Mapping[str, Any]] = {
    "feishu": {"meeting_ids": [READY_MEETING, ENGLISH_MEETING]},
    "wecom": {"owner_ids": list(OWNERS), "start": "2026-11-12T00:00:00+08:00"},
}
EVENT: Mapping[str, Mapping[str, Any]] = {
    "feishu": {"meeting_ids": [READY_MEETING]},
    "wecom": {"owner_ids": ["wangfang"], "start": "2026-10-21T00:00:00+08:00", "end": "2026-10-21T12:00:00+08:00"},
}
"""A recording of theirs that is ready."""
Contents = dict[str, str]


class Everywhere:
    """The places of one pipeline; `root` is the folder of everything that is not in a server or a bucket."""

    def __init__(self, platform: str, root: Path, url: str, lake: Path, bucket: Any) -> None:
        self.platform, self.root, self.url, self.lake = platform, root, url, lake
        self._bucket = bucket
        self._objects: dict[str, bytes] = {}

    def run(self, run_id: str, **changes: Any) -> None:
        """List, land and load, as a DAG run does."""
        selectors = {"ledger": self.url, **LISTED[self.platform], **changes}
        context: Any = {"ti": TaskInstance(run_id=run_id)}
        listing = ListRecordingsOperator(
            task_id="list",
            meetings_conn_id=f"{self.platform}_default",
            batches_to=f"{self.url}/batches",
            **selectors,
        )
        found = listing.execute(context)
        self.land_and_load(found, context, context["ti"].pushed["summary"], selectors["ledger"])

    def wait(self, run_id: str, **ids: Any) -> None:
        """Wait for recordings, land and load them, as a DAG run does that an event has started."""
        context: Any = {"ti": TaskInstance(run_id=run_id)}
        sensor = RecordingReadySensor(task_id="wait", meetings_conn_id=f"{self.platform}_default", **ids)
        found = sensor.execute(context)
        self.land_and_load(found, context)

    def land_and_load(self, found: Any, context: Any, summary: Any = None, ledger: str | None = None) -> None:
        stored = RecordingsToObjectStorageOperator(
            task_id="land",
            meetings_conn_id=f"{self.platform}_default",
            recordings=found,
            target=self.url,
            kinds=("video", *ARTIFACTS, "summary"),
        ).execute(context)
        inputs = {"recordings": found, "stored_files": stored, "summary": summary}
        RecordingsToParquetOperator(task_id="lake", target=f"file://{self.lake}", **inputs).execute(context)
        RecordingsToSqlOperator(task_id="sql", sql_conn_id=CONN_ID, ledger=ledger, **inputs).execute(context)
        if self.platform == "feishu":
            posts = FeishuPostsOperator(
                task_id="posts", meetings_conn_id="feishu_default", post_ids=[NAMED_POST, SECOND_NAMED_POST]
            ).execute(context)
            PostsToSqlOperator(task_id="posts_sql", sql_conn_id=CONN_ID, posts=posts).execute(context)
            PostsToParquetOperator(task_id="posts_lake", target=f"file://{self.lake}", posts=posts).execute(context)

    def forget(self, **arguments: Any) -> dict[str, Any]:
        where = {
            "ledger": self.url,
            "targets": [self.url],
            "sql": [CONN_ID],
            "lakes": [f"file://{self.lake}"],
            "platform": self.platform,
            "tenant": TENANTS[self.platform],
        }
        operator = ForgetOperator(
            **{"task_id": "forget", "plan": f"file://{self.root}/plan.json", **where, **arguments}
        )
        context: Any = {"ti": TaskInstance()}
        return operator.execute(context)

    def contents(self, *, volatile: bool = True) -> Contents:
        """Return every object and row as text, by its name; bytes as Latin-1, and as UTF-8.

        :param volatile: with what has a new name or time in each run: the ledger, marks, plans, rows' times.
        """
        found: Contents = {}
        store = store_at(self.url)
        for one in store.walk():
            if volatile or not re.search("_meetings_|batch.ndjson", one.key):
                content = b"".join(store.open(one.key))
                found[one.key] = content.decode("latin-1") + content.decode("utf-8", "replace")
        for path in self.root.rglob("*") if volatile else ():
            if path.is_file():
                found[path.name] = path.read_bytes().decode("latin-1") + path.read_bytes().decode("utf-8", "replace")
        hook = BaseHook.get_connection(CONN_ID).get_hook()  # type: ignore[no-untyped-call]
        for table in tables():
            names = [column.name for column in table.primary_key]
            rows = run_sql(hook, f"SELECT * FROM {table.name}") if table.name in self.in_database(hook) else []
            for place, some in (("sql", rows), ("lake", read(self.lake, table.name))):
                for row in some:
                    if table.name == "erasures" and not volatile:
                        continue
                    texts = {name: as_text(value) for name, value in row.items() if volatile or name != "_landed_at"}
                    key = " ".join(str(row[name]) for name in names)
                    found[f"{place} {table.name} {key}"] = json.dumps(texts, ensure_ascii=False, default=str)
        # A new file has a new time.
        return found if volatile else {name: re.sub("mtime-ns:[0-9]+", "", one) for name, one in found.items()}

    def copy(self) -> None:
        """Remember the folder, the bucket and the rows of a server."""
        shutil.copytree(self.root, self.root.with_name("copy"))
        self._objects = self.in_bucket()
        hook = self.server()
        for name in {table.name for table in tables()} & (self.in_database(hook) if hook else set()):
            run_sql(hook, f"CREATE TABLE copy_{name} AS SELECT * FROM {name}")

    def restore(self) -> None:
        """Make everything as it was remembered."""
        shutil.rmtree(self.root)
        shutil.copytree(self.root.with_name("copy"), self.root)
        for key in self.in_bucket():
            self._bucket.delete_object(Bucket=BUCKET, Key=key)
        for key, content in self._objects.items():
            self._bucket.put_object(Bucket=BUCKET, Key=key, Body=content)
        hook = self.server()
        there = self.in_database(hook) if hook else set[str]()
        for name in {table.name for table in tables()} & there:
            run_sql(hook, f"DELETE FROM {name}")
            if f"copy_{name}" in there:
                run_sql(hook, f"INSERT INTO {name} SELECT * FROM copy_{name}")

    def in_bucket(self) -> dict[str, bytes]:
        listed = self._bucket.list_objects_v2(Bucket=BUCKET).get("Contents", ())
        return {one["Key"]: self._bucket.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read() for one in listed}

    def server(self) -> Any:
        """Return the hook of the database; None for a file."""
        hook = BaseHook.get_connection(CONN_ID).get_hook()  # type: ignore[no-untyped-call]
        return None if hook.conn_type in {"sqlite", "duckdb"} else hook

    def in_database(self, hook: Any) -> set[str]:
        here = "database()" if hook.conn_type == "mysql" else "current_schema()"
        query = f"SELECT table_name AS table_name FROM information_schema.tables WHERE table_schema = {here}"
        if hook.conn_type == "sqlite":
            query = "SELECT name AS table_name FROM sqlite_master"
        return {row["table_name"] for row in run_sql(hook, query)}

    def where(self, *texts: str) -> list[str]:
        """Return the places that contain one of the texts, in their name or content."""
        return [name for name, content in self.contents().items() if any(one in name + content for one in texts)]


@contextmanager
def everywhere(
    platform: str, engine: str, store: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Everywhere]:
    """Yield a pipeline.

    :param root: a folder that exists.
    :param store: ``disk`` or ``s3``.
    """
    with s3_bench() as bench, opened(engine, root, monkeypatch):
        extra = {"endpoint_url": bench.front.moto, "region_name": "us-east-1"}
        bucket = {"conn_type": "aws", "login": "AKIDEXAMPLE", "password": "s3cr3t-s3cr3t", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(bucket))
        url = f"s3://lake@{BUCKET}/raw" if store == "s3" else f"file://{root}/media"
        yield Everywhere(platform, root, url, root / "rows", bench.direct)
