"""URLs: check their form, keep their queries out of logs, and describe an unreachable one without its secrets."""

from __future__ import annotations

import logging
import re
import zlib
from collections.abc import Collection
from contextlib import suppress
from gzip import BadGzipFile
from urllib.parse import urlsplit

import requests
from urllib3 import exceptions

from airflow_provider_meetings.api.errors import ServerError

_DAMAGED = (exceptions.ProtocolError, EOFError, BadGzipFile, zlib.error)
"""The errors of reading an answer that has begun."""
_QUERY = re.compile(r"\?\S+")


def is_http(url: str, schemes: Collection[str] = ("http", "https")) -> bool:
    """Return whether `url` is an http or https URL with a host, or one of other `schemes`."""
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an unclosed bracket, or an invalid port
        return False


def scheme_of(url: str) -> str:
    """Return the scheme of a URL in lower case, or an empty text."""
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


def redact(url: str, *, path: bool = True) -> str:
    """Return a URL without user, password and query."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    origin = f"{parts.scheme}://{parts.hostname or ''}{port}"
    return f"{origin}{parts.path}{'?***' if parts.query else ''}" if path else origin


class _QueryFilter(logging.Filter):
    """Remove queries from urllib3's log records about known hosts.

    WeCom's secret and token are query parameters, and a media link is a credential. Airflow's masker could hide each
    link, but its cost grows with the square of the number of links: minutes for a few hundred files.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hosts: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record in place; let every record pass."""
        if isinstance(record.args, tuple) and any(self._names_known_host(arg) for arg in record.args):
            record.args = tuple(_QUERY.sub("?***", arg) if isinstance(arg, str) else arg for arg in record.args)
        return True

    def _names_known_host(self, arg: object) -> bool:
        return isinstance(arg, str) and any(host in arg for host in self.hosts)


_FILTER = _QueryFilter()


def keep_queries_out_of_logs(url: str) -> None:
    """Remove queries from urllib3's log records about the host of `url`, from now on in this process."""
    with suppress(ValueError):  # an invalid host: no request can be sent to it
        if host := urlsplit(url).hostname:
            _FILTER.hosts.add(host)
    # A filter on these loggers runs before every handler. Adding it again changes nothing.
    for name in ("urllib3.connection", "urllib3.connectionpool"):
        logging.getLogger(name).addFilter(_FILTER)


def unreachable(platform: str, url: str, failure: Exception | str) -> ServerError:
    """Return the error for a request without an answer. The text of `failure` contains the URL and is not shown.

    Raise it ``from None``: a traceback would show the URL as well.
    """
    what = failure if isinstance(failure, str) else _describe(failure)
    error = ServerError(
        f"{platform} could not be reached at {redact(url, path=False)}: {what}",
        next_step="Check the connection's host (and proxy, ca_bundle), DNS and firewall; "
        "if they are right, try again later.",
        platform=platform,
    )
    error.lost = not isinstance(failure, _DAMAGED)
    return error


def _describe(error: Exception) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return "the TLS certificate or handshake was refused"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy failed"
    if isinstance(error, requests.Timeout | exceptions.TimeoutError):
        return "no answer in time"
    if isinstance(error, _DAMAGED):
        return "the answer was cut off or is damaged"
    if isinstance(error, requests.RequestException):
        return "no connection" if isinstance(error, requests.ConnectionError) else type(error).__name__
    if isinstance(error, OSError):
        return "the CA bundle cannot be read"
    return "the address is invalid" if isinstance(error, ValueError) else type(error).__name__
