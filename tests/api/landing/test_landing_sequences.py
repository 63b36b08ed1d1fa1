"""Sequences of faults over several tries: the target has one complete version, or nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_meetings.api.errors import MeetingsApiError
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.landing import source
from airflow_provider_meetings.api.landing.landing import IfPresent
from airflow_provider_meetings.storage.local import writer as local_writer
from tests.contract.landing.aftermath import assert_landed, assert_one_of
from tests.contract.landing.bench import CHECKPOINT, NAME, Bench
from tests.contract.landing.sequences import FAULTS, PIECE, SIZE, VERSIONS, Fault, answer
from tests.contract.leaks import error_text
from tests.contract.media.origin import serve_origin
from tests.contract.media.ranges import RangeHost


@dataclass(frozen=True)
class Try:
    """One landing: the answers of the host (the last one repeats), and what happens before it."""

    faults: list[Fault]
    before: str | None
    if_present: IfPresent
    in_chunks: bool
    ranges: bool


def _truncate_checkpoint(bench: Bench) -> None:
    data = (bench.root / CHECKPOINT).read_bytes()
    (bench.root / CHECKPOINT).write_bytes(data[: len(data) // 2])


def _shorten_part(bench: Bench) -> None:
    part = bench.root / f"{NAME}.part"
    part.write_bytes(part.read_bytes()[:-7])


def _lengthen_part(bench: Bench) -> None:
    part = bench.root / f"{NAME}.part"
    part.write_bytes(part.read_bytes() + bytes(2 * SIZE))


def _reboot(bench: Bench) -> None:
    boot = Path(str(local_writer._BOOT_ID))
    boot.write_text(boot.read_text() + "+")


BEFORE: dict[str, Callable[[Bench], object]] = {
    "checkpoint truncated": _truncate_checkpoint,
    "checkpoint gone": lambda bench: (bench.root / CHECKPOINT).unlink(),
    "part shorter": _shorten_part,
    "part longer": _lengthen_part,
    "part gone": lambda bench: (bench.root / f"{NAME}.part").unlink(),
    "reboot": _reboot,
}
TRIES = st.builds(
    Try,
    faults=st.lists(FAULTS, min_size=1, max_size=6),
    before=st.none() | st.sampled_from(sorted(BEFORE)),
    if_present=st.sampled_from(("verify", "verify", "replace")),
    in_chunks=st.booleans(),
    ranges=st.sampled_from((True, True, False)),
)


@dataclass
class Trial:
    """A target and a media host for all tries of a sequence."""

    bench: Bench
    host: RangeHost = field(default_factory=lambda: RangeHost(VERSIONS['"v0"'], tag='"v0"'))

    def run(self, one: Try) -> None:
        """Land once; only expected errors are allowed."""
        if one.before:
            with suppress(FileNotFoundError):  # no earlier try left a part
                BEFORE[one.before](self.bench)
        self.host.in_chunks, self.host.ranges = one.in_chunks, one.ranges
        answers = [answer(self.host, fault) for fault in one.faults]
        error: MeetingsApiError | None = None
        try:
            self.bench.land(*answers, if_present=one.if_present)
        except MeetingsApiError as caught:
            error = caught
        if error:
            assert not error.permanent
            assert "S3CRET" not in error_text(error)
        assert_one_of(self.bench, VERSIONS.values())

    def finish(self) -> None:
        """Land without faults: the target has the host's version, and nothing else is left."""
        self.host.in_chunks, self.host.ranges = False, True
        self.bench.land(self.host, if_present="replace")
        assert_landed(self.bench, self.host.body)


def test_sequences_of_faults(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "CHUNK_BYTES", PIECE)
    examples = pytestconfig.getoption("--sequences")
    with serve_origin() as origin, tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr(local_writer, "_BOOT_ID", Path(folder, "boot_id"))

        @settings(max_examples=examples, deadline=None)
        @given(st.lists(TRIES, min_size=1, max_size=5))
        def run(tries: list[Try]) -> None:
            Path(folder, "boot_id").write_text("boot")
            transport = Transport(base_url=origin.url, platform="acme")
            with tempfile.TemporaryDirectory(dir=folder) as root:
                trial = Trial(Bench(Path(root), origin, transport))
                for one in tries:
                    trial.run(one)
                trial.finish()
            transport.close()

        run()
