"""An FTP and an SFTP server for a folder, on loopback ports."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh
import asyncssh.connection

with warnings.catch_warnings():
    # Before Python 3.12 pyftpdlib imports the deprecated asyncore; later it has its own copy.
    warnings.simplefilter("ignore", DeprecationWarning)
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import ThreadedFTPServer

USER, PASSWORD = "meetings", "S3CRET"


@contextmanager
def serve_ftp(root: Path) -> Iterator[int]:
    """Serve a folder and yield the port."""
    authorizer = DummyAuthorizer()
    authorizer.add_user(USER, PASSWORD, str(root), perm="elradfmwMT")
    server = ThreadedFTPServer(("127.0.0.1", 0), type("Handler", (FTPHandler,), {"authorizer": authorizer}))
    stop = threading.Event()

    def serve() -> None:
        # Close it in the polling thread: closing it elsewhere can break the poll, and the server never stops.
        while not stop.is_set():
            server.serve_forever(timeout=0.01, blocking=False, handle_exit=False)
        server.close_all()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.address[1]
    finally:
        stop.set()
        thread.join(120)


class _Open(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False


@contextmanager
def serve_sftp(root: Path) -> Iterator[int]:
    """Serve a folder and yield the port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    connections: list[asyncssh.connection.SSHConnection] = []

    def sftp(channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        connections.append(channel.get_connection())
        return asyncssh.SFTPServer(channel, chroot=str(root).encode())

    async def start() -> asyncssh.SSHAcceptor:
        key = asyncssh.generate_private_key("ssh-ed25519")
        return await asyncssh.listen("127.0.0.1", 0, server_factory=_Open, server_host_keys=[key], sftp_factory=sftp)

    async def stop() -> None:
        server.close()
        for connection in connections:
            connection.abort()
            await connection.wait_closed()
        await server.wait_closed()

    server = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield server.get_port()
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(120)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
