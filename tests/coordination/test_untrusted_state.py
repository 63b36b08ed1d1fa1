"""State that something else has written into the store: it counts as absent, with one warning."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis

from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.coordination.backend import BackendError, DurableBackend
from airflow_provider_meetings.coordination.stored import MAX_VALUE_BYTES
from tests.contract.backends import backend_servers
from tests.coordination import durable_backends
from tests.coordination.durable_backends import Location

SERVERS = ("redis", "postgres", "mariadb")
FAST = [Rate(50, 1)]
TEN_YEARS = 10 * 365 * 86400
BIG = MAX_VALUE_BYTES + 1
NOW = {
    "postgres": "(extract(epoch from clock_timestamp()) * 1000000)::bigint",
    "mariadb": "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)",
}
Change = Callable[[Redis, str], object] | str

# `name` is the key or row; in SQL, {now} is the time and {years} ten years, in microseconds.
REDIS_TYPES: dict[str, Change] = {
    "list": lambda server, name: server.delete(name) and server.rpush(name, "x"),
    "hash": lambda server, name: server.delete(name) and server.hset(name, "x", "y"),
    "set": lambda server, name: server.delete(name) and server.sadd(name, "x"),
}
VALUES: dict[str, dict[str, Change]] = {
    "redis": {
        **REDIS_TYPES,
        "garbage": lambda server, name: server.set(name, b"\xff\x00", px=60_000),
        "infinite lifetime": lambda server, name: server.set(name, "inf value", px=60_000),
        "too large": lambda server, name: server.set(name, b"60000 " + bytes(BIG), px=60_000),
        "without an end": lambda server, name: server.persist(name),
        "ten years": lambda server, name: server.set(name, f"{TEN_YEARS * 1000} x", ex=TEN_YEARS),
    },
    "postgres": {
        "null": "UPDATE {table} SET value = NULL",
        "too large": f"UPDATE {{table}} SET value = convert_to(repeat('x', {BIG}), 'UTF8')",
        "text": "ALTER TABLE {table} ALTER COLUMN value TYPE text USING 'x'",
        "ten years": "UPDATE {table} SET expires = {now} + {years}",
    },
    "mariadb": {
        "null": "UPDATE {table} SET value = NULL",
        "too large": f"UPDATE {{table}} SET value = repeat('x', {BIG})",
        "text": "ALTER TABLE {table} MODIFY value varchar(200)",
        "number": "ALTER TABLE {table} DROP value; ALTER TABLE {table} ADD value int DEFAULT 7",
        "ten years": "UPDATE {table} SET expires = {now} + {years}",
    },
}
REDIS_TIMES: dict[str, Change] = {
    f"{field} {value}": lambda server, name, field=field, value=value: server.hset(name, field, value)  # type: ignore[misc]
    for field in ("slot", "blocked_until", "seen")
    for value in ("inf", "-inf", "nan", "garbage", "1e300", "0x7fffffffffffffff")
}
SLOTS: dict[str, dict[str, Change]] = {
    "redis": {
        "list": REDIS_TYPES["list"],
        "text": lambda server, name: server.set(name, "x"),
        **REDIS_TIMES,
        "slot in ten years": lambda server, name: server.hincrby(name, "slot", TEN_YEARS * 1_000_000),
        "block in ten years": lambda server, name: server.hincrby(name, "blocked_until", TEN_YEARS * 1_000_000),
    },
    "postgres": {
        "slot in ten years": "UPDATE {table} SET slot = {now} + {years}",
        "block in ten years": "UPDATE {table} SET blocked_until = {now} + {years}",
        "largest numbers": "UPDATE {table} SET slot = 9223372036854775807, blocked_until = 9223372036854775807",
        "smallest clock": "UPDATE {table} SET slot = 9223372036854775807, seen = -9223372036854775808",
        "inf": "ALTER TABLE {table} ALTER slot TYPE float8 USING 'inf'",
        "nan": "ALTER TABLE {table} ALTER blocked_until TYPE numeric USING 'nan'",
        "null": "ALTER TABLE {table} ALTER seen DROP NOT NULL; UPDATE {table} SET seen = NULL",
        "text": "ALTER TABLE {table} ALTER slot DROP DEFAULT, ALTER slot TYPE text USING 'x'",
    },
    "mariadb": {
        "slot in ten years": "UPDATE {table} SET slot = {now} + {years}",
        "block in ten years": "UPDATE {table} SET blocked_until = {now} + {years}",
        "largest numbers": "UPDATE {table} SET slot = 9223372036854775807, blocked_until = 9223372036854775807",
        "smallest clock": "UPDATE {table} SET slot = 9223372036854775807, seen = -9223372036854775808",
        "null": "ALTER TABLE {table} DROP seen, ADD seen bigint",
        "text": "ALTER TABLE {table} DROP slot, ADD slot varchar(30) DEFAULT 'inf'",
    },
}
RECORDS: dict[str, dict[str, Change]] = {
    "redis": {**REDIS_TYPES, "too large": lambda server, name: server.set(name, bytes(BIG))},
    "postgres": {name: VALUES["postgres"][name] for name in ("too large", "text")},
    "mariadb": {name: VALUES["mariadb"][name] for name in ("too large", "text", "number")},
}


def cases(changes: dict[str, dict[str, Change]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("location", "change"),
        [pytest.param(kind, one, id=f"{kind} {name}") for kind in SERVERS for name, one in changes[kind].items()],
        indirect=["location"],
    )


@pytest.fixture
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Location]:
    with durable_backends.location(request.param, tmp_path) as location:
        yield location


def write(location: Location, key: str, part: str, change: Change) -> str:
    """Change what is stored as someone else would, and return the words that a warning must name it by."""
    if isinstance(change, str):
        with closing(durable_backends._connect(location.kind, location.name)) as connection:
            for statement in change.format(
                table="meetings_coordination", now=NOW[location.kind], years=TEN_YEARS * 1_000_000
            ).split(";"):
                durable_backends._execute(connection, statement)
        return f"{hashlib.sha256(key.encode()).hexdigest()}:{part} in Redis or in the table meetings_coordination"
    (name,) = (name for name in durable_backends._names([key]) if name.endswith(part))
    with Redis(backend_servers.HOST, 6379) as server:
        change(server, name)
    return name


def assert_one_warning(caplog: pytest.LogCaptureFixture, name: str) -> None:
    (warning,) = (record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING)
    assert warning.startswith("Ignoring ")
    assert name in warning
    assert "delete it" in warning


@cases(VALUES)
def test_value_counts_as_absent(location: Location, change: Change, caplog: pytest.LogCaptureFixture) -> None:
    backend, key = location.make(), location.key()
    backend.set(key, b"value", 60)
    name = write(location, key, "value", change)
    assert [backend.get(key) for _ in range(3)] == [None] * 3
    assert_one_warning(caplog, name)


@cases({**VALUES, "postgres": {name: VALUES["postgres"][name] for name in ("null", "too large", "ten years")}})
def test_value_is_replaced(location: Location, change: Change) -> None:
    backend, key = location.make(), location.key()
    backend.set(key, b"value", 60)
    write(location, key, "value", change)
    if location.kind == "mariadb" and "ALTER" in str(change):
        return  # the column must be corrected first
    backend.set(key, b"again", 60)
    assert backend.get(key) == b"again"


@cases(SLOTS)
def test_slots_count_as_absent(location: Location, change: Change, caplog: pytest.LogCaptureFixture) -> None:
    backend, key = location.make(), location.key()
    backend.block(key, 0)
    backend.reserve(key, FAST, 0)
    name = write(location, key, "slots", change)
    assert backend.reserve(key, FAST, 0) == 0
    assert_one_warning(caplog, name)
    if "varchar" not in str(change) and "TYPE text" not in str(change):
        backend.block(key, 3600)
        assert 3500 < backend.reserve(key, FAST, 3600) <= 3600


@cases(SLOTS)
def test_slots_are_blocked_whatever_was_stored(location: Location, change: Change) -> None:
    backend, key = location.make(), location.key()
    backend.block(key, 0)
    write(location, key, "slots", change)
    backend.block(key, 20)
    assert 10 < backend.reserve(key, FAST, 60) <= 20


@cases(RECORDS)
def test_record_counts_as_absent(location: Location, change: Change, caplog: pytest.LogCaptureFixture) -> None:
    backend: DurableBackend = location.make()
    key = location.key()
    assert backend.compare_and_set(key, None, b"record")
    name = write(location, key, "record", change)
    assert [backend.read(key) for _ in range(2)] == [None] * 2
    if "ALTER" not in str(change):
        assert not backend.compare_and_set(key, b"record", b"new")
        assert backend.compare_and_set(key, None, b"new")
        assert backend.read(key) == b"new"
    assert_one_warning(caplog, name)


@pytest.mark.parametrize("location", ["postgres"], indirect=True)
def test_column_that_cannot_be_read_is_named(location: Location) -> None:
    backend, key = location.make(), location.key()
    backend.set(key, b"value", 60)
    write(location, key, "value", "ALTER TABLE {table} ALTER value TYPE int USING 7")
    with pytest.raises(BackendError, match=r"the table meetings_coordination .* Correct its columns, or drop it"):
        backend.get(key)


@pytest.mark.parametrize("location", ["redis"], indirect=True)
@pytest.mark.parametrize(
    "change",
    [
        lambda server, name: server.set(name, "someone"),
        lambda server, name: server.set(name, "someone", ex=TEN_YEARS),
        lambda server, name: server.rpush(name, "x"),
    ],
    ids=["without an end", "ten years", "list"],
)
def test_lock_without_holder_ends(location: Location, change: Change, caplog: pytest.LogCaptureFixture) -> None:
    backend, key = location.make(), location.key()
    name = write(location, key, "lock", change)
    with backend.lock(key, 30):
        pass
    assert_one_warning(caplog, name)
