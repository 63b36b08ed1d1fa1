from __future__ import annotations

import pytest

from airflow_provider_meetings.api.landing import source
from tests.contract.landing.bench import CHUNK_BYTES


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "CHUNK_BYTES", CHUNK_BYTES)
