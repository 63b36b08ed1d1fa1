"""The truth at the end of a simulated month: what lake and warehouse must hold of each life, and the fewest requests.

It is made of the lives alone; no line here knows the provider. The bytes and texts are those that the platform serves.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from airflow_provider_meetings.emulator.model.transcript import as_txt
from tests.month import company
from tests.month.lives import DAY, NEVER, OWNERS, Life, Platform

Fate = Literal["landed", "tombstone", "refused", "waits", "answered", "unknown"]
"""What must be found: all of it; the same, marked as deleted; a row without files; no file, but since when it waits; no
file, but the platform's answer; nothing at all."""

REVISIT = 14 * DAY
VISITS = (1, 2, 4, 8, 14)
"""The days after its landing at which a recording is looked at again."""
_PAGE = {"wecom": 20, "feishu": 100}


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be found of a life.

    :param files: sha256 by kind; None for content that each client writes in a form of its own.
    :param spoken: speaker and text of each utterance.
    :param states: where no file is found: the states of which one must be stored as the reason.
    :param landed_by: the run that must have landed it.
    """

    life: Life
    fate: Fate
    title: str = ""
    files: Mapping[str, str | None] | None = None
    spoken: tuple[tuple[str, str], ...] = ()
    states: frozenset[str] = frozenset()
    landed_by: float = NEVER


def expected(life: Life, runs: Sequence[float]) -> Expected:
    """Return what must be found after the runs; each of them lists, lands and loads all that it can."""
    end = runs[-1]
    if life.refused == "recording":
        return Expected(life, "answered", states=frozenset({"forbidden"}))
    landed_by = next((run for run in runs if life.ready <= run < life.deleted), NEVER)
    if landed_by == NEVER:
        return _never_landed(life, runs)
    if life.refused == "files":
        return Expected(life, "refused", life.title(end), states=frozenset({"refused"}), landed_by=landed_by)
    last = max(run for run in runs if run < life.deleted)
    fate: Fate = "landed" if life.deleted > end else "tombstone"
    return Expected(life, fate, life.title(last), _files(life, last), life.spoken(last), frozenset(), landed_by)


def _never_landed(life: Life, runs: Sequence[float]) -> Expected:
    if not any(life.listed <= run < (life.deleted if life.platform == "wecom" else NEVER) for run in runs):
        return Expected(life, "unknown")
    if life.deleted < NEVER:
        return Expected(life, "answered", states=frozenset({"gone", "unknown"}))
    return Expected(life, "waits", states=frozenset({"recording", "processing", "absent"}))


def _files(life: Life, now: float) -> dict[str, str | None]:
    files: dict[str, str | None] = {"video": hashlib.sha256(company.media(life).read()).hexdigest()}
    if life.spoken(now):
        minute = company.minute(life, now) if life.platform == "feishu" else None
        text = as_txt(minute, (), need_speaker=True, need_timestamp=True) if minute else None
        if not minute:
            files["summary-txt"] = hashlib.sha256(company.summary(life).read()).hexdigest()
        files["transcript-txt" if minute else "transcript-json"] = text and hashlib.sha256(text.encode()).hexdigest()
    return files


def fewest(lives: Iterable[Life], platform: Platform, runs: Sequence[float]) -> Counter[str]:
    """Return the fewest requests, by endpoint, with which a client can know the truth by these runs.

    Such a client is told nothing, but wastes nothing: in each run it lists each selector's window once, from the
    earlier of its last run and `REVISIT` ago; asks once for the details of what is new, and for each of its files once;
    asks again, in each run, for what is not ready or not complete, until it is or `REVISIT` has passed; and at `VISITS`
    for each answer that may show a change: a minute and its transcript on Feishu; the list of files, which has the
    summaries, and the transcript on WeCom, whose listing shows the rest. A deletion on WeCom takes two requests a day
    apart. Kills, retries, a backfill and rejected tokens cost it nothing. Tokens and bytes of media are not counted.
    """
    count: Counter[str] = Counter()
    mine = [life for life in lives if life.platform == platform]
    for number, run in enumerate(runs):
        since = min(runs[number - 1] if number else run - REVISIT, run - REVISIT)
        for owner in OWNERS if platform == "wecom" else ("",):
            shown = sum(
                since <= life.start < run and (not owner or (life.owner == owner and life.listed <= run < life.deleted))
                for life in mine
            )
            count["list"] += max(1, math.ceil(shown / _PAGE[platform])) + (platform == "feishu")
    for life in mine:
        count += _of_feishu(life, runs) if platform == "feishu" else _of_wecom(life, runs)
    return count


def _of_feishu(life: Life, runs: Sequence[float]) -> Counter[str]:
    known = [run for run in runs if run >= life.end]
    if not known:
        return Counter()
    if life.refused == "recording":
        return Counter(recording=1)
    end = min(known[0] + REVISIT, life.deleted)
    pending = [run for run in known if run < min(life.ready, end)]
    # A minute in processing is asked for by its token.
    count = Counter(recording=1, minute=len(pending)) if life.staged else Counter(recording=len(pending) + 1, minute=0)
    landed = next((run for run in known if life.ready <= run < life.deleted), None)
    if landed is None:
        return count + Counter(minute=int(life.deleted < NEVER))
    count += Counter(minute=1, media=1, transcript=1)
    if life.refused == "files":
        return count
    incomplete = [run for run in runs if landed < run and run - DAY < life.transcript]
    visits = _visits(landed, runs, life.deleted)
    return count + Counter(minute=len(set(incomplete) | set(visits)), transcript=len(set(incomplete) | set(visits)))


def _of_wecom(life: Life, runs: Sequence[float]) -> Counter[str]:
    landed = next((run for run in runs if life.ready <= run < life.deleted), None)
    if landed is None:
        return Counter()
    if life.refused == "files":
        return Counter(files=1, transcript=1)
    incomplete = [run for run in runs if landed < run and run - DAY < max(life.transcript, life.speakers)]
    visits = set(incomplete) | {run for run in _visits(landed, runs, life.deleted) if run < life.deleted}
    return Counter(files=1 + len(visits), transcript=1 + len(visits), list=2 * (life.deleted < runs[-1]))


def _visits(landed: float, runs: Sequence[float], deleted: float) -> list[float]:
    """Return the runs that look again at a recording; the one that finds it deleted is the last."""
    due = (next((run for run in runs if run >= landed + days * DAY), NEVER) for days in VISITS)
    found: list[float] = []
    for run in due:
        if run == NEVER or (found and found[-1] >= deleted):
            break
        found.append(run)
    return found
