"""Feishu and Lark: one API at two base URLs, each with the apps, users and minutes of its own."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

# https://open.feishu.cn/document/server-side-sdk/faq  (an app belongs to one of the two)


@dataclass(frozen=True, slots=True)
class Cloud:
    """One of the two.

    :param api: host of the API.
    :param accounts: host of the page on which users consent.
    """

    name: str
    api: str
    accounts: str


FEISHU = Cloud("Feishu", "open.feishu.cn", "accounts.feishu.cn")
LARK = Cloud("Lark", "open.larksuite.com", "accounts.larksuite.com")
_OTHER = {FEISHU.api: LARK, LARK.api: FEISHU}


def accounts_url(base_url: str) -> str:
    """Return where users consent: beside the API of either cloud, else at the host of the base URL itself."""
    accounts = {cloud.api: cloud.accounts for cloud in (FEISHU, LARK)}.get(urlsplit(base_url).hostname or "")
    return f"https://{accounts}" if accounts else base_url


def elsewhere(url: str) -> str:
    """Say where it may be instead, of what the host of `url` does not know; empty for another host than those two."""
    other = _OTHER.get(urlsplit(url).hostname or "")
    if other is None:
        return ""
    return f"What belongs to {other.name} is known at https://{other.api} alone: then write that into the host."
