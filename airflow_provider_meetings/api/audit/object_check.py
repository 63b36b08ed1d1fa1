"""Check one object against its receipt: by the store's metadata, or by hashing all of its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from airflow_provider_meetings.api.landing.checkpoint import Checkpoint
from airflow_provider_meetings.api.landing.layout import receipt_name
from airflow_provider_meetings.api.landing.receipt import Receipt
from airflow_provider_meetings.api.landing.store import MAX_READ_BYTES, ListedObject, Store
from airflow_provider_meetings.api.models import PlainJson
from airflow_provider_meetings.api.sanitize import printable


class FindingKind(StrEnum):
    """What can be wrong with an object or its receipt."""

    MISSING = "missing"
    CHANGED = "changed"
    UNREADABLE = "unreadable"
    ORPHANED = "orphaned"


@dataclass(frozen=True, slots=True)
class Finding(PlainJson):
    """One problem; `key` and `uri` are the object's, or the receipt's if the receipt cannot be read."""

    key: str
    uri: str
    finding: FindingKind
    expected: str
    seen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The result for one receipt.

    :param object_name: the object it names, in its own folder; None if it cannot be read.
    :param bytes_read: bytes of the object that were read.
    """

    object_name: str | None
    finding: Finding | None = None
    bytes_read: int = 0


def make_finding(store: Store, key: str, kind: FindingKind, expected: str, seen: str) -> Finding:
    """Return a finding whose texts are shortened and safe to print."""
    return Finding(printable(key, 1000), printable(store.uri(key), 2000), kind, printable(expected), printable(seen))


def object_in_progress(store: Store, key: str) -> str | None:
    """Return the object that a checkpoint names; None if it is not a checkpoint of this provider."""
    try:
        checkpoint = Checkpoint.from_bytes(store.read(key))
    except OSError:
        return None
    return checkpoint.name if checkpoint else None


def check_receipt(store: Store, listed: ListedObject, *, full: bool) -> CheckResult:
    """Check an object against its receipt.

    :param listed: the receipt.
    :param full: read and hash the object; else compare its size and the store's validator.
    """
    result = _check_once(store, listed, full)
    # The file may have been landed again during the check.
    return result if result.finding is None else _check_once(store, listed, full)


def _check_once(store: Store, listed: ListedObject, full: bool) -> CheckResult:
    key = listed.key
    if listed.size > MAX_READ_BYTES:
        return _unreadable(store, key, None, f"at most {MAX_READ_BYTES} bytes", f"{listed.size} bytes")
    try:
        receipt = Receipt.from_bytes(store.read(key))
    except OSError as error:
        return _unreadable(store, key, None, "a receipt", _reason(error))
    if receipt is None:
        return _unreadable(store, key, None, "a receipt of a known schema", "something else")
    folder, slash, name = key.rpartition("/")
    if name != receipt_name(receipt.file_id, receipt.kind):
        expected, seen = "a receipt of the file in its name", f"the receipt of file {receipt.file_id}"
        return _unreadable(store, key, None, expected, seen)
    return _check_object(store, f"{folder}{slash}{receipt.name}", receipt, full)


def _check_object(store: Store, key: str, receipt: Receipt, full: bool) -> CheckResult:
    name = receipt.name
    expected = f"{receipt.size} bytes"
    finding, bytes_read = None, 0
    try:
        stat = store.stat(key)
        if stat is None:
            finding = make_finding(store, key, FindingKind.MISSING, expected, "nothing")
        elif stat.size != receipt.size:
            finding = make_finding(store, key, FindingKind.CHANGED, expected, f"{stat.size} bytes")
        elif full:
            sha256, bytes_read = store.sha256(key), receipt.size
            if sha256 != receipt.sha256:
                finding = make_finding(store, key, FindingKind.CHANGED, f"sha256 {receipt.sha256}", f"sha256 {sha256}")
        elif stat.validator != receipt.validator:
            finding = make_finding(store, key, FindingKind.CHANGED, receipt.validator, stat.validator)
    except FileNotFoundError:
        finding = make_finding(store, key, FindingKind.MISSING, expected, "nothing")
    except OSError as error:
        return _unreadable(store, key, name, expected, _reason(error))
    return CheckResult(object_name=name, finding=finding, bytes_read=bytes_read)


def _unreadable(store: Store, key: str, name: str | None, expected: str, seen: str) -> CheckResult:
    return CheckResult(object_name=name, finding=make_finding(store, key, FindingKind.UNREADABLE, expected, seen))


def _reason(error: OSError) -> str:
    return f"{type(error).__name__}: {error.strerror or error}"
