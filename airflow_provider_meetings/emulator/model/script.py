"""A company that changes: each object has versions, and the time decides which one is shown."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_meetings.emulator.model.company import Company

Versions = Sequence[tuple[float, Any]]
"""The versions of one object, the oldest first: from when on, in seconds since the epoch; None: there is no object."""


@dataclass(slots=True)
class Script:
    """What a company has at each time.

    :param company: what it has at all times, without the objects that have versions.
    :param versions: by the name of a mapping of `Company`, then by id.
    """

    company: Company
    versions: Mapping[str, Mapping[str, Versions]]
    _shown: tuple[float, Company] | None = field(default=None, init=False)

    def at(self, now: float) -> Company:
        """Return the company at a time; the same object until the time changes."""
        if self._shown is None or self._shown[0] != now:
            mappings: dict[str, Any] = dict(self._mappings(now))
            self._shown = now, replace(self.company, **mappings)
        return self._shown[1]

    def _mappings(self, now: float) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, objects in self.versions.items():
            mapping = dict(getattr(self.company, name))
            for object_id, versions in objects.items():
                mapping.pop(object_id, None)
                number = bisect_right(versions, now, key=lambda version: version[0])
                if number and versions[number - 1][1] is not None:
                    mapping[object_id] = versions[number - 1][1]
            yield name, mapping
