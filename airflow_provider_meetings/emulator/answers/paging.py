"""Page tokens that hide an offset and fit only the question that they were given for."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")


def page_of(items: Sequence[Item], size: int, token: str, question: Any) -> tuple[Sequence[Item], str]:
    """Return one page and the token of the next, empty if there is none.

    :raises ValueError: ``token`` is none of ours, or was given for another question.
    """
    offset = 0
    mark = hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()[:12]
    if token:
        try:
            given, text = base64.urlsafe_b64decode(token.encode()).decode("ascii").split(":")
            offset = int(text)
        except (ValueError, UnicodeError):
            raise ValueError("unknown page token") from None
        if given != mark or offset < 0:
            raise ValueError("the page token belongs to another question")
    end = offset + size
    following = base64.urlsafe_b64encode(f"{mark}:{end}".encode()).decode() if end < len(items) else ""
    return items[offset:end], following
