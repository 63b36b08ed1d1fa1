"""Batches by reference: what is too much for an XCom is handed over as URIs of files of JSON lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from airflow.providers.common.compat.sdk import Context
from airflow.sdk import ObjectStoragePath

from airflow_provider_meetings.api.errors import InvalidRequest, NotFound

_URI = re.compile(r"[a-z][a-z0-9+.-]*://.")  # a path may hold anything, also blanks


def opened(value: Any, name: str, context: Context) -> Any:
    """Return `value` with each URI in it, at any depth, in place of what its file holds; read when it is asked for.

    :param name: the argument, for errors.
    :raises InvalidRequest: as a file is read, for a line that is no object.
    :raises NotFound: likewise, for a file that is not there.
    """
    if hasattr(value, "resolve"):  # a literal, where Airflow has not rendered the task
        value = value.resolve(context)
    if isinstance(value, str):
        return _lines(value, name) if _URI.match(value) else value
    if isinstance(value, Mapping | bytes) or not isinstance(value, Iterable):
        return value
    return (opened(item, name, context) for item in value)


def _lines(uri: str, name: str) -> Iterator[Mapping[str, Any]]:
    """Yield the dicts of a file, line by line: a batch is never held whole."""
    with _file(uri, name) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                found = json.loads(line)
            except ValueError:
                found = None
            if not isinstance(found, Mapping):
                raise InvalidRequest(
                    f"{name}: line {number} of the batch {uri!r} is no JSON object",
                    next_step="Hand over the URIs that the task before returned; if they were changed, run it again.",
                )
            yield found


def _file(uri: str, name: str) -> IO[bytes]:
    try:
        return ObjectStoragePath(uri).open("rb")  # type: ignore[no-untyped-call,no-any-return]  # Airflow's
    except FileNotFoundError:
        raise NotFound(
            f"{name}: the batch {uri!r} is not there",
            next_step="Run the task that wrote it again, and hand over what it returns; a path of this machine is not "
            "seen by other workers.",
        ) from None
