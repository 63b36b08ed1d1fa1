"""Assertions that hold after any landing: the file and its receipt, or neither."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from tests.contract.landing.bench import NAME, RECEIPT, Bench


def assert_landed(bench: Bench, body: bytes) -> None:
    """Assert that the target has `body`, its receipt, and nothing else."""
    assert bench.files() == {NAME, RECEIPT}
    _agree(bench, [body])


def assert_not_landed(bench: Bench) -> None:
    """Assert that there is neither an object nor a receipt."""
    assert not {NAME, RECEIPT} & bench.files()


def assert_one_of(bench: Bench, versions: Iterable[bytes]) -> None:
    """Assert that the target has one of `versions` with its receipt, or neither."""
    if {NAME, RECEIPT} & bench.files():
        _agree(bench, versions)


def _agree(bench: Bench, versions: Iterable[bytes]) -> None:
    found, receipt = bench.target.read_bytes(), bench.receipt()
    # Not `in`: pytest would print megabytes.
    assert any(found == body for body in versions), f"{len(found)} bytes that are none of the versions"
    assert receipt["size"] == len(found)
    assert receipt["sha256"] == hashlib.sha256(found).hexdigest()
    assert receipt["validator"] == f"mtime-ns:{bench.target.stat().st_mtime_ns}"
