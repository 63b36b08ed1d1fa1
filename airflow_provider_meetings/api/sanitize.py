"""Check and clean text and JSON: no links, no passwords, nothing that a store or a terminal refuses."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn, SupportsIndex

from airflow_provider_meetings.api.errors import InvalidRequest


class NeverPickled:
    """Refuse pickling: the object holds a link, a token or a password, and a pickle may be kept in a file."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """Raise TypeError."""
        raise TypeError(f"{type(self).__name__} holds a credential and is never pickled")


MAX_TEXT_LENGTH = 1000


def check_text(value: object, name: str, *, max_length: int = MAX_TEXT_LENGTH, next_step: str = "") -> str:
    """Return `value` if it is one line of printable text.

    :param name: starts the error message, which does not show the value.
    :param max_length: in characters.
    :raises InvalidRequest: for another type, an empty text, one that is too long, a control character, and a space at
        either end.
    """
    if not isinstance(value, str):
        problem = f"must be a string, got {type(value).__name__}"
    elif not value.strip():
        problem = "is empty"
    elif len(value) > max_length:
        problem = f"is too long: {len(value)} characters, at most {max_length}"
    elif not value.isprintable() or value != value.strip():
        problem = "contains a line break, a control character or a space at an end"
    else:
        return value
    raise InvalidRequest(f"{name} {problem}", next_step=next_step)


def storable_text(text: str) -> str:
    """Replace characters that an XCom or a column may refuse: NUL and lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:  # surrogate pairs become characters, lone surrogates U+FFFD
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\x00", "\ufffd")


def storable(value: object, depth: int = 20) -> Any:
    """Copy a JSON value so that every store accepts it.

    Integers beyond 64 bits become text; NaN, infinity and values nested deeper than `depth` become None.
    """
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, Mapping | list):
        if depth == 0:
            return None
        if isinstance(value, list):
            return [storable(item, depth - 1) for item in value]
        return {storable_text(str(key)): storable(item, depth - 1) for key, item in value.items()}
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) and abs(value) >= 2**63:
        return str(value)
    return value


def json_file(value: object) -> bytes:
    """Encode JSON as a file in UTF-8 with sorted keys, so that equal answers give equal bytes."""
    return json.dumps(storable(value), ensure_ascii=False, sort_keys=True, allow_nan=False).encode()


def without_links(raw: object) -> Any:
    """Copy a platform's answer without links and passwords.

    A link may be a credential, and the platform may move it to another field: every text that is a link is removed, and
    every field whose name ends in ``url`` or ``address``.
    """
    return _without_links(storable(raw))


def _without_links(raw: Any) -> Any:
    if isinstance(raw, dict):
        cleaned = {key: _without_links(value) for key, value in raw.items() if not _is_secret(key, value)}
        if "password" in raw:
            cleaned["has_password"] = bool(raw["password"])
        return cleaned
    if isinstance(raw, list):
        return [_without_links(value) for value in raw if not _is_secret("", value)]
    return raw


def _is_secret(key: str, value: object) -> bool:
    if key == "password":
        return True
    if not isinstance(value, str):
        return False
    return key.endswith(("url", "address")) or value.lower().startswith(("http://", "https://"))


def printable(text: str, max_length: int = 200) -> str:
    """Truncate a text, and escape line breaks, control characters and lone surrogates.

    :param max_length: maximum length in characters.
    """
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: max_length + 1])
    return escaped if len(escaped) <= max_length else escaped[:max_length] + "…"
