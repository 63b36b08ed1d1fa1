"""Random faults over days of a platform in memory: nothing is lost, nothing answered stays open, dates are true."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from types import SimpleNamespace
from typing import ClassVar, cast

import pendulum
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_meetings.api.client import NOT_LISTED, MeetingsClient, Wanted
from airflow_provider_meetings.api.errors import InvalidRequest, ServerError
from airflow_provider_meetings.api.landing.store import ListedObject, Store
from airflow_provider_meetings.api.ledger import ledger as module
from airflow_provider_meetings.api.ledger.items import DAY, Item
from airflow_provider_meetings.api.ledger.ledger import Ledger
from airflow_provider_meetings.api.ledger.listing import LedgerListing
from airflow_provider_meetings.api.ledger.settle import settle
from airflow_provider_meetings.api.ledger.state import State
from airflow_provider_meetings.api.models import Recording, RecordingState, StoredFile
from airflow_provider_meetings.api.query import WINDOW, RecordingQuery, RecordingRef
from airflow_provider_meetings.api.windows import ListedWindow, WindowOutcome
from airflow_provider_meetings.api.windows import Report as ReportWindow

HOUR = 3600.0
REVISIT = 7 * DAY
OWNER = "owner_id:zhang"
LAST = 6
"""The day after which nothing begins; what happens to a recording takes up to six more days."""
CLEAN = 15
"""Days without faults at the end: until all has happened, and what is deleted was missed twice."""


@dataclass(frozen=True)
class Life:
    """When a recording starts, is listed, is ready, is renamed, is deleted; in hours."""

    number: int
    start: float
    listed: float
    ready: float
    renamed: float
    deleted: float
    forbidden: bool

    def at(self, now: float) -> Recording | None:
        """Return what a listing shows."""
        hour = now / HOUR
        if not self.listed <= hour < self.deleted:
            return None
        state = RecordingState.READY if hour >= self.ready else RecordingState.PROCESSING
        return Recording(
            platform="acme",
            tenant="t",
            recording_id=f"r{self.number}",
            meeting_id=f"m{self.number}",
            started_at=pendulum.from_timestamp(self.start * HOUR),
            listed_by=OWNER,
            title="new" if hour >= self.renamed else "old",
            state=RecordingState.FORBIDDEN if self.forbidden and state is RecordingState.READY else state,
        )


@st.composite
def a_life(draw: st.DrawFn, number: int) -> Life:
    start = draw(st.integers(0, LAST * 24 - 1))
    listed = start + draw(st.sampled_from([1, 1, 30, 60]))
    ready = draw(st.sampled_from([listed, listed, listed + 5, listed + 50, inf]))
    base = listed if ready == inf else ready
    later = draw(st.sampled_from([inf, inf, inf, base + 3, base + 40]))
    is_rename = draw(st.booleans())
    return Life(
        number,
        start,
        listed,
        ready,
        later if is_rename else inf,
        inf if is_rename else later,
        draw(st.integers(0, 5)) == 0,
    )


LIVES = st.integers(1, 5).flatmap(lambda count: st.tuples(*(a_life(number) for number in range(count))))
FAULTS = (
    "none", "none", "page fails", "dies before the write", "dies after the write", "a file fails", "a file is lost",
    "dies before the close", "overlaps", "backfill", "retried after the write",
)  # fmt: skip
STEPS = st.lists(st.tuples(st.sampled_from([1, 5, 24, 24, 24, 48]), st.sampled_from(FAULTS)), max_size=10)


class MemoryStore:
    """The part of a store that the ledger uses."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def uri(self, key: str) -> str:
        return f"memory://{key}"

    def walk(self, folder: str = "") -> Iterator[ListedObject]:
        return iter(
            [ListedObject(key, len(content), pendulum.from_timestamp(0)) for key, content in self.objects.items()]
        )

    def open(self, key: str) -> Iterator[bytes]:
        if key not in self.objects:
            raise FileNotFoundError(key)
        return iter([self.objects[key]])

    def put(self, key: str, content: bytes) -> None:
        self.objects[key] = content

    def discard(self, key: str) -> None:
        self.objects.pop(key, None)

    def check_writable(self) -> None:
        """Nothing can be wrong."""


@dataclass
class World:
    """The platform, the ledger, and the rows that loads have written."""

    lives: Sequence[Life]
    now: float = 0.0
    store: MemoryStore = field(default_factory=MemoryStore)
    rows: dict[str, tuple[float, Recording]] = field(default_factory=dict)
    asked: dict[str, list[float]] = field(default_factory=dict)
    runs: int = 0
    fails: bool = False

    transport = SimpleNamespace(answered_at=None)
    platform = "acme"
    tenant = "t"
    windowed = ("owner_ids",)
    ids: ClassVar[dict[str, tuple[str, ...]]] = {"owner_ids": ("zhang",)}
    selector: ClassVar[str] = OWNER

    def truth(self, life: Life) -> Recording | None:
        """Return what a load of today would write; None if the platform shows nothing any more."""
        return life.at(self.now)

    def list(self, query: RecordingQuery, report: ReportWindow, wanted: Wanted | None = None) -> Iterator[Recording]:
        """Answer as a platform's client."""
        shown = [(life, life.at(self.now)) for life in self.lives]
        if query.recordings:
            names = {f"r{life.number}": one for life, one in shown}
            for ref in query.recordings:
                assert ref.recording_id
                self.asked.setdefault(ref.recording_id, []).append(self.now)
                yield names[ref.recording_id] or Recording(
                    platform="acme", tenant="t", recording_id=ref.recording_id, meeting_id=ref.meeting_id,
                    started_at=ref.started_at, state=RecordingState.UNKNOWN, reason=NOT_LISTED,
                )  # fmt: skip
            return
        assert query.start
        assert query.end
        window = ListedWindow(endpoint="list", selector="zhang", start=query.start, end=query.end, pages=1, items=1)
        for number, (_, one) in enumerate(shown):
            if self.fails and number:
                report(replace(window, outcome=WindowOutcome.FAILED))
                raise ServerError("the page fails")
            if one and one.started_at and query.start <= one.started_at < query.end:
                yield one
        report(window)

    def clock(self) -> float:
        return self.now

    def state(self) -> State:
        return self.ledger().read()

    def ledger(self) -> Ledger:
        return Ledger(self.store, lambda: self.now)  # type: ignore[arg-type]  # the part that it uses

    def steps(self, fault: str, name: str | None = None) -> Iterator[Callable[[], None]]:
        """Yield the tasks of a run; a run that dies has no more."""
        self.runs += 1
        name = name or f"run {self.runs}"
        found: list[Recording] = []
        start, end = (DAY, max(DAY + 1, self.now - DAY)) if fault == "backfill" else (0.0, None)
        store, client = cast(Store, self.store), cast(MeetingsClient, self)  # the parts that it uses
        listing = LedgerListing(store, client, run=name, ids=self.ids, start=start, end=end, revisit=REVISIT)

        def lists() -> None:
            self.fails = fault == "page fails"
            found.extend(listing.recordings(lambda _: None))
            if fault != "dies before the write":
                listing.write()

        asked = self.now
        yield lists
        if fault == "retried after the write":
            yield from self.steps("none", name)
        elif fault not in {"page fails", "dies before the write", "dies after the write"}:
            yield lambda: self.load(listing.entry, found, asked, fault)

    def load(self, entry: str, found: Sequence[Recording], asked: float, fault: str) -> None:
        """Land and load what was found, and close it."""
        ready = [one for one in found if one.state is RecordingState.READY]
        files = [self.file(one, fault if number == 0 else "") for number, one in enumerate(ready)]
        for one in found:
            key = str(one.recording_id)
            if one.recording_id is None:
                continue
            if key not in self.rows or self.rows[key][0] <= asked:
                self.rows[key] = asked, one
        if fault == "a file is lost":
            files = files[1:]
        if fault != "dies before the close":
            changes = settle(self.state(), {entry}, found, files, unfinished=())
            if changes.items:
                self.ledger().write(changes)

    @staticmethod
    def file(one: Recording, fault: str) -> StoredFile:
        values = dict.fromkeys(("uri", "size", "sha256", "media_type", "landed_at"))
        ids = {"platform": "acme", "tenant": "t", "recording_id": one.recording_id, "file_id": "f", "kind": "video"}
        return StoredFile.from_dict({**values, **ids, "outcome": "failed" if fault == "a file fails" else "landed"})


@dataclass
class Report(World):
    """A platform that reports meetings; each recording is asked for, by its meeting or by its id."""

    ids: ClassVar[dict[str, tuple[str, ...]]] = {}
    selector: ClassVar[str] = WINDOW

    def truth(self, life: Life) -> Recording | None:
        shown = replace(life, listed=life.start + 1).at(self.now)
        if shown is None:
            return None
        ready = shown.state is RecordingState.READY
        return replace(shown, listed_by=WINDOW, recording_id=shown.recording_id if ready else None)

    def list(self, query: RecordingQuery, report: ReportWindow, wanted: Wanted | None = None) -> Iterator[Recording]:
        """Answer as a platform's client."""
        for ref in query.recordings:
            yield self.answer(ref)
        if query.recordings:
            return
        assert query.start
        assert query.end
        assert wanted
        window = ListedWindow(endpoint="report", selector="", start=query.start, end=query.end, pages=1, items=1)
        for number, life in enumerate(self.lives):
            if self.fails and number:
                report(replace(window, outcome=WindowOutcome.FAILED))
                raise ServerError("the page fails")
            started = pendulum.from_timestamp(life.start * HOUR)
            meeting = RecordingRef(recording_id=None, meeting_id=f"m{life.number}", started_at=started)
            shown = query.start <= started < query.end and self.now / HOUR > life.start
            if shown and (asked := wanted(meeting)):
                yield self.answer(asked)
        report(window)

    def answer(self, ref: RecordingRef) -> Recording:
        (life,) = (life for life in self.lives if f"m{life.number}" == ref.meeting_id)
        self.asked.setdefault(f"r{life.number}", []).append(self.now)
        deleted = Recording(
            platform="acme", tenant="t", recording_id=f"r{life.number}", meeting_id=ref.meeting_id,
            started_at=ref.started_at, state=RecordingState.GONE, listed_by=WINDOW,
        )  # fmt: skip
        return self.truth(life) or deleted


def play(world: World, steps: Sequence[tuple[int, str]]) -> None:
    """Run with faults, then each day without."""
    waiting: list[Iterator[Callable[[], None]]] = []
    for hours, fault in [*steps, *[(24, "none")] * CLEAN]:
        world.now += hours * HOUR
        tasks = world.steps(fault)
        try:
            next(tasks)()
            if fault == "overlaps":  # its next tasks come after those of the next run
                waiting.append(tasks)
                continue
            for task in tasks:
                task()
        except ServerError:
            assert fault == "page fails"
        while fault == "none" and waiting:
            for task in waiting.pop():
                task()
        check_dates(world, complete=fault == "none")
    for task in (task for tasks in waiting for task in tasks):
        task()


def check_dates(world: World, *, complete: bool) -> None:
    """Neither date is beyond the truth: of what starts before it, what was listed is known, and settled.

    :param complete: whether the latest run was.
    """
    state = world.state()
    listed, settled = state.listed_up_to(world.selector), state.settled_up_to(world.selector, world.now)
    if listed is None or settled is None:
        return
    assert settled <= listed <= world.now
    for life in world.lives if complete else ():
        if world.truth(life) and world.now - REVISIT <= life.start * HOUR < listed:
            assert item_of(state, life), "it is before the date, listed, and unknown"
    for key, item in state.items.items():
        started = item.seen.started_at
        named = item.seen.recording_id is not None
        if named and started is not None and started < settled and not item.is_expired(world.now, REVISIT):
            row = world.rows.get(key.partition(":")[2])
            assert row, f"{key} is before the date and was never loaded"
            assert item.settled or item.seen.state != "ready"


def item_of(state: State, life: Life) -> Item | None:
    return state.items.get(f"recording:r{life.number}") or state.items.get(f"meeting:m{life.number}")


def check_end(world: World) -> None:
    state = world.state()
    for life in world.lives:
        name = f"r{life.number}"
        item, row = item_of(state, life), world.rows.get(name)
        shown = world.truth(life)
        if shown is None:
            if item and item.seen.state in {"ready", "gone"}:
                assert row, name
                assert row[1].state == "gone", f"{name} is deleted"
            continue
        if shown.state.is_pending:
            assert item, f"{name} is lost"
            assert item.is_open
            last = max(item.first_seen + REVISIT, item.seen.taken_at)  # written down by a run at or after the deadline
            assert max(world.asked.get(name, [0.0])) <= last, "asked for after its deadline"
            continue
        if shown.recording_id is None:  # it is forbidden: only the ledger says so
            assert item, f"{name} is lost"
            assert (item.seen.state, item.is_open) == (shown.state, False)
            continue
        assert row, f"{name} is lost"
        assert (row[1].state, row[1].title) == (shown.state, shown.title), name
        assert item is None or not item.is_open, f"{name} is answered and open"


@pytest.mark.parametrize("platform", [World, Report])
def test_faults_lose_nothing(
    platform: type[World], pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_OBJECTS", 4)

    @settings(max_examples=pytestconfig.getoption("--sequences") * 2, deadline=None)
    @given(LIVES, STEPS)
    def run(lives: tuple[Life, ...], steps: list[tuple[int, str]]) -> None:
        world = platform(lives)
        play(world, steps)
        check_end(world)

    run()


@pytest.mark.parametrize("is_set", [False, True])
def test_long_listing_by_a_clock_that_is_ahead_writes_nothing(is_set: bool) -> None:
    world = World([], now=100 * DAY)
    store, client = cast(Store, world.store), cast(MeetingsClient, world)
    listing = LedgerListing(store, client, run="one", ids=World.ids, start=0.0, end=None, revisit=REVISIT)
    assert not list(listing.recordings(lambda _: None))
    if is_set:  # to the platform's time
        world.now -= DAY / 12
        world.transport = SimpleNamespace(answered_at=world.now)
    else:
        world.now += DAY / 6
        world.transport = SimpleNamespace(answered_at=world.now - DAY / 12)
    with pytest.raises(InvalidRequest, match="7200 s ahead of that of acme"):
        listing.write()
    assert world.state() == State()
