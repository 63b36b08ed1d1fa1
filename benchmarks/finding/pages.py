"""WeCom's list of recordings for very many of them; the emulator would look at all for each page. Prints its URL.

The recordings of an owner are spread evenly over the days before now. Reads ``{"owners": ..., "each": ..., "days": ...,
"state": ...}`` from the first line of the standard input; each further line is answered with the number of requests
for pages, and the seconds from the first to the last.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from collections.abc import Mapping
from typing import Any

_PAGE = 20
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_TOKEN = {"errcode": 0, "errmsg": "ok", "access_token": "bench", "expires_in": 7200}


class Recordings:
    """The recordings of each owner, numbered by their time."""

    def __init__(self, each: int, days: float, state: int) -> None:
        self._each = each
        self._state = state
        self._step = days * 86400 / each
        self._first = int(time.time() - days * 86400)
        self.times: list[float] = []

    def page(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one request."""
        self.times.append(time.monotonic())
        # Both ends are included, as the emulator assumes.
        begin = max(0, math.ceil((query["start_time"] - self._first) / self._step))
        end = min(self._each, math.floor((query["end_time"] - self._first) / self._step) + 1)
        begin = int(query.get("cursor") or begin)
        until = min(begin + _PAGE, end)
        listed = [self._record(query["userid"], number) for number in range(begin, until)]
        more = until < end
        return {
            "errcode": 0,
            "errmsg": "ok",
            "has_more": more,
            "next_cursor": str(until) if more else "",
            "record_list": listed,
        }

    def _record(self, owner: str, number: int) -> dict[str, Any]:
        start = int(1000 * (self._first + number * self._step))
        file = {
            "record_file_id": f"rf-{owner}-{number}",
            "record_start_time": start + 42_000,
            "record_end_time": start + 1_842_000,
            "record_size": 123_456_789,
            "sharing_state": 0,
        }
        return {
            "meeting_record_id": f"mr-{owner}-{number}",
            "meetingid": f"hy-{owner}-{number}",
            "meeting_code": f"{100_000_000 + number}",
            "host_user_id": owner,
            "meeting_start_time": start,
            "title": f"周会 / weekly sync {number}",
            "state": self._state,
            "record_file_list": [file] if self._state == 3 else [],
        }


async def _serve(recordings: Recordings, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while head := await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b"":
        lengths = [
            line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
        ]
        body = await reader.readexactly(int(lengths[0])) if lengths else b""
        answer = _TOKEN if b"gettoken" in head else recordings.page(json.loads(body))
        content = json.dumps(answer, ensure_ascii=False).encode()
        writer.write(_HEAD % len(content) + content)
        await writer.drain()
    writer.close()


async def main() -> None:
    """Serve until the standard input ends."""
    order: dict[str, Any] = json.loads(await asyncio.to_thread(sys.stdin.readline))
    recordings = Recordings(order["each"], order["days"], order["state"])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _serve(recordings, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    _print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    while await asyncio.to_thread(sys.stdin.readline):
        times, recordings.times = recordings.times, []
        _print(json.dumps([len(times), times[-1] - times[0] if times else 0.0]))


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
