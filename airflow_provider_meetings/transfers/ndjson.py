"""Batches by reference: URIs of NDJSON files instead of values that are too large for an XCom."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import IO, Any

from airflow.providers.common.compat.sdk import Context
from airflow.sdk import ObjectStoragePath

from airflow_provider_meetings.api.errors import InvalidRequest, NotFound, StoreError

_URI = re.compile(r"[a-z][a-z0-9+.-]*://.")  # the path may contain anything, also spaces


def resolve_batches(value: Any, name: str, context: Context, numbers: Iterator[int] | None = None) -> Any:
    """Replace each URI in `value`, at any depth, by a lazy iterator over its file's objects.

    Errors name a batch by its number and its store, because its path may contain redacted values.

    :param name: the argument, for errors.
    :param numbers: numbers for the batches; counted over the whole argument.
    :raises InvalidRequest: on reading, for a line that is not a JSON object.
    :raises NotFound: on reading, for a file that does not exist.
    :raises StoreError: on reading, if the store fails.
    """
    numbers = count(1) if numbers is None else numbers
    if hasattr(value, "resolve"):  # a literal, if Airflow has not rendered the task
        value = value.resolve(context)
    if isinstance(value, str):
        return _lines(value, f"{name}: batch {next(numbers)} ({_store(value)})") if _URI.match(value) else value
    if isinstance(value, Mapping | bytes) or not isinstance(value, Iterable):
        return value
    return (resolve_batches(item, name, context, numbers) for item in value)


def _store(uri: str) -> str:
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}/…"


def _lines(uri: str, label: str) -> Iterator[Mapping[str, Any]]:
    with _open(uri, label) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                item = json.loads(line)
            except (ValueError, RecursionError):
                item = None
            if not isinstance(item, Mapping):
                raise InvalidRequest(
                    f"{label}: line {number} is not a JSON object",
                    next_step="Pass the URIs that the previous task returned. If a file was changed, run that task "
                    "again.",
                )
            yield item


def _open(uri: str, label: str) -> IO[bytes]:
    try:
        return ObjectStoragePath(uri).open("rb")  # type: ignore[no-untyped-call,no-any-return]  # Airflow's
    except FileNotFoundError:
        raise NotFound(
            f"{label} does not exist",
            next_step="Run the task that wrote it again, and pass that task's output. Other workers cannot read this "
            "machine's local files.",
        ) from None  # the original error shows the path
    except OSError as error:
        raise StoreError(
            f"{label} could not be read ({type(error).__name__})",
            next_step="Try again. If the error persists, check that this worker has permission to read the file.",
        ) from None
