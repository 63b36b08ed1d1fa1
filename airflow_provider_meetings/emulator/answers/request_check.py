"""What stands before every endpoint: the refusals that a test ordered, then the vendor's rate limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_meetings.emulator.answers import feishu as feishu_answers
from airflow_provider_meetings.emulator.answers import wecom as wecom_answers
from airflow_provider_meetings.emulator.answers.feishu import FeishuError, Shape
from airflow_provider_meetings.emulator.answers.wecom import WecomError
from airflow_provider_meetings.emulator.codes.registry import find
from airflow_provider_meetings.emulator.faults.errors import Failure
from airflow_provider_meetings.emulator.faults.hangs import WithheldResponse
from airflow_provider_meetings.emulator.faults.rate_limits import Refused
from airflow_provider_meetings.emulator.model.endpoints import ENDPOINTS, Endpoint
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

_THROTTLED: Final = 99991400
_POST_THROTTLED: Final = 1420003
_SHAPES: Final[dict[str, Shape]] = {
    "feishu.tenant_access_token": "flat",
    "feishu.app_ticket_resend": "flat",
    "feishu.app_access_token": "flat",
    "feishu.store_tenant_access_token": "flat",
    "feishu.user_access_token": "oauth",
    "feishu.user_access_token_v3": "oauth",
}
# "Too many", in the words of each.
_TOO_MANY: Final = frozenset({_THROTTLED, _POST_THROTTLED, 45009, 45033})

Handler = Callable[[Request], Awaitable[Response]]


class Gate:
    """Make routes of handlers, each behind the gate.

    Assumed: the limit is asked before the token, and a request that a test lets fail does not count for it.
    """

    def __init__(self, state: EmulatorState) -> None:
        self.state = state

    def route(
        self, name: str, handler: Handler, ending: str = "", first: Callable[[Request], Awaitable[None]] | None = None
    ) -> Route:
        """Return the route of the endpoint ``name``, its path followed by ``ending``.

        :param first: what is done with every request, also with one that is refused before its handler.
        """
        endpoint = ENDPOINTS[name]

        async def answer(request: Request) -> Response:
            self.state.count_request(endpoint)
            if first is not None:
                await first(request)
            response = await self._answer(request, endpoint, handler)
            # Now it is done, and has not been answered yet.
            self.state.revocations.count(name)
            manner = self.state.hangs.take(name)
            return response if manner is None else WithheldResponse(response, manner, self.state.hangs)

        return Route(endpoint.path + ending, answer, methods=[endpoint.method], name=name + ending)

    async def _answer(self, request: Request, endpoint: Endpoint, handler: Handler) -> Response:
        try:
            failure = self.state.failures.take(endpoint.name)
            if failure is not None:
                return self._failed(endpoint, failure)
            refused = self._too_many(request, endpoint)
            if refused is not None:
                raise self._throttled(endpoint, refused)
            return await handler(request)
        except FeishuError as error:
            self._count_throttled(endpoint, error.code)
            return feishu_answers.refusal(error, self.state.now(), _SHAPES.get(endpoint.name, "envelope"))
        except WecomError as error:
            self._count_throttled(endpoint, error.errcode)
            return wecom_answers.refusal(error, request)

    def _count_throttled(self, endpoint: Endpoint, code: int) -> None:
        if code in _TOO_MANY:
            self.state.count_throttled(endpoint)

    def _too_many(self, request: Request, endpoint: Endpoint) -> Refused | None:
        if not self.state.rate_limits:
            return None
        # The limit is of an app: the store app's tokens share none with the other's.
        token = request.headers.get("authorization", "").partition(" ")[2]
        of_store = bool(token) and self.state.tokens.status("feishu_store", token) != "unknown"
        return self.state.limits.refuse(endpoint.name, self.state.wecom_concurrent, "store" if of_store else "")

    def _failed(self, endpoint: Endpoint, failure: Failure) -> Response:
        if failure.body is not None:
            kind = "application/json" if failure.body.lstrip().startswith(("{", "[")) else "text/html"
            return Response(failure.body, failure.status, media_type=kind)
        if endpoint.platform == "wecom":
            raise WecomError(failure.code, failure.message, failure.status)
        status, message = failure.status, failure.message
        row = find(endpoint.name, failure.code)
        if row is not None and failure.endpoint.endswith(".*") and not failure.explicit:
            # Ordered for all endpoints, some of which give the code another meaning.
            status, message = row.status, row.message
        headers = {}
        if failure.code == _THROTTLED:
            windows = endpoint.windows
            headers = _ogw(windows[0].count if windows else 1, failure.reset)
            status = status if failure.explicit else self.state.throttle_status
        raise FeishuError(status, failure.code, message, headers)

    # https://open.feishu.cn/document/ukTMukTMukTM/uUzN04SN3QjL1cDN
    # https://developer.work.weixin.qq.com/document/path/90454
    def _throttled(self, endpoint: Endpoint, refused: Refused) -> FeishuError | WecomError:
        if endpoint.platform == "wecom":
            return wecom_answers.refused(45033 if refused.concurrent else 45009)
        if endpoint.name == "feishu.post":
            # Moments has a code of its own, and no header that tells when to come back.
            return feishu_answers.refused("feishu.post", _POST_THROTTLED)
        error = feishu_answers.refused(endpoint.name, _THROTTLED)
        return FeishuError(self.state.throttle_status, error.code, error.msg, _ogw(refused.limit, refused.reset))


def _ogw(limit: int, reset: int) -> dict[str, str]:
    return {"x-ogw-ratelimit-limit": str(limit), "x-ogw-ratelimit-reset": str(reset)}
