"""What must be true after any landing, whatever happened to it: the file and its receipt, or neither."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from tests.contract.bench import NAME, RECEIPT, Bench


def assert_landed(bench: Bench, body: bytes) -> None:
    """Assert that exactly `body` stands, that its receipt says so, and that nothing else is left."""
    assert bench.files() == {NAME, RECEIPT}
    _agree(bench, [body])


def assert_not_landed(bench: Bench) -> None:
    """Assert that nothing stands under the final name, nor a receipt of it."""
    assert not {NAME, RECEIPT} & bench.files()


def assert_one_of(bench: Bench, versions: Iterable[bytes]) -> None:
    """Assert that one of `versions` stands with its receipt, or nothing."""
    if {NAME, RECEIPT} & bench.files():
        _agree(bench, versions)


def _agree(bench: Bench, versions: Iterable[bytes]) -> None:
    found, receipt = bench.target.read_bytes(), bench.receipt()
    # Not `in`: pytest would print megabytes.
    assert any(found == body for body in versions), f"{len(found)} bytes that are none of the versions"
    assert receipt["size"] == len(found)
    assert receipt["sha256"] == hashlib.sha256(found).hexdigest()
    assert receipt["validator"] == f"mtime-ns:{bench.target.stat().st_mtime_ns}"
