"""Batches by reference: what is too much for an XCom is handed over as URIs of files of JSON lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import IO, Any

from airflow.providers.common.compat.sdk import Context
from airflow.sdk import ObjectStoragePath

from airflow_provider_meetings.api.errors import InvalidRequest, NotFound, StoreError

_URI = re.compile(r"[a-z][a-z0-9+.-]*://.")  # a path may hold anything, also blanks


def opened(value: Any, name: str, context: Context, numbers: Iterator[int] | None = None) -> Any:
    """Return `value` with each URI in it, at any depth, in place of what its file holds; read when it is asked for.

    Errors name a batch by its number among those of the argument, and its store: a path may hold what is redacted.

    :param name: the argument, for errors.
    :param numbers: of the batches to come.
    :raises InvalidRequest: as a file is read, for a line that is no object.
    :raises NotFound: likewise, for a file that is not there.
    :raises StoreError: likewise, for a store that fails.
    """
    numbers = count(1) if numbers is None else numbers
    if hasattr(value, "resolve"):  # a literal, where Airflow has not rendered the task
        value = value.resolve(context)
    if isinstance(value, str):
        return _lines(value, f"{name}: batch {next(numbers)} ({_store(value)})") if _URI.match(value) else value
    if isinstance(value, Mapping | bytes) or not isinstance(value, Iterable):
        return value
    return (opened(item, name, context, numbers) for item in value)


def _store(uri: str) -> str:
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}/…"


def _lines(uri: str, label: str) -> Iterator[Mapping[str, Any]]:
    """Yield the dicts of a file, line by line: a batch is never held whole."""
    with _file(uri, label) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                found = None
            if not isinstance(found, Mapping):
                raise InvalidRequest(
                    f"{label}: line {number} is no JSON object",
                    next_step="Hand over the URIs that the task before returned; if they were changed, run it again.",
                )
            yield found


def _file(uri: str, label: str) -> IO[bytes]:
    try:
        return ObjectStoragePath(uri).open("rb")  # type: ignore[no-untyped-call,no-any-return]  # Airflow's
    except FileNotFoundError:
        fault: Exception = NotFound(
            f"{label} is not there",
            next_step="Run the task that wrote it again, and hand over what it returns; a path of this machine is not "
            "seen by other workers.",
        )
    except OSError as error:
        fault = StoreError(
            f"{label} could not be read ({type(error).__name__})",
            next_step="Try again; if it lasts, look whether this worker may read there.",
        )
    raise fault  # here: its context would be an error that shows the path
