"""The ids and secrets that the emulator accepts. All are invented."""

from __future__ import annotations

from typing import Final

from airflow_provider_meetings.emulator.model.feishu_apps import App, Cloud
from airflow_provider_meetings.emulator.seed.feishu import CHEN_YU

FEISHU_APP_ID: Final = "cli_bluewave0emulator"
FEISHU_APP_SECRET: Final = "emulator-feishu-secret"  # noqa: S105
# The registered redirect URIs.
FEISHU_REDIRECT_URIS: Final = (
    "http://127.0.0.1:8080/callback",
    "http://localhost:8080/callback",
    "https://airflow.example.invalid/meetings/callback",
)
# A store app that the company has installed, the company's tenant key, and the app's first ticket.
FEISHU_STORE_APP_ID: Final = "cli_bluewave0emulatorstore"
FEISHU_STORE_APP_SECRET: Final = "emulator-feishu-store-secret"  # noqa: S105
FEISHU_TENANT_KEY: Final = "bluewave0tenantkey"
FEISHU_APP_TICKET: Final = "ticket-bluewave0emulator"
# The apps on the international cloud, which does not know those above.
LARK_APP_ID: Final = "cli_bluewave0emulatorlark"
LARK_APP_SECRET: Final = "emulator-lark-secret"  # noqa: S105
LARK_STORE_APP_ID: Final = "cli_bluewave0emulatorlarkstore"
LARK_STORE_APP_SECRET: Final = "emulator-lark-store-secret"  # noqa: S105
# The user who has consented when the emulator starts. The access token never expires; the refresh token works once.
FEISHU_USER: Final = CHEN_YU
FEISHU_USER_TOKEN: Final = "u-bluewave0emulator0chenyu"  # noqa: S105
FEISHU_USER_REFRESH_TOKEN: Final = "eyJ.bluewave0emulator0chenyu"  # noqa: S105
WECOM_CORP_ID: Final = "ww0bluewave0emulator"
WECOM_CORP_SECRET: Final = "emulator-wecom-secret"  # noqa: S105

APPS: Final = (
    App(FEISHU_APP_ID, FEISHU_APP_SECRET, "feishu"),
    App(FEISHU_STORE_APP_ID, FEISHU_STORE_APP_SECRET, "feishu", store=True),
    App(LARK_APP_ID, LARK_APP_SECRET, "lark"),
    App(LARK_STORE_APP_ID, LARK_STORE_APP_SECRET, "lark", store=True),
)


# https://open.feishu.cn/document/server-side-sdk/faq
def find_app(cloud: Cloud, app_id: object) -> App | None:
    """Return the app with this id; None if ``cloud`` does not know it, as it does not know the other cloud's apps."""
    return next((app for app in APPS if app.cloud == cloud and app.app_id == app_id), None)
