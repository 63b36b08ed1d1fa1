"""Erase landed files, their receipts and checkpoints, partial uploads, and batches below a URL."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from functools import partial

import pendulum
from msgspec.structs import asdict, replace

from airflow_provider_meetings.api.errors import NotReady
from airflow_provider_meetings.api.landing.layout import BATCH_SUFFIX, CHECKPOINT_SUFFIX, RECEIPT_SUFFIX, stem
from airflow_provider_meetings.api.landing.receipt import Receipt
from airflow_provider_meetings.api.landing.store import Plan, Precondition, Store
from airflow_provider_meetings.api.ledger.ledger import in_ledger
from airflow_provider_meetings.api.models import StoredFile
from airflow_provider_meetings.warehouse.erase.eraser import FILE, Counts, Eraser

Segments = Callable[[StoredFile, bytes], Iterable[object]]
"""Returns the segments of a transcript; none for other files."""
_Action = tuple[str, int, Callable[[], object]]

_UNSEARCHED = ("video", "audio", "docx", "docs", "pdf")
_IN_USE = timedelta(hours=1)


def erase_objects(store: Store, eraser: Eraser, segments: Segments, *, apply: bool) -> Counts:
    """Remove or rewrite what is to be forgotten; the receipt of a file goes last, since it finds the file again.

    :raises NotReady: for a recording that is being landed; nothing was changed.
    :raises OSError: if the store fails.
    """
    counts, actions = Counts(), [*_actions(store, eraser, segments)]
    for what, size, act in actions:
        counts["objects", what] += 1
        counts["objects", "bytes"] += size
        if apply:
            act()
    return counts


def _actions(store: Store, eraser: Eraser, segments: Segments) -> Iterator[_Action]:
    for upload in store.partial_uploads():
        if upload.key.endswith(BATCH_SUFFIX) or _belongs(store, eraser, upload.key):
            _check_idle(store, upload.key, upload.modified)
            yield "removed", upload.size or 0, partial(store.remove, upload)
    loose = 0  # objects without a receipt
    for listed in store.walk():
        remove = ("removed", listed.size, partial(store.delete, listed.key))
        if in_ledger(listed.key):
            continue
        if listed.key.endswith(BATCH_SUFFIX):
            if any(map(eraser.is_in, _lines(store, listed.key))):
                yield remove
        elif listed.key.endswith(RECEIPT_SUFFIX) and (receipt := Receipt.from_bytes(store.read(listed.key))):
            loose -= 1
            yield from _of_receipt(store, eraser, segments, listed.key, receipt)
        elif _belongs(store, eraser, listed.key):
            if listed.key.endswith(CHECKPOINT_SUFFIX):
                _check_idle(store, listed.key, listed.modified)
            yield remove
        else:
            loose += 1
    eraser.loose[store.uri("")] = max(loose, 0)


def _belongs(store: Store, eraser: Eraser, key: str) -> bool:
    """Return whether an object without an own receipt goes: by the receipt of its file, else by its address."""
    if not key.endswith(CHECKPOINT_SUFFIX) and not eraser.in_path(key):
        return False
    folder, slash, name = key.rpartition("/")
    receipt = Receipt.from_bytes(store.read(f"{folder}{slash}{stem(name)}{RECEIPT_SUFFIX}"))
    return eraser.in_path(key) if receipt is None else name.endswith(CHECKPOINT_SUFFIX) and eraser.goes(asdict(receipt))


def _of_receipt(
    store: Store, eraser: Eraser, segments: Segments, receipt_key: str, receipt: Receipt
) -> Iterator[_Action]:
    """Remove a file, or rewrite a text file of another's recording that names the person."""
    key, values = f"{receipt_key.removesuffix(receipt_key.rpartition('/')[2])}{receipt.name}", asdict(receipt)
    stat = store.stat(key)
    remove = [("removed", stat.size if stat else 0, partial(store.delete, one)) for one in (key, receipt_key)]
    if eraser.goes(values):
        yield from remove
    if eraser.goes(values) or not eraser.concerns(values) or stat is None:
        return
    if any(part in _UNSEARCHED for part in receipt.kind.split("-")):
        eraser.unsearched.add(tuple(values[name] for name in FILE))
        return
    content = b"".join(store.open(key))
    new = eraser.file(content, receipt.kind, segments(receipt.stored_file("landed", receipt.uri), content))
    was_killed = values["recording_id"] in {one[2] for one in eraser.shared} and _sha256(content) != receipt.sha256
    if new is None:
        eraser.meet_file(values, None)
        yield from remove
    elif new != content or was_killed:
        eraser.meet_file(values, new)
        yield (
            "redacted",
            stat.size,
            partial(_rewrite, store, key, new, Precondition(stat, _sha256(content)), receipt_key, receipt),
        )


def _rewrite(store: Store, key: str, content: bytes, seen: Precondition, receipt_key: str, receipt: Receipt) -> None:
    writer = store.writer(key, Plan(media_type=receipt.media_type, length=len(content), if_match=seen))
    writer.write(content)
    stat = writer.publish()
    if store.stat(receipt_key) is None:  # another erasure has removed the file
        store.delete(key)
        return
    new = replace(receipt, size=stat.size, validator=stat.validator, sha256=_sha256(content), former_sha256=None)
    store.put(receipt_key, replace(new, version=receipt.version + 1).to_bytes())


def _lines(store: Store, key: str) -> Iterator[dict[str, object]]:
    for line in b"".join(store.open(key)).splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value


def _check_idle(store: Store, key: str, modified: pendulum.DateTime) -> None:
    if modified > pendulum.now("UTC") - _IN_USE:
        raise NotReady(
            f"{store.uri(key)} is being landed, or was within the last hour",
            next_step="Wait for the end of the task, and an hour; or sweep. Nothing was removed.",
        )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
