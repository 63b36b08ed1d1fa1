"""Run two contestants alternately (A B A B), so that other load on the machine affects both alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.processes import Failed, Run, measure


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to do the job.

    :param prove: raises unless the output is right; called after the warm-up.
    :param clear: removes the output.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] | None = None
    prove: Callable[[], None] = _nothing
    clear: Callable[[], None] = _nothing

    def do(self) -> Run:
        """Do the job in a separate process."""
        return measure(self.command, self.environment)

    def run(self, *, prove: bool = False) -> Run:
        """Do the job, and remove its output."""
        try:
            run = self.do()
            if prove:
                self.prove()
            return run
        finally:
            self.clear()


@dataclass(frozen=True, slots=True)
class Series:
    """The measured runs of one contestant; each figure is the median."""

    name: str
    runs: Sequence[Run]

    @property
    def wall(self) -> float:
        """Seconds on the clock."""
        return statistics.median(run.wall for run in self.runs)

    @property
    def cpu(self) -> float:
        """Seconds of CPU."""
        return statistics.median(run.cpu for run in self.runs)

    @property
    def peak(self) -> float:
        """Peak of memory in MiB."""
        return statistics.median(run.peak for run in self.runs)


@dataclass(frozen=True, slots=True)
class Pairing:
    """Our runs and those of one peer, in alternation."""

    ours: Series
    peer: Series

    @property
    def wall(self) -> float:
        """Our seconds on the clock to the peer's."""
        return self.ours.wall / self.peer.wall

    @property
    def cpu(self) -> float:
        """Our seconds of CPU to the peer's."""
        return self.ours.cpu / self.peer.cpu

    @property
    def wall_range(self) -> tuple[float, float]:
        """The smallest and the largest wall ratio of one pair."""
        ratios = [a.wall / b.wall for a, b in zip(self.ours.runs, self.peer.runs, strict=True)]
        return min(ratios), max(ratios)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ours beside each peer.

    :param ours: all runs of ours.
    :param pairings: by the peer's name.
    :param absent: the reason for each missing peer, by name.
    """

    ours: Series
    pairings: Mapping[str, Pairing]
    absent: Mapping[str, str]

    def wall(self, peer: str) -> float | None:
        """Our seconds on the clock to that peer's; None if it is absent."""
        return self.pairings[peer].wall if peer in self.pairings else None

    def cpu(self, peer: str) -> float | None:
        """Our seconds of CPU to that peer's; None if it is absent."""
        return self.pairings[peer].cpu if peer in self.pairings else None


def alone(contestant: Contestant, count: int) -> Series:
    """Run one contestant `count` times."""
    return Series(contestant.name, [contestant.run() for _ in range(count)])


def compare(ours: Contestant, peers: Iterable[Contestant | str], count: int) -> Comparison:
    """Run ours and each peer alternately `count` times, after a warm-up run that is also checked.

    :param peers: a missing peer is passed as its name.
    :raises Failed: if ours fails; a peer may.
    """
    ours.run(prove=True)
    pairings: dict[str, Pairing] = {}
    absent: dict[str, str] = {}
    for peer in peers:
        if isinstance(peer, str):
            absent[peer] = "missing"
            continue
        try:
            peer.run(prove=True)
        except Failed as error:
            absent[peer.name] = f"failed, {error}"
            continue
        runs = [(ours.run(), peer.run()) for _ in range(count)]
        pairings[peer.name] = Pairing(Series(ours.name, [a for a, _ in runs]), Series(peer.name, [b for _, b in runs]))
    all_of_ours = [run for pairing in pairings.values() for run in pairing.ours.runs]
    return Comparison(Series(ours.name, all_of_ours) if all_of_ours else alone(ours, count), pairings, absent)
