"""Under which of its three ids Feishu shows a user."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from airflow_provider_meetings.emulator.answers.feishu import refused
from airflow_provider_meetings.emulator.model import FeishuUser

_KINDS: Final = ("open_id", "union_id", "user_id")


def shown_user(request: Request, user: FeishuUser | None, endpoint: str, invalid: int) -> str:
    """Return the id of ``user`` of the kind that ``request`` asks for, empty for nobody.

    Every field permission is granted, so ``user_id`` is never withheld. An unknown kind is refused with the code
    ``invalid`` of ``endpoint``.
    """
    kind = request.query_params.get("user_id_type", "open_id")
    if kind not in _KINDS:
        raise refused(endpoint, invalid)
    return str(getattr(user, kind)) if user else ""
