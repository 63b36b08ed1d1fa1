"""Print one table per case: ours and each peer, and the targets."""

from __future__ import annotations

from benchmarks.comparisons import Comparison, Series
from benchmarks.landing.body import GIB

_HEAD = (
    f"  {'ours beside':<26} {'wall s: ours':>12} {'peer':>7} {'ratio':>6} {'(of one pair)':<13} "
    f"{'CPU s/GiB: ours':>17} {'peer':>6} {'ratio':>6} {'peak MiB: ours':>16} {'peer':>6}"
)


class Report:
    """Print results and collect missed targets."""

    def __init__(self) -> None:
        self.missed: list[str] = []
        self._case = ""

    def case(self, name: str, description: str) -> None:
        """Start a table."""
        self._case = name
        print(f"\n{name}: {description}")

    def note(self, text: str) -> None:
        """Print a line of text."""
        print(f"  {text}", flush=True)

    def comparison(self, found: Comparison, size: int) -> None:
        """Print a row for each peer; `size` is the bytes of one run."""
        print(_HEAD)
        gib = size / GIB
        for name, pairing in found.pairings.items():
            ours, peer = pairing.ours, pairing.peer
            low, high = pairing.wall_range
            print(
                f"  {name:<26} {ours.wall:>12.2f} {peer.wall:>7.2f} {pairing.wall:>6.2f} "
                f"{f'({low:.2f}-{high:.2f})':<13} {ours.cpu / gib:>17.2f} {peer.cpu / gib:>6.2f} {pairing.cpu:>6.2f} "
                f"{ours.peak:>16.1f} {peer.peak:>6.1f}"
            )
        for name, reason in found.absent.items():
            print(f"  {name:<26} {reason}")

    def series(self, found: Series) -> None:
        """Print a series without a peer."""
        self.note(f"{found.name}: {found.wall:.2f} s, {found.cpu:.2f} s of CPU, peak {found.peak:.1f} MiB")

    def imports(self, found: Comparison, imports: Series) -> None:
        """Print the cost of our imports, and the ratios without them: an Airflow task has made most of them already."""
        self.series(imports)
        for name, pairing in found.pairings.items():
            ratio = (pairing.ours.wall - imports.wall) / pairing.peer.wall
            self.note(f"wall without our imports, to {name}: {ratio:.2f}")

    def target(self, text: str, value: float | None, limit: float) -> None:
        """Print whether `value` is at most `limit`; None means that it could not be measured."""
        self._judge(text, value, "<=", limit, met=value is not None and value <= limit)

    def at_least(self, text: str, value: float | None, limit: float) -> None:
        """Print whether `value` is at least `limit`; None means that it could not be measured."""
        self._judge(text, value, ">=", limit, met=value is not None and value >= limit)

    def _judge(self, text: str, value: float | None, sign: str, limit: float, *, met: bool) -> None:
        verdict = "not measured"
        if value is not None:
            verdict = f"{value:.2f}, {'met' if met else 'NOT MET'}"
            if not met:
                self.missed.append(f"{self._case}: {text}")
        self.note(f"to reach: {text} {sign} {limit:g}: {verdict}")
