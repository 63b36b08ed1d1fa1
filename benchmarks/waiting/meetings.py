"""The ids of Feishu meetings that sensors wait for."""

from __future__ import annotations


def meeting_ids(number: int, each: int) -> list[str]:
    """Return the ids of the sensor with this number."""
    return [f"75720000{number:05d}{one:05d}0" for one in range(each)]
