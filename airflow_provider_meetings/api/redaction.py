"""Keep what URLs carry out of logs: ours, and those of the HTTP layer below us."""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from urllib.parse import urlsplit

_QUERY = re.compile(r"\?\S+")


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
