"""A platform that issues tokens, accepts every other request and never answers it; prints its URL."""

from __future__ import annotations

import asyncio
import json
import sys

_TOKEN = json.dumps({"code": 0, "tenant_access_token": "t-bench", "expire": 7200}).encode()
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request = await reader.readline()
    if b"access_token" in request:
        writer.write(_HEAD % len(_TOKEN) + _TOKEN)
    while await reader.read(65536):
        pass
    writer.close()


async def main() -> None:
    """Serve until the process is killed."""
    server = await asyncio.start_server(_answer, "127.0.0.1", 0, backlog=2000)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
