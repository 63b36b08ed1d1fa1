"""App tokens of several processes, with a real emulator: who fetches a token, and what is stored.

With files, the processes run on one host. With a server, each has a state folder of its own, like on several hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from airflow_provider_meetings.api.http.auth import token_key
from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.coordination.backend import Backend
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_APP_ID, FEISHU_APP_SECRET
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from tests.contract.backends import backend_servers
from tests.contract.backends.own_servers import OwnMariaDB, OwnPostgres, OwnRedis, OwnServer
from tests.contract.revocation import revoke_at_requests
from tests.coordination.token_requesters import SERVERS, app_calls, hold_lock, requesters, run

OWN: dict[str, type[OwnServer]] = {"redis": OwnRedis, "postgres": OwnPostgres, "mariadb": OwnMariaDB}


@dataclass
class Processes:
    """An emulator, and processes that share through files or a server; `kind` is "host" or the server's."""

    url: str
    platform: EmulatorState
    folder: Path
    kind: str
    port: int

    def call(self, count: int, **changes: Any) -> list[dict[str, Any]]:
        return run(app_calls, [self.arguments(number, **changes) for number in range(count)])

    def arguments(self, number: int = 0, **changes: Any) -> dict[str, Any]:
        if self.kind != "host":
            changes = {"state": f"{self.folder}{number}", self.kind: self.port, **changes}
        return {"url": self.url, "state": str(self.folder), **changes}

    @property
    def fetched(self) -> int:
        """Return how often a token was fetched."""
        return self.platform.token_requests["feishu"]

    def backend(self) -> Backend:
        return HostBackend(self.folder) if self.kind == "host" else SERVERS[self.kind](self.port)

    def stored(self) -> bytes:
        """Return all names and values that are stored."""
        if self.kind == "host":
            return b"\n".join(path.name.encode() + path.read_bytes() for path in self.folder.iterdir())
        if self.kind == "redis":
            with Redis(backend_servers.HOST, self.port) as redis:
                return b"\n".join(part for key in redis.scan_iter() for part in (key, *_content(redis, key)))
        if self.kind == "postgres":
            connection: Any = backend_servers.connect_postgres("public", port=self.port, dbname="postgres")
        else:
            connection = backend_servers.connect_mariadb("test", port=self.port)
        with closing(connection):
            cursor = connection.cursor()
            cursor.execute("SELECT * FROM meetings_coordination")
            values = [value for row in cursor for value in row]
        return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in values)


def _content(redis: Any, key: bytes) -> list[bytes]:
    if redis.type(key) == b"hash":
        return [part for pair in redis.hgetall(key).items() for part in pair]
    return [redis.get(key)]


@pytest.fixture(scope="module")
def start_server() -> Iterator[Callable[[str], int]]:
    """Return a function that starts a server on its first call, and returns its port."""
    with ExitStack() as stack:
        yield cache(lambda kind: stack.enter_context(OWN[kind]()).port)


@pytest.fixture
def processes(
    request: pytest.FixtureRequest, start_server: Callable[[str], int], tmp_path: Path
) -> Iterator[Processes]:
    kind = getattr(request, "param", "host")
    port = start_server(kind) if kind in OWN else 0
    platform = EmulatorState()
    with serve(platform) as url:
        yield Processes(url, platform, tmp_path / "state", kind, port)


every_backend = pytest.mark.parametrize("processes", ["host", *OWN], indirect=True)


def outcomes(answers: list[dict[str, Any]]) -> set[str]:
    assert [warning for answer in answers for warning in answer["warnings"]] == []
    return {answer["error"] for answer in answers}


@every_backend
def test_concurrent_processes_fetch_one_token(processes: Processes, pytestconfig: pytest.Config) -> None:
    """With --processes=200 there are more processes than a database has connections."""
    answers = processes.call(pytestconfig.getoption("--processes"))
    assert outcomes(answers) == {""}
    assert processes.fetched == 1
    # Each process masks the token in its log, whichever of them fetched it.
    assert len({token for answer in answers for token in answer["tokens"]}) == 1
    assert all(answer["tokens"] for answer in answers)


@every_backend
def test_revoked_token_is_renewed_once(processes: Processes) -> None:
    processes.call(1)
    processes.platform.revoke_tokens()
    assert outcomes(processes.call(10)) == {""}
    assert processes.fetched == 2


def test_token_revoked_while_in_use_is_renewed_once(processes: Processes) -> None:
    """Forty calls of twenty processes: at the twentieth, at least one process has the token in memory."""
    revoke_at_requests(processes.platform, "/minutes/", 20)
    answers = processes.call(20)
    assert outcomes(answers) == {""}
    assert processes.fetched == 2
    assert len({token for answer in answers for token in answer["tokens"]}) == 2


@every_backend
def test_wrong_secret_is_tried_once(processes: Processes) -> None:
    (error,) = outcomes(processes.call(10, secret="a-wrong-secret"))
    assert error.startswith("AuthenticationError: ")
    assert "a-wrong-secret" not in error
    assert processes.fetched == 1
    # The right secret is another login.
    assert outcomes(processes.call(2)) == {""}
    assert processes.fetched == 2


def test_killed_fetcher_does_not_block_others(processes: Processes) -> None:
    key = token_key("feishu", processes.url, FEISHU_APP_ID, FEISHU_APP_SECRET)
    with requesters(hold_lock, [{"state": str(processes.folder), "key": key}]) as [holder]:
        assert holder.receive() == "locked"
        with requesters(app_calls, [processes.arguments()] * 3) as others:
            assert processes.fetched == 0
            holder.kill()
            assert outcomes([other.receive() for other in others]) == {""}
    assert processes.fetched == 1


def test_readable_folder_is_not_used(processes: Processes) -> None:
    processes.folder.mkdir(mode=0o755)
    processes.folder.chmod(0o755)
    answers = processes.call(2)
    assert [answer["error"] for answer in answers] == ["", ""]
    assert processes.fetched == 2
    for answer in answers:
        (warning,) = answer["warnings"]
        assert "within this process only" in warning
        assert "chmod 700" in warning
    assert list(processes.folder.iterdir()) == []


@every_backend
def test_stored_data_shows_no_secret(processes: Processes) -> None:
    tokens = {token for answer in processes.call(3) for token in answer["tokens"]}
    processes.platform.revoke_tokens()
    tokens |= {token for answer in processes.call(3) for token in answer["tokens"]}
    processes.call(1, secret="a-wrong-secret")
    secrets = tokens | {FEISHU_APP_SECRET, "a-wrong-secret"}
    assert len(tokens) == 2
    with closing(processes.backend()) as backend:
        backend.reserve("feishu|url|app|quota", [Rate(1, 60)], 0)
        backend.block("feishu|url|app|quota", 60)
        stored = processes.stored()
        # There is something to read: a token and a refusal.
        assert stored.count(b"gAAAA") >= 2
        assert {secret for secret in secrets if secret.encode() in stored} == set()
        backend.set("planted", b"\x00\x01" + "\n".join(secrets).encode() + b"\xff", 60)
    stored = processes.stored()
    assert {secret for secret in secrets if secret.encode() in stored} == secrets
    if processes.kind == "host":
        assert {oct(path.stat().st_mode & 0o777) for path in processes.folder.iterdir()} == {"0o600"}
