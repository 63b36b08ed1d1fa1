"""Processes that share no disk, a server of the test's own, a real emulator: who asks for a token, and what is left."""

from __future__ import annotations

import subprocess
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
from tests.coordination.askers import SERVERS, run

OWN: dict[str, type[OwnServer]] = {"redis": OwnRedis, "postgres": OwnPostgres, "mariadb": OwnMariaDB}


class Shared:
    """An emulator, a server, and processes with a state folder each."""

    def __init__(self, kind: str, server: OwnServer, url: str, platform: EmulatorState, folder: Path) -> None:
        self.kind = kind
        self.server = server
        self.platform = platform
        self._url = url
        self._folder = folder

    def call(self, count: int, **changes: Any) -> list[dict[str, Any]]:
        order = {"do": "call", "url": self._url, self.kind: self.server.port, **changes}
        answers = run([{**order, "state": str(self._folder / str(number))} for number in range(count)])
        assert len(answers) == count
        return answers

    @property
    def asked(self) -> int:
        """Return how often a token was asked for."""
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


def test_many_that_start_at_once_fetch_one_token(shared: Shared, pytestconfig: pytest.Config) -> None:
    """With 200 of them, more than a database has connections."""
    answers = shared.call(pytestconfig.getoption("--processes"))
    assert outcomes(answers) == {""}
    assert shared.asked == 1
    assert len({token for answer in answers for token in answer["tokens"]}) == 1


def test_a_token_that_the_platform_voided_is_renewed_by_one(shared: Shared) -> None:
    shared.call(1)
    shared.platform.revoke_tokens()
    assert outcomes(shared.call(10)) == {""}
    assert shared.asked == 2


def test_a_wrong_secret_is_tried_once(shared: Shared) -> None:
    (error,) = outcomes(shared.call(10, secret="a-wrong-secret"))
    assert error.startswith("AuthenticationError: ")
    assert shared.asked == 1


def left(kind: str, port: int) -> str:
    """Return all that lies on the server, as ``strings`` prints it."""
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
    return subprocess.run(
        ["strings", "-n", "4"], input=b"\n".join(found), check=True, capture_output=True
    ).stdout.decode()


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


def test_no_key_and_no_row_shows_a_token_or_a_secret(shared: Shared) -> None:
    tokens = {token for answer in shared.call(3) for token in answer["tokens"]}
    shared.platform.revoke_tokens()
    tokens |= {token for answer in shared.call(3) for token in answer["tokens"]}
    shared.call(1, secret="a-wrong-secret")
    secrets = tokens | {FEISHU_APP_SECRET, "a-wrong-secret"}
    assert len(tokens) == 2
    with closing(SERVERS[shared.kind](shared.server.port)) as backend:
        backend.reserve("feishu|url|app|quota", [Rate(1, 60)], 0)
        backend.block("feishu|url|app|quota", 60)
        printed = left(shared.kind, shared.server.port)
        # Something was there to be read: a token, a refusal, slots.
        assert printed.count("gAAAA") >= 2
        assert len(printed.splitlines()) > 4
        assert {secret for secret in secrets if secret in printed} == set()
        backend.set("planted", b"\x00\x01" + "\n".join(secrets).encode() + b"\xff", 60)
    printed = left(shared.kind, shared.server.port)
    assert {secret for secret in secrets if secret in printed} == secrets
