"""One row of the table of vendor codes."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_meetings.emulator.model.endpoints import Platform


@dataclass(frozen=True, slots=True)
class Code:
    """One row: what ``endpoints`` answer with ``code``.

    ``source`` is the page that lists it, ``uncertain`` what that page leaves open (empty: nothing). One code may have
    several rows: 121001 is "internal error" on most of Feishu's meeting endpoints and "invalid param" on the search.
    """

    platform: Platform
    code: int
    status: int
    message: str
    family: str
    endpoints: tuple[str, ...]
    source: str
    uncertain: str = ""

    @property
    def key(self) -> str:
        """Return a name for the row that no other row has."""
        return f"{self.platform}-{self.family}-{self.code}"
