"""The endpoints of both vendors by name, with paths and rate limits; and the type of a row of error codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

Platform = Literal["feishu", "wecom"]


@dataclass(frozen=True, slots=True)
class Window:
    """At most ``count`` requests in ``seconds``; a client that exceeds it is refused for ``block_seconds``.

    ``block_seconds`` 0: until the window ends.
    """

    count: int
    seconds: int
    block_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint. ``token``: it issues tokens. ``slash``: its path is also valid with a trailing slash."""

    name: str
    method: Literal["GET", "POST"]
    path: str
    windows: tuple[Window, ...]
    token: bool = False
    slash: bool = False

    @property
    def platform(self) -> Platform:
        return "feishu" if self.name.startswith("feishu.") else "wecom"


@dataclass(frozen=True, slots=True)
class Code:
    """One error code of ``endpoints``, with its HTTP status and message.

    ``source`` is the page that lists it; ``uncertain`` names the parts that this page does not give. One code may have
    several rows: 20002 is about the app's id or secret at some of Feishu's endpoints, about the secret at others.
    """

    code: int
    status: int
    message: str
    endpoints: tuple[str, ...]
    source: str
    uncertain: str = ""

    @property
    def platform(self) -> Platform:
        return ENDPOINTS[self.endpoints[0]].platform

    @property
    def key(self) -> str:
        """Return a unique name of the row."""
        return f"{self.endpoints[0]}-{self.code}"


# https://open.feishu.cn/document/ukTMukTMukTM/uUzN04SN3QjL1cDN (tiers)
_TIER_3: Final = (Window(100, 60),)
_TIER_4: Final = (Window(1000, 60), Window(50, 1))
_TIER_6: Final = (Window(5, 1),)
_TIER_8: Final = (Window(20, 1),)
# https://developer.work.weixin.qq.com/document/path/90454: per corp and API; a block lasts as long as the
# exceeded window. The limits per address are twice as high, so one corp never reaches them.
_WECOM: Final = (Window(10_000, 60, 60), Window(150_000, 3600, 3600))

_MINUTE: Final = "/open-apis/minutes/v1/minutes/{minute_token}"
_RECORD: Final = "/cgi-bin/meeting/record"


def _endpoints() -> Iterator[Endpoint]:
    # No page names a rate limit for the tokens of apps.
    for name, path in (
        ("tenant_access_token", "tenant_access_token/internal"),
        ("app_ticket_resend", "app_ticket/resend"),
        ("app_access_token", "app_access_token"),
        ("store_tenant_access_token", "tenant_access_token"),
    ):
        yield Endpoint(f"feishu.{name}", "POST", f"/open-apis/auth/v3/{path}", (), token=True, slash=True)
    yield Endpoint("feishu.user_access_token", "POST", "/open-apis/authen/v2/oauth/token", _TIER_4, token=True)
    # The page of v2, now deprecated, says that v3 is on the host for accounts. The vendor's Python SDK uses v3.
    yield Endpoint("feishu.user_access_token_v3", "POST", "/oauth/v3/token", _TIER_4, token=True)
    # In a "special" tier, for which the page names no number.
    yield Endpoint("feishu.user_info", "GET", "/open-apis/authen/v1/user_info", ())
    yield Endpoint("feishu.minutes_search", "POST", "/open-apis/minutes/v1/minutes/search", _TIER_3)
    yield Endpoint("feishu.minute", "GET", _MINUTE, _TIER_6)
    for part in ("media", "transcript", "statistics", "artifacts"):
        yield Endpoint(f"feishu.minute_{part}", "GET", f"{_MINUTE}/{part}", _TIER_6)
    yield Endpoint("feishu.meeting_recording", "GET", "/open-apis/vc/v1/meetings/{meeting_id}/recording", _TIER_4)
    yield Endpoint("feishu.meetings_by_number", "GET", "/open-apis/vc/v1/meetings/list_by_no", _TIER_3)
    yield Endpoint("feishu.meeting_list", "GET", "/open-apis/vc/v1/meeting_list", _TIER_3)
    yield Endpoint("feishu.post", "GET", "/open-apis/moments/v1/posts/{post_id}", _TIER_8)
    yield Endpoint("wecom.gettoken", "GET", "/cgi-bin/gettoken", _WECOM, token=True)
    yield Endpoint("wecom.record_list", "POST", f"{_RECORD}/list", _WECOM)
    yield Endpoint("wecom.get_file_list", "POST", f"{_RECORD}/get_file_list", _WECOM)
    yield Endpoint("wecom.get_file", "POST", f"{_RECORD}/get_file", _WECOM)
    yield Endpoint("wecom.get_paragraph_list", "POST", f"{_RECORD}/transcript/get_paragraph_list", _WECOM)
    yield Endpoint("wecom.get_detail", "POST", f"{_RECORD}/transcript/get_detail", _WECOM)


ENDPOINTS: Final[Mapping[str, Endpoint]] = {endpoint.name: endpoint for endpoint in _endpoints()}


def applies_to(pattern: str, name: str) -> bool:
    """Return whether ``pattern`` is the endpoint ``name``, or ``feishu.*`` or ``wecom.*`` of its platform."""
    return pattern in (name, f"{name.partition('.')[0]}.*")


def matching_endpoints(pattern: str) -> tuple[Endpoint, ...]:
    """Return the endpoints that ``pattern`` applies to; at least one.

    :raises ValueError: no endpoint matches.
    """
    found = tuple(endpoint for name, endpoint in ENDPOINTS.items() if applies_to(pattern, name))
    if not found:
        raise ValueError(f"no endpoint is named {pattern!r}; there are feishu.*, wecom.*, {', '.join(ENDPOINTS)}")
    return found
