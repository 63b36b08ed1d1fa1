"""Batches by reference: NDJSON objects in a store instead of values that are too large for an XCom.

A batch has the URI ``{url}/{dag_id}/{run_id}/{task_id}/{map_index}/{name}-00001.batch.ndjson#sha256=…``. Its digest is
checked on reading. A user's own NDJSON has none, and is read unchecked.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_meetings.api.errors import InvalidRequest, StoreError
from airflow_provider_meetings.api.landing.layout import BATCH_SUFFIX, safe_name
from airflow_provider_meetings.hooks.stores import ObjectReader, store_at

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

BATCH_SIZE = 1000
"""The default number of items in a batch."""
MAX_RESULT_BYTES = 1_000_000
"""A result above this is logged as a warning; it is a row in Airflow's database, and each reader gets all of it."""

_WRITTEN = re.compile(r"(.*)#sha256=([0-9a-f]{16})", re.DOTALL)
_RUN_AGAIN = "Run the task that wrote it again, and pass that task's output."


class BatchWriter:
    """Write items as batches that are named by the task instance, so that a retry overwrites its own.

    :param url: the URL of a folder, the operator's argument ``batches_to``.
    :param name: what the batches contain; the first part of their names.
    :param size: the number of items in a batch. One batch is held in memory.
    :raises InvalidRequest: for an invalid URL. Each method raises StoreError if the store cannot be written.
    """

    def __init__(self, url: object, context: Any, name: str, size: int = BATCH_SIZE) -> None:
        ti = context["ti"]
        task = (ti.dag_id, ti.run_id, ti.task_id, str(-1 if ti.map_index is None else ti.map_index))
        self._key = f"{'/'.join(map(safe_name, task))}/{name}"
        self._size = size
        self._store = store_at(url, "batches_to")
        self._uris: list[str] = []
        self._lines: list[bytes] = []

    def add(self, item: Mapping[str, Any]) -> None:
        """Append an item to the current batch; write the batch if it is full."""
        self._lines.append(json.dumps(item).encode() + b"\n")
        if len(self._lines) == self._size:
            self._write()

    def finish(self) -> list[str]:
        """Write the last batch, and return the URIs of all batches; none for no items."""
        if self._lines:
            self._write()
        return self._uris

    def _write(self) -> None:
        content = b"".join(self._lines)
        key = f"{self._key}-{len(self._uris) + 1:05}{BATCH_SUFFIX}"
        try:
            self._store.put(key, content)
        except OSError as error:
            raise StoreError(f"batches_to: {self._store.uri(key)}: {error.strerror or error}") from None
        self._uris.append(f"{self._store.uri(key)}#sha256={hashlib.sha256(content).hexdigest()[:16]}")
        self._lines.clear()


class BatchReader:
    """Read the batches of an argument. Errors show their number and store; their path may have redacted values."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._number = 0
        self._objects = ObjectReader()

    def read(self, uri: str) -> Iterator[Mapping[str, Any]]:
        """Yield the items of a batch, line by line.

        :raises InvalidRequest: for a line that is not a JSON object; at the end, for a batch that differs from what was
            written; also see `ObjectReader.read`.
        """
        self._number += 1
        scheme, _, rest = uri.partition("://")
        label = f"{self._name}: batch {self._number} ({scheme}://{rest.partition('/')[0].rpartition('@')[2]}/…)"
        written = _WRITTEN.fullmatch(uri)
        content = self._objects.read(
            written[1] if written else uri,
            label,
            missing=f"{_RUN_AGAIN} Other workers cannot read this machine's local files.",
        )
        digest = hashlib.sha256()
        for number, line in enumerate(_lines(content, digest), 1):
            if not line.strip():
                continue
            try:
                item = json.loads(line)
            except (ValueError, RecursionError):
                item = None
            if not isinstance(item, Mapping):
                raise InvalidRequest(f"{label}: line {number} is not a JSON object", next_step=_RUN_AGAIN)
            yield item
        if written and digest.hexdigest()[:16] != written[2]:
            raise InvalidRequest(
                f"{label} is not what was written: it was truncated, replaced or overwritten", next_step=_RUN_AGAIN
            )


def is_uri(value: object) -> bool:
    """Return whether a value is the URI of a batch."""
    return isinstance(value, str) and "://" in value[1:]


def warn_if_large(log: Logger, result: Iterable[Any], next_step: str) -> None:
    """Log a warning for a result of more than `MAX_RESULT_BYTES` as JSON."""
    size = 0
    for item in result:
        size += len(json.dumps(item))
        if size > MAX_RESULT_BYTES:
            log.warning("The result is larger than 1 MB, too large for an XCom: %s", next_step)
            return


def _lines(content: Iterable[bytes], digest: Any) -> Iterator[bytes]:
    rest = b""
    for chunk in content:
        digest.update(chunk)
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    yield rest
