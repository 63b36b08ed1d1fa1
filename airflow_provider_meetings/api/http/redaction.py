"""Keep what URLs carry out of logs: ours, and those of the HTTP layer below us."""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from urllib.parse import urlsplit

import requests

from airflow_provider_meetings.api.errors import ServerError

_QUERY = re.compile(r"\?\S+")


def is_http(url: str) -> bool:
    """Tell whether `url` is an address of HTTP with a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket or a port that is none
        return False


def scheme_of(url: str) -> str:
    """Return the scheme of a URL in lower case; an empty text where there is none."""
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


def redact(url: str, *, path: bool = True) -> str:
    """Show where a request goes without what it carries: no user, no query."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    origin = f"{parts.scheme}://{parts.hostname or ''}{port}"
    return f"{origin}{parts.path}{'?***' if parts.query else ''}" if path else origin


class _QueryFilter(logging.Filter):
    """Cut the queries out of urllib3's lines about hosts that we talk to: each request at DEBUG, broken headers louder.

    WeCom's secret and token stand in queries, and a media link is one. Registering each link with Airflow's masker
    would do it too, but its cost grows with the square of the links: minutes for a few hundred files.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hosts: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record in place; let every record pass."""
        if isinstance(record.args, tuple) and any(self._ours(arg) for arg in record.args):
            record.args = tuple(_QUERY.sub("?***", arg) if isinstance(arg, str) else arg for arg in record.args)
        return True

    def _ours(self, arg: object) -> bool:
        return isinstance(arg, str) and any(host in arg for host in self.hosts)


_FILTER = _QueryFilter()


def keep_queries_out_of_logs(url: str) -> None:
    """Have the HTTP layer's log lines about this URL's host show no queries, in this process, from now on."""
    with suppress(ValueError):  # a host that is none: nothing can be sent there
        if host := urlsplit(url).hostname:
            _FILTER.hosts.add(host)
    # On the loggers that make the lines: a filter there sees them before any handler. Adding it again is no change.
    for name in ("urllib3.connection", "urllib3.connectionpool"):
        logging.getLogger(name).addFilter(_FILTER)


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
