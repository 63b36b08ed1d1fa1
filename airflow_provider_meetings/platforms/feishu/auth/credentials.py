"""The credentials of one client."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_meetings.api.http.auth import TokenStore
from airflow_provider_meetings.api.http.oauth import UserTokens
from airflow_provider_meetings.api.sanitize import NeverPickled
from airflow_provider_meetings.platforms.feishu.api.ids import UserIdType
from airflow_provider_meetings.platforms.feishu.auth.identity import StoreApp


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
