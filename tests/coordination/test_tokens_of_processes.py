"""Real processes, a real emulator: who asks the platform for a token, and what lies about afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.http.auth import token_key
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_APP_ID, FEISHU_APP_SECRET
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from tests.contract.voiding import at_requests
from tests.coordination.askers import run, started


class Shared:
    """An emulator and the state folder of the processes that ask it."""

    def __init__(self, url: str, platform: EmulatorState, folder: Path) -> None:
        self.url = url
        self.platform = platform
        self.folder = folder

    def call(self, count: int, **changes: Any) -> list[dict[str, Any]]:
        order = {"do": "call", "url": self.url, "state": str(self.folder), **changes}
        answers = run([order] * count)
        assert len(answers) == count
        return answers

    @property
    def asked(self) -> int:
        """Return how often a token was asked for."""
        return self.platform.token_requests["feishu"]


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Shared]:
    platform = EmulatorState()
    with serve(platform) as url:
        yield Shared(url, platform, tmp_path / "state")


def outcomes(answers: list[dict[str, Any]]) -> set[str]:
    assert [warning for answer in answers for warning in answer["warnings"]] == []
    return {answer["error"] for answer in answers}


def test_many_that_start_at_once_fetch_one_token(shared: Shared, pytestconfig: pytest.Config) -> None:
    answers = shared.call(pytestconfig.getoption("--processes"))
    assert outcomes(answers) == {""}
    assert shared.asked == 1
    # Each told its log what to mask, whoever fetched it.
    assert len({token for answer in answers for token in answer["tokens"]}) == 1
    assert all(answer["tokens"] for answer in answers)


def test_a_token_that_the_platform_voided_is_renewed_by_one(shared: Shared) -> None:
    shared.call(1)
    shared.platform.revoke_tokens()
    assert outcomes(shared.call(10)) == {""}
    assert shared.asked == 2


def test_a_token_voided_while_many_use_it_is_renewed_by_one(shared: Shared) -> None:
    """Forty calls of twenty processes: at the twentieth one at least has it in memory, others on their way."""
    at_requests(shared.platform, "/minutes/", 20)
    answers = shared.call(20)
    assert outcomes(answers) == {""}
    assert shared.asked == 2
    assert len({token for answer in answers for token in answer["tokens"]}) == 2


def test_a_wrong_secret_is_tried_once(shared: Shared) -> None:
    answers = shared.call(10, secret="a-wrong-secret")
    (error,) = outcomes(answers)
    assert error.startswith("AuthenticationError: ")
    assert "a-wrong-secret" not in error
    assert shared.asked == 1
    # The right one is another login.
    assert outcomes(shared.call(2)) == {""}
    assert shared.asked == 2


def test_others_go_on_after_the_one_who_fetches_was_killed(shared: Shared) -> None:
    key = token_key("feishu", shared.url, FEISHU_APP_ID, FEISHU_APP_SECRET)
    with started([{"do": "stay", "state": str(shared.folder), "key": key}]) as holder:
        assert holder.stdout is not None
        pid = int(holder.stdout.readline().split(":")[1].rstrip("}\n"))
        with started([{"do": "call", "url": shared.url, "state": str(shared.folder)}] * 3) as others:
            assert others.stdout is not None
            assert shared.asked == 0
            os.kill(pid, signal.SIGKILL)
            assert len(others.stdout.readlines()) == 3
    assert shared.asked == 1


def test_a_folder_that_others_can_read_narrows_to_the_process(shared: Shared) -> None:
    shared.folder.mkdir(mode=0o755)
    shared.folder.chmod(0o755)
    answers = shared.call(2)
    assert [answer["error"] for answer in answers] == ["", ""]
    assert shared.asked == 2
    for answer in answers:
        (warning,) = answer["warnings"]
        assert "within this process only" in warning
        assert "chmod 700" in warning
    assert list(shared.folder.iterdir()) == []


def found(folder: Path, secrets: set[str]) -> set[str]:
    """Look for texts in names and contents, as ``strings`` does."""
    printed = "\n".join(str(path) for path in folder.rglob("*"))
    for path in folder.rglob("*"):
        printed += subprocess.run(["strings", "-n", "4", path], check=True, capture_output=True, text=True).stdout
    return {secret for secret in secrets if secret in printed}


def test_no_file_shows_a_token_or_a_secret(shared: Shared) -> None:
    tokens = {token for answer in shared.call(3) for token in answer["tokens"]}
    shared.platform.revoke_tokens()
    tokens |= {token for answer in shared.call(3) for token in answer["tokens"]}
    shared.call(1, secret="a-wrong-secret")
    secrets = tokens | {FEISHU_APP_SECRET, "a-wrong-secret"}
    assert len(tokens) == 2
    files = sorted(path.suffix for path in shared.folder.iterdir())
    assert files == ["", ".lock", ".lock", ".value", ".value"]
    assert {oct(path.stat().st_mode & 0o777) for path in shared.folder.iterdir()} == {"0o600"}
    assert found(shared.folder, secrets) == set()
    (shared.folder / "planted").write_bytes(b"\x00\x01" + "\n".join(secrets).encode() + b"\xff")
    assert found(shared.folder, secrets) == secrets
