"""Pending consents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.errors import StoreError
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from airflow_provider_meetings.coordination.oauth.token_store import UserTokenStore


def user_tokens(folder: Path, secret: str = "the-secret") -> UserTokenStore:
    return UserTokenStore(
        HostBackend(folder),
        name="feishu_user",
        secret=secret,
        memory=ProcessTokenStore(),
        remedy="Consent.",
        consent_seconds=3e7,
    )


def test_pending_consent_is_stored_until_finished(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    for state in ("s", "other"):
        user_tokens(folder).begin_consent(state, {"state": state})
    assert user_tokens(folder).pending_consent("s") == {"state": "s"}
    assert user_tokens(folder, "another-secret").pending_consent("s") is None
    user_tokens(folder).finish_consent("s")
    assert user_tokens(folder).pending_consent("s") is None
    assert user_tokens(folder).pending_consent("other") == {"state": "other"}


@pytest.mark.parametrize(
    "method",
    [
        lambda users: users.begin_consent("s", {}),
        lambda users: users.pending_consent("s"),
        lambda users: users.finish_consent("s"),
    ],
)
def test_unreachable_backend(tmp_path: Path, method: Any) -> None:
    (tmp_path / "state").write_text("no folder")
    with pytest.raises(StoreError, match="cannot be reached"):
        method(user_tokens(tmp_path / "state"))
