"""``/_emulator/``: turn knobs, order failures and read the log by HTTP, from this machine alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_provider_meetings.emulator.control.settings import KNOBS, turn
from airflow_provider_meetings.emulator.faults.media import FAULT_KINDS
from airflow_provider_meetings.emulator.model.endpoints import ENDPOINTS
from airflow_provider_meetings.emulator.state.clock import VirtualClock
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

_NUMBER: Final = (int,)
_OPTIONAL_NUMBER: Final = (int, type(None))
_TEXT: Final = (str,)
_OPTIONAL_TEXT: Final = (str, type(None))

Takes = Mapping[str, tuple[type, ...]]

FAIL: Final[Takes] = {
    "endpoint": _TEXT, "code": _NUMBER, "times": _OPTIONAL_NUMBER, "skip": _NUMBER, "status": _OPTIONAL_NUMBER,
    "message": _OPTIONAL_TEXT, "reset": _NUMBER, "body": _OPTIONAL_TEXT,
}  # fmt: skip
FAULT: Final[Takes] = {
    "kind": _TEXT, "file": _OPTIONAL_TEXT, "n": _OPTIONAL_NUMBER, "request": _OPTIONAL_NUMBER, "first": _NUMBER,
    "last": _OPTIONAL_NUMBER, "location": _TEXT,
}  # fmt: skip
CLOCK: Final[Takes] = {"advance": (int, float), "now": (int, float, str), "running": (bool,)}
REVOKE: Final[Takes] = {"token": _OPTIONAL_TEXT, "endpoint": _TEXT, "requests": _NUMBER}
SILENCE: Final[Takes] = {"endpoint": _TEXT, "manner": _TEXT, "times": _OPTIONAL_NUMBER, "skip": _NUMBER}
NOT_READY: Final[Takes] = {"object_id": _TEXT, "polls": _NUMBER}
NOTHING: Final[Takes] = {}


async def json_object(request: Request) -> dict[str, Any]:
    """Return the JSON object that came, an empty one for no body.

    :raises ValueError: something else came.
    """
    if not await request.body():
        return {}
    try:
        body = await request.json()
    except ValueError:
        raise ValueError("the body is no JSON") from None
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    return body


def checked(body: Mapping[str, Any], takes: Takes, *required: str) -> dict[str, Any]:
    """Return ``body``, every name of which is taken and of its type.

    :raises ValueError: one is not, or a required one is missing.
    """
    for name, value in body.items():
        if name not in takes:
            raise ValueError(f"{name!r} is not taken; taken: {', '.join(takes) or 'nothing'}")
        if not isinstance(value, takes[name]) or (isinstance(value, bool) and bool not in takes[name]):
            names = " or ".join("null" if kind is type(None) else kind.__name__ for kind in takes[name])
            raise ValueError(f"{name} must be {names}")
    missing = [name for name in required if name not in body]
    if missing:
        raise ValueError(f"{missing[0]} is required")
    return dict(body)


def moment(value: float | str) -> float | datetime:
    """Return a time that came as seconds since the epoch or as ISO 8601.

    :raises ValueError: it is neither.
    """
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("now must be seconds since the epoch or an ISO 8601 time with its zone") from None


PREFIX: Final = "/_emulator/"


class Control:
    """Answer the machine that the emulator runs on; others get 403, for the log holds what others sent."""

    def __init__(self, state: EmulatorState) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            self._route("", "GET", self.overview),
            self._route("knobs", "POST", self.knobs),
            self._route("not-ready", "POST", self.not_ready),
            self._route("fail", "POST", self.fail),
            self._route("fail", "DELETE", self.clear_failures),
            self._route("media-fault", "POST", self.media_fault),
            self._route("media-fault", "DELETE", self.clear_faults),
            self._route("revoke", "POST", self.revoke),
            self._route("silence", "POST", self.hang),
            self._route("silence", "DELETE", self.clear_hangs),
            self._route("release", "POST", self.release),
            self._route("counters", "GET", self.counters),
            self._route("counters", "DELETE", self.forget_counters),
            self._route("clock", "POST", self.clock),
            self._route("reset", "POST", self.reset),
            self._route("requests", "GET", self.requests),
            self._route("requests", "DELETE", self.forget_requests),
        ]

    def _route(self, name: str, method: str, handler: Callable[[Request, Any], Any]) -> Route:
        async def answer(request: Request) -> Response:
            if not _is_loopback(request):
                return JSONResponse({"error": "/_emulator/ answers this machine alone"}, 403)
            try:
                body = await json_object(request) if method == "POST" else {}
                return JSONResponse(handler(request, body))
            except ValueError as error:
                return JSONResponse({"error": str(error)}, 400)

        return Route(PREFIX + name, answer, methods=[method])

    def overview(self, _request: Request, _body: Any) -> dict[str, Any]:
        """Return knobs and state."""
        state = self.state
        return {
            "company": state.company.name,
            "clock": {"now": state.now(), "virtual": isinstance(state.clock, VirtualClock)},
            "knobs": {
                name: {"value": getattr(state, name), "takes": knob.takes, "about": knob.about}
                for name, knob in KNOBS.items()
            },
            "limits": state.limits.described(),
            "redirect_uris": list(state.redirect_uris),
            "endpoints": {name: f"{endpoint.method} {endpoint.path}" for name, endpoint in ENDPOINTS.items()},
            "media_fault_kinds": list(FAULT_KINDS),
            "failures": [asdict(failure) for failure in state.failures],
            "media_faults": [fault.described() for fault in state.media_faults],
            "silences": [asdict(hang) for hang in state.hangs],
            "revocations": [asdict(revocation) for revocation in state.revocations],
            "app_tickets": state.app_tickets.pushed,
            **self._counters(),
        }

    def _counters(self) -> dict[str, Any]:
        state = self.state
        return {
            "requests": len(state.requests),
            "token_requests": dict(state.token_requests),
            "calls": dict(state.calls),
            "throttled": dict(state.throttled),
            "refresh_tokens": dict(state.consents.presented),
        }

    def counters(self, _request: Request, _body: Any) -> dict[str, Any]:
        """Return what was counted: calls and throttled answers by endpoint, how often each refresh token came."""
        return self._counters()

    def forget_counters(self, _request: Request, _body: Any) -> dict[str, Any]:
        """Count anew and empty the log; tokens and rate windows stay."""
        self.state.forget_counters()
        return self._counters()

    def knobs(self, request: Request, body: Any) -> dict[str, Any]:
        """Turn knobs, all or none, and return all."""
        turn(self.state, body)
        return self.overview(request, body)

    def not_ready(self, _request: Request, body: Any) -> dict[str, Any]:
        """Let one object be not ready for some polls."""
        values = checked(body, NOT_READY, "object_id", "polls")
        if values["polls"] < 0:
            raise ValueError("polls must be 0 or more")
        self.state.not_ready(**values)
        return values

    def fail(self, _request: Request, body: Any) -> dict[str, Any]:
        """Order a failure."""
        return asdict(self.state.fail(**checked(body, FAIL, "endpoint", "code")))

    def clear_failures(self, request: Request, _body: Any) -> dict[str, Any]:
        """Forget the failures, or those of ``?endpoint=``."""
        self.state.clear_failures(request.query_params.get("endpoint"))
        return {"failures": [asdict(failure) for failure in self.state.failures]}

    def media_fault(self, _request: Request, body: Any) -> dict[str, Any]:
        """Order a media fault."""
        return self.state.fault(**checked(body, FAULT, "kind")).described()

    def clear_faults(self, request: Request, _body: Any) -> dict[str, Any]:
        """Forget the media faults, or those of ``?file=``."""
        self.state.clear_faults(request.query_params.get("file"))
        return {"media_faults": [fault.described() for fault in self.state.media_faults]}

    def revoke(self, _request: Request, body: Any) -> dict[str, Any]:
        """Void one token, or all access tokens: now, or once so many more requests to an endpoint have been done."""
        values = checked(body, REVOKE)
        if "endpoint" in values:
            return asdict(self.state.revoke_after(**values))
        if "requests" in values:
            raise ValueError("requests needs the endpoint whose requests are counted")
        self.state.revoke_tokens(values.get("token"))
        return {"revoked": True}

    def hang(self, _request: Request, body: Any) -> dict[str, Any]:
        """Let requests be done and not be answered."""
        return asdict(self.state.hang(**checked(body, SILENCE, "endpoint")))

    def clear_hangs(self, _request: Request, _body: Any) -> dict[str, Any]:
        """Forget those orders, and answer who hangs."""
        self.state.hangs.clear()
        return {"silences": []}

    def release(self, _request: Request, body: Any) -> dict[str, Any]:
        """Answer who hangs."""
        checked(body, NOTHING)
        return {"released": self.state.release()}

    def clock(self, _request: Request, body: Any) -> dict[str, Any]:
        """Set the clock or advance it; a real one becomes virtual, and goes on unless set or told to stand still."""
        values = checked(body, CLOCK)
        if ("now" in values) == ("advance" in values):
            raise ValueError("clock takes now or advance, one of them")
        clock = self.state.clock
        if not isinstance(clock, VirtualClock):
            clock = VirtualClock(self.state.now(), running=values.get("running", "now" not in values))
        if "running" in values and values["running"] != clock.running:
            clock = VirtualClock(clock.now, running=values["running"])
        if "advance" in values:
            clock.advance(values["advance"])
        else:
            clock.set(moment(values["now"]))
        self.state.clock = clock
        return {"now": clock.now, "running": clock.running}

    def reset(self, request: Request, body: Any) -> dict[str, Any]:
        """Return to the beginning."""
        checked(body, NOTHING)
        self.state.reset()
        return self.overview(request, body)

    def requests(self, request: Request, _body: Any) -> dict[str, Any]:
        """Return the log, or those of ``?path=``; tokens in it are the emulator's own."""
        path = request.query_params.get("path")
        return {"requests": [asdict(one) for one in list(self.state.requests) if path in (None, one.path)]}

    def forget_requests(self, _request: Request, _body: Any) -> dict[str, Any]:
        """Empty the log."""
        self.state.requests.clear()
        return {"requests": []}


def control_unrouted(status: int) -> Response:
    """Answer for a path or a method below ``/_emulator/`` that there is not."""
    return JSONResponse({"error": "see GET /_emulator/ and the documentation for what there is"}, status)


def _is_loopback(request: Request) -> bool:
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
