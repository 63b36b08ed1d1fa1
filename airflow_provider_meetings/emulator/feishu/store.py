"""Feishu's tokens of store apps: a pushed ticket, the app's token, and a token per tenant."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_meetings.emulator.answers import feishu as answers
from airflow_provider_meetings.emulator.answers.feishu import json_body
from airflow_provider_meetings.emulator.answers.request_check import Handler
from airflow_provider_meetings.emulator.feishu.tokens import app_of_body
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_TENANT_KEY
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

_RESEND: Final = "feishu.app_ticket_resend"
_APP: Final = "feishu.app_access_token"
_TENANT: Final = "feishu.store_tenant_access_token"


# https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/app_ticket_resend
async def resend(state: EmulatorState, request: Request) -> Response:
    """Push a ticket; only ``GET /_emulator/`` shows it. Self-built apps get 10016."""
    app = app_of_body(state.cloud, await json_body(request), _RESEND)
    if not app.store:
        raise answers.error(_RESEND, 10016)
    state.app_tickets.push()
    return answers.flat({"code": 0, "msg": "success"}, state.now())


# https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/app_access_token
async def app_access_token(state: EmulatorState, request: Request) -> Response:
    """Answer without an envelope, with the app's token. The vendor's SDK expects 10012 for an invalid ticket."""
    body = await json_body(request)
    app = app_of_body(state.cloud, body, _APP)
    if not app.store or not state.app_tickets.is_valid(body.get("app_ticket")):
        raise answers.error(_APP, 10012)
    token, expire = state.tokens.issue("feishu_app", state.token_seconds)
    return answers.flat({"code": 0, "msg": "success", "app_access_token": token, "expire": expire}, state.now())


# https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/tenant_access_token
async def tenant_access_token(state: EmulatorState, request: Request) -> Response:
    """Answer without an envelope. Assumed: 99991664 for an invalid app token, 10013 for a tenant without the app."""
    body = await json_body(request)
    app_token, tenant_key = body.get("app_access_token"), body.get("tenant_key")
    if not isinstance(app_token, str) or not isinstance(tenant_key, str):
        raise answers.error(_TENANT, 10003)
    if state.tokens.status("feishu_app", app_token) != "valid":
        raise answers.error(_TENANT, 99991664)
    if tenant_key != FEISHU_TENANT_KEY:
        raise answers.error(_TENANT, 10013)
    token, expire = state.tokens.issue("feishu_store", state.token_seconds)
    return answers.flat({"code": 0, "msg": "success", "tenant_access_token": token, "expire": expire}, state.now())


HANDLERS: Final[dict[str, Handler]] = {_RESEND: resend, _APP: app_access_token, _TENANT: tenant_access_token}
