"""Servers that a test starts and kills, each on a free port and with a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import psycopg
import pymysql
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from tests.contract.backends import backend_servers
from tests.contract.backends.backend import eventually


class OwnServer(ABC):
    """A context manager for a server process that can be killed and restarted with its data.

    :param options: additional command line options.
    """

    def __init__(self, *options: str) -> None:
        self.options = list(options)
        with socket.socket() as listener:
            listener.bind((backend_servers.HOST, 0))
            self.port: int = listener.getsockname()[1]
        self.folder = Path(tempfile.mkdtemp(prefix="meetings-server-"))
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Return the command line."""

    @abstractmethod
    def prepare(self) -> None:
        """Create the data files before the first start."""

    @abstractmethod
    def accepts_connections(self) -> bool:
        """Return whether the server accepts connections."""

    @property
    def user(self) -> str | None:
        """Return the user of the process; None for the current user."""
        return None

    def _change_owner(self) -> None:
        if self.user:
            os.chown(self.folder, pwd.getpwnam(self.user).pw_uid, -1)

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        self._spawn()
        eventually(self._restart_or_check)

    def _spawn(self) -> None:
        quiet = subprocess.DEVNULL
        command = [*self.command(), *self.options]
        self._process = subprocess.Popen(command, stdout=quiet, stderr=quiet, cwd=self.folder, user=self.user)

    def _restart_or_check(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            self._spawn()  # PostgreSQL exits if a process of the killed server is still running
        return self.accepts_connections()

    def kill(self) -> None:
        """Kill the server with SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        try:
            self.prepare()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class OwnRedis(OwnServer):
    """A Redis without persistence."""

    def prepare(self) -> None:
        """Do nothing: Redis needs no files."""

    def accepts_connections(self) -> bool:
        with Redis(backend_servers.HOST, self.port, retry=Retry(NoBackoff(), 0)) as client:
            try:
                return bool(client.ping())
            except RedisError:
                return False

    def command(self) -> Sequence[str]:
        program = shutil.which("redis-server") or backend_servers.missing("no redis-server is installed")
        return [program, "--port", str(self.port), "--bind", backend_servers.HOST, "--save", ""]


class OwnPostgres(OwnServer):
    """A PostgreSQL with the user `postgres` without a password and the database `postgres`."""

    @property
    def user(self) -> str | None:
        return "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root

    def prepare(self) -> None:
        self._change_owner()
        options = ("-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale")
        command = [_program("initdb"), *options, "--no-sync", "--wal-segsize=1"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, user=self.user)

    def accepts_connections(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def connect(self, **changes: Any) -> psycopg.Connection[Any]:
        """Open a connection with autocommit."""
        defaults: dict[str, Any] = {
            "host": backend_servers.HOST,
            "port": self.port,
            "user": "postgres",
            "dbname": "postgres",
        }
        defaults["connect_timeout"] = 60
        return psycopg.connect(**{**defaults, "autocommit": True, **changes})

    def command(self) -> Sequence[str]:
        options = ["-D", "data", "-p", str(self.port), "-h", str(backend_servers.HOST), "-k", "", "-F"]
        return [_program("postgres"), *options]


class OwnMariaDB(OwnServer):
    """A MariaDB with the user `root` without a password and the database `test`."""

    @property
    def user(self) -> str | None:
        return "nobody" if os.geteuid() == 0 else None

    def prepare(self) -> None:
        self._change_owner()
        program = shutil.which("mariadb-install-db") or backend_servers.missing("no MariaDB is installed")
        options = [f"--user={self.user}"] if self.user else []
        options += ["--auth-root-authentication-method=normal", "--skip-test-db"]
        command = [program, "--no-defaults", *self._files(), *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, user=self.user)

    def accepts_connections(self) -> bool:
        try:
            self.connect().close()
        except pymysql.MySQLError:
            return False
        return True

    def connect(self, **changes: Any) -> Any:
        """Open a connection with autocommit."""
        return backend_servers.connect_mariadb("mysql", port=self.port, autocommit=True, **changes)

    def start(self) -> None:
        super().start()
        with closing(self.connect()) as root:
            root.cursor().execute("CREATE DATABASE IF NOT EXISTS test")

    def command(self) -> Sequence[str]:
        program = shutil.which("mariadbd") or backend_servers.missing("no mariadbd is installed")
        options = [
            f"--socket={self.folder / 'socket'}",
            f"--port={self.port}",
            f"--bind-address={backend_servers.HOST}",
        ]
        return [program, "--no-defaults", *self._files(), *options]

    def _files(self) -> Sequence[str]:
        """Return options that keep all files in the folder and start with small ones."""
        small = ("--innodb-log-file-size=4M", "--innodb-data-file-path=ibdata1:10M:autoextend")
        grow = ("--innodb-temp-data-file-path=ibtmp1:3M:autoextend", "--innodb-autoextend-increment=1")
        return [f"--datadir={self.folder / 'data'}", f"--tmpdir={self.folder}", *small, *grow]


def _program(name: str) -> str:
    found = shutil.which(name) or next(map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None)
    return found or backend_servers.missing(f"no {name} of PostgreSQL is installed")
