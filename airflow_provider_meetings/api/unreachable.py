"""Say that a host could not be reached, without what its address carries."""

from __future__ import annotations

import requests

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.redaction import redact


def unreachable(platform: str, url: str, failure: str) -> ServerError:
    """Return the error for a request that got no answer; `failure` is `kind_of_failure`'s.

    Raise it outside the except block: the exception of requests names the whole URL, and must not come along as
    this one's context.
    """
    return ServerError(
        f"{platform} could not be reached at {redact(url, path=False)}: {failure}",
        next_step="Check the connection's host (and proxy, ca_bundle), DNS and firewall; "
        "if they are right, try again later.",
        platform=platform,
    )


def kind_of_failure(error: Exception) -> str:
    """Name the failure without the text of `error`, which holds the URL."""
    if isinstance(error, requests.exceptions.SSLError):
        return "the TLS certificate or handshake was refused"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy failed"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.RequestException):
        return "no connection" if isinstance(error, requests.ConnectionError) else type(error).__name__
    if isinstance(error, OSError):
        return "the CA bundle cannot be read"
    return "the address is not one" if isinstance(error, ValueError) else type(error).__name__
