"""What a store app does for its tokens: a pushed ticket, a token of the app, and one for each tenant."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_meetings.emulator.answers import feishu as answers
from airflow_provider_meetings.emulator.answers.request_check import Gate
from airflow_provider_meetings.emulator.feishu.tokens import app_of_body, json_body
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_TENANT_KEY
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

_RESEND: Final = "feishu.app_ticket_resend"
_APP: Final = "feishu.app_access_token"
_TENANT: Final = "feishu.store_tenant_access_token"


class FeishuStore:
    """Serve the store app of the emulated cloud, which one company has installed."""

    def __init__(self, state: EmulatorState, gate: Gate) -> None:
        self.state = state
        self.gate = gate

    def routes(self) -> list[Route]:
        """Return all routes; as with the tenant token, the paths are in circulation with a trailing slash too."""
        handlers = {_RESEND: self.resend, _APP: self.app_token, _TENANT: self.tenant_token}
        return [self.gate.route(name, handler, slash) for name, handler in handlers.items() for slash in ("", "/")]

    # https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/app_ticket_resend
    async def resend(self, request: Request) -> Response:
        """Push a ticket; the answer does not hold it, ``GET /_emulator/`` does. 10016 is for self-built apps."""
        app = app_of_body(self.state.cloud, await json_body(request), _RESEND)
        if not app.store:
            raise answers.refused(_RESEND, 10016)
        self.state.app_tickets.push()
        return answers.flat({"code": 0, "msg": "success"}, self.state.now())

    # https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/app_access_token
    async def app_token(self, request: Request) -> Response:
        """Answer flat with the app's token; 10012 for a ticket that is not good (so the vendor's SDK reads it)."""
        body = await json_body(request)
        app = app_of_body(self.state.cloud, body, _APP)
        if not app.store or not self.state.app_tickets.is_good(body.get("app_ticket"), self.state.ticket_seconds):
            raise answers.refused(_APP, 10012)
        token, expire = self.state.tokens.issue("feishu_app", self.state.token_seconds)
        return self._flat("app_access_token", token, expire)

    # https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/tenant_access_token
    async def tenant_token(self, request: Request) -> Response:
        """Answer flat. Assumed: 99991664 for a void token of the app, 10013 for a tenant that has not installed it."""
        body = await json_body(request)
        app_token, tenant_key = body.get("app_access_token"), body.get("tenant_key")
        if not isinstance(app_token, str) or not isinstance(tenant_key, str):
            raise answers.refused(_TENANT, 10003)
        if self.state.tokens.status("feishu_app", app_token) != "valid":
            raise answers.refused(_TENANT, 99991664)
        if tenant_key != FEISHU_TENANT_KEY:
            raise answers.refused(_TENANT, 10013)
        token, expire = self.state.tokens.issue("feishu_store", self.state.token_seconds)
        return self._flat("tenant_access_token", token, expire)

    def _flat(self, name: str, token: str, expire: int) -> Response:
        content: dict[str, Any] = {"code": 0, "msg": "success", name: token, "expire": expire}
        return answers.flat(content, self.state.now())
