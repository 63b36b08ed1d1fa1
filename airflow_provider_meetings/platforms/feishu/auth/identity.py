"""The identity of a connection: a self-built app, a store app, or a user who has consented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.http.auth import TokenStore
from airflow_provider_meetings.api.http.oauth import UserTokens
from airflow_provider_meetings.api.http.redaction import is_http
from airflow_provider_meetings.api.sanitize import NeverPickled
from airflow_provider_meetings.platforms.feishu.api.ids import UserIdType

# The narrowest scope of each endpoint, from the endpoints' pages.
SCOPES = (
    "minutes:minutes.basic:read",
    "minutes:minutes.media:export",
    "minutes:minutes.transcript:export",
    "minutes:minutes.artifacts:read",
    "minutes:minutes.statistics:read",
    "minutes:minutes.search:read",
    "vc:record:readonly",
)
OFFLINE_ACCESS = "offline_access"  # required for a refresh token


@dataclass(frozen=True, slots=True, repr=False)
class StoreApp(NeverPickled):
    """The latest ticket that the platform pushed to a store app, and the key of the tenant."""

    ticket: str
    tenant_key: str


@dataclass(frozen=True, slots=True, repr=False)
class Credentials(NeverPickled):
    """Identify the app, and the user or tenant that it acts for.

    :param app_id: ``cli_…``.
    :param tokens: the store of the app's tokens.
    :param tenant: the tenant of every row; None means the app id, because no answer names the tenant.
    :param user_id_type: the type of user ids in answers.
    :param store_app: ticket and tenant key of a store app; None for a self-built app.
    :param users: the tokens of the user; None to call as the app.
    """

    app_id: str
    app_secret: str
    tokens: TokenStore
    tenant: str | None = None
    user_id_type: UserIdType = "open_id"
    store_app: StoreApp | None = None
    users: UserTokens | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """The scopes to request from a user, and the URL to which the browser is redirected."""

    redirect_uri: str
    scopes: tuple[str, ...]


_REDIRECT = "Use one of the redirect URLs in the app's security settings; nothing needs to listen there."
_DEPENDENT = {
    "app_ticket": ("app_type", "store", "The platform pushes one to the app's webhook every hour: use the latest."),
    "tenant_key": ("app_type", "store", "It was sent to the app's webhook when the tenant installed the app."),
    "redirect_uri": ("identity", "user", _REDIRECT),
    "scopes": ("identity", "user", ""),
}
"""Extras that have an effect only with a value of another extra, and the next step if it is required and missing."""


def read_identity(extra: Mapping[str, Any]) -> StoreApp | Consent | None:
    """Read the identity from a connection's extras; None for a self-built app.

    :raises InvalidRequest: for an invalid combination; the message shows no value.
    """
    user = extra["identity"] == "user"
    store = extra["app_type"] == "store"
    if user and store:
        raise InvalidRequest(
            "extras identity and app_type: only self-built apps can call as a user",
            next_step="Use a self-built app, or leave identity out to call as the store app.",
        )
    for name, (other, value, missing) in _DEPENDENT.items():
        condition, applies = f"{other} is {value}", extra[other] == value
        if extra[name] and not applies:
            raise InvalidRequest(
                f"extra {name} has an effect only if {condition}: remove it, or change the other extra"
            )
        if applies and missing and not extra[name]:
            raise InvalidRequest(f"extra {name} is missing: it is required if {condition}", next_step=missing)
    if store:
        return StoreApp(extra["app_ticket"], extra["tenant_key"])
    return _consent(extra["redirect_uri"], extra["scopes"] or "") if user else None


def _consent(redirect_uri: str, scopes: str) -> Consent:
    if not is_http(redirect_uri) or urlsplit(redirect_uri).fragment:
        raise InvalidRequest("extra redirect_uri is not an http or https URL", next_step=_REDIRECT)
    wanted = tuple(dict.fromkeys(scopes.replace(",", " ").split())) or SCOPES
    return Consent(redirect_uri, (*(scope for scope in wanted if scope != OFFLINE_ACCESS), OFFLINE_ACCESS))
