from __future__ import annotations

from collections.abc import Iterator

import moto.s3.models
import pytest

from airflow_provider_meetings.api.landing import source
from airflow_provider_meetings.storage.s3 import parts
from tests.contract.media.origin import Origin, serve_origin
from tests.storage.s3.s3_bench import PART_SIZE, PIECE, S3Bench, s3_bench


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_SIZE", PART_SIZE)
    monkeypatch.setattr(moto.s3.models, "S3_UPLOAD_PART_MIN_SIZE", 1)
    monkeypatch.setattr(source, "CHUNK_BYTES", PIECE)


@pytest.fixture
def s3() -> Iterator[S3Bench]:
    with s3_bench() as bench:
        yield bench


@pytest.fixture
def origin() -> Iterator[Origin]:
    with serve_origin() as origin:
        yield origin
