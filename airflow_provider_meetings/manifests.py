"""The manifests of the installed platforms: ours, and those of other distributions.

Hooks, warehouse and documentation take a platform's facts from here and never import it. A platform announces its
manifest in the entry-point group ``airflow_provider_meetings.platforms``, with its connection type as the name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any

GROUP = "airflow_provider_meetings.platforms"

Manifest = Mapping[str, Any]
"""Three keys, of which the last two may be missing:

- ``connection-type``: the connection's form, as Airflow's provider info has it;
- ``columns``: the platform's own field that a column of the warehouse takes from ``source``, by column;
- ``source-fields``: the platform's names of what a column holds, by column: they are redacted with it;
- ``person-fields``: the column that names a person, by the platform's name of that field in files.
"""


@cache
def manifests() -> Mapping[str, Manifest]:
    """Return the manifests by connection type.

    :raises Exception: whatever the import of a manifest raises. A platform that is skipped would not be redacted.
    """
    return {entry.name: entry.load() for entry in entry_points(group=GROUP)}
