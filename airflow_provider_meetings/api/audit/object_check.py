"""Prove one object against its receipt: by what the store says of it, or by all of its bytes."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from airflow_provider_meetings.api.landing.layout import receipt_name
from airflow_provider_meetings.api.landing.receipt import Checkpoint, Receipt
from airflow_provider_meetings.api.landing.store import LARGEST_READ, Listed, Parts, Store
from airflow_provider_meetings.api.sanitize import harmless


class FindingKind(StrEnum):
    """What can be wrong with an object or its receipt."""

    MISSING = "missing"
    CHANGED = "changed"
    UNREADABLE = "unreadable"
    ORPHANED = "orphaned"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; `key` and `uri` are the object's, or the receipt's where that cannot be read."""

    key: str
    uri: str
    finding: FindingKind
    expected: str
    seen: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {**asdict(self), "finding": str(self.finding)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of one receipt or checkpoint.

    :param names: the object it speaks of, in its own folder; None if it cannot be read.
    :param read: bytes of the object that were read.
    """

    names: str | None
    finding: Finding | None = None
    read: int = 0


def find(store: Store, key: str, fault: FindingKind, expected: str, seen: str) -> Finding:
    """Make a finding; texts from outside are cut, and made harmless to print."""
    return Finding(harmless(key, 1000), harmless(store.uri(key), 2000), fault, harmless(expected), harmless(seen))


def under_way(store: Store, listed: Listed) -> Verdict:
    """Say which object a checkpoint speaks of; none if it is no checkpoint of ours."""
    try:
        data = store.read(listed.key)
    except OSError:
        data = None
    checkpoint = Checkpoint.from_bytes(data)
    return Verdict(names=checkpoint.name if checkpoint else None)


def prove(store: Store, listed: Listed, *, full: bool) -> Verdict:
    """Hold an object against its receipt.

    :param listed: the receipt.
    :param full: read and hash the object; else its size and the store's own validator decide.
    """
    data, verdict = _prove_once(store, listed, full)
    if verdict.finding is not None:
        again, second = _prove_once(store, listed, full)
        if again != data:  # landed anew while we looked
            return second
    return verdict


def _prove_once(store: Store, listed: Listed, full: bool) -> tuple[bytes | None, Verdict]:
    key = listed.key
    if listed.size > LARGEST_READ:
        expected = f"at most {LARGEST_READ} bytes"
        return None, _unreadable(store, key, None, expected, f"{listed.size} bytes")
    try:
        data = store.read(key)
    except OSError as error:
        return None, _unreadable(store, key, None, "a receipt", _reason(error))
    receipt = Receipt.from_bytes(data)
    if receipt is None:
        return data, _unreadable(store, key, None, "a receipt of a known schema", "something else")
    folder, slash, name = key.rpartition("/")
    if name != receipt_name(receipt.file_id, receipt.kind):
        expected = "a receipt of the file that its name says"
        return data, _unreadable(store, key, None, expected, f"speaks of another file: {receipt.file_id}")
    return data, _compare(store, key, f"{folder}{slash}{receipt.name}", receipt, full)


def _compare(store: Store, receipt_key: str, key: str, receipt: Receipt, full: bool) -> Verdict:
    name = receipt.name
    try:
        stat = store.stat(key)
        if stat is None:
            finding = find(store, key, FindingKind.MISSING, f"{receipt.size} bytes", "nothing")
        elif stat.size != receipt.size:
            finding = find(store, key, FindingKind.CHANGED, f"{receipt.size} bytes", f"{stat.size} bytes")
        elif not full and stat.validator != receipt.validator:
            finding = find(store, key, FindingKind.CHANGED, receipt.validator, stat.validator)
        elif not full:
            return Verdict(names=name)
        elif (hashes := _hashes(receipt)) is None:
            return _unreadable(store, receipt_key, name, "a sha256, or those of all parts and their tree", "neither")
        else:
            return _read_through(store, key, name, hashes)
    except FileNotFoundError:
        finding = find(store, key, FindingKind.MISSING, f"{receipt.size} bytes", "nothing")
    except OSError as error:
        return _unreadable(store, key, name, f"{receipt.size} bytes", _reason(error))
    return Verdict(names=name, finding=finding)


def _hashes(receipt: Receipt) -> Parts | None:
    """Return the hashes to compare with: a whole one is that of an only part. None for what cannot be compared."""
    if receipt.sha256 is not None:
        return Parts(max(receipt.size, 1), (receipt.sha256,))
    if receipt.part_size is None or receipt.parts is None:
        return None
    hashes = Parts(receipt.part_size, tuple(receipt.parts))
    return hashes if hashes.tree == receipt.tree_sha256 else None


def _read_through(store: Store, key: str, name: str, hashes: Parts) -> Verdict:
    """Read the object to its first part that differs."""
    read = done = 0
    room, hashed = hashes.size, hashlib.sha256()

    def differs() -> Verdict | None:
        seen, expected = hashed.hexdigest(), hashes.sha256[done] if done < len(hashes.sha256) else "the end"
        if seen == expected:
            return None
        part = f"part {done + 1}: " if len(hashes.sha256) > 1 else ""
        finding = find(store, key, FindingKind.CHANGED, f"{part}sha256 {expected}", f"{part}sha256 {seen}")
        return Verdict(names=name, finding=finding, read=read)

    for piece in store.open(key):
        read += len(piece)
        view = memoryview(piece)
        while view:
            hashed.update(view[:room])
            view, room = view[room:], room - len(view[:room])
            if not room:
                if wrong := differs():
                    return wrong
                done, room, hashed = done + 1, hashes.size, hashlib.sha256()
    if room < hashes.size or not done:
        if wrong := differs():
            return wrong
        done += 1
    if done < len(hashes.sha256):
        seen = f"{done} of them, {read} bytes"
        finding = find(store, key, FindingKind.CHANGED, f"{len(hashes.sha256)} parts", seen)
        return Verdict(names=name, finding=finding, read=read)
    return Verdict(names=name, read=read)


def _unreadable(store: Store, key: str, name: str | None, expected: str, seen: str) -> Verdict:
    return Verdict(names=name, finding=find(store, key, FindingKind.UNREADABLE, expected, seen))


def _reason(error: OSError) -> str:
    return f"{type(error).__name__}: {error.strerror or error}"
