"""The ASGI application: both vendors' routes, the log of requests, and errors in each vendor's own shape."""

from __future__ import annotations

import json
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_meetings.emulator.answers import feishu as feishu_answers
from airflow_provider_meetings.emulator.answers import wecom as wecom_answers
from airflow_provider_meetings.emulator.answers.feishu import FeishuError
from airflow_provider_meetings.emulator.answers.media import Downloads
from airflow_provider_meetings.emulator.answers.request_check import Gate
from airflow_provider_meetings.emulator.answers.wecom import WecomError
from airflow_provider_meetings.emulator.control.routes import PREFIX, Control, control_unrouted
from airflow_provider_meetings.emulator.feishu.meetings import FeishuMeetings
from airflow_provider_meetings.emulator.feishu.minutes import FeishuMinutes
from airflow_provider_meetings.emulator.feishu.oauth import FeishuOauth
from airflow_provider_meetings.emulator.feishu.posts import FeishuPosts
from airflow_provider_meetings.emulator.feishu.report import FeishuReport
from airflow_provider_meetings.emulator.feishu.search import FeishuSearch
from airflow_provider_meetings.emulator.feishu.store import FeishuStore
from airflow_provider_meetings.emulator.feishu.tokens import FeishuTokens
from airflow_provider_meetings.emulator.feishu.user_info import FeishuUserInfo
from airflow_provider_meetings.emulator.state.emulator import EmulatorState, RequestRecord
from airflow_provider_meetings.emulator.wecom.files import WecomFiles
from airflow_provider_meetings.emulator.wecom.routes import Wecom
from airflow_provider_meetings.emulator.wecom.transcripts import WecomTranscripts

# In this order: a search is not the minute of that name.
_PARTS = (
    FeishuTokens, FeishuStore, FeishuOauth, FeishuUserInfo, FeishuSearch, FeishuMeetings, FeishuMinutes, FeishuReport,
    FeishuPosts,
    Wecom, WecomFiles, WecomTranscripts,
)  # fmt: skip


def create_app(state: EmulatorState) -> Starlette:
    """Return the application that serves ``state.company``."""

    async def refuse(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException):
            if request.url.path.startswith(PREFIX):
                return control_unrouted(error.status_code)
            error = _unrouted(request, error.status_code)
        if isinstance(error, WecomError):
            return wecom_answers.refusal(error, request)
        if isinstance(error, FeishuError):
            return feishu_answers.refusal(error, state.now())
        raise error

    gate = Gate(state)
    app = Starlette(
        routes=[
            *(route for part in _PARTS for route in part(state, gate).routes()),
            *Downloads(state).routes(),
            *Control(state).routes(),
        ],
        middleware=[Middleware(RequestLog, state=state), Middleware(HeaderCase)],
        exception_handlers={FeishuError: refuse, WecomError: refuse, HTTPException: refuse},
    )
    # The vendors redirect nothing; a client that needs it should fail here too.
    app.router.redirect_slashes = False
    return app


def _unrouted(request: Request, status: int) -> FeishuError | WecomError:
    """Return what a request that fits no route is refused with; what an unknown path answers is assumed."""
    if not request.url.path.startswith("/cgi-bin/"):
        return feishu_answers.path_unknown()
    if status != 405:
        return wecom_answers.path_unknown()
    return wecom_answers.refused(43001 if request.method == "POST" else 43002)


class RequestLog:
    """Log each request before it is answered. Plain ASGI: Starlette's own middleware class would slow down streams."""

    def __init__(self, app: ASGIApp, state: EmulatorState) -> None:
        self.app = app
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, log it, and hand it on as if unread; the emulator's own control is no vendor's traffic."""
        request = Request(scope, receive)
        if request.url.path.startswith(PREFIX):
            await self.app(scope, receive, send)
            return
        body = await request.body()
        self.state.log(
            RequestRecord(
                method=request.method,
                path=request.url.path,
                query=dict(request.query_params),
                headers=dict(request.headers),
                body=_parsed(body),
            )
        )
        unread = [body]

        async def replay() -> Message:
            if unread:
                return {"type": "http.request", "body": unread.pop(), "more_body": False}
            return await receive()

        await self.app(scope, replay, send)


class HeaderCase:
    """Send header names as ``X-Tt-Logid``: Feishu's Python SDK looks them up in that case, Starlette sends lower."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Capitalize the names of each answer's headers."""

        async def send_capitalized(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [(name.title(), value) for name, value in message["headers"]]
            await send(message)

        await self.app(scope, receive, send_capitalized)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
