"""The apps that the emulated clouds know: a self-built and a store app on Feishu, one of each on Lark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

OFFLINE: Final = "offline_access"

# Of each, one is enough. From the head of each endpoint's page, and where copies of a page differ from
# https://open.feishu.cn/document/ukTMukTMukTM/uYTM5UjL2ETO14iNxkTN/scope-list
NEEDED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
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
        "feishu.meetings_search": ("vc:meeting.search:read",),
        "feishu.meeting_list": ("vc:rooms.room.detailinfo:read", "vc:room:readonly"),
    }
)  # fmt: skip

# Asked for in the developer console: a consent may name these and no others (20027).
APP_SCOPES: Final = frozenset(
    {OFFLINE, "auth:user.id:read", "contact:user.employee_id:readonly"}.union(*NEEDED.values())
)

# "Custom App" alone stands at the head of these pages.
SELF_BUILT_ONLY: Final = frozenset({"feishu.minute_artifacts", "feishu.minutes_search"})


def lacks(endpoint: str, granted: frozenset[str]) -> tuple[str, ...]:
    """Return the scopes of which ``endpoint`` needs one, none if ``granted`` holds one or no scope is needed."""
    needed = NEEDED.get(endpoint, ())
    return () if not needed or granted.intersection(needed) else needed


Cloud = Literal["feishu", "lark"]
DOMAINS: Final[dict[Cloud, str]] = {"feishu": "feishu.cn", "lark": "larksuite.com"}


@dataclass(frozen=True, slots=True)
class App:
    """One app as its developer console shows it; a store app asks for tokens in another way."""

    app_id: str
    secret: str
    cloud: Cloud
    store: bool = False
