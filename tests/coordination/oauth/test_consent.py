"""Pending consents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.errors import StoreError
from airflow_provider_meetings.coordination.backend import BackendError
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.coordination.oauth.consent import PendingConsent


def pending_consent(folder: Path, secret: str = "the-secret") -> PendingConsent:
    return PendingConsent(HostBackend(folder), name="feishu_user", secret=secret)


def test_pending_consent_is_stored_until_finished(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    pending_consent(folder).begin({"state": "s"})
    assert pending_consent(folder).pending() == {"state": "s"}
    assert pending_consent(folder, "another-secret").pending() is None
    pending_consent(folder).finish()
    assert pending_consent(folder).pending() is None


@pytest.mark.parametrize(
    "method", [lambda consent: consent.begin({}), lambda consent: consent.pending(), lambda consent: consent.finish()]
)
def test_unreachable_backend(tmp_path: Path, method: Any) -> None:
    (tmp_path / "state").write_text("no folder")
    with pytest.raises(BackendError):
        HostBackend(tmp_path / "state").get("k")
    with pytest.raises(StoreError, match="cannot be reached"):
        method(pending_consent(tmp_path / "state"))
