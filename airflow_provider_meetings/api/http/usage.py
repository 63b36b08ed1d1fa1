"""Count the calls of one client, by endpoint."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace


@dataclass(slots=True)
class EndpointUsage:
    """Calls sent, calls rate limited by the platform, tokens rejected before they expired, and seconds waited."""

    calls: int = 0
    refused: int = 0
    tokens_rejected: int = 0
    waited: float = 0.0


class Usage:
    """Count calls, from several threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._endpoints: dict[str, EndpointUsage] = {}

    def add(
        self, endpoint: str, *, calls: int = 0, refused: int = 0, tokens_rejected: int = 0, waited: float = 0.0
    ) -> None:
        with self._guard:
            usage = self._endpoints.setdefault(endpoint, EndpointUsage())
            usage.calls += calls
            usage.refused += refused
            usage.tokens_rejected += tokens_rejected
            usage.waited += waited

    def endpoints(self) -> dict[str, EndpointUsage]:
        """Return a copy of the counts by endpoint."""
        with self._guard:
            return {name: replace(usage) for name, usage in sorted(self._endpoints.items())}
