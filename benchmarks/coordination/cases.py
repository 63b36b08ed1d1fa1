"""The coordination cases and their targets."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from benchmarks.coordination.backends import HOST_FILES, BenchBackend, BenchServer, servers
from benchmarks.coordination.contention import Group, begin, groups, together
from benchmarks.coordination.emulator import MINUTE, RECORDING, Emulator, Endpoint, emulator
from benchmarks.peers import Peers
from benchmarks.report import Report

PROCESSES = 200
GROUPS = 20
SECONDS = float(os.environ.get("BENCH_SECONDS", "60"))
ACQUIRES = 2000
ROUNDS = 5
_QUEUED = 1.0
"""Seconds after which all processes wait for the lock."""


def tokens(_peers: Peers, report: Report) -> None:
    """200 processes start at once on one host without a token."""
    with emulator() as platform, groups(1) as launchers:
        order = {"do": "login", "environment": HOST_FILES.environment(platform.connection)}
        answers = together(launchers, [order] * PROCESSES)
        requested = platform.token_requests()
    report.note(f"{len(answers)} processes had a token, the last after {max(one['seconds'] for one in answers):.2f} s")
    report.target("token requests", requested, 1)


def groups_without_a_disk(_peers: Peers, report: Report) -> None:
    """20 groups of 2 processes, each with its own HOME, TMPDIR and state folder: 5 calls a second in total."""
    with emulator() as platform, groups(GROUPS) as launchers, _servers(report) as backends:
        for backend in backends:
            report.note(f"{backend.name}:")
            _use(platform, launchers, backend, 2, MINUTE, report, 95)


def rate_limits(_peers: Peers, report: Report) -> None:
    """8 processes on one host call as often as they can: 5 a second; then 50 a second and 1000 a minute."""
    with emulator() as platform, groups(1) as launchers:
        for endpoint in (MINUTE, RECORDING):
            report.note(f"{endpoint.method}, for {SECONDS:g} s:")
            fair = _use(platform, launchers, HOST_FILES, 8, endpoint, report, 97)
            report.at_least("fewest calls of a process, as a part of its fair share", fair, 0.5)


def _use(
    platform: Emulator,
    launchers: Sequence[Group],
    backend: BenchBackend,
    each: int,
    endpoint: Endpoint,
    report: Report,
    part: float,
) -> float:
    """Let `each` processes of each group call; return the fewest calls of one process, as a part of its fair share."""
    tokens_before, requests_before = platform.token_requests(), platform.requests(endpoint.path)
    order = {"do": "call", "method": endpoint.method, "argument": endpoint.argument, "seconds": SECONDS}
    answers = together(launchers, [{**order, "environment": backend.environment(platform.connection)}] * each)
    within, after, refused = (sum(one[name] for one in answers) for name in ("within", "after", "refused"))
    unanswered = platform.requests(endpoint.path) - requests_before - within - after
    report.note(f"{within} calls of {len(answers)} processes were answered in {SECONDS:g} s, and {after} later")
    report.target("token requests", platform.token_requests() - tokens_before, 1)
    report.at_least("% of the limit used", 100 * within / endpoint.allowed(SECONDS), part)
    report.target("throttled answers", max(refused, unanswered), 0)
    counts = [one["within"] + one["after"] for one in answers]
    return float(min(counts) / statistics.mean(counts))


def acquire(peers: Peers, report: Report) -> None:
    """One uncontended acquire: microseconds, medians of rounds alternating with the peers."""
    limits = {"host": 50, "redis": 300, "postgresql": 1000}
    with emulator() as platform, groups(1) as launchers, _servers(report) as backends:
        for backend in (HOST_FILES, *backends):
            order = {"do": "acquire", "count": ACQUIRES, "environment": backend.environment(platform.connection)}
            scratch = launchers[0].home / "pyrate.sqlite"
            ours: list[float] = []
            others: dict[str, list[float | None]] = {name: [] for name in backend.limiters}
            for _ in range(ROUNDS):
                ours.append(together(launchers, [order])[0]["median"])
                for name in others:
                    others[name].append(peers.acquire(name, backend.address or scratch, ACQUIRES))
            for name, taken in others.items():
                known = [one for one in taken if one is not None]
                report.note(f"{name}: {f'{statistics.median(known):.0f}' if known else 'missing'}")
            if backend.name in limits:
                report.target(f"{backend.name}, microseconds", statistics.median(ours), limits[backend.name])
            else:  # no target: commits wait for the disk, which no session setting changes
                report.note(f"{backend.name}, microseconds: {statistics.median(ours):.0f}")


def killed_holder(_peers: Peers, report: Report) -> None:
    """The process that fetches the token is killed: seconds until all of 8 other processes have a token."""
    with emulator() as platform, groups(1) as launchers, _servers(report) as backends:
        for backend in (HOST_FILES, *backends):
            environment = backend.environment(platform.connection)
            before = platform.token_requests()
            begin(launchers, [{"do": "stick", "url": platform.url, "environment": environment}])
            holder = launchers[0].answer()["pid"]
            begin(launchers, [{"do": "login", "environment": environment}] * 8)
            time.sleep(_QUEUED)
            early = platform.token_requests() - before
            os.kill(holder, signal.SIGKILL)
            killed_at = time.monotonic()
            last = max(launchers[0].answer()["at"] for _ in range(8))
            report.target(f"{backend.name}: token requests while the lock was held", early, 0)
            report.target(f"{backend.name}: token requests", platform.token_requests() - before, 1)
            report.target(f"{backend.name}: seconds", last - killed_at, 2)


def clocks(_peers: Peers, report: Report) -> None:
    """A clock is set by an hour, a machine reboots: calls in the worst second (limit 5), seconds without a call."""
    from benchmarks.coordination.clocks import (
        CALLS,
        HOUR,
        Sent,
        host_clock_set,
        host_rebooted,
        host_refused,
        server_clock_set,
        server_refused,
    )

    def check(case: str, sent: Sent) -> None:
        report.target(f"{case}: calls in a second", sent.burst, CALLS)
        report.target(f"{case}: seconds without a call", sent.stall, 2)

    for step, direction in ((HOUR, "forward"), (-HOUR, "back")):
        check(f"host, clock set {direction}", host_clock_set(step))
        check(f"host, clock set {direction} after a refusal", host_refused(step))
        check(f"host, rebooted, clock set {direction}", host_rebooted(step))
    check("host, rebooted", host_rebooted(0.0))
    with _servers(report) as found:
        for server in found:
            for step, direction in ((HOUR, "forward"), (-HOUR, "back")):
                check(f"{server.name}, clock set {direction}", server_clock_set(server, step))
            check(f"{server.name}, clock set back after a refusal", server_refused(server, -HOUR))
            # No target: this cannot be distinguished from an abandoned queue.
            burst = server_clock_set(server, HOUR, workers=40).burst
            report.note(f"{server.name}, clock set forward, 40 in the queue: {burst} calls in the worst second")


CASES: tuple[Callable[[Peers, Report], None], ...] = (
    tokens, groups_without_a_disk, rate_limits, acquire, killed_holder, clocks,
)  # fmt: skip


@contextmanager
def _servers(report: Report) -> Iterator[list[BenchServer]]:
    """Yield the backends on servers; report the missing ones."""
    with servers() as found:
        for backend in found:
            if isinstance(backend, str):
                report.note(f"MISSING, so not measured: {backend}")
        yield [backend for backend in found if not isinstance(backend, str)]
