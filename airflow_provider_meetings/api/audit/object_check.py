"""Check one object against its receipt: by the store's metadata, or by hashing all of its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from airflow_provider_meetings.api.landing.checkpoint import Checkpoint
from airflow_provider_meetings.api.landing.layout import receipt_name
from airflow_provider_meetings.api.landing.receipt import Receipt
from airflow_provider_meetings.api.landing.store import MAX_READ_BYTES, ListedObject, Parts, Store, part_hashes
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
    """The result for one receipt or checkpoint.

    :param object_name: the object it names, in its own folder; None if it cannot be read.
    :param bytes_read: bytes of the object that were read.
    """

    object_name: str | None
    finding: Finding | None = None
    bytes_read: int = 0


def make_finding(store: Store, key: str, kind: FindingKind, expected: str, seen: str) -> Finding:
    """Return a finding whose texts are shortened and safe to print."""
    return Finding(printable(key, 1000), printable(store.uri(key), 2000), kind, printable(expected), printable(seen))


def check_checkpoint(store: Store, listed: ListedObject) -> CheckResult:
    """Return the object that a checkpoint names; None if it is not a checkpoint of this provider."""
    try:
        checkpoint = Checkpoint.from_bytes(store.read(listed.key))
    except OSError:
        checkpoint = None
    return CheckResult(object_name=checkpoint.name if checkpoint else None)


def check_receipt(store: Store, listed: ListedObject, *, full: bool) -> CheckResult:
    """Check an object against its receipt.

    :param listed: the receipt.
    :param full: read and hash the object; else compare its size and the store's validator.
    """
    data, result = _check_once(store, listed, full)
    if result.finding is not None:
        new_data, new_result = _check_once(store, listed, full)
        if new_data != data:  # the file was landed again during the check
            return new_result
    return result


def _check_once(store: Store, listed: ListedObject, full: bool) -> tuple[bytes | None, CheckResult]:
    key = listed.key
    if listed.size > MAX_READ_BYTES:
        return None, _unreadable(store, key, None, f"at most {MAX_READ_BYTES} bytes", f"{listed.size} bytes")
    try:
        data = store.read(key)
    except OSError as error:
        return None, _unreadable(store, key, None, "a receipt", _reason(error))
    receipt = Receipt.from_bytes(data)
    if receipt is None:
        return data, _unreadable(store, key, None, "a receipt of a known schema", "something else")
    folder, slash, name = key.rpartition("/")
    if name != receipt_name(receipt.file_id, receipt.kind):
        expected, seen = "a receipt of the file in its name", f"the receipt of file {receipt.file_id}"
        return data, _unreadable(store, key, None, expected, seen)
    return data, _check_object(store, key, f"{folder}{slash}{receipt.name}", receipt, full)


def _check_object(store: Store, receipt_key: str, key: str, receipt: Receipt, full: bool) -> CheckResult:
    name = receipt.name
    expected = f"{receipt.size} bytes"
    try:
        stat = store.stat(key)
        if stat is None:
            finding = make_finding(store, key, FindingKind.MISSING, expected, "nothing")
        elif stat.size != receipt.size:
            finding = make_finding(store, key, FindingKind.CHANGED, expected, f"{stat.size} bytes")
        elif not full and stat.validator != receipt.validator:
            finding = make_finding(store, key, FindingKind.CHANGED, receipt.validator, stat.validator)
        elif not full:
            return CheckResult(object_name=name)
        elif (hashes := _hashes(receipt)) is None:
            return _unreadable(store, receipt_key, name, "a sha256, or the sha256 of all parts and the tree", "neither")
        else:
            return _check_content(store, key, name, hashes)
    except FileNotFoundError:
        finding = make_finding(store, key, FindingKind.MISSING, expected, "nothing")
    except OSError as error:
        return _unreadable(store, key, name, expected, _reason(error))
    return CheckResult(object_name=name, finding=finding)


def _hashes(receipt: Receipt) -> Parts | None:
    """Return the expected hashes, a whole sha256 as that of a single part; None if the receipt has no usable ones."""
    if receipt.sha256 is not None:
        return Parts(max(receipt.size, 1), (receipt.sha256,))
    if receipt.part_size is None or receipt.parts is None:
        return None
    hashes = Parts(receipt.part_size, tuple(receipt.parts))
    return hashes if hashes.tree == receipt.tree_sha256 else None


def _check_content(store: Store, key: str, name: str, hashes: Parts) -> CheckResult:
    """Read the object up to the first part whose hash differs."""
    bytes_read = number = 0

    def changed(expected: str, seen: str) -> CheckResult:
        finding = make_finding(store, key, FindingKind.CHANGED, expected, seen)
        return CheckResult(object_name=name, finding=finding, bytes_read=bytes_read)

    for number, (size, sha256) in enumerate(part_hashes(store.open(key), hashes.size), start=1):
        bytes_read += size
        expected = hashes.sha256[number - 1] if number <= len(hashes.sha256) else "the end"
        if sha256 != expected:
            label = f"part {number}: " if len(hashes.sha256) > 1 else ""
            return changed(f"{label}sha256 {expected}", f"{label}sha256 {sha256}")
    if number < len(hashes.sha256):
        return changed(f"{len(hashes.sha256)} parts", f"{number} of them, {bytes_read} bytes")
    return CheckResult(object_name=name, bytes_read=bytes_read)


def _unreadable(store: Store, key: str, name: str | None, expected: str, seen: str) -> CheckResult:
    return CheckResult(object_name=name, finding=make_finding(store, key, FindingKind.UNREADABLE, expected, seen))


def _reason(error: OSError) -> str:
    return f"{type(error).__name__}: {error.strerror or error}"
