"""What is remembered of a consent that was begun."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.errors import StoreError
from airflow_provider_meetings.coordination.backend import BackendError
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.coordination.oauth.consent import KeptConsent


def kept(folder: Path, secret: str = "the-secret") -> KeptConsent:
    return KeptConsent(HostBackend(folder), name="feishu_user", secret=secret)


def test_what_was_begun_is_remembered_until_it_is_finished(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    kept(folder).begin({"state": "s"})
    assert kept(folder).pending() == {"state": "s"}
    assert kept(folder, "another-secret").pending() is None
    kept(folder).finish()
    assert kept(folder).pending() is None


@pytest.mark.parametrize("what", [lambda one: one.begin({}), lambda one: one.pending(), lambda one: one.finish()])
def test_a_place_that_is_away(tmp_path: Path, what: Any) -> None:
    (tmp_path / "state").write_text("no folder")
    with pytest.raises(BackendError):
        HostBackend(tmp_path / "state").check()
    with pytest.raises(StoreError, match="cannot be reached"):
        what(kept(tmp_path / "state"))
