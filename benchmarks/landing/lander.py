"""Our landing engine and one store in a separate process, without Airflow.

``python -m benchmarks.landing.lander TARGET URL COUNT WORKERS`` lands COUNT files, ``0.mp4`` and so on below URL, in
TARGET: a folder, or ``s3://bucket/prefix``. A COUNT of 0 measures the imports.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar
from urllib.parse import urljoin

import pendulum

from airflow_provider_meetings.api.client import MeetingsClient, Wanted
from airflow_provider_meetings.api.costs import Requests, Volume
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.landing.batch import Failed, land_all
from airflow_provider_meetings.api.landing.landing import Landing
from airflow_provider_meetings.api.landing.layout import Layout
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.landing.transfer import Limits
from airflow_provider_meetings.api.models import Download, MediaFile, Recording, RecordingState
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.api.windows import Report


class LinkClient(MeetingsClient):
    """A platform with one recording, and with the links of its files known in advance."""

    platform: ClassVar[str] = "bench"
    selectors: ClassVar[tuple[str, ...]] = ("recording_ids",)
    kinds: ClassVar[tuple[str, ...]] = ("video",)

    def __init__(self, url: str) -> None:
        # Media on loopback are allowed because the platform is on loopback.
        transport = Transport(base_url=urljoin(url, "/"), platform="bench", ca_bundle=os.environ.get("BENCH_CA"))
        super().__init__(transport, tenant="t")
        self._url = url

    def open(self, media: MediaFile) -> Download:
        """Return the link."""
        return Download(urljoin(self._url, f"{media.file_id}.mp4"))

    def media(self, recording: Recording, kinds: Sequence[str]) -> Iterator[MediaFile]:
        """Not used here."""
        raise NotImplementedError

    def _list(self, query: RecordingQuery, report: Report, wanted: Wanted) -> Iterator[Recording]:
        raise NotImplementedError

    def requests_of(self, query: RecordingQuery, volume: Volume, kinds: Sequence[str]) -> Iterator[Requests]:
        """Not used here."""
        raise NotImplementedError

    def whoami(self) -> str:
        """Not used here."""
        raise NotImplementedError


def store(target: str) -> Store:
    """Return the store of TARGET."""
    if not target.startswith("s3://"):
        from airflow_provider_meetings.storage.local.store import LocalStore

        return LocalStore(Path(target), f"file://{target}")
    import boto3
    from botocore.config import Config

    from airflow_provider_meetings.storage.s3.bucket import skip_payload_signing
    from airflow_provider_meetings.storage.s3.store import S3Store

    bucket, _, prefix = target.removeprefix("s3://").partition("/")
    return S3Store(boto3.client("s3", config=skip_payload_signing(Config())), bucket, prefix, target)


def files(count: int) -> Iterator[tuple[Recording, MediaFile]]:
    """Yield the files of the recording."""
    recording = Recording(
        platform="bench",
        tenant="t",
        recording_id="rec",
        state=RecordingState.READY,
        started_at=pendulum.datetime(2026, 11, 9, 20, tz="UTC"),
    )
    for number in range(count):
        media = MediaFile(
            platform="bench", tenant="t", recording_id="rec", meeting_id="m", file_id=str(number), kind="video"
        )
        yield recording, media


def main(target: str, url: str, count: str, workers: str) -> None:
    """Land the files, `workers` at a time."""
    limits = Limits()
    landing = Landing(LinkClient(url), store(target), layout=Layout(), limits=limits)
    for result in land_all(files(int(count)), landing.land, workers=int(workers), stop=limits.stop.set):
        if isinstance(result, Failed):
            sys.exit(f"{result.what}: {result.error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
