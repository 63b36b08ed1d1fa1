"""What a state file holds: when it was written, for how many seconds it holds, and bytes. Whole, or not at all."""

from __future__ import annotations

import hashlib
import json
import math
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from airflow_provider_meetings.coordination.backend import RECORD_SECONDS


@dataclass(frozen=True, slots=True)
class BootClock:
    """One moment by two clocks: `steady` runs from a start of the machine (`boot`), `wall` is set by people."""

    boot: str
    steady: float
    wall: float

    @classmethod
    def now(cls) -> BootClock:
        """Read both clocks."""
        steady = time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
        return cls(_boot(), steady, time.time())

    def since(self, earlier: BootClock) -> float | None:
        """Return the seconds from `earlier` to here; None if no clock can tell."""
        if not self.restarted_since(earlier):
            return self.steady - earlier.steady
        return self.wall - earlier.wall if self.wall >= earlier.wall else None

    def restarted_since(self, earlier: BootClock) -> bool:
        """Tell whether the machine was started anew after `earlier`: no process of then is there any more."""
        return self.boot != earlier.boot or self.steady < earlier.steady


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:  # no Linux: a new start shows by the steady clock, which begins anew
        return ""


_MAGIC = b"meetings-state-1 "
LONGEST_SECONDS = float(RECORD_SECONDS)
"""What would hold for longer was not written by us."""


@dataclass(frozen=True, slots=True)
class Record:
    """Bytes that hold for some seconds from a moment on."""

    written: BootClock
    seconds: float
    payload: bytes = b""

    def left(self, now: BootClock, unknown: float) -> float:
        """Return for how many seconds it still holds, 0 if no longer; at most `unknown` if no clock can tell."""
        elapsed = now.since(self.written)
        return min(self.seconds, unknown) if elapsed is None else max(0.0, self.seconds - elapsed)

    def to_bytes(self) -> bytes:
        """Write it with a checksum, so that half of a write is recognised."""
        moment = self.written
        head = json.dumps([moment.boot, moment.steady, moment.wall, self.seconds]).encode()
        content = head + b"\n" + self.payload
        return _MAGIC + hashlib.sha256(content).hexdigest().encode() + b"\n" + content

    @classmethod
    def from_bytes(cls, data: bytes) -> Record | None:
        """Read it; None for what is cut, foreign or of another version."""
        first, _, content = data.partition(b"\n")
        if first != _MAGIC + hashlib.sha256(content).hexdigest().encode():
            return None
        head, _, payload = content.partition(b"\n")
        try:
            boot, steady, wall, seconds = json.loads(head)
            holds = math.isfinite(steady + wall) and 0 <= seconds <= LONGEST_SECONDS
        except (ValueError, TypeError):
            return None
        if not holds or not isinstance(boot, str):
            return None
        return cls(BootClock(boot, steady, wall), seconds, payload)
