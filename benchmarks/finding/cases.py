"""The finding cases."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.finding.listing import listing
from benchmarks.finding.scheduler import mapped
from benchmarks.peers import Peers
from benchmarks.report import Report

CASES: tuple[Callable[[Peers, Report], None], ...] = (listing, mapped)
