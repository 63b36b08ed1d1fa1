"""The ASGI application: the routes of both vendors, the log of requests, and errors in each vendor's form."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from functools import partial
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_meetings.emulator.answers import feishu, wecom
from airflow_provider_meetings.emulator.answers.feishu import FeishuError, json_body
from airflow_provider_meetings.emulator.answers.media import MEDIA_HANDLERS
from airflow_provider_meetings.emulator.answers.request_check import Handler, checked_routes
from airflow_provider_meetings.emulator.answers.wecom import WecomError
from airflow_provider_meetings.emulator.control.routes import PREFIX, Control
from airflow_provider_meetings.emulator.feishu import meetings, minutes, oauth, posts, report, search, tokens
from airflow_provider_meetings.emulator.state.emulator import EmulatorState, RequestRecord
from airflow_provider_meetings.emulator.wecom import files, recordings, transcripts

_ENDPOINT_HANDLERS: Final[Mapping[str, Handler]] = {
    "feishu.tenant_access_token": tokens.tenant_access_token,
    "feishu.app_ticket_resend": tokens.resend,
    "feishu.app_access_token": tokens.app_access_token,
    "feishu.store_tenant_access_token": tokens.store_tenant_access_token,
    "feishu.user_access_token": oauth.token,
    "feishu.user_access_token_v3": oauth.token,
    "feishu.user_info": oauth.user_info,
    "feishu.minutes_search": search.minutes_search,
    "feishu.minute": minutes.minute,
    "feishu.minute_media": minutes.minute_media,
    "feishu.minute_transcript": minutes.minute_transcript,
    "feishu.minute_statistics": minutes.minute_statistics,
    "feishu.minute_artifacts": minutes.minute_artifacts,
    "feishu.meeting_recording": meetings.meeting_recording,
    "feishu.meetings_by_number": meetings.meetings_by_number,
    "feishu.meeting_list": report.meeting_list,
    "feishu.post": posts.post,
    "wecom.gettoken": recordings.gettoken,
    "wecom.record_list": recordings.record_list,
    "wecom.get_file_list": files.get_file_list,
    "wecom.get_file": files.get_file,
    "wecom.get_paragraph_list": transcripts.get_paragraph_list,
    "wecom.get_detail": transcripts.get_detail,
}
_SECRETS: Final = (
    "authorization", "proxy-authorization", "cookie", "access_token", "corpsecret", "app_secret", "client_secret",
    "refresh_token", "app_access_token", "app_ticket", "code_verifier",
)  # fmt: skip
_OTHER_HANDLERS: Final[Mapping[str, Handler]] = {oauth.AUTHORIZE_PATH: oauth.consent_page, **MEDIA_HANDLERS}


def create_app(state: EmulatorState, host: str = "localhost") -> Starlette:
    """Return the application that serves ``state.company`` at ``host``."""

    async def unrouted(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        if request.url.path.startswith(PREFIX):
            return JSONResponse({"error": "unknown path or method; see GET /_emulator/ and the documentation"}, status)
        # No page shows the answer to an unknown path: both vendors' are assumed.
        if not request.url.path.startswith("/cgi-bin/"):
            return feishu.error_response(FeishuError(404, 404, "404 page not found"), state.now())
        if status == 405:
            return wecom.error_response(wecom.error(43001 if request.method == "POST" else 43002), request)
        return wecom.error_response(WecomError(-1, "no such path"), request)

    app = Starlette(
        routes=[
            *(route for name, handler in _ENDPOINT_HANDLERS.items() for route in checked_routes(state, name, handler)),
            *(Route(path, partial(handler, state)) for path, handler in _OTHER_HANDLERS.items()),
            *Control(state, host).routes(),
        ],
        middleware=[Middleware(Exchange, state=state)],
        exception_handlers={HTTPException: unrouted},
    )
    # The vendors send no redirects here, so a client that depends on them must fail.
    app.router.redirect_slashes = False
    return app


class Exchange:
    """Log each request before it is answered, and send the headers as Feishu's Python SDK needs them.

    Plain ASGI: Starlette's BaseHTTPMiddleware would slow down streams.
    """

    def __init__(self, app: ASGIApp, state: EmulatorState) -> None:
        self.app = app
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; capitalize the header names of the response, and add the date of the calendar."""
        if not scope["path"].startswith(PREFIX):
            receive = await self._logged(scope, receive)

        async def send_capitalized(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Names as ``X-Tt-Logid``, not in lower case.
                headers = [(name.title(), value) for name, value in message["headers"]]
                message["headers"] = [*headers, (b"Date", formatdate(self.state.calendar(), usegmt=True).encode())]
            await send(message)

        await self.app(scope, receive, send_capitalized)

    async def _logged(self, scope: Scope, receive: Receive) -> Receive:
        """Log the request, and return what receives its body once more."""
        request = Request(scope, receive)
        body = await request.body()
        parts: list[dict[str, Any]] = [dict(request.query_params), dict(request.headers), await json_body(request)]
        withheld = [name for part in parts for name in _SECRETS if part.pop(name, None)]
        query, headers, parsed = parts
        self.state.log(RequestRecord(request.method, request.url.path, query, headers, parsed, tuple(withheld)))
        unread = [body]

        async def replay() -> Message:
            if unread:
                return {"type": "http.request", "body": unread.pop(), "more_body": False}
            return await receive()

        return replay
