"""Count the calls of one client, by endpoint."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace


@dataclass(slots=True)
class EndpointUsage:
    """Calls sent, calls rate limited by the platform, and seconds waited before calls."""

    calls: int = 0
    refused: int = 0
    waited: float = 0.0


class Usage:
    """Count calls, from several threads.

    `tokens_rejected` counts the tokens that the platform rejected before they expired.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._endpoints: dict[str, EndpointUsage] = {}
        self.tokens_rejected = 0

    def called(self, endpoint: str) -> None:
        """Count a call."""
        with self._guard:
            self._of(endpoint).calls += 1

    def refused(self, endpoint: str) -> None:
        """Count a rate limited call."""
        with self._guard:
            self._of(endpoint).refused += 1

    def waited(self, endpoint: str, seconds: float) -> None:
        """Add the wait before a call."""
        with self._guard:
            self._of(endpoint).waited += seconds

    def rejected(self) -> None:
        """Count a rejected token."""
        with self._guard:
            self.tokens_rejected += 1

    def endpoints(self) -> dict[str, EndpointUsage]:
        """Return a copy of the counts by endpoint."""
        with self._guard:
            return {name: replace(usage) for name, usage in sorted(self._endpoints.items())}

    def _of(self, endpoint: str) -> EndpointUsage:
        return self._endpoints.setdefault(endpoint, EndpointUsage())
