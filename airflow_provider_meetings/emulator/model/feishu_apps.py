"""Feishu's apps: their clouds, and the scopes that the endpoints need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Cloud = Literal["feishu", "lark"]
DOMAINS: Final[dict[Cloud, str]] = {"feishu": "feishu.cn", "lark": "larksuite.com"}


@dataclass(frozen=True, slots=True)
class App:
    """One app. ``store``: it is a store app, not a self-built one."""

    app_id: str
    secret: str
    cloud: Cloud
    store: bool = False


OFFLINE: Final = "offline_access"

# One scope of each row is enough. From the head of each endpoint's page; where copies of a page differ, from
# https://open.feishu.cn/document/ukTMukTMukTM/uYTM5UjL2ETO14iNxkTN/scope-list
NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "feishu.minute": ("minutes:minutes.basic:read", "minutes:minutes:readonly", "minutes:minutes"),
    "feishu.minute_media": ("minutes:minutes.media:export", "minutes:minute:download"),
    "feishu.minute_transcript": ("minutes:minutes.transcript:export", "minutes:minute:download"),
    "feishu.minute_statistics": (
        "minutes:minutes.statistics:read", "minutes:minutes:readonly", "minutes:minutes",
    ),
    "feishu.minute_artifacts": ("minutes:minutes.artifacts:read",),
    "feishu.minutes_search": ("minutes:minutes.search:read",),
    "feishu.meeting_recording": ("vc:record:readonly", "vc:record"),
    "feishu.meetings_by_number": ("vc:meeting:readonly", "vc:meeting.meetingid:read"),
    "feishu.meeting_list": ("vc:rooms.room.detailinfo:read", "vc:room:readonly"),
}  # fmt: skip

# The scopes that the app has applied for. A consent to any other scope is refused with 20027.
APP_SCOPES: Final = frozenset(
    {OFFLINE, "auth:user.id:read", "contact:user.employee_id:readonly"}.union(*NEEDED.values())
)

# The heads of these endpoints' pages name only "Custom App".
SELF_BUILT_ONLY: Final = frozenset({"feishu.minute_artifacts", "feishu.minutes_search"})


def missing_scopes(endpoint: str, granted: frozenset[str]) -> tuple[str, ...]:
    """Return the scopes of which ``endpoint`` needs one; empty if one of them is granted or none is needed."""
    needed = NEEDED.get(endpoint, ())
    return () if not needed or granted.intersection(needed) else needed
