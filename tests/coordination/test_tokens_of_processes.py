"""App tokens of several processes on one host, with a real emulator: who fetches a token, and what the files show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.http.auth import token_key
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_APP_ID, FEISHU_APP_SECRET
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from tests.contract.voiding import at_requests
from tests.coordination.token_requesters import app_calls, hold_lock, requesters, run


class Shared:
    """An emulator, and the state folder of the processes that use it."""

    def __init__(self, url: str, platform: EmulatorState, folder: Path) -> None:
        self.url = url
        self.platform = platform
        self.folder = folder

    def call(self, count: int, **changes: Any) -> list[dict[str, Any]]:
        return run(app_calls, [self.arguments(**changes)] * count)

    def arguments(self, **changes: Any) -> dict[str, Any]:
        return {"url": self.url, "state": str(self.folder), **changes}

    @property
    def fetched(self) -> int:
        """Return how often a token was fetched."""
        return self.platform.token_requests["feishu"]


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Shared]:
    platform = EmulatorState()
    with serve(platform) as url:
        yield Shared(url, platform, tmp_path / "state")


def outcomes(answers: list[dict[str, Any]]) -> set[str]:
    assert [warning for answer in answers for warning in answer["warnings"]] == []
    return {answer["error"] for answer in answers}


def test_concurrent_processes_fetch_one_token(shared: Shared, pytestconfig: pytest.Config) -> None:
    answers = shared.call(pytestconfig.getoption("--processes"))
    assert outcomes(answers) == {""}
    assert shared.fetched == 1
    # Each process masks the token in its log, whichever of them fetched it.
    assert len({token for answer in answers for token in answer["tokens"]}) == 1
    assert all(answer["tokens"] for answer in answers)


def test_revoked_token_is_renewed_once(shared: Shared) -> None:
    shared.call(1)
    shared.platform.revoke_tokens()
    assert outcomes(shared.call(10)) == {""}
    assert shared.fetched == 2


def test_token_revoked_while_in_use_is_renewed_once(shared: Shared) -> None:
    """Forty calls of twenty processes: at the twentieth, at least one process has the token in memory."""
    at_requests(shared.platform, "/minutes/", 20)
    answers = shared.call(20)
    assert outcomes(answers) == {""}
    assert shared.fetched == 2
    assert len({token for answer in answers for token in answer["tokens"]}) == 2


def test_wrong_secret_is_tried_once(shared: Shared) -> None:
    answers = shared.call(10, secret="a-wrong-secret")
    (error,) = outcomes(answers)
    assert error.startswith("AuthenticationError: ")
    assert "a-wrong-secret" not in error
    assert shared.fetched == 1
    # The right secret is another login.
    assert outcomes(shared.call(2)) == {""}
    assert shared.fetched == 2


def test_killed_fetcher_does_not_block_others(shared: Shared) -> None:
    key = token_key("feishu", shared.url, FEISHU_APP_ID, FEISHU_APP_SECRET)
    with requesters(hold_lock, [{"state": str(shared.folder), "key": key}]) as [holder]:
        assert holder.receive() == "locked"
        with requesters(app_calls, [shared.arguments()] * 3) as others:
            assert shared.fetched == 0
            holder.kill()
            assert outcomes([other.receive() for other in others]) == {""}
    assert shared.fetched == 1


def test_readable_folder_is_not_used(shared: Shared) -> None:
    shared.folder.mkdir(mode=0o755)
    shared.folder.chmod(0o755)
    answers = shared.call(2)
    assert [answer["error"] for answer in answers] == ["", ""]
    assert shared.fetched == 2
    for answer in answers:
        (warning,) = answer["warnings"]
        assert "within this process only" in warning
        assert "chmod 700" in warning
    assert list(shared.folder.iterdir()) == []


def shown(folder: Path, secrets: set[str]) -> set[str]:
    """Return the secrets that occur in names or contents of files."""
    stored = b"\n".join(path.name.encode() + path.read_bytes() for path in folder.iterdir())
    return {secret for secret in secrets if secret.encode() in stored}


def test_files_show_no_secret(shared: Shared) -> None:
    tokens = {token for answer in shared.call(3) for token in answer["tokens"]}
    shared.platform.revoke_tokens()
    tokens |= {token for answer in shared.call(3) for token in answer["tokens"]}
    shared.call(1, secret="a-wrong-secret")
    secrets = tokens | {FEISHU_APP_SECRET, "a-wrong-secret"}
    assert len(tokens) == 2
    files = sorted(path.suffix for path in shared.folder.iterdir())
    assert files == ["", ".lock", ".lock", ".value", ".value"]
    assert {oct(path.stat().st_mode & 0o777) for path in shared.folder.iterdir()} == {"0o600"}
    assert shown(shared.folder, secrets) == set()
    (shared.folder / "planted").write_bytes(b"\x00\x01" + "\n".join(secrets).encode() + b"\xff")
    assert shown(shared.folder, secrets) == secrets
