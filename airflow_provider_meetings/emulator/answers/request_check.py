"""What every endpoint does before and after its handler: injected errors, rate limits, counters, injected hangs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_meetings.emulator.answers import feishu, wecom
from airflow_provider_meetings.emulator.answers.feishu import FeishuError, Shape
from airflow_provider_meetings.emulator.answers.wecom import WecomError
from airflow_provider_meetings.emulator.codes.registry import find
from airflow_provider_meetings.emulator.faults.errors import Failure
from airflow_provider_meetings.emulator.faults.hangs import WithheldResponse
from airflow_provider_meetings.emulator.model.endpoints import ENDPOINTS, Endpoint
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

_THROTTLED: Final = 99991400
_POST_THROTTLED: Final = 1420003
_RATE_LIMIT_CODES: Final = frozenset({_THROTTLED, _POST_THROTTLED, 45009, 45033})
_SHAPES: Final[dict[str, Shape]] = {
    "feishu.tenant_access_token": "flat",
    "feishu.app_ticket_resend": "flat",
    "feishu.app_access_token": "flat",
    "feishu.store_tenant_access_token": "flat",
    "feishu.user_access_token": "oauth",
    "feishu.user_access_token_v3": "oauth",
}

Handler = Callable[[EmulatorState, Request], Awaitable[Response]]


def checked_routes(state: EmulatorState, name: str, handler: Handler) -> list[Route]:
    """Return the routes of the endpoint ``name``: the checks, then ``handler``."""
    endpoint = ENDPOINTS[name]

    async def answer(request: Request) -> Response:
        state.count_request(endpoint)
        if _SHAPES.get(name) == "oauth":
            state.consents.count_presented((await feishu.json_body(request)).get("refresh_token"))
        response = await _answer(state, request, endpoint, handler)
        # The request is processed now; its response is not sent yet.
        hang = state.hangs.take(name)
        return response if hang is None else WithheldResponse(response, hang.manner, state.hangs)

    paths = (endpoint.path, endpoint.path + "/") if endpoint.slash else (endpoint.path,)
    return [Route(path, answer, methods=[endpoint.method]) for path in paths]


async def _answer(state: EmulatorState, request: Request, endpoint: Endpoint, handler: Handler) -> Response:
    """Answer one request.

    Assumed: rate limits are checked before the token. Requests with an injected error do not count for them.
    """
    try:
        failure = state.failures.take(endpoint.name)
        if failure is not None:
            return _injected_error(endpoint, failure)
        _check_rate_limits(state, request, endpoint)
        return await handler(state, request)
    except (FeishuError, WecomError) as error:
        if error.code in _RATE_LIMIT_CODES:
            state.throttled[endpoint.name] += 1
        if isinstance(error, WecomError):
            return wecom.error_response(error, request)
        return feishu.error_response(error, state.now(), _SHAPES.get(endpoint.name, "envelope"))


def _injected_error(endpoint: Endpoint, failure: Failure) -> Response:
    # The endpoints of a platform can give a code different meanings.
    row = find(endpoint.name, failure.code)
    status = failure.status or (row.status if row else 200 if endpoint.platform == "wecom" else 400)
    message = failure.message if failure.message is not None else row.message if row else ""
    if failure.body is not None:
        media_type = "application/json" if failure.body.lstrip().startswith(("{", "[")) else "text/html"
        return Response(failure.body, status, media_type=media_type)
    if endpoint.platform == "wecom":
        raise WecomError(failure.code, message, status)
    headers = {}
    if failure.code == _THROTTLED:
        headers = _rate_limit_headers(endpoint.windows[0].count if endpoint.windows else 1, failure.reset)
    raise FeishuError(status, failure.code, message, headers)


# https://open.feishu.cn/document/ukTMukTMukTM/uUzN04SN3QjL1cDN
# https://developer.work.weixin.qq.com/document/path/90454
def _check_rate_limits(state: EmulatorState, request: Request, endpoint: Endpoint) -> None:
    if not state.rate_limits:
        return
    # Each app has its own limits: requests with the store app's tokens are counted apart.
    token = request.headers.get("authorization", "").partition(" ")[2]
    is_store = bool(token) and state.tokens.status("feishu_store", token) != "unknown"
    exceeded = state.limits.check(endpoint.name, "store" if is_store else "")
    if exceeded is None:
        return
    if endpoint.platform == "wecom":
        raise wecom.error(45033 if exceeded.concurrent else 45009)
    if endpoint.name == "feishu.post":
        # Moments has its own code and sends no reset header.
        raise feishu.error("feishu.post", _POST_THROTTLED)
    raise feishu.error(endpoint.name, _THROTTLED, _rate_limit_headers(exceeded.limit, exceeded.reset))


def _rate_limit_headers(limit: int, reset: int) -> dict[str, str]:
    return {"x-ogw-ratelimit-limit": str(limit), "x-ogw-ratelimit-reset": str(reset)}
