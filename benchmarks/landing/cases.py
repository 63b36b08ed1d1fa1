"""The landing cases and their targets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.comparisons import alone, compare
from benchmarks.landing.body import GIB, MIB
from benchmarks.landing.contestants import Job
from benchmarks.landing.environment import BenchEnvironment, prepared
from benchmarks.landing.killed import fetched_again
from benchmarks.peers import Peers
from benchmarks.processes import Failed
from benchmarks.report import Report

SIZE = int(os.environ.get("BENCH_BYTES", GIB))
PAIRS = int(os.environ.get("BENCH_PAIRS", "5"))
FILES = max(8, min(1000, SIZE // MIB))
WORKERS = 8
LARGE = 10
"""Factor between the two streams whose memory is compared."""


def local(peers: Peers, report: Report) -> None:
    """From http to a local file, hashed and verified."""
    with _environment_for(report) as bench:
        job = Job(bench, SIZE)
        found = compare(job.ours(), [job.curl(peers), job.curl_and_sha256sum(peers), job.rclone_copyurl(peers)], PAIRS)
        imports = alone(job.imports(), PAIRS)
    report.comparison(found, SIZE)
    report.imports(found, imports)
    report.target("wall, to curl -o", found.wall("curl -o"), 1.0)
    report.target("wall, to curl -o, then sha256sum", found.wall("curl -o, then sha256sum"), 0.7)
    report.target("peak over the imports, MiB", found.ours.peak - imports.peak, 24)


def https(peers: Peers, report: Report) -> None:
    """From https to a local file, hashed and verified."""
    with _environment_for(report) as bench:
        job = Job(bench, SIZE, tls=True)
        found = compare(job.ours(), [job.curl_and_sha256sum(peers)], PAIRS)
    report.comparison(found, SIZE)
    report.target("CPU, to curl -o, then sha256sum", found.cpu("curl -o, then sha256sum"), 1.3)


def s3(peers: Peers, report: Report) -> None:
    """From http to S3."""
    with _environment_for(report, peers) as bench:
        job = Job(bench, SIZE, s3=True)
        others = [job.curl_to_aws(peers), job.object_storage_path(peers), job.rclone_copyurl(peers)]
        found = compare(job.ours(), others, PAIRS)
        imports = alone(job.imports(), PAIRS)
        report.comparison(found, SIZE)
        report.imports(found, imports)
        report.target("wall, to curl | aws s3 cp -", found.wall("curl | aws s3 cp -"), 0.8)
        report.target("wall, to ObjectStoragePath", found.wall("ObjectStoragePath"), 0.5)
        report.target("peak of the whole process, MiB", found.ours.peak, 100)


def memory(peers: Peers, report: Report) -> None:
    """Memory for a synthetic stream ten times as long."""
    for to_s3 in (False, True):
        with _environment_for(report, peers if to_s3 else None, room=LARGE * SIZE) as bench:
            report.note(f"{LARGE * SIZE / GIB:g} GiB beside {SIZE / GIB:g} GiB, to {'S3' if to_s3 else 'a local file'}")
            short = alone(Job(bench, SIZE, s3=to_s3).ours(), 3)
            long = alone(Job(bench, LARGE * SIZE, s3=to_s3).ours(), 1)
            report.series(short)
            report.series(long)
            report.target("peak over that of the shorter, MiB", long.peak - short.peak, 8)


def many(peers: Peers, report: Report) -> None:
    """Many files of 1 MiB from http to S3, 8 at a time."""
    with _environment_for(report, peers, room=FILES * MIB) as bench:
        job = Job(bench, MIB, count=FILES, workers=WORKERS, s3=True)
        found = compare(job.ours(), [job.rclone_copy(peers)], PAIRS)
        report.comparison(found, FILES * MIB)
        report.note(f"{FILES} files. ours: {FILES / found.ours.wall:.0f} files per second, imports included")
        for name, pairing in found.pairings.items():
            report.note(f"{name}: {FILES / pairing.peer.wall:.0f} files per second")


def killed(peers: Peers, report: Report) -> None:
    """Killed at 95 %, then retried: bytes fetched twice, counted at the media host."""
    for to_s3 in (False, True):
        with _environment_for(report, peers if to_s3 else None) as bench:
            job = Job(bench, SIZE, s3=to_s3)
            report.note(f"{SIZE / GIB:g} GiB to {'S3' if to_s3 else 'a local file'}, killed {PAIRS} times")
            worst = max(fetched_again(job, job.ours()) for _ in range(PAIRS)) / MIB
            others = [job.curl_to_aws(peers)] if to_s3 else [job.curl(peers, resume=True)]
            for peer in (*others, job.rclone_copyurl(peers)):
                if isinstance(peer, str):
                    report.note(f"{peer}: missing")
                else:
                    report.note(f"{peer.name}: {fetched_again(job, peer) / MIB:.1f} MiB again")
            report.target("ours at worst, MiB again", worst, 24)


CASES: tuple[Callable[[Peers, Report], None], ...] = (local, https, s3, memory, many, killed)


@contextmanager
def _environment_for(report: Report, s3: Peers | None = None, *, room: int = SIZE) -> Iterator[BenchEnvironment]:
    """Prepare the environment and print its folder.

    :param s3: the peers whose rclone serves S3; None without S3.
    :raises Failed: if rclone is missing.
    """
    if s3 is not None and s3.rclone is None:
        raise Failed("the S3 server is missing: the peers' rclone")
    with prepared(s3.rclone if s3 else None, room) as bench:
        report.note(f"files in {bench.root.parent}")
        yield bench
