"""Pages of a list, with opaque page tokens."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeVar

from airflow_provider_meetings.emulator.state.emulator import EmulatorState

Item = TypeVar("Item")


def page_of(
    state: EmulatorState, endpoint: str, items: Mapping[str, Item], size: int, token: str, query: Any
) -> tuple[list[Item], str | None]:
    """Return one page of ``items`` by id, and the token of the next page; None on the last page.

    :param query: the parameters of the list. A token is valid only for the parameters that it was issued for.
    :raises ValueError: ``token`` is unknown, or was issued for other parameters.
    """
    digest = hashlib.sha256(json.dumps(query, sort_keys=True).encode()).hexdigest()[:12]
    position = ""
    if token:
        issued_for, _, position = base64.urlsafe_b64decode(token.encode()).decode("ascii").partition(":")
        if issued_for != digest or not position.isdigit():
            raise ValueError("the page token is unknown, or was issued for other parameters")
    page, following = state.pages.cut(endpoint, items, position, size)
    return page, base64.urlsafe_b64encode(f"{digest}:{following}".encode()).decode() if following else following
