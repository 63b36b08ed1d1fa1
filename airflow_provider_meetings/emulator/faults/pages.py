"""Injected faults of listings: short, empty and repeated pages, cursors that do not advance, late objects."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from airflow_provider_meetings.emulator.faults.fault_list import EndpointFaults

Item = TypeVar("Item")
PageFaultKind = Literal["short", "repeat", "stuck"]


@dataclass(slots=True)
class PageFault:
    """One injected fault of pages.

    "short": a page has at most ``n`` items. "repeat": it begins with the last ``n`` items of the page before, and its
    own last ``n`` are listed twice. "stuck": another page is announced with the cursor of this one, or without any.
    """

    kind: PageFaultKind
    endpoint: str
    n: int = 1
    times: int | None = 1
    skip: int = 0


class PageFaults(EndpointFaults[PageFault]):
    """Hold the injected faults, and cut listings into pages.

    ``size``: the most items of any page; None: as requested. ``late``: after how many more pages, of any listing, an
    object is listed, by its id.
    """

    def __init__(self) -> None:
        super().__init__()
        self.size: int | None = None
        self.late: dict[str, int] = {}

    def add(self, kind: PageFaultKind, endpoint: str, n: int = 1, *, times: int | None = 1, skip: int = 0) -> PageFault:
        """Change the next pages of ``endpoint``. ``times`` and ``skip`` are as for errors."""
        return self._append(PageFault(kind, endpoint, n, times, skip))

    def page(
        self, endpoint: str, items: Mapping[str, Item], size: int, token: str, query: Any
    ) -> tuple[list[Item], str | None]:
        """Return one page of ``items`` by id, and the opaque token of the next page; None on the last page.

        :param query: the parameters of the list. A token is valid only for the parameters that it was issued for.
        :raises ValueError: ``token`` is unknown, or was issued for other parameters.
        """
        digest = hashlib.sha256(json.dumps(query, sort_keys=True).encode()).hexdigest()[:12]
        position = ""
        if token:
            issued_for, _, position = base64.urlsafe_b64decode(token.encode()).decode("ascii").partition(":")
            if issued_for != digest or not position.isdigit():
                raise ValueError("the page token is unknown, or was issued for other parameters")
        page, following = self.cut(endpoint, items, position, size)
        return page, base64.urlsafe_b64encode(f"{digest}:{following}".encode()).decode() if following else following

    def cut(self, endpoint: str, items: Mapping[str, Item], position: str, size: int) -> tuple[list[Item], str | None]:
        """Return the page at ``position``, and the position of the next page; None on the last page.

        :param items: all results by id, in order.
        :param position: an offset as digits; empty for the first page.
        """
        with self._lock:
            listed = [item for name, item in items.items() if name not in self.late]
            self.late = {name: pages - 1 for name, pages in self.late.items() if pages > 1}
        size = min(size, self.size or size)
        fault = self.take(endpoint) or PageFault("short", endpoint, size)
        start = int(position or 0)
        end = start + (min(fault.n, size) if fault.kind == "short" else size)
        page = listed[start:end]
        if fault.kind == "repeat":
            page = listed[max(0, start - fault.n) : start] + page + page[-fault.n :]
        if fault.kind == "stuck":
            return page, position
        # The same offset is another position after an empty page.
        return page, None if end >= len(listed) else str(end) if end > start else f"0{position}"
