"""What ``/_emulator/`` takes: names and types of each order, checked before anything is done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from starlette.requests import Request

_NUMBER: Final = (int,)
_OPTIONAL_NUMBER: Final = (int, type(None))
_TEXT: Final = (str,)
_OPTIONAL_TEXT: Final = (str, type(None))

Takes = Mapping[str, tuple[type, ...]]

FAIL: Final[Takes] = {
    "endpoint": _TEXT, "code": _NUMBER, "times": _OPTIONAL_NUMBER, "skip": _NUMBER, "status": _OPTIONAL_NUMBER,
    "message": _OPTIONAL_TEXT, "reset": _NUMBER, "body": _OPTIONAL_TEXT,
}  # fmt: skip
FAULT: Final[Takes] = {
    "kind": _TEXT, "file": _OPTIONAL_TEXT, "n": _OPTIONAL_NUMBER, "request": _OPTIONAL_NUMBER, "first": _NUMBER,
    "last": _OPTIONAL_NUMBER, "location": _TEXT,
}  # fmt: skip
CLOCK: Final[Takes] = {"advance": (int, float), "now": (int, float, str), "running": (bool,)}
REVOKE: Final[Takes] = {"token": _OPTIONAL_TEXT, "endpoint": _TEXT, "requests": _NUMBER}
SILENCE: Final[Takes] = {"endpoint": _TEXT, "manner": _TEXT, "times": _OPTIONAL_NUMBER, "skip": _NUMBER}
NOT_READY: Final[Takes] = {"object_id": _TEXT, "polls": _NUMBER}
NOTHING: Final[Takes] = {}


async def json_object(request: Request) -> dict[str, Any]:
    """Return the JSON object that came, an empty one for no body.

    :raises ValueError: something else came.
    """
    if not await request.body():
        return {}
    try:
        body = await request.json()
    except ValueError:
        raise ValueError("the body is no JSON") from None
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    return body


def checked(body: Mapping[str, Any], takes: Takes, *required: str) -> dict[str, Any]:
    """Return ``body``, every name of which is taken and of its type.

    :raises ValueError: one is not, or a required one is missing.
    """
    for name, value in body.items():
        if name not in takes:
            raise ValueError(f"{name!r} is not taken; taken: {', '.join(takes) or 'nothing'}")
        if not isinstance(value, takes[name]) or (isinstance(value, bool) and bool not in takes[name]):
            names = " or ".join("null" if kind is type(None) else kind.__name__ for kind in takes[name])
            raise ValueError(f"{name} must be {names}")
    missing = [name for name in required if name not in body]
    if missing:
        raise ValueError(f"{missing[0]} is required")
    return dict(body)


def moment(value: float | str) -> float | datetime:
    """Return a time that came as seconds since the epoch or as ISO 8601.

    :raises ValueError: it is neither.
    """
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("now must be seconds since the epoch or an ISO 8601 time with its zone") from None
