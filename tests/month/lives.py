"""What happens to each recording of a simulated month, from a seed. Emulator and truth are made of this plain data.

Times are seconds since the epoch, without fractions; `NEVER` is what does not happen.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

NEVER = math.inf
MINUTE, HOUR, DAY = 60, 3600, 86_400
START = 1_772_409_600
"""2026-03-02, a Monday, in UTC."""
OWNERS = ("anna", "bo", "chen", "dai")
TAIL = 14
"""Days after the last meeting until all that happens to a recording is seen: 5 late, and 8 until the last revisit."""

Platform = Literal["feishu", "wecom"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One meeting, and what becomes of its recording.

    :param owner: who created it.
    :param listed: from when on the platform shows that there is a recording.
    :param transcript: from when on it has a transcript; `speakers`: from when on its speakers are final.
    :param refused: what this app may not have.
    :param staged: whether a Feishu recording that is not ready has a minute already, with a state of its own.
    """

    platform: Platform
    number: int
    owner: str
    start: int
    end: int
    listed: float
    ready: float
    transcript: float
    speakers: float
    renamed: float = NEVER
    deleted: float = NEVER
    refused: Literal["nothing", "recording", "files"] = "nothing"
    staged: bool = False

    @property
    def recorded(self) -> int:
        """Return when the recording starts: somebody has to press a button."""
        return self.start + 5

    @property
    def recording_id(self) -> str:
        return f"obcn{self.number:020}" if self.platform == "feishu" else f"mr-{self.number:05}"

    @property
    def meeting_id(self) -> str:
        """Feishu's meeting id; WeCom's, which each third meeting of an owner shares as a series."""
        if self.platform == "feishu":
            return f"7{self.number:018}"
        return f"hy-{self.owner}-series" if self.in_series else f"hy-{self.number:05}"

    @property
    def in_series(self) -> bool:
        return self.platform == "wecom" and self.number % 3 == 0

    @property
    def file_id(self) -> str:
        return self.recording_id if self.platform == "feishu" else f"rf-{self.number:05}"

    def title(self, now: float) -> str:
        return f"会议 {self.number}" + (" (renamed)" if now >= self.renamed else "")

    def spoken(self, now: float) -> tuple[tuple[str, str], ...]:
        """Return the speaker and the text of each utterance; WeCom's speakers are unknown before they are final."""
        if now < self.transcript:
            return ()
        speakers = (self.owner, "guest") if now >= self.speakers else ("", "")
        return tuple(zip(speakers, (f"第{self.number}次会议开始。", "Next steps: none."), strict=True))


def lives(platform: Platform, count: int, days: int, seed: int) -> list[Life]:
    """Return the meetings of so many days: a fixed share of each special life, in random order."""
    rng = random.Random(f"{platform} {seed}")
    special: list[str] = []
    for name, percent in (
        ("late", 10), ("transcript", 5), ("renamed", 3), ("speakers", 3), ("deleted after", 2),
        ("deleted before", 1), ("forbidden", 1), ("never", 1),
    ):  # fmt: skip
        special += [name] * max(2, round(count * percent / 100))
    kinds = [*special, *["plain"] * (count - len(special))]
    rng.shuffle(kinds)
    return [_special(kind, _plain(platform, number, days, rng), rng) for number, kind in enumerate(kinds, 1)]


def runs(days: int, tail: int = TAIL) -> Iterator[int]:
    """Yield the times of the daily runs, at 18:00 UTC."""
    return (START + day * DAY + 18 * HOUR for day in range(days + tail))


def _plain(platform: Platform, number: int, days: int, rng: random.Random) -> Life:
    # From nine to six in China; a few go on while the daily run lists.
    time = 17 * HOUR + 30 * MINUTE if number % 40 == 0 else rng.randrange(HOUR, 10 * HOUR)
    start = START + rng.randrange(days) * DAY + time
    end = start + rng.randrange(10 * MINUTE, 80 * MINUTE)
    ready = end + rng.randrange(5 * MINUTE, 90 * MINUTE)
    return Life(
        platform=platform, number=number, owner=rng.choice(OWNERS), start=start, end=end, listed=end, ready=ready,
        transcript=ready, speakers=ready, staged=rng.random() < 0.5,
    )  # fmt: skip


def _special(kind: str, life: Life, rng: random.Random) -> Life:
    ready = int(life.ready)
    later = ready + rng.randrange(DAY, 5 * DAY)
    if kind == "late":
        ready = life.end + rng.randrange(6 * HOUR, 5 * DAY)
        listed = ready if life.platform == "wecom" and rng.random() < 0.5 else life.listed
        return replace(life, listed=listed, ready=ready, transcript=ready, speakers=ready)
    if kind == "transcript":
        at = ready + rng.randrange(18 * HOUR, 30 * HOUR)
        return replace(life, transcript=at, speakers=at)
    if kind == "renamed":
        return replace(life, renamed=later)
    if kind == "speakers" and life.platform == "wecom":
        return replace(life, speakers=ready + rng.randrange(DAY, 3 * DAY))
    if kind == "deleted after":
        # After three days, of which two may be missed, so that a run has landed it.
        return replace(life, deleted=later + 2 * DAY)
    if kind == "deleted before":
        at = life.end + rng.randrange(30 * HOUR, 50 * HOUR)
        return replace(life, ready=NEVER, transcript=NEVER, speakers=NEVER, deleted=at, staged=True)
    if kind == "forbidden":
        # WeCom's listing has no code for a single recording.
        whole = life.platform == "feishu" and rng.random() < 0.5
        return replace(life, refused="recording" if whole else "files")
    if kind == "never":
        return replace(life, ready=NEVER, transcript=NEVER, speakers=NEVER, staged=False)
    return life
