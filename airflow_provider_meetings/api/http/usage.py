"""What the calls of one client came to, by endpoint."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace


@dataclass(slots=True)
class EndpointUsage:
    """Calls that were sent, how many of them were refused for their rate, and seconds waited before sending."""

    calls: int = 0
    refused: int = 0
    waited: float = 0.0


class Usage:
    """Count; used by several threads.

    `tokens_rejected` counts the tokens that the platform refused before their end, each of which was renewed once.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._endpoints: dict[str, EndpointUsage] = {}
        self.tokens_rejected = 0

    def called(self, endpoint: str) -> None:
        """Count a call that is sent."""
        with self._guard:
            self._of(endpoint).calls += 1

    def refused(self, endpoint: str) -> None:
        """Count a call that the platform refused for its rate."""
        with self._guard:
            self._of(endpoint).refused += 1

    def waited(self, endpoint: str, seconds: float) -> None:
        """Count the wait before a call: in the queue, or until the platform's block was over."""
        with self._guard:
            self._of(endpoint).waited += seconds

    def rejected(self) -> None:
        """Count a token that the platform refused."""
        with self._guard:
            self.tokens_rejected += 1

    def endpoints(self) -> dict[str, EndpointUsage]:
        """Return what was counted, as it is now, by the endpoint's name."""
        with self._guard:
            return {name: replace(usage) for name, usage in sorted(self._endpoints.items())}

    def _of(self, endpoint: str) -> EndpointUsage:
        return self._endpoints.setdefault(endpoint, EndpointUsage())
