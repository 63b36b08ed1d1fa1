"""``/_emulator/``: settings, faults and the log of requests over HTTP, for clients on the same machine."""

from __future__ import annotations

import inspect
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any, Final, TypeVar, get_args

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_provider_meetings.emulator.control.settings import SETTINGS, apply_settings
from airflow_provider_meetings.emulator.faults.errors import Failure, Failures
from airflow_provider_meetings.emulator.faults.media import FAULT_KINDS, MediaFault, MediaFaults
from airflow_provider_meetings.emulator.model.endpoints import ENDPOINTS
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

PREFIX: Final = "/_emulator/"
Result = TypeVar("Result")


async def _json_object(request: Request) -> dict[str, Any]:
    """Return the JSON object of the body; an empty one without a body.

    :raises ValueError: the body is anything else.
    """
    if not await request.body():
        return {}
    try:
        body = await request.json()
    except ValueError:
        raise ValueError("the body is not JSON") from None
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    return body


def _call(function: Callable[..., Result], body: Mapping[str, Any]) -> Result:
    """Call ``function`` with the arguments in ``body``.

    :raises ValueError: an argument is unknown, missing or of another type.
    """
    parameters = inspect.signature(function, eval_str=True).parameters
    for name, value in body.items():
        if name not in parameters:
            raise ValueError(f"{name!r} is not accepted; accepted: {', '.join(parameters) or 'nothing'}")
        annotation = parameters[name].annotation
        # The function itself checks a literal.
        kinds = [kind for kind in get_args(annotation) or (annotation,) if isinstance(kind, type)]
        if kinds and type(value) not in kinds:
            names = " or ".join("null" if kind is type(None) else kind.__name__ for kind in kinds)
            raise ValueError(f"{name} must be {names}")
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in body:
            raise ValueError(f"{name} is required")
    return function(**body)


class Control:
    """The control routes. Other machines and web pages get 403, because the log shows the requests of all clients."""

    def __init__(self, state: EmulatorState, host: str) -> None:
        self.state = state
        self._host = host

    def routes(self) -> list[Route]:
        """Return all routes. In URLs and JSON, settings are called ``knobs``."""
        return [
            self._route("", "GET", self.overview),
            self._route("knobs", "POST", self.change_settings),
            self._route("fail", "POST", partial(self.inject, self.state.fail)),
            self._route("fail", "DELETE", partial(self.clear, self.state.failures, "failures", "endpoint")),
            self._route("media-fault", "POST", partial(self.inject, self.state.fault)),
            self._route("media-fault", "DELETE", partial(self.clear, self.state.media_faults, "media_faults", "file")),
            self._route("counters", "GET", self.counters),
            self._route("counters", "DELETE", self.clear_counters),
            self._route("reset", "POST", self.reset),
            self._route("requests", "GET", self.requests),
        ]

    def _route(self, name: str, method: str, handler: Callable[[Mapping[str, str], Any], Any]) -> Route:
        async def answer(request: Request) -> Response:
            if request.client is None or not _is_loopback(request.client.host):
                return JSONResponse({"error": "/_emulator/ answers only clients on the same machine"}, 403)
            # A web page may send a request here, and, if its name is made to lead here, read the answer.
            for header in ("Host", "Origin"):
                value = request.headers.get(header, "localhost").lower()
                name = re.sub(r"^https?://|:\d+$|[][]", "", value)
                if name not in ("localhost", self._host) and not _is_loopback(name):
                    return JSONResponse({"error": f"/_emulator/ refuses a foreign {header}: use 127.0.0.1"}, 403)
            try:
                body = await _json_object(request) if method == "POST" else {}
                return JSONResponse(handler(request.query_params, body))
            except ValueError as error:
                return JSONResponse({"error": str(error)}, 400)

        return Route(PREFIX + name, answer, methods=[method])

    def overview(self, _query: Any = None, _body: Any = None) -> dict[str, Any]:
        state = self.state
        return {
            "company": state.company.name,
            "knobs": {
                name: {"value": getattr(state, name), "takes": setting.takes, "about": setting.about}
                for name, setting in SETTINGS.items()
            },
            "limits": state.limits.to_dict(),
            "endpoints": {name: f"{endpoint.method} {endpoint.path}" for name, endpoint in ENDPOINTS.items()},
            "media_fault_kinds": list(FAULT_KINDS),
            "failures": [asdict(failure) for failure in state.failures],
            "media_faults": [asdict(fault) for fault in state.media_faults],
            "app_tickets": state.app_tickets.pushed,
            **self.counters(),
        }

    def counters(self, _query: Any = None, _body: Any = None) -> dict[str, Any]:
        """Return all counters: requests and throttled requests by endpoint, and uses of each refresh token."""
        state = self.state
        return {
            "requests": len(state.requests),
            "token_requests": dict(state.token_requests),
            "calls": dict(state.calls),
            "throttled": dict(state.throttled),
            "refresh_tokens": dict(state.consents.presented),
        }

    def clear_counters(self, _query: Any, _body: Any) -> dict[str, Any]:
        """Clear the counters and the log; tokens and rate limits keep their state."""
        self.state.forget_counters()
        return self.counters()

    def change_settings(self, _query: Any, body: Any) -> dict[str, Any]:
        """Change settings, all or none, and return the overview."""
        apply_settings(self.state, body)
        return self.overview()

    def inject(self, add: Callable[..., Failure | MediaFault], _query: Any, body: Any) -> dict[str, Any]:
        return asdict(_call(add, body))

    def clear(
        self, faults: Failures | MediaFaults, name: str, only: str, query: Mapping[str, str], _body: Any
    ) -> dict[str, Any]:
        """Remove the faults, or those of ``?endpoint=`` or ``?file=``; return what is left."""
        faults.clear(query.get(only))
        return {name: [asdict(fault) for fault in faults]}

    def reset(self, _query: Any, body: Any) -> dict[str, Any]:
        _call(self.state.reset, body)
        return self.overview()

    def requests(self, query: Mapping[str, str], _body: Any) -> dict[str, Any]:
        """Return the log, or the requests of ``?path=``; it keeps no secret."""
        path = query.get("path")
        return {"requests": [asdict(record) for record in list(self.state.requests) if path in (None, record.path)]}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
