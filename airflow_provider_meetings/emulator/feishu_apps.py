"""The apps that the emulated clouds know: a self-built and a store app on Feishu, one of each on Lark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from airflow_provider_meetings.emulator import company

Cloud = Literal["feishu", "lark"]
DOMAINS: Final[dict[Cloud, str]] = {"feishu": "feishu.cn", "lark": "larksuite.com"}


@dataclass(frozen=True, slots=True)
class App:
    """One app as its developer console shows it; a store app asks for tokens in another way."""

    app_id: str
    secret: str
    cloud: Cloud
    store: bool = False


APPS: Final = (
    App(company.FEISHU_APP_ID, company.FEISHU_APP_SECRET, "feishu"),
    App(company.FEISHU_STORE_APP_ID, company.FEISHU_STORE_APP_SECRET, "feishu", store=True),
    App(company.LARK_APP_ID, company.LARK_APP_SECRET, "lark"),
    App(company.LARK_STORE_APP_ID, company.LARK_STORE_APP_SECRET, "lark", store=True),
)


# https://open.feishu.cn/document/server-side-sdk/faq
def app_of(cloud: Cloud, app_id: object) -> App | None:
    """Return the app of that id, None if ``cloud`` does not know it: an app of the other cloud is as unknown as any."""
    return next((app for app in APPS if app.cloud == cloud and app.app_id == app_id), None)


def self_built(cloud: Cloud) -> App:
    """Return the one self-built app of ``cloud``."""
    return next(app for app in APPS if app.cloud == cloud and not app.store)
