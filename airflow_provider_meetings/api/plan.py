"""Plan a backfill: its requests, and its hours at the quotas, from the density of a sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pendulum

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.costs import Volume
from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.models import MediaKind, Recording
from airflow_provider_meetings.api.query import WINDOW, RecordingQuery
from airflow_provider_meetings.api.windows import ListedWindow

SAMPLED_DAYS: Final = 7
SAMPLED_IDS: Final = 5
ENOUGH_REQUESTS: Final = 30
"""After a day with which the sample has sent as many, it ends."""
MOST_REQUESTS: Final = 200
BITRATE: Final = 1_000_000
"""Assumed bits per second of a video, where the platform declares no size."""


def plan_backfill(
    client: MeetingsClient, query: RecordingQuery, kinds: Sequence[str], *, per_day: int | None, batch_size: int
) -> dict[str, Any]:
    """Return a plan as plain JSON; ``bytes`` is None without a sample of videos.

    :param per_day: recordings a day, of the whole query, each with one file; None lists a sample.
    :raises InvalidRequest: if the platform does not support the query or a kind, or a day is too long for a sample.
    """
    kinds = MediaKind.check(kinds, client.kinds, client.platform)
    client.list(query)  # sends nothing yet, but checks the query
    basis, ready, sizes = f"{per_day} recordings a day, as given", 0, Counter[str]()
    endpoints: list[dict[str, Any]] = []
    seconds: dict[str, float] = {}
    for name in query.selectors:
        others: dict[str, Any] = {other: () for other in query.selectors if other != name}
        part = replace(query, **others)
        if per_day is None:
            volume, basis = _sample(client, part, sizes)
        elif part.start is None or part.end is None:
            raise InvalidRequest("per_day needs a window: give start and end")
        else:
            volume = Volume(*[round(per_day * (part.end - part.start).total_days() / len(query.selectors))] * 4)
        ready += volume.ready
        for quota, requests, windows in client.requests_of(part, volume, kinds):
            needed = requests * client.transport.spacing(quota)
            seconds[quota.endpoint] = seconds.get(quota.endpoint, 0.0) + needed
            lengths = {f"{length / timedelta(days=1):g} d": count for length, count in Counter(windows).items()}
            row = {"endpoint": quota.endpoint, "for": name, "windows": lengths, "requests": requests}
            endpoints.append({**row, "hours": round(needed / 3600, 3)})
    decides = max(seconds, key=seconds.__getitem__)
    sizes = +sizes if MediaKind.VIDEO in kinds else Counter()
    return {
        "platform": client.platform,
        "basis": basis,
        "recordings": ready,
        "batches": -(-ready // batch_size),
        "bytes": sizes.total() or None,
        "bytes_by": " and ".join(sizes) or None,
        "hours": round(seconds[decides] / 3600, 3),
        "decides": decides,
        "endpoints": endpoints,
    }


def _sample(client: MeetingsClient, query: RecordingQuery, sizes: Counter[str]) -> tuple[Volume, str]:
    """Estimate what a query with one selector finds, from some of its ids and its newest days; add to `sizes`."""
    windows: list[ListedWindow] = []
    found: list[Recording] = []

    def calls() -> int:
        return sum(usage.calls for usage in client.transport.caller.usage.endpoints().values())

    def list_all(part: RecordingQuery) -> None:
        for recording in client.list(part, windows.append):
            found.append(recording)
            if calls() - before > MOST_REQUESTS:
                raise InvalidRequest("A day has too many recordings for a sample: say how many with --per-day")

    before, scale, selector = calls(), 1.0, query.selectors[0]
    sampled = ""
    if selector != WINDOW:
        ids = getattr(query, selector)
        chosen = ids[:: -(-len(ids) // SAMPLED_IDS)]
        query, scale, sampled = replace(query, **{selector: chosen}), len(ids) / len(chosen), f" of {len(chosen)} ids"
    if query.start is None or query.end is None:
        list_all(query)
    else:
        # Nothing is recorded in the future.
        end = stop = max(min(query.end, pendulum.now("UTC").start_of("second")), query.start.add(seconds=1))
        for _ in range(SAMPLED_DAYS):
            start = max(query.start, stop.subtract(days=1))
            list_all(replace(query, start=start, end=stop))
            if start == query.start or calls() - before >= ENOUGH_REQUESTS:
                break
            stop = start
        scale *= (query.end - query.start).total_days() / (end - start).total_days()
        sampled += f" from {start.isoformat()} to {end.isoformat()}"
    ready = [recording for recording in found if recording.files]
    for recording in ready:
        declared = sum(file.declared_size or 0 for file in recording.files)
        assumed = 0 if declared else (recording.duration_ms or 0) * BITRATE // 8000
        sizes["declared sizes"] += round(declared * scale)
        sizes[f"durations at an assumed {BITRATE // 1000} kbit/s"] += round(assumed * scale)
    counts = (
        sum(window.items for window in windows if window.start),
        sum(recording.recording_id is not None for recording in found),
        len(ready),
        sum(len({file.file_id for file in recording.files}) for recording in ready),
    )
    text = f"a sample{sampled}: {len(found)} recordings, {calls() - before} requests"
    return Volume(*(round(count * scale) for count in counts)), text
