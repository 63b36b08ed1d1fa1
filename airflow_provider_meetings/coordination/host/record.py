"""Content of a state file: bytes, when they were written, and for how many seconds they are valid."""

from __future__ import annotations

import hashlib
import json
import math
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from airflow_provider_meetings.coordination.backend import RECORD_SECONDS

_MAGIC = b"meetings-state-1 "
MAX_SECONDS = float(RECORD_SECONDS)
"""The longest validity; a file with a longer one is not this provider's."""


@dataclass(frozen=True, slots=True)
class BootClock:
    """A time by two clocks: `steady` counts from the boot with the id `boot`, `wall` can be set."""

    boot: str
    steady: float
    wall: float

    @classmethod
    def now(cls) -> BootClock:
        steady = time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
        return cls(_boot_id(), steady, time.time())

    def since(self, earlier: BootClock) -> float | None:
        """Return the seconds since `earlier`; None if neither clock shows them."""
        if not self.rebooted_since(earlier):
            return self.steady - earlier.steady
        return self.wall - earlier.wall if self.wall >= earlier.wall else None

    def rebooted_since(self, earlier: BootClock) -> bool:
        """Return whether the machine was booted after `earlier`: all processes of that time are gone."""
        return self.boot != earlier.boot or self.steady < earlier.steady


@cache
def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:  # not Linux: a reboot shows by the steady clock, which starts again
        return ""


@dataclass(frozen=True, slots=True)
class Record:
    """Bytes that are valid for some seconds after they were written."""

    written: BootClock
    seconds: float
    payload: bytes = b""

    def remaining(self, now: BootClock, unknown: float) -> float:
        """Return for how many more seconds the record is valid, 0 if it is not.

        :param unknown: the maximum to return if no clock shows the age.
        """
        elapsed = now.since(self.written)
        return min(self.seconds, unknown) if elapsed is None else max(0.0, self.seconds - elapsed)

    def to_bytes(self) -> bytes:
        """Return the file's content, with a checksum that reveals a partial write."""
        written = self.written
        head = json.dumps([written.boot, written.steady, written.wall, self.seconds]).encode()
        content = head + b"\n" + self.payload
        return _MAGIC + hashlib.sha256(content).hexdigest().encode() + b"\n" + content

    @classmethod
    def from_bytes(cls, data: bytes) -> Record | None:
        """Read a file's content; return None if it is damaged, foreign or of another version."""
        first, _, content = data.partition(b"\n")
        if first != _MAGIC + hashlib.sha256(content).hexdigest().encode():
            return None
        head, _, payload = content.partition(b"\n")
        try:
            boot, steady, wall, seconds = json.loads(head)
            plausible = math.isfinite(steady + wall) and 0 <= seconds <= MAX_SECONDS
        except (ValueError, TypeError):
            return None
        if not plausible or not isinstance(boot, str):
            return None
        return cls(BootClock(boot, steady, wall), seconds, payload)
