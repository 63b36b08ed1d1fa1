"""The coordination cases and their targets."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from benchmarks.contention import Group, begin, groups, together
from benchmarks.emulator import MINUTE, RECORDING, Emulator, Endpoint, emulator
from benchmarks.peers import Peers
from benchmarks.places import HOST_FILES, Place, Server, servers
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
        asked = platform.token_requests()
    report.note(f"{len(answers)} processes had a token, the last after {max(one['seconds'] for one in answers):.2f} s")
    report.target("token requests", asked, 1)


def groups_without_a_disk(_peers: Peers, report: Report) -> None:
    """20 groups of 2 processes, each with its own HOME, TMPDIR and state folder: 5 calls a second in total."""
    with emulator() as platform, groups(GROUPS) as launchers, _servers(report) as places:
        for place in places:
            report.note(f"through {place.name}:")
            _use(platform, launchers, place, 2, MINUTE, report, 95)


def rate_limits(_peers: Peers, report: Report) -> None:
    """8 processes on one host call as often as they can: 5 a second; then 50 a second and 1000 a minute."""
    with emulator() as platform, groups(1) as launchers:
        for endpoint in (MINUTE, RECORDING):
            report.note(f"{endpoint.method}, for {SECONDS:g} s:")
            fair = _use(platform, launchers, HOST_FILES, 8, endpoint, report, 97)
            report.at_least("the least of one process, in fair shares", fair, 0.5)


def _use(
    platform: Emulator,
    launchers: Sequence[Group],
    place: Place,
    each: int,
    endpoint: Endpoint,
    report: Report,
    part: float,
) -> float:
    """Let `each` processes of each group call; return the fewest calls of one process, as a part of its fair share."""
    tokens_before, requests_before = platform.token_requests(), platform.requests(endpoint.path)
    order = {"do": "call", "method": endpoint.method, "argument": endpoint.argument, "seconds": SECONDS}
    answers = together(launchers, [{**order, "environment": place.environment(platform.connection)}] * each)
    within, after, refused = (sum(one[name] for one in answers) for name in ("within", "after", "refused"))
    unanswered = platform.requests(endpoint.path) - requests_before - within - after
    report.note(f"{within} calls of {len(answers)} processes were answered in {SECONDS:g} s, and {after} later")
    report.target("token requests", platform.token_requests() - tokens_before, 1)
    report.at_least("% of the limit that was used", 100 * within / endpoint.allowed(SECONDS), part)
    report.target("throttled answers", max(refused, unanswered), 0)
    counts = [one["within"] + one["after"] for one in answers]
    return float(min(counts) / statistics.mean(counts))


def acquire(peers: Peers, report: Report) -> None:
    """One uncontended acquire: microseconds, medians of rounds alternating with the peers."""
    limits = {"host": 50, "redis": 300, "postgresql": 1000}
    with emulator() as platform, groups(1) as launchers, _servers(report) as places:
        for place in (HOST_FILES, *places):
            order = {"do": "acquire", "count": ACQUIRES, "environment": place.environment(platform.connection)}
            scratch = launchers[0].home / "pyrate.sqlite"
            ours: list[float] = []
            others: dict[str, list[float | None]] = {name: [] for name in place.limiters}
            for _ in range(ROUNDS):
                ours.append(together(launchers, [order])[0]["median"])
                for name in others:
                    others[name].append(peers.acquire(name, place.address or scratch, ACQUIRES))
            for name, taken in others.items():
                known = [one for one in taken if one is not None]
                report.note(f"{name}: {f'{statistics.median(known):.0f}' if known else 'missing'}")
            if place.name in limits:
                report.target(f"{place.name}, microseconds", statistics.median(ours), limits[place.name])
            else:  # its commits wait for the disk; no session setting changes that
                report.note(f"{place.name}, microseconds: {statistics.median(ours):.0f}")


def killed_holder(_peers: Peers, report: Report) -> None:
    """The process that fetches the token is killed: seconds until the last of 8 others has one."""
    with emulator() as platform, groups(1) as launchers, _servers(report) as places:
        for place in (HOST_FILES, *places):
            environment = place.environment(platform.connection)
            before = platform.token_requests()
            begin(launchers, [{"do": "stick", "url": platform.url, "environment": environment}])
            holder = launchers[0].answer()["pid"]
            begin(launchers, [{"do": "login", "environment": environment}] * 8)
            time.sleep(_QUEUED)
            early = platform.token_requests() - before
            os.kill(holder, signal.SIGKILL)
            killed_at = time.monotonic()
            last = max(launchers[0].answer()["at"] for _ in range(8))
            report.target(f"{place.name}: token requests while it was held", early, 0)
            report.target(f"{place.name}: token requests", platform.token_requests() - before, 1)
            report.target(f"{place.name}: seconds", last - killed_at, 2)


def clocks(_peers: Peers, report: Report) -> None:
    """A clock is set by an hour, a machine reboots: calls in the worst second (limit 5), seconds without a call."""
    from benchmarks.clocks import (
        CALLS,
        HOUR,
        Sent,
        host_clock_set,
        host_refused,
        host_started_anew,
        server_clock_set,
        server_refused,
    )

    def judge(what: str, sent: Sent) -> None:
        report.target(f"{what}: calls in a second", sent.burst, CALLS)
        report.target(f"{what}: seconds without a call", sent.stall, 2)

    for step, words in ((HOUR, "forward"), (-HOUR, "back")):
        judge(f"host, its clock {words}", host_clock_set(step))
        judge(f"host, its clock {words} after a refusal", host_refused(step))
        judge(f"host, started anew, its clock {words}", host_started_anew(step))
    judge("host, started anew", host_started_anew(0.0))
    with _servers(report) as found:
        for server in found:
            for step, words in ((HOUR, "forward"), (-HOUR, "back")):
                judge(f"{server.name}, its clock {words}", server_clock_set(server, step))
            judge(f"{server.name}, its clock back after a refusal", server_refused(server, -HOUR))
            # No target: this cannot be told from an abandoned queue.
            burst = server_clock_set(server, HOUR, workers=40).burst
            report.note(f"{server.name}, its clock forward, 40 in the queue: {burst} calls in the worst second")


CASES: tuple[Callable[[Peers, Report], None], ...] = (
    tokens, groups_without_a_disk, rate_limits, acquire, killed_holder, clocks,
)  # fmt: skip


@contextmanager
def _servers(report: Report) -> Iterator[list[Server]]:
    """Yield the places on servers; print which are missing."""
    with servers() as found:
        for place in found:
            if isinstance(place, str):
                report.note(f"MISSING, so not measured: {place}")
        yield [place for place in found if not isinstance(place, str)]
