"""Servers of a test's own, in temporary directories, that it may kill."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pymysql

from airflow_provider_meetings.warehouse.engine import Hook
from tests.contract.backend_servers import HOST, missing
from tests.warehouse.servers import need_module, server_hook

_TRIES = 600


@dataclass
class OwnServer:
    """A server that can be killed and started again, and the hook that leads to it."""

    start: Callable[[], subprocess.Popen[bytes]]
    answers: Callable[[], None]
    connect: Callable[[], Hook]
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def up(self) -> Hook:
        """Start it, wait until it answers, and return a hook."""
        self.running.append(self.start())
        for _ in range(_TRIES):
            try:
                self.answers()
                return self.connect()
            except (OSError, psycopg.OperationalError, pymysql.Error):
                with suppress(subprocess.TimeoutExpired):  # a poll for another program's start
                    ended = self.running[-1].wait(0.1)
                    raise AssertionError(f"the server ended with {ended}") from None
        raise AssertionError("the server does not answer")

    def kill(self) -> None:
        """End it as a crash would."""
        process = self.running.pop()
        process.kill()
        process.wait()


def _port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


def _user(name: str) -> dict[str, Any]:
    """Run as another than root: PostgreSQL refuses it."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(name)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="meetings-own-", dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(folder, name)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def own_postgres() -> Iterator[OwnServer]:
    """Make a cluster."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not binaries:
        missing("no PostgreSQL is installed whose server could be started")
    with _folder("postgres") as folder:
        data, port = folder / "data", _port()
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
        made = [str(binaries[-1] / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "--no-sync"]
        subprocess.run(made, check=True, **quiet, **_user("postgres"))

        def start() -> subprocess.Popen[bytes]:
            command = [str(binaries[-1] / "postgres"), "-D", str(data), "-p", str(port), "-h", HOST, "-k", str(folder)]
            return subprocess.Popen(command, **quiet, **_user("postgres"))

        def answers() -> None:
            psycopg.connect(host=HOST, port=port, user="postgres", dbname="postgres", connect_timeout=5).close()

        def connect() -> Hook:
            return server_hook("postgres", "public", port=port, schema="postgres")

        server = OwnServer(start, answers, connect)
        try:
            yield server
        finally:
            while server.running:
                server.kill()


@contextmanager
def own_mariadb() -> Iterator[OwnServer]:
    """Make a server."""
    need_module("MySQLdb")
    binary, install = shutil.which("mariadbd", path="/usr/sbin:/usr/bin"), shutil.which("mariadb-install-db")
    if binary is None or install is None:
        missing("no MariaDB is installed whose server could be started")
    with _folder("mysql") as folder:
        data, port = folder / "data", _port()
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
        common = ["--no-defaults", f"--datadir={data}"]
        made = [install, *common, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(made, check=True, **quiet, **_user("mysql"))

        def start() -> subprocess.Popen[bytes]:
            network = [f"--port={port}", f"--bind-address={HOST}", f"--socket={folder}/socket"]
            return subprocess.Popen([binary, *common, *network], **quiet, **_user("mysql"))

        def answers() -> None:
            with closing(pymysql.connect(host=HOST, port=port, user="root", autocommit=True)) as admin:
                admin.cursor().execute("CREATE DATABASE IF NOT EXISTS own")

        server = OwnServer(start, answers, lambda: server_hook("mysql", "own", port=port))
        try:
            yield server
        finally:
            while server.running:
                server.kill()
