"""Times that processes of one host can compare, also when the clock is set and when the machine starts anew."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment by two clocks: `steady` runs from a start of the machine (`boot`), `wall` is set by people."""

    boot: str
    steady: float
    wall: float

    @classmethod
    def now(cls) -> Moment:
        """Read both clocks."""
        steady = time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
        return cls(_boot(), steady, time.time())

    def since(self, earlier: Moment) -> float | None:
        """Return the seconds from `earlier` to here; None if no clock can tell."""
        if not self.restarted_since(earlier):
            return self.steady - earlier.steady
        return self.wall - earlier.wall if self.wall >= earlier.wall else None

    def restarted_since(self, earlier: Moment) -> bool:
        """Tell whether the machine was started anew after `earlier`: no process of then is there any more."""
        return self.boot != earlier.boot or self.steady < earlier.steady


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:  # no Linux: a new start shows by the steady clock, which begins anew
        return ""
