"""Where records are kept in tests: a folder, a real Redis, a real PostgreSQL, a real MariaDB; cleaned up afterwards."""

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
from tests.contract import backend_servers

KINDS = ("host", "redis", "postgres", "mariadb")
_PORTS = {"redis": ("Redis", 6379), "postgres": ("PostgreSQL", 5432), "mariadb": ("MariaDB", 3306)}
_PARTS = ("value", "lock", "slots", "record")


@dataclass
class Place:
    """One of them; `argument` is what `tests.contract.backend_servers` makes a backend from, in any process."""

    kind: str
    argument: str
    keys: list[str] = field(default_factory=list)
    backends: list[DurableBackend] = field(default_factory=list)

    @property
    def factory(self) -> str:
        return f"tests.contract.backend_servers:{self.kind}"

    def make(self) -> DurableBackend:
        """Make a backend, which is closed with the place."""
        made: Callable[[str], DurableBackend] = getattr(backend_servers, self.kind)
        self.backends.append(backend := made(self.argument))
        return backend

    def key(self) -> str:
        """Return a key that nobody else has, and that is cleaned up."""
        self.keys.append(key := f"feishu|https://open.feishu.cn|{uuid.uuid4()}")
        return key

    def dump(self) -> bytes:
        """Return all that lies there under the keys, names and contents."""
        if self.kind == "host":
            return b"\n".join(path.name.encode() + path.read_bytes() for path in Path(self.argument).iterdir())
        if self.kind == "redis":
            with Redis(backend_servers.HOST, 6379) as client:
                return b"\n".join(name.encode() + _content(client, name) for name in _names(self.keys))
        with closing(_connect(self.kind, self.argument)) as connection:
            rows = _tell(connection, "SELECT name, value FROM meetings_coordination")
        return b"\n".join(str(name).encode() + bytes(value or b"") for name, value in rows)


@contextmanager
def place(kind: str, tmp_path: Path) -> Iterator[Place]:
    """Give a new place; skip by name where its server is not there."""
    if kind == "host":
        yield Place(kind, str(tmp_path / "state"))
        return
    backend_servers.need(*_PORTS[kind])
    name = f"meetings_{uuid.uuid4().hex}"
    here = Place(kind, "" if kind == "redis" else name)
    if kind != "redis":
        _create(kind, "CREATE", name)
    try:
        yield here
    finally:
        for backend in here.backends:
            backend.close()
        if kind == "redis":
            with Redis(backend_servers.HOST, 6379) as client:
                client.delete(*_names(here.keys), "nothing")
        else:
            _create(kind, "DROP", name)


def _content(client: Redis, name: str) -> bytes:
    # A dump of a text would be compressed, and hide what it holds.
    return bytes((client.get(name) if client.type(name) == b"string" else client.dump(name)) or b"")  # type: ignore[arg-type]  # not awaited


def _names(keys: Sequence[str]) -> list[str]:
    digests = [hashlib.sha256(key.encode()).hexdigest()[:32] for key in keys]
    return [f"meetings:{{{digest}}}:{part}" for digest in digests for part in _PARTS]


def _connect(kind: str, name: str) -> Any:
    connect: Callable[[str], Any] = (
        backend_servers.connect_postgres if kind == "postgres" else backend_servers.connect_mariadb
    )
    return connect(name)


def _create(kind: str, word: str, name: str) -> None:
    what, ending = ("SCHEMA", " CASCADE" if word == "DROP" else "") if kind == "postgres" else ("DATABASE", "")
    with closing(_connect(kind, "public" if kind == "postgres" else "test")) as connection:
        _tell(connection, f"{word} {what} {name}{ending}")


def _tell(connection: Any, statement: str) -> Any:
    cursor = connection.cursor()
    cursor.execute(statement)
    rows = cursor.fetchall() if statement.startswith("SELECT") else []
    connection.commit()
    return rows
