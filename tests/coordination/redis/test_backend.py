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
from tests.contract import backend_servers
from tests.contract.backend import DEADLINE, SLOW, BackendContract, assert_apart, eventually
from tests.contract.backend_peer import slots

HOUR = 3_600_000_000


def name(key: str, part: str) -> str:
    return f"meetings:{{{hashlib.sha256(key.encode()).hexdigest()[:32]}}}:{part}"


def set_forward(server: Redis, key: str) -> None:
    """Do to all times what an hour forward does to the clock."""
    for field in ("slot", "postponed", "seen"):
        server.hincrby(name(key, "slots"), field, -HOUR)


@pytest.fixture
def server() -> Iterator[Redis]:
    backend_servers.need("Redis", 6379)
    with Redis(backend_servers.HOST, 6379) as client:
        yield client


class TestRedis(BackendContract):
    factory = "tests.contract.backend_servers:redis"

    @pytest.fixture
    def place(self, server: Redis) -> str:
        return ""

    def make(self, place: str) -> Backend:
        return backend_servers.redis(place)

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

    def test_a_value_from_before_the_clock_was_set_back_is_gone_and_a_record_is_not(
        self, backend: RedisBackend, server: Redis, key: str
    ) -> None:
        backend.set(key, b"1", 60)
        assert backend.compare_and_set(key, None, b"record")
        for part in ("value", "record"):
            server.pexpire(name(key, part), server.pttl(name(key, part)) + HOUR // 1000)
        assert backend.get(key) is None
        assert backend.read(key) == b"record"
        backend.set(key, b"2", 60)
        assert backend.get(key) == b"2"

    def test_a_clock_set_back_keeps_the_distance(self, backend: Backend, server: Redis, key: str) -> None:
        backend.reserve(key, [SLOW], 0)
        backend.block(key, 20)
        for field in ("slot", "postponed", "seen"):
            server.hincrby(name(key, "slots"), field, HOUR)
        assert 0 < backend.reserve(key, [SLOW], 3600) <= 20
        assert 10 < backend.reserve(key, [SLOW], 3600) <= 30

    def test_a_clock_set_forward_keeps_those_apart_who_wait(self, backend: Backend, server: Redis, key: str) -> None:
        taken = slots(backend, key, [[5, 1]], 8)
        assert server.pttl(name(key, "slots")) > HOUR // 1000
        set_forward(server, key)
        assert_apart(taken + slots(backend, key, [[5, 1]], 8), 0.2)

    def test_a_queue_of_long_ago_costs_little_and_none_costs_nothing(
        self, backend: Backend, server: Redis, key: str
    ) -> None:
        slots(backend, key, [[5, 1]], 200)
        set_forward(server, key)
        assert 1 < backend.reserve(key, [Rate(5, 1)], 60) <= 2.2
        server.delete(name(key, "slots"))
        backend.reserve(key, [SLOW], 0)
        set_forward(server, key)
        assert backend.reserve(key, [SLOW], 0) == 0

    def test_a_client_that_decodes_and_connections_that_were_cut(self, server: Redis, key: str) -> None:
        client = Redis(backend_servers.HOST, 6379, decode_responses=True, client_name=f"cut-{key}")
        backend = RedisBackend(client)
        backend.set(key, bytes(range(256)), 60)
        for one in server.client_list():
            if one["name"] == f"cut-{key}":
                server.client_kill(one["addr"])
        assert backend.get(key) == bytes(range(256))
        assert backend.reserve(key, [SLOW], 0) == 0
        backend.close()


def everything(backend: Backend) -> Iterator[str]:
    """Try all there is, and give the words of each refusal."""
    for use in (
        lambda: backend.get("key"),
        lambda: backend.set("key", b"value", 1),
        lambda: backend.lock("key", 1).__enter__(),
        lambda: backend.reserve("key", [SLOW], 1),
        lambda: backend.block("key", 1),
    ):
        with pytest.raises(BackendError) as refused:
            use()
        assert refused.value.__suppress_context__
        yield str(refused.value)


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        client = Redis("127.0.0.1", port, password="hunter2")
        for words in everything(RedisBackend(client)):
            assert "cannot be reached" in words
            assert not [word for word in ("127.0.0.1", str(port), "hunter2") if word in words]


def test_one_who_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Redis("127.0.0.1", silent.getsockname()[1], socket_timeout=0.05)
        for words in everything(RedisBackend(client)):
            assert "did not answer in time" in words


def test_a_client_without_limits_gets_some() -> None:
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
def test_without_permission(server: Redis, rights: list[str], password: str, words: str) -> None:
    user = f"meetings-{uuid.uuid4()}"
    tell: Callable[..., object] = server.execute_command
    tell("ACL", "SETUSER", user, "on", ">right", "resetchannels", *rights)
    try:
        client = Redis(backend_servers.HOST, 6379, username=user, password=password)
        for said in everything(RedisBackend(client)):
            assert words in said
            assert user not in said
        client.close()
    finally:
        tell("ACL", "DELUSER", user)


def answers(where: str) -> bool:
    """Tell whether a server listens: its socket is there a moment before."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(where) == 0


@pytest.mark.parametrize(
    ("setting", "words"), [("--replicaof 127.0.0.1 1", "read-only replica"), ("--maxmemory 1", "no memory left")]
)
def test_a_server_that_takes_nothing(tmp_path: Path, setting: str, words: str) -> None:
    program = shutil.which("redis-server") or backend_servers.missing("no redis-server is installed")
    where = str(tmp_path / "socket")
    command = [program, "--port", "0", "--unixsocket", where, "--dir", str(tmp_path), *setting.split()]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: answers(where))
        backend = RedisBackend(Redis(unix_socket_path=where))
        for use in (lambda: backend.set("key", b"value", 1), lambda: backend.reserve("key", [SLOW], 1)):
            with pytest.raises(BackendError, match=words):
                use()
        backend.close()
    finally:
        process.kill()
        process.wait()
