"""Ask for what one sensor waits for, some rounds, and count the requests of each round at the platform.

Reads ``{"query": arguments, "connection": ..., "list": days or null, "rounds": ...}`` from the standard input. With
``list``, the query is for the recordings that the owner has in that many days, as an earlier listing returns them. A
round is one `Poll.ask`, which sensor and trigger call. Prints the number of requests of each round by endpoint. The
rate limits do not hold here.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_meetings.api.poll import Poll
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from benchmarks.platform import CREATOR
from benchmarks.waiting.quotas import lift_rate_limits


def main() -> None:
    """Count the requests of one order."""
    order: dict[str, Any] = json.load(sys.stdin)
    lift_rate_limits()
    arguments: dict[str, Any] = order["query"]
    client = MeetingsHook.for_connection(order["connection"], retry=False).get_conn()
    if order["list"]:
        end = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=5)
        listing: Any = {"start": end - timedelta(days=order["list"]), "end": end, "owner_ids": (CREATOR,)}
        arguments["recordings"] = RecordingQuery.refs(client.list(RecordingQuery(**listing)))
    poll = Poll(RecordingQuery(**arguments), "settled")
    counted = []
    for _ in range(order["rounds"]):
        _count(client.transport.base_url)
        poll.ask(client)
        counted.append(_count(client.transport.base_url))
    sys.stdout.write(f"\n{json.dumps(counted)}\n")


def _count(url: str) -> dict[str, int]:
    """Return the requests by endpoint since the last call, without those for tokens."""
    request = urllib.request.Request(f"{url}/_emulator/counters")
    with urllib.request.urlopen(request, timeout=60) as answer:
        calls: dict[str, int] = json.load(answer)["calls"]
    request.method = "DELETE"
    with urllib.request.urlopen(request, timeout=60):
        return {name: count for name, count in calls.items() if "token" not in name}


if __name__ == "__main__":
    main()
