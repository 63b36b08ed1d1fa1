"""How late polls came, from the times of the requests at the platform."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence


def lateness(requests: Iterable[tuple[float, str]], interval: float, spacing: float, since: float) -> list[float]:
    """Return for each poll from `since` on how much later it came than due, and than the rate limit forces, in seconds.

    A poll is due `interval` after the last one of the same path. The limit is that of an ideal queue, which serves the
    polls in the order in which they are due, one each `spacing`.

    :param requests: time and path of each request, of one endpoint.
    """
    last: dict[str, float] = {}
    polls = []
    for at, path in sorted(requests):
        # Nothing says when the first one was due, but it has its place in the queue.
        polls.append((last[path] + interval if path in last else at, at))
        last[path] = at
    found, free = [], -math.inf
    for due, at in sorted(polls):
        slot = max(due, free)
        free = slot + spacing
        if at >= since:
            found.append(at - slot)
    return found


def percentile(values: Sequence[float], part: float) -> float | None:
    """Return the value that `part` of the values do not exceed; None without values."""
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)] if values else None
