"""As whom a connection asks: as an app of one's own, as an app from the store, or as a user who has consented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.sanitize import NeverPickled

# Of each endpoint its narrowest scope, from the endpoints' pages; without the last there is no refresh token.
SCOPES = (
    "minutes:minutes.basic:read",
    "minutes:minutes.media:export",
    "minutes:minutes.transcript:export",
    "minutes:minutes.artifacts:read",
    "minutes:minutes.statistics:read",
    "minutes:minutes.search:read",
    "vc:record:readonly",
)
OFFLINE = "offline_access"


@dataclass(frozen=True, slots=True, repr=False)
class StoreApp(NeverPickled):
    """What an app from the store needs besides: the newest ticket that was pushed to it, and whose tenant."""

    ticket: str
    tenant_key: str


@dataclass(frozen=True, slots=True)
class Consent:
    """What a user is asked for, and where the browser is sent afterwards."""

    redirect_uri: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """One of the three; neither `store` nor `consent` for an app of one's own."""

    store: StoreApp | None = None
    consent: Consent | None = None


def identity_of(extra: Mapping[str, Any]) -> Identity:
    """Read it from a connection's extras.

    :raises InvalidRequest: for a combination that means nothing; no value that may be secret is shown.
    """
    user = extra["identity"] == "user"
    store = extra["app_type"] == "store"
    if user and store:
        raise InvalidRequest(
            "extras identity and app_type: a user's identity goes with self-built apps only",
            next_step="Take a self-built app, or leave identity out to ask as the store app.",
        )
    needed = {"store": ("app_ticket", "tenant_key"), "user": ("redirect_uri", "scopes")}
    for name in needed["store"]:
        _check_pair(extra, name, wanted=store, required=store, only="app_type is store")
    for name in needed["user"]:
        _check_pair(extra, name, wanted=user, required=user and name == "redirect_uri", only="identity is user")
    if store:
        return Identity(store=StoreApp(extra["app_ticket"], extra["tenant_key"]))
    if user:
        return Identity(consent=Consent(_redirect(extra["redirect_uri"]), _scopes(extra["scopes"] or "")))
    return Identity()


def _check_pair(extra: Mapping[str, Any], name: str, *, wanted: bool, required: bool, only: str) -> None:
    given = bool(extra[name])
    if given and not wanted:
        raise InvalidRequest(f"extra {name} is given, but means something only where {only}: leave one of them out")
    if required and not given:
        raise InvalidRequest(f"extra {name} is missing: it is needed where {only}", next_step=_WHERE[name])


_WHERE = {
    "app_ticket": "The platform pushes a ticket to the app's own webhook every hour: put the newest one there.",
    "tenant_key": "It came to the app's own webhook when the tenant installed the app.",
    "redirect_uri": "Write one of the redirect URLs of the app's security settings; nothing needs to answer there.",
}


def _redirect(value: str) -> str:
    try:
        parts = urlsplit(value)
        right = parts.scheme in ("http", "https") and parts.hostname and not parts.fragment and parts.port != 0
        value.encode()
    except ValueError:  # a bracket that is not closed, a port that is none, half a character
        right = False
    if not right:
        raise InvalidRequest("extra redirect_uri is no http or https URL", next_step=_WHERE["redirect_uri"])
    return value


def _scopes(value: str) -> tuple[str, ...]:
    given = tuple(dict.fromkeys(value.replace(",", " ").split())) or SCOPES
    return (*(scope for scope in given if scope != OFFLINE), OFFLINE)
