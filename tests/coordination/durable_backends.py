"""Locations of durable backends in tests: a folder, a real Redis, PostgreSQL or MariaDB; cleaned up afterwards."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis

from airflow_provider_meetings.coordination.backend import DurableBackend
from tests.contract.backends import backend_servers

KINDS = ("host", "redis", "postgres", "mariadb")
_PORTS = {"redis": ("Redis", 6379), "postgres": ("PostgreSQL", 5432), "mariadb": ("MariaDB", 3306)}
_PARTS = ("value", "lock", "slots", "record")


@dataclass
class Location:
    """Where a backend keeps its state; `name` is the folder, schema or database."""

    kind: str
    name: str
    keys: list[str] = field(default_factory=list)
    backends: list[DurableBackend] = field(default_factory=list)

    def make(self) -> DurableBackend:
        """Return a backend, which is closed with the location."""
        self.backends.append(backend := backend_servers.make_backend(self.kind, self.name))
        return backend

    def key(self) -> str:
        """Return a new key, which is cleaned up with the location."""
        self.keys.append(key := f"feishu|https://open.feishu.cn|{uuid.uuid4()}")
        return key

    def dump(self) -> bytes:
        """Return all names and contents that are stored."""
        if self.kind == "host":
            return b"\n".join(path.name.encode() + path.read_bytes() for path in Path(self.name).iterdir())
        if self.kind == "redis":
            with Redis(backend_servers.HOST, 6379) as client:
                return b"\n".join(name.encode() + _content(client, name) for name in _names(self.keys))
        with closing(_connect(self.kind, self.name)) as connection:
            rows = _execute(connection, "SELECT name, value FROM meetings_coordination")
        return b"\n".join(str(name).encode() + bytes(value or b"") for name, value in rows)


@contextmanager
def location(kind: str, tmp_path: Path) -> Iterator[Location]:
    """Create a location; skip the test if its server is missing."""
    if kind == "host":
        yield Location(kind, str(tmp_path / "state"))
        return
    backend_servers.need(*_PORTS[kind])
    created = Location(kind, "" if kind == "redis" else f"meetings_{uuid.uuid4().hex}")
    if kind != "redis":
        _create_or_drop(kind, "CREATE", created.name)
    try:
        yield created
    finally:
        for backend in created.backends:
            backend.close()
        if kind == "redis":
            with Redis(backend_servers.HOST, 6379) as client:
                client.delete(*_names(created.keys), "nothing")
        else:
            _create_or_drop(kind, "DROP", created.name)


def _content(client: Redis, name: str) -> bytes:
    # DUMP would compress a text and so hide what it contains.
    return bytes((client.get(name) if client.type(name) == b"string" else client.dump(name)) or b"")  # type: ignore[arg-type]  # not awaited


def _names(keys: Sequence[str]) -> list[str]:
    digests = [hashlib.sha256(key.encode()).hexdigest()[:32] for key in keys]
    return [f"meetings:{{{digest}}}:{part}" for digest in digests for part in _PARTS]


def _connect(kind: str, name: str) -> Any:
    connect: Callable[[str], Any] = (
        backend_servers.connect_postgres if kind == "postgres" else backend_servers.connect_mariadb
    )
    return connect(name)


def _create_or_drop(kind: str, verb: str, name: str) -> None:
    what, ending = ("SCHEMA", " CASCADE" if verb == "DROP" else "") if kind == "postgres" else ("DATABASE", "")
    with closing(_connect(kind, "public" if kind == "postgres" else "test")) as connection:
        _execute(connection, f"{verb} {what} {name}{ending}")


def _execute(connection: Any, statement: str) -> Any:
    cursor = connection.cursor()
    cursor.execute(statement)
    rows = cursor.fetchall() if statement.startswith("SELECT") else []
    connection.commit()
    return rows
