"""Keep what URLs carry out of logs: ours, and those of the HTTP layer below us."""

from __future__ import annotations

import logging
from contextlib import suppress
from urllib.parse import urlsplit


def redact(url: str, *, path: bool = True) -> str:
    """Show where a request goes without what it carries: no user, no query."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    origin = f"{parts.scheme}://{parts.hostname or ''}{port}"
    return f"{origin}{parts.path}{'?***' if parts.query else ''}" if path else origin


class _PoolFilter(logging.Filter):
    """Cut the query out of urllib3's DEBUG lines about hosts that we talk to.

    WeCom's secret and token stand in queries, and a media link is one. Registering each link with Airflow's masker
    would do it too, but its cost grows with the square of the links: minutes for a few hundred files.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hosts: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record in place; let every record pass."""
        # '%s://%s:%s "%s %s %s" %s %s': scheme, host, port, method, target, version, status, length
        if isinstance(record.args, tuple) and len(record.args) == 8 and record.args[1] in self.hosts:
            target = str(record.args[4])
            record.args = (*record.args[:4], target.partition("?")[0] + "?***", *record.args[5:])
        return True


_FILTER = _PoolFilter()


def keep_queries_out_of_logs(url: str) -> None:
    """Have the HTTP layer's log lines about this URL's host show no queries, in this process, from now on."""
    with suppress(ValueError):  # a host that is none: nothing can be sent there
        _FILTER.hosts.add(urlsplit(url).hostname or "")
    # On the logger that makes the lines: a filter there sees them before any handler. Adding it again is no change.
    logging.getLogger("urllib3.connectionpool").addFilter(_FILTER)
