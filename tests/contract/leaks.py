"""Collect the texts in which a secret could leak."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable


def error_text(error: BaseException) -> str:
    """Return all text of an error and of the errors that its traceback shows."""
    parts: list[str] = []
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        parts += [str(current), repr(current), repr(current.args), repr(getattr(current, "__dict__", {}))]
        parts += traceback.format_exception_only(current)
        parts.append(str(getattr(getattr(current, "request", None), "url", "")))
        pending += [current.__cause__, None if current.__suppress_context__ else current.__context__]
    return "\n".join(parts)


def logged(records: Iterable[logging.LogRecord]) -> str:
    """Return the messages of the provider's own loggers, with their arguments."""
    own = [record for record in records if record.name.startswith("airflow_provider_meetings")]
    return "\n".join(f"{record.getMessage()} {record.args!r} {record.exc_info!r}" for record in own)
