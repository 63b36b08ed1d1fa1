"""The Redis backend, on a real server."""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.coordination.backend import Backend, BackendError
from airflow_provider_meetings.coordination.redis.backend import RedisBackend
from tests.contract.backends import backend_servers
from tests.contract.backends.backend import SLOW, ServerContract, eventually, refusals
from tests.contract.backends.backend_processes import DEADLINE

HOUR = 3_600_000_000


def name(key: str, part: str) -> str:
    return f"meetings:{{{hashlib.sha256(key.encode()).hexdigest()[:32]}}}:{part}"


@pytest.fixture
def server() -> Iterator[Redis]:
    backend_servers.need("Redis", 6379)
    with Redis(backend_servers.HOST, 6379) as client:
        yield client


class TestRedis(ServerContract):
    kind = "redis"

    @pytest.fixture
    def location(self, server: Redis) -> str:
        return ""

    @pytest.fixture
    def key(self, server: Redis) -> Iterator[str]:
        key = str(uuid.uuid4())
        yield key
        server.delete(*(name(key, part) for part in ("value", "lock", "slots", "record")))

    def test_keys_expire_and_hide_their_name(self, backend: Backend, server: Redis, key: str) -> None:
        backend.set(key, b"value", 60)
        backend.reserve(key, [Rate(5, 1)], 60)
        backend.block(key, 30)
        with backend.lock(key, 0):
            found = set(server.scan_iter(name(key, "*").replace("{", "\\{"), count=10_000))
            assert {one.decode() for one in found} == {name(key, part) for part in ("value", "slots", "lock")}
            assert not [one for one in found if key.encode() in one or not 0 < server.pttl(one) < 7_400_000]

    def test_lock_written_before_clock_was_set_back_ends(self, backend: Backend, server: Redis, key: str) -> None:
        server.set(name(key, "lock"), "dead", px=HOUR // 1000)
        with backend.lock(key, DEADLINE):
            pass

    def test_lost_lock_is_logged(
        self, backend: Backend, server: Redis, key: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        with backend.lock(key, 0):
            server.delete(name(key, "lock"))
            eventually(lambda: "Lost a lock while it was held" in caplog.text)

    def set_clock(self, location: str, key: str, hours: int) -> None:
        with Redis(backend_servers.HOST, 6379) as server:
            for field in server.hkeys(name(key, "slots")):
                server.hincrby(name(key, "slots"), field, -hours * HOUR)
            for part in ("value", "record", "slots"):
                if server.exists(name(key, part)):
                    server.pexpire(name(key, part), server.pttl(name(key, part)) - hours * HOUR // 1000)

    def test_decoding_client_and_killed_connections(self, server: Redis, key: str) -> None:
        client = Redis(backend_servers.HOST, 6379, decode_responses=True, client_name=f"cut-{key}")
        backend = RedisBackend(client)
        backend.set(key, bytes(range(256)), 60)
        for one in server.client_list():
            if one["name"] == f"cut-{key}":
                server.client_kill(one["addr"])
        assert backend.get(key) == bytes(range(256))
        assert backend.reserve(key, [SLOW], 0) == 0
        backend.close()


def test_unreachable_server() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        client = Redis("127.0.0.1", port, password="hunter2")
        for text in refusals(RedisBackend(client), lock=True):
            assert "cannot be reached" in text
            assert not [part for part in ("127.0.0.1", str(port), "hunter2") if part in text]


def test_silent_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Redis("127.0.0.1", silent.getsockname()[1], socket_timeout=0.05)
        for text in refusals(RedisBackend(client), lock=True):
            assert "did not answer in time" in text


def test_client_without_timeouts_gets_defaults() -> None:
    client = Redis("127.0.0.1", 1, socket_timeout=None)
    RedisBackend(client)
    assert client.connection_pool.connection_kwargs["socket_timeout"] == 5
    assert client.connection_pool.connection_kwargs["socket_connect_timeout"] == 5


@pytest.mark.parametrize(
    ("rights", "password", "words"),
    [
        (["+@all", "~elsewhere:*"], "right", "The Redis user may not do this"),
        (["+ping", "~*"], "right", "The Redis user may not do this"),
        (["+eval", "+evalsha", "+script", "~*"], "right", "The Redis user may not do this"),
        (["+@all", "~*"], "wrong", "refused the login"),
    ],
)
def test_missing_permission(server: Redis, rights: list[str], password: str, words: str) -> None:
    user = f"meetings-{uuid.uuid4()}"
    execute: Callable[..., object] = server.execute_command
    execute("ACL", "SETUSER", user, "on", ">right", "resetchannels", *rights)
    try:
        client = Redis(backend_servers.HOST, 6379, username=user, password=password)
        for text in refusals(RedisBackend(client), lock=True):
            assert words in text
            assert user not in text
        client.close()
    finally:
        execute("ACL", "DELUSER", user)


def listens(where: str) -> bool:
    """Return whether a server listens: its socket file exists a little earlier."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(where) == 0


@pytest.mark.parametrize(
    ("setting", "words"), [("--replicaof 127.0.0.1 1", "read-only replica"), ("--maxmemory 1", "no memory left")]
)
def test_read_only_or_full_server(tmp_path: Path, setting: str, words: str) -> None:
    program = shutil.which("redis-server") or backend_servers.missing("no redis-server is installed")
    where = str(tmp_path / "socket")
    command = [program, "--port", "0", "--unixsocket", where, "--dir", str(tmp_path), *setting.split()]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: listens(where))
        backend = RedisBackend(Redis(unix_socket_path=where))
        for use in (lambda: backend.set("key", b"value", 1), lambda: backend.reserve("key", [SLOW], 1)):
            with pytest.raises(BackendError, match=words):
                use()
        backend.close()
    finally:
        process.kill()
        process.wait()
