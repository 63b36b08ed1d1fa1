"""App tokens of processes on several hosts that share through a server: who fetches a token, what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_APP_SECRET
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from tests.contract import backend_servers
from tests.contract.own_servers import OwnMariaDB, OwnPostgres, OwnRedis, OwnServer
from tests.coordination.token_requesters import SERVERS, app_calls, run

OWN: dict[str, type[OwnServer]] = {"redis": OwnRedis, "postgres": OwnPostgres, "mariadb": OwnMariaDB}


class Shared:
    """An emulator, a server, and processes with one state folder each."""

    def __init__(self, kind: str, server: OwnServer, url: str, platform: EmulatorState, folder: Path) -> None:
        self.kind = kind
        self.server = server
        self.platform = platform
        self._url = url
        self._folder = folder

    def call(self, count: int, **changes: Any) -> list[dict[str, Any]]:
        known = {"url": self._url, self.kind: self.server.port, **changes}
        return run(app_calls, [{**known, "state": str(self._folder / str(number))} for number in range(count)])

    @property
    def fetched(self) -> int:
        """Return how often a token was fetched."""
        return self.platform.token_requests["feishu"]


@pytest.fixture(scope="module", params=list(OWN))
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, OwnServer]]:
    with OWN[request.param]() as server:
        yield request.param, server


@pytest.fixture
def shared(server: tuple[str, OwnServer], tmp_path: Path) -> Iterator[Shared]:
    platform = EmulatorState()
    with serve(platform) as url:
        yield Shared(*server, url, platform, tmp_path)


def outcomes(answers: list[dict[str, Any]]) -> set[str]:
    assert [warning for answer in answers for warning in answer["warnings"]] == []
    return {answer["error"] for answer in answers}


def test_concurrent_processes_fetch_one_token(shared: Shared, pytestconfig: pytest.Config) -> None:
    """200 processes are more than a database has connections."""
    answers = shared.call(pytestconfig.getoption("--processes"))
    assert outcomes(answers) == {""}
    assert shared.fetched == 1
    assert len({token for answer in answers for token in answer["tokens"]}) == 1


def test_revoked_token_is_renewed_once(shared: Shared) -> None:
    shared.call(1)
    shared.platform.revoke_tokens()
    assert outcomes(shared.call(10)) == {""}
    assert shared.fetched == 2


def test_wrong_secret_is_tried_once(shared: Shared) -> None:
    (error,) = outcomes(shared.call(10, secret="a-wrong-secret"))
    assert error.startswith("AuthenticationError: ")
    assert shared.fetched == 1


def stored(kind: str, port: int) -> bytes:
    """Return everything that the server stores."""
    found: list[bytes] = []
    if kind == "redis":
        with Redis(backend_servers.HOST, port) as redis:
            for key in redis.scan_iter():
                found += [key, *_contents(redis, key)]
    else:
        connect = {"postgres": _postgres, "mariadb": _mariadb}[kind]
        with closing(connect(port)) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT * FROM meetings_coordination")
            found += [
                bytes(value) if isinstance(value, bytes) else str(value).encode() for row in cursor for value in row
            ]
    return b"\n".join(found)


_READ = {
    b"string": ("GET",),
    b"hash": ("HGETALL",),
    b"list": ("LRANGE", 0, -1),
    b"zset": ("ZRANGE", 0, -1),
    b"set": ("SMEMBERS",),
}


def _contents(redis: Any, key: bytes) -> list[bytes]:
    command, *arguments = _READ[redis.execute_command("TYPE", key)]
    answer = redis.execute_command(command, key, *arguments)
    if isinstance(answer, dict):
        return [item for pair in answer.items() for item in pair]
    return [answer] if isinstance(answer, bytes) else list(answer)


def _postgres(port: int) -> Any:
    return backend_servers.connect_postgres("public", port=port, dbname="postgres", application_name="reader")


def _mariadb(port: int) -> Any:
    return backend_servers.connect_mariadb("test", port=port)


def test_stored_data_shows_no_secret(shared: Shared) -> None:
    tokens = {token for answer in shared.call(3) for token in answer["tokens"]}
    shared.platform.revoke_tokens()
    tokens |= {token for answer in shared.call(3) for token in answer["tokens"]}
    shared.call(1, secret="a-wrong-secret")
    secrets = tokens | {FEISHU_APP_SECRET, "a-wrong-secret"}
    assert len(tokens) == 2
    with closing(SERVERS[shared.kind](shared.server.port)) as backend:
        backend.reserve("feishu|url|app|quota", [Rate(1, 60)], 0)
        backend.block("feishu|url|app|quota", 60)
        found = stored(shared.kind, shared.server.port)
        # There is something to read: a token, a refusal, slots.
        assert found.count(b"gAAAA") >= 2
        assert len(found.splitlines()) > 4
        assert {secret for secret in secrets if secret.encode() in found} == set()
        backend.set("planted", b"\x00\x01" + "\n".join(secrets).encode() + b"\xff", 60)
    found = stored(shared.kind, shared.server.port)
    assert {secret for secret in secrets if secret.encode() in found} == secrets
