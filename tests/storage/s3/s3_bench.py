"""A bucket behind a front that fails as a test says, and our store that writes there.

Parts are far smaller than S3's minimum of 5 MiB: see the fixture `small_parts`.
"""

from __future__ import annotations

import atexit
import functools
import json
import random
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

from airflow_provider_meetings.api.landing.store import ObjectStat, Plan
from airflow_provider_meetings.storage.s3.store import S3Store
from airflow_provider_meetings.storage.s3.writer import S3Writer
from tests.storage.s3.s3_front import Front, serve_front, serve_moto

PIECE = 32 * 1024
PART_SIZE = 5 * PIECE
BUCKET = "lake"
URI = "s3://lake_conn@lake/raw"
BODY = b"\0\0\0\x1cftypisom" + random.Random(4).randbytes(2 * PART_SIZE + 4 * PIECE + 7)  # 3 parts
KEY = "a/file.mp4"


def s3_client(url: str, **config: Any) -> Any:
    settings = {"retries": {"total_max_attempts": 1}, "s3": {"addressing_style": "path"}, **config}
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="s3cr3t-s3cr3t",
        config=Config(**settings),
    )


@functools.cache
def _cached_client(url: str, config: str) -> Any:
    return s3_client(url, **json.loads(config))  # making one takes 50 ms


@dataclass
class S3Bench:
    """The front, a client that bypasses it, and our store behind it."""

    front: Front
    direct: Any
    states: list[Mapping[str, Any]] = field(default_factory=list)

    def store(self, *, extra_args: Mapping[str, Any] | None = None, **config: Any) -> S3Store:
        client = _cached_client(self.front.url, json.dumps(config))
        return S3Store(client, BUCKET, "raw", URI, extra_args=extra_args)

    def writer(self, store: S3Store | None = None, *, resume: bool = False, length: int | None = None) -> S3Writer:
        state = self.states[-1] if resume else None
        plan = Plan(media_type="video/mp4", length=length, resume_state=state, save_state=self.states.append)
        return (store or self.store()).writer(KEY, plan)

    def write(self, writer: S3Writer, body: bytes = BODY) -> None:
        for start in range(writer.offset, len(body), PIECE):
            writer.write(body[start : start + PIECE])

    def upload(self, writer: S3Writer, body: bytes = BODY) -> ObjectStat:
        self.write(writer, body)
        return writer.publish()

    def read(self, key: str = KEY) -> bytes | None:
        """Read an object directly from moto; None if there is none."""
        if f"raw/{key}" not in self.names():
            return None
        return bytes(self.direct.get_object(Bucket=BUCKET, Key=f"raw/{key}")["Body"].read())

    def names(self) -> set[str]:
        return {each["Key"] for each in self.direct.list_objects_v2(Bucket=BUCKET).get("Contents", ())}

    def uploads(self) -> list[str]:
        return [each["Key"] for each in self.direct.list_multipart_uploads(Bucket=BUCKET).get("Uploads", ())]

    def abort_all(self) -> None:
        """Abort all uploads, as a sweep or a lifecycle rule does."""
        for each in self.direct.list_multipart_uploads(Bucket=BUCKET).get("Uploads", ()):
            self.direct.abort_multipart_upload(Bucket=BUCKET, Key=each["Key"], UploadId=each["UploadId"])


@functools.cache
def shared_front() -> Front:
    """Start the server of this process; all moto servers of a process have the same buckets anyway."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(serve_front(stack.enter_context(serve_moto())))


@contextmanager
def s3_bench() -> Iterator[S3Bench]:
    """Yield an empty bucket."""
    front = shared_front()
    direct = _cached_client(front.moto, "{}")
    direct.create_bucket(Bucket=BUCKET)
    try:
        yield S3Bench(front, direct)
    finally:
        front.reset()
        urllib.request.urlopen(urllib.request.Request(f"{front.moto}/moto-api/reset", method="POST")).close()
