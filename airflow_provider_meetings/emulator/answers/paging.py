"""Pages of a list, with opaque page tokens."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")


def page_of(items: Sequence[Item], size: int, token: str, query: Any) -> tuple[Sequence[Item], str]:
    """Return one page of ``items`` and the token of the next page; empty on the last page.

    :param query: the parameters of the list. A token is valid only for the parameters that it was issued for.
    :raises ValueError: ``token`` is unknown, or was issued for other parameters.
    """
    offset = 0
    digest = hashlib.sha256(json.dumps(query, sort_keys=True).encode()).hexdigest()[:12]
    if token:
        issued_for, _, position = base64.urlsafe_b64decode(token.encode()).decode("ascii").partition(":")
        offset = int(position)
        if issued_for != digest or offset < 0:
            raise ValueError("the page token was issued for other parameters")
    end = offset + size
    next_token = base64.urlsafe_b64encode(f"{digest}:{end}".encode()).decode() if end < len(items) else ""
    return items[offset:end], next_token
