"""A bucket on a store that misbehaves as a test says, and the store of ours that writes there."""

from __future__ import annotations

import random
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

from airflow_provider_meetings.api.landing.store import ObjectStat, Plan
from airflow_provider_meetings.storage.s3.parts import MIB, PART_SIZE
from airflow_provider_meetings.storage.s3.store import S3Store
from airflow_provider_meetings.storage.s3.writer import S3Writer
from tests.storage.s3.s3_front import Front, serve_front

BUCKET = "lake"
URI = "s3://lake_conn@lake/raw"
BODY = b"\0\0\0\x1cftypisom" + random.Random(4).randbytes(2 * PART_SIZE + 4 * MIB + 7)  # 3 parts
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


@dataclass
class S3Bench:
    """The front, a client past it straight to moto, and our store through it."""

    front: Front
    direct: Any
    kept: list[Mapping[str, Any]] = field(default_factory=list)

    def store(self, *, extra_args: Mapping[str, Any] | None = None, **config: Any) -> S3Store:
        return S3Store(s3_client(self.front.url, **config), BUCKET, "raw", URI, extra_args=extra_args)

    def writer(self, store: S3Store | None = None, *, resume: bool = False, length: int | None = None) -> S3Writer:
        place = self.kept[-1] if resume else None
        plan = Plan(media_type="video/mp4", length=length, resume_state=place, save_state=self.kept.append)
        return (store or self.store()).writer(KEY, plan)

    def write(self, writer: S3Writer, body: bytes = BODY) -> None:
        for start in range(writer.offset, len(body), MIB):
            writer.write(body[start : start + MIB])

    def upload(self, writer: S3Writer, body: bytes = BODY) -> ObjectStat:
        self.write(writer, body)
        return writer.publish()

    def found(self, key: str = KEY) -> bytes | None:
        """Read an object past the front; None if there is none."""
        if f"raw/{key}" not in self.names():
            return None
        return bytes(self.direct.get_object(Bucket=BUCKET, Key=f"raw/{key}")["Body"].read())

    def names(self) -> set[str]:
        return {each["Key"] for each in self.direct.list_objects_v2(Bucket=BUCKET).get("Contents", ())}

    def uploads(self) -> list[str]:
        return [each["Key"] for each in self.direct.list_multipart_uploads(Bucket=BUCKET).get("Uploads", ())]

    def abort_all(self) -> None:
        """Do what a sweep or a rule of the bucket does."""
        for each in self.direct.list_multipart_uploads(Bucket=BUCKET).get("Uploads", ()):
            self.direct.abort_multipart_upload(Bucket=BUCKET, Key=each["Key"], UploadId=each["UploadId"])


@contextmanager
def s3_bench(moto: str) -> Iterator[S3Bench]:
    with serve_front(moto) as front:
        direct = s3_client(moto)
        direct.create_bucket(Bucket=BUCKET)
        yield S3Bench(front, direct)
    request = urllib.request.Request(f"{moto}/moto-api/reset", method="POST")
    urllib.request.urlopen(request).close()
