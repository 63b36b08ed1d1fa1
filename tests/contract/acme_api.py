"""A fictitious API for tests of the transport: its decoder, its token, and an unused port."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import requests

from airflow_provider_meetings.api.errors import (
    AuthenticationError,
    MeetingsApiError,
    NotFound,
    NotReady,
    RateLimited,
    ServerError,
)
from airflow_provider_meetings.api.http.auth import Token, TokenAuth, TokenStore
from airflow_provider_meetings.api.http.rate_limit import Quota
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.media.session import MediaSession
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from tests.contract.media.origin import json_body

REFUSED = json_body({"error": "token"}, 401)
OK = json_body({"value": 1})
Start = Callable[..., Transport]
StartMedia = Callable[..., MediaSession]
ERRORS: dict[str, type[MeetingsApiError]] = {
    "busy": RateLimited,
    "server": ServerError,
    "missing": NotFound,
    "making": NotReady,
    "token": AuthenticationError,
    "secret": AuthenticationError,
}

QUOTA = Quota("things")


def decode(response: requests.Response) -> Any:
    """Return the body, or raise the error that it names."""
    body = response.json()
    if name := body.get("error"):
        wait = response.headers.get("x-wait")
        error = ERRORS[name](f"acme refused: {name}", platform="acme", retry_after=float(wait) if wait else None)
        if isinstance(error, AuthenticationError):
            error.token_rejected = name == "token"
        raise error
    return body


def token_auth(transport: Transport, place_in: str = "header", store: TokenStore | None = None) -> TokenAuth:
    def fetch() -> Token:
        body = transport.call("POST", "/token", decode, quota=QUOTA, json={"app_secret": "S3CRET-APP"}, max_attempts=1)
        return Token(str(body["token"]), 1e12, 7200)

    def place(request: requests.PreparedRequest, value: str) -> None:
        if place_in == "header":
            request.headers["Authorization"] = f"Bearer {value}"
        else:
            request.prepare_url(request.url, {"access_token": value})

    return TokenAuth(
        key="k", fetch=fetch, place=place, store=store or ProcessTokenStore(), on_secret=transport.on_secret
    )


def closed_port() -> int:
    """Return a port on which no process listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
