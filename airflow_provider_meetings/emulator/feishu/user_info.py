"""Whose token it is."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_meetings.emulator.answers import feishu as answers
from airflow_provider_meetings.emulator.answers.request_check import Gate
from airflow_provider_meetings.emulator.feishu.tokens import authorize
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_TENANT_KEY, FEISHU_USER
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

_NAME: Final = "feishu.user_info"
_USER_ID_SCOPE: Final = "contact:user.employee_id:readonly"


class FeishuUserInfo:
    """Answer for the one user who consents."""

    def __init__(self, state: EmulatorState, gate: Gate) -> None:
        self.state = state
        self.gate = gate

    def routes(self) -> list[Route]:
        """Return the one route."""
        return [self.gate.route(_NAME, self.user_info)]

    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/authen-v1/user_info/get
    async def user_info(self, request: Request) -> Response:
        """Answer with name and ids; no scope is needed but for the ``user_id``, addresses and numbers are left out."""
        authorize(self.state, request, _NAME, "user")
        token = request.headers["authorization"].partition(" ")[2]
        _, scopes = self.state.consents.behind(token)
        described = {
            "name": FEISHU_USER.name,
            "en_name": FEISHU_USER.name,
            "avatar_url": "https://example.invalid/avatar.jpg",
            "open_id": FEISHU_USER.open_id,
            "union_id": FEISHU_USER.union_id,
            "tenant_key": FEISHU_TENANT_KEY,
        }
        if _USER_ID_SCOPE in scopes:
            described["user_id"] = FEISHU_USER.user_id
        return answers.success(described, self.state.now())
