"""What one run by a ledger lists, returns and writes."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pendulum
import pytest

from airflow_provider_meetings.api.client import NOT_LISTED
from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.exclude import Exclude
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.ledger.items import DAY, key_of
from airflow_provider_meetings.api.ledger.marks import MarkKind, Marks, subject_hash
from airflow_provider_meetings.api.ledger.report import counts, dates, rows
from airflow_provider_meetings.api.ledger.run import LedgerRun
from airflow_provider_meetings.api.ledger.settle import settle
from airflow_provider_meetings.api.ledger.state import State
from airflow_provider_meetings.api.models import Recording, RecordingState, StoredFile
from airflow_provider_meetings.api.query import WINDOW, RecordingRef
from airflow_provider_meetings.storage.local.store import LocalStore

REVISIT = 14 * DAY
OWNER = "owner_id:zhang"
KEY = b"0123456789abcdef"


def recording(number: int = 1, state: str = "ready", *, started: float = 0.0, **changes: Any) -> Recording:
    values: dict[str, Any] = {
        "platform": "acme",
        "tenant": "t",
        "recording_id": f"r{number}",
        "meeting_id": f"m{number}",
        "started_at": pendulum.from_timestamp(started),
        "listed_by": OWNER,
        "state": RecordingState(state),
    }
    return Recording(**{**values, **changes})


def stored(one: Recording, outcome: str = "landed", kind: str = "video") -> StoredFile:
    values = dict.fromkeys(("uri", "size", "sha256", "media_type", "landed_at"))
    ids = {"platform": "acme", "tenant": "t", "recording_id": one.recording_id, "file_id": "f", "kind": kind}
    return StoredFile.from_dict({**values, **ids, "outcome": outcome})


class Source:
    """A pipeline over days: each run lists, and mostly lands and closes what it gets."""

    def __init__(self) -> None:
        self.state = State()

    def run(self, now: float, name: str | None = None) -> LedgerRun:
        return LedgerRun(self.state, run=name or str(now), now=now, revisit=REVISIT)

    def lists(
        self, now: float, *found: Recording, window: tuple[float, float] | None = None, name: str | None = None
    ) -> tuple[LedgerRun, list[Recording]]:
        run = self.run(now, name)
        taken = [one for one in map(run.take, found) if one]
        if window:
            run.listed(OWNER, *window, begins=True)
        self.state.merge(run.changes)
        return run, taken

    def closes(
        self, run: LedgerRun, found: list[Recording], *files: StoredFile, unfinished: Collection[str] = ()
    ) -> None:
        files = files or tuple(stored(one) for one in found if one.state is RecordingState.READY)
        self.state.merge(settle(self.state, {run.entry}, found, files, unfinished=unfinished))

    def is_open(self, one: Recording) -> bool:
        return self.state.items[key_of(one)].is_open


@pytest.fixture
def source() -> Source:
    return Source()


def test_ledger_begins_at_start_and_continues_without_gap(source: Source) -> None:
    with pytest.raises(InvalidRequest, match="Set start"):
        source.run(10 * DAY).begin(OWNER, None)
    assert source.run(10 * DAY).begin(OWNER, 3 * DAY) == 3 * DAY
    source.lists(10 * DAY, window=(3 * DAY, 10 * DAY))
    assert source.run(11 * DAY).begin(OWNER, 9 * DAY) == 3 * DAY, "what is watched; not before the ledger began"
    source.lists(40 * DAY, window=(3 * DAY, 40 * DAY))
    assert source.run(41 * DAY).begin(OWNER, None) == 26 * DAY, "a day more than is watched"
    assert source.run(90 * DAY).begin(OWNER, None) == 40 * DAY, "missed runs"
    assert source.run(90 * DAY).begin("owner_id:new", 80 * DAY) == 80 * DAY


def test_window_in_the_future_does_not_count(source: Source) -> None:
    source.lists(10 * DAY, window=(3 * DAY, 20 * DAY))
    assert source.state.listed_up_to(OWNER) == 10 * DAY


def test_recording_is_returned_until_it_is_settled(source: Source) -> None:
    one = recording()
    run, taken = source.lists(DAY, one, name="a")
    assert taken == [one]
    assert source.lists(DAY + 60, one, name="a")[1] == [one], "a retry"
    assert source.lists(DAY + 60, one, name="b")[1] == [], "another run has it"
    run, taken = source.lists(DAY + 3700, one, name="c")
    assert taken == [one], "that run has died"
    source.closes(run, taken)
    assert not source.is_open(one)
    assert source.lists(DAY + 8000, one)[1] == []


def test_item_taken_by_a_later_run_is_not_closed_by_the_earlier(source: Source) -> None:
    first, taken = source.lists(DAY, recording())
    second, renamed = source.lists(DAY + 60, recording(title="New"))
    assert [one.title for one in renamed] == ["New"]
    source.closes(first, taken)
    assert source.is_open(recording())
    source.closes(second, renamed)
    assert not source.is_open(recording())


def test_load_that_ends_later_does_not_count_over_a_later_answer(source: Source) -> None:
    early, late = (recording(title=title, asked_at=pendulum.from_timestamp(at)) for title, at in (("a", 1), ("b", 2)))
    first, first_taken = source.lists(1.0, early)
    second, second_taken = source.lists(2.0, late)
    source.closes(second, second_taken, stored(late), stored(late, kind="transcript"))
    source.closes(first, first_taken, stored(early), stored(early, "absent", "transcript"))
    settled = source.state.items[key_of(late)].settled
    assert settled
    assert (settled.at, settled.missing) == (2.0, ())


def test_change_of_a_settled_recording_is_returned_as_revisit(source: Source) -> None:
    run, taken = source.lists(DAY, recording())
    assert not taken[0].revisit
    source.closes(run, taken)
    _, (renamed,) = source.lists(DAY + 7200, recording(title="New"))
    assert (renamed.title, renamed.revisit) == ("New", True)
    assert source.state.items[key_of(renamed)].holds_back(DAY, REVISIT)


def test_pending_recording_is_asked_for_each_time_and_opened_once(source: Source) -> None:
    pending = recording(state="processing")
    first, _ = source.lists(DAY, pending)
    run, taken = source.lists(DAY + 60, pending)
    assert taken == [pending]
    assert source.state.items[key_of(pending)].opened == {first.entry}
    source.closes(run, taken)
    assert source.is_open(pending)
    run, taken = source.lists(DAY + 120, recording())
    source.closes(run, taken)
    assert not source.is_open(pending)


def test_wait_for_a_pending_recording_ends(source: Source) -> None:
    pending = recording(state="absent")
    source.lists(DAY, pending, window=(0.0, DAY))
    assert source.state.settled_up_to(OWNER, 2 * DAY) == 0.0
    assert source.state.settled_up_to(OWNER, 16 * DAY) == 0.0, "it may have become ready while no run asked"
    assert len(source.lists(16 * DAY, pending, window=(0.0, 16 * DAY))[1]) == 1, "a last time"
    assert source.state.settled_up_to(OWNER, 16 * DAY) == 16 * DAY
    assert source.lists(16.5 * DAY, pending)[1] == []
    assert source.is_open(pending), "it is shown as expired"
    _, taken = source.lists(17 * DAY, recording())
    assert [one.state for one in taken] == ["ready"], "a listing may still show it"


def test_recording_of_a_meeting_takes_the_place_of_the_meeting(source: Source) -> None:
    meeting = recording(state="processing", recording_id=None)
    source.lists(DAY, meeting)
    run, taken = source.lists(DAY + 60, recording())
    assert not source.is_open(meeting)
    assert source.is_open(recording())
    source.closes(run, taken)
    assert not source.run(DAY + 80).wanted(RecordingRef(recording_id=None, meeting_id="m1"))
    assert source.state.items[key_of(meeting)].next_check(REVISIT) is None


def test_recording_whose_meeting_was_pending_is_shown_by_the_meeting(source: Source) -> None:
    source.lists(DAY, recording(state="processing", recording_id=None, listed_by=WINDOW))
    run, taken = source.lists(1.1 * DAY, recording(listed_by=WINDOW))
    source.closes(run, taken)
    run = source.run(1.5 * DAY)
    assert not run.wanted(RecordingRef(recording_id=None, meeting_id="m1"))
    run.listed(WINDOW, -DAY, 1.5 * DAY, begins=True)
    assert list(run.due()) == []


def test_meeting_that_the_report_shows_again_is_asked_for(source: Source) -> None:
    meeting = recording(state="recording", recording_id=None, listed_by=WINDOW)
    source.lists(DAY, meeting)
    run = source.run(1.1 * DAY)
    run.listed(WINDOW, -DAY, 1.1 * DAY, begins=True)
    assert list(run.due()) == []
    source.state.merge(run.changes)
    assert not source.is_open(meeting), "it ended without a recording"
    run = source.run(1.2 * DAY)
    assert run.wanted(RecordingRef(recording_id=None, meeting_id="m1"))
    assert run.take(meeting)
    source.state.merge(run.changes)
    assert source.is_open(meeting)


def test_meeting_that_another_run_has_seen_pending_is_closed(source: Source) -> None:
    one, two = source.run(DAY, "one"), source.run(DAY + 5, "two")
    meeting = recording(state="processing", recording_id=None)
    one.take(meeting)
    found = two.take(recording())
    assert found
    source.state.merge(one.changes)
    source.state.merge(two.changes)
    source.closes(two, [found])
    assert source.is_open(meeting)
    assert source.lists(1.1 * DAY, recording())[1] == []
    assert not source.is_open(meeting)


def test_meeting_that_was_forbidden_is_replaced_by_its_recording(source: Source) -> None:
    meeting = recording(state="forbidden", recording_id=None)
    run, taken = source.lists(DAY, meeting)
    source.closes(run, taken)
    run, taken = source.lists(3 * DAY, recording())
    assert taken
    source.closes(run, taken)
    source.lists(3.2 * DAY, recording())
    run = source.run(3.5 * DAY)
    assert not run.wanted(RecordingRef(recording_id=None, meeting_id="m1"))
    assert [one["settled"] for one in counts(source.state)] == [0]
    run = source.run(16 * DAY)
    assert [ref.recording_id for ref in run.due()] == ["r1"]
    source.state.drop(20 * DAY)
    assert key_of(meeting) not in source.state.items


def test_number_waits_for_its_first_meeting_alone(source: Source) -> None:
    ids: dict[str, Any] = {"recording_id": None, "meeting_id": None, "meeting_number": "123", "started_at": None}
    number = recording(state="absent", **{**ids, "listed_by": "meeting_number:123"})
    run = source.run(DAY)
    assert run.take(number), "the first meeting may still come"
    run.listed("meeting_number:123", 0.0, DAY, begins=True)
    source.state.merge(run.changes)
    run, taken = source.lists(2 * DAY, recording(meeting_number="123", listed_by="meeting_number:123"))
    source.closes(run, taken)
    assert not source.is_open(number)
    source.state.items.clear()
    assert source.lists(30 * DAY, number)[1] == [], "no meeting since"
    assert not source.state.items
    meeting = recording(2, "absent", **{**ids, "meeting_id": "m2", "listed_by": "meeting_number:123"})
    assert source.lists(31 * DAY, meeting)[1], "a meeting of the number, without an answer"


def test_known_recording_is_asked_for_by_its_id(source: Source) -> None:
    meeting = RecordingRef(recording_id=None, meeting_id="m1")
    assert source.run(DAY).wanted(meeting) == meeting
    run, taken = source.lists(DAY, recording())
    source.closes(run, taken)
    known = source.run(2 * DAY).wanted(meeting)
    assert known
    assert (known.recording_id, known.meeting_id) == ("r1", "m1")


def test_known_recording_needs_no_request_until_it_is_due(source: Source) -> None:
    ref = RecordingRef(recording_id=None, meeting_id="m1")
    assert source.run(DAY).wanted(ref)
    run, taken = source.lists(DAY, recording())
    assert not source.run(DAY + 60, "other").wanted(ref), "another run has it"
    source.closes(run, taken)
    assert not source.run(1.5 * DAY).wanted(ref)
    assert source.run(2 * DAY).wanted(ref), "a revisit"


@pytest.mark.parametrize("platform_says", ["gone", "nothing"])
def test_deleted_recording(source: Source, platform_says: str) -> None:
    run, taken = source.lists(DAY, recording(started=0.5 * DAY), window=(0.0, DAY))
    source.closes(run, taken)
    run = source.run(1.2 * DAY)
    run.listed(OWNER, 0.0, 1.2 * DAY, begins=True)
    (ref,) = run.due()
    assert ref.recording_id == "r1", "a complete listing lacks it"
    if platform_says == "gone":
        assert run.take(recording(state="gone")) is not None
        return
    lacking = recording(state="unknown", reason=NOT_LISTED, started=0.5 * DAY)
    assert run.take(lacking) is None
    source.state.merge(run.changes)
    assert source.lists(2 * DAY, lacking)[1] == [], "less than a day later"
    run, (gone,) = source.lists(2.2 * DAY, lacking)
    assert gone.state is RecordingState.GONE
    source.closes(run, [gone])
    assert not source.is_open(gone)
    _, again = source.lists(10 * DAY, lacking)
    assert [one.state for one in again] == [RecordingState.GONE], "a revisit of what is gone"


def test_recording_that_is_listed_again_is_not_deleted(source: Source) -> None:
    run, taken = source.lists(DAY, recording())
    source.closes(run, taken)
    lacking = recording(state="unknown", reason=NOT_LISTED)
    source.lists(1.2 * DAY, lacking)
    source.lists(1.5 * DAY, recording())
    assert source.lists(2.3 * DAY, lacking)[1] == []


@pytest.mark.parametrize("state", ["forbidden", "unknown"])
def test_refused_recording_is_an_answer_without_tombstone(source: Source, state: str) -> None:
    run, taken = source.lists(DAY, recording(state=state, reason="no permission"))
    assert [one.state for one in taken] == [state]
    source.closes(run, taken)
    assert not source.is_open(recording())


@pytest.mark.parametrize(("outcome", "closes"), [("skipped", 1), ("refused", 1), ("absent", 1), ("failed", 0)])
def test_stored_files_decide(source: Source, outcome: str, closes: int) -> None:
    run, taken = source.lists(DAY, recording())
    source.closes(run, taken, stored(taken[0]), stored(taken[0], outcome, "transcript-txt"))
    assert source.is_open(taken[0]) is not bool(closes)


def test_missing_kind_is_asked_for_in_each_run(source: Source) -> None:
    run, taken = source.lists(DAY, recording())
    files = stored(taken[0]), stored(taken[0], "absent", "transcript-txt")
    source.closes(run, taken, *files)
    assert source.lists(DAY + 1800, recording())[1] == []
    run, taken = source.lists(DAY + 3700, recording())
    assert [one.revisit for one in taken] == [True]
    source.closes(run, taken, stored(taken[0]), stored(taken[0], "landed", "transcript-txt"))
    assert source.lists(DAY + 9000, recording())[1] == []


def test_item_that_is_asked_for_each_hour_does_not_grow(source: Source) -> None:
    for hour in range(1, 100):
        run, taken = source.lists(hour * 3601.0, recording())
        source.closes(run, taken, stored(recording()), stored(recording(), "absent", "transcript-txt"))
        assert not source.is_open(recording())
        source.state.drop(hour * 3601.0)
        assert len(source.state.to_bytes()) < 2_000


def test_speakers_that_are_not_final_are_asked_for_in_each_run(source: Source) -> None:
    run, taken = source.lists(DAY, recording())
    source.closes(run, taken, unfinished={"r1"})
    assert [one.revisit for one in source.lists(DAY + 3700, recording())[1]] == [True]


def test_revisit_that_dies_is_asked_for_again_and_holds_nothing_back(source: Source) -> None:
    run, taken = source.lists(DAY, recording(), window=(0.0, DAY))
    source.closes(run, taken)
    source.lists(2 * DAY, recording(), window=(0.0, 2 * DAY))
    assert source.is_open(recording())
    assert source.state.settled_up_to(OWNER, 2 * DAY) == 2 * DAY
    assert len(source.lists(2 * DAY + 3601, recording())[1]) == 1


def test_changed_recording_waits_since_its_change(source: Source) -> None:
    run, taken = source.lists(DAY, recording())
    source.closes(run, taken)
    for day in (15, 16):
        source.lists(day * DAY, recording(title="New"))
        (waits,) = rows(source.state, day * DAY)
        assert (waits["state"], waits["waits_since"]) == ("ready", "1970-01-16T00:00:00+00:00")


@pytest.mark.parametrize("state", ["absent", "processing"])
def test_revisit_without_an_answer_changes_nothing(source: Source, state: str) -> None:
    run, taken = source.lists(DAY, recording(), window=(0.0, DAY))
    source.closes(run, taken)
    before = source.state.items[key_of(recording())]
    assert source.lists(2 * DAY, recording(state=state), window=(0.0, 2 * DAY))[1] == []
    assert source.state.items[key_of(recording())] == before
    assert source.state.settled_up_to(OWNER, 2 * DAY) == 2 * DAY
    assert len(source.lists(3 * DAY, recording())[1]) == 1, "it is still due"


def test_recording_asked_for_by_hand_is_returned_and_waited_for_again(source: Source) -> None:
    pending = recording(state="absent", recording_id=None)
    source.lists(DAY, pending)
    source.lists(16 * DAY, pending)
    assert source.lists(17 * DAY, pending)[1] == [], "its wait has ended"
    run = source.run(18 * DAY)
    assert run.take(pending, by_hand=True) == pending
    source.state.merge(run.changes)
    assert source.lists(19 * DAY, pending)[1] == [pending]


def test_ledger_waits_for_one_set_of_kinds(source: Source) -> None:
    run, taken = source.lists(DAY, recording(1), recording(2))
    source.closes(run, taken[:1])
    with pytest.raises(
        InvalidRequest, match=r"lands video; this one has audio, video\. Land the kinds of the ledger; or begin a new"
    ):
        source.closes(run, taken[1:], stored(taken[1]), stored(taken[1], "landed", "audio"))


def test_old_recordings_with_receipts_stay_out_of_a_new_ledger(source: Source) -> None:
    landed = {"recording:r1", "meeting:m1", "recording:r2", "meeting:m2"}
    run = LedgerRun(State(), run="a", now=20 * DAY, revisit=REVISIT, landed=landed)
    assert run.take(recording(1, started=5 * DAY)) is None
    assert run.take(recording(2, started=7 * DAY)) is not None, "it is still watched"
    old = pendulum.from_timestamp(5 * DAY)
    assert not run.wanted(RecordingRef(recording_id=None, meeting_id="m1", started_at=old))


def test_clock_that_ran_ahead_does_not_win(source: Source) -> None:
    source.lists(1_000 * DAY, recording())
    run, taken = source.lists(DAY, recording(title="New"), window=(0.0, DAY))
    source.closes(run, taken)
    assert not source.is_open(recording())
    assert source.lists(DAY + 60, recording(title="New"))[1] == []


def test_clock_that_ran_ahead_delays_nothing(source: Source) -> None:
    ahead = 400 * DAY
    pending = recording(2, state="absent")
    run, taken = source.lists(ahead, recording(1), pending, recording(3), window=(0.0, ahead))
    source.closes(run, [taken[2]], stored(taken[2]))
    assert [one["listed_up_to"] for one in dates(source.state, DAY)] == ["1970-01-02T00:00:00+00:00"]
    third = recording(3, asked_at=pendulum.from_timestamp(DAY))
    run, taken = source.lists(DAY, recording(1), pending, third, name="next")
    assert [one.recording_id for one in taken] == ["r1", "r2", "r3"]
    source.closes(run, taken)
    assert [one["waits_since"] for one in rows(source.state, DAY) if one["waits_since"]] == [
        "1970-01-02T00:00:00+00:00"
    ]
    assert source.lists(1.5 * DAY, recording(3))[1] == []
    assert [one.revisit for one in source.lists(2 * DAY, recording(3))[1]] == [True]


def test_ledger_that_was_deleted_is_rebuilt(source: Source) -> None:
    run, taken = source.lists(DAY, recording(1), recording(2, started=19 * DAY), name="a")
    source.closes(run, taken)
    rebuilt = LedgerRun(State(), run="b", now=20 * DAY, revisit=REVISIT, landed={"recording:r1", "recording:r2"})
    found = [rebuilt.take(one) for one in (recording(1), recording(2, started=19 * DAY), recording(3))]
    assert [one.recording_id for one in found if one] == ["r2", "r3"]


class Excluding(Source):
    """A pipeline whose rules and marks change."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.rules: dict[str, Any] = {}
        self.marks = Marks(store, lambda: KEY)

    def run(self, now: float, name: str | None = None) -> LedgerRun:
        exclude = Exclude(self.rules, self.marks)
        return LedgerRun(self.state, run=name or str(now), now=now, revisit=REVISIT, exclude=exclude)

    def mark(self, kind: MarkKind, one: str) -> None:
        self.marks.add(subject_hash(KEY, kind, "acme", "t", one), {})

    def asks_for(self, now: float, *found: Recording) -> set[str | None]:
        """Return what a run asks for by its id, beside the listing of `found`."""
        run = self.run(now)
        for one in found:
            run.take(one)
        return {ref.recording_id for ref in run.due()}


@pytest.fixture
def excluding(tmp_path: Path) -> Excluding:
    return Excluding(LocalStore(tmp_path, f"file://{tmp_path}"))


MINE = recording(1, owner_id="mine", title="Mine")


def test_excluded_recording_is_settled_by_the_load(excluding: Excluding) -> None:
    excluding.rules = {"owner_ids": ["mine"]}
    run, taken = excluding.lists(DAY, MINE, recording(2, owner_id="other"))
    assert [(one.recording_id, one.state) for one in taken] == [("r1", "excluded"), ("r2", "ready")]
    assert excluding.is_open(MINE)
    excluding.closes(run, taken)
    (mine, _) = rows(excluding.state, DAY)
    assert (mine["state"], mine["reason"], mine["listed_by"]) == ("excluded", "excluded by owner_ids", OWNER)
    assert mine["settled_at"]
    assert [(one["landed"], one["settled"], one["open"]) for one in counts(excluding.state)] == [(1, 1, 0)]
    assert excluding.lists(DAY + 7200, MINE)[1] == []


def test_excluded_title_is_not_in_the_ledger(excluding: Excluding) -> None:
    """Also not by its digest: another title of an excluded recording changes nothing."""
    excluding.rules = {"owner_ids": ["mine"]}
    run, taken = excluding.lists(DAY, MINE)
    excluding.closes(run, taken)
    assert excluding.lists(DAY + 7200, recording(1, owner_id="mine", title="Other"))[1] == []


def test_other_rules_let_it_in_at_any_age(excluding: Excluding) -> None:
    """It is asked for by its id, where no listing shows it any more."""
    excluding.rules = {"owner_ids": ["mine"]}
    for now in (DAY, DAY + REVISIT):  # the end of its watch
        run, taken = excluding.lists(now, MINE)
        excluding.closes(run, taken)
    excluding.state.drop(200 * DAY)
    assert excluding.asks_for(200 * DAY) == set()
    excluding.rules = {"owner_ids": ["others"]}
    assert excluding.asks_for(200 * DAY) == {"r1"}
    run, taken = excluding.lists(200 * DAY, MINE)
    assert [(one.state, one.title, one.revisit) for one in taken] == [("ready", "Mine", True)]
    excluding.closes(run, taken)
    assert excluding.lists(200 * DAY + 7200, MINE)[1] == []


def test_landed_recording_that_is_excluded_later(excluding: Excluding) -> None:
    run, taken = excluding.lists(DAY, MINE)
    excluding.closes(run, taken)
    excluding.rules = {"title": "Mine"}
    run, taken = excluding.lists(2 * DAY, MINE)
    assert [one.state for one in taken] == ["excluded"]
    excluding.closes(run, taken)
    assert not excluding.is_open(MINE)


@pytest.mark.parametrize("kind", [MarkKind.RECORDING, MarkKind.OWNER])
@pytest.mark.parametrize("before", ["new", "open", "settled"])
def test_forgotten_recording_is_closed_and_never_asked_for(excluding: Excluding, kind: MarkKind, before: str) -> None:
    if before != "new":
        run, taken = excluding.lists(DAY, MINE)
    if before == "settled":
        excluding.closes(run, taken)
    excluding.mark(kind, "r1" if kind is MarkKind.RECORDING else "mine")
    run, taken = excluding.lists(3 * DAY, MINE)
    assert taken == []
    assert run.take(MINE, by_hand=True) is None
    (item,) = rows(excluding.state, 3 * DAY)
    assert (item["state"], item["reason"], item["next_check_at"]) == ("excluded", "forgotten", None)
    assert not excluding.is_open(MINE)
    for day in range(4, 60):
        assert excluding.asks_for(day * DAY) == set()
        ref = RecordingRef(recording_id=None, meeting_id="m1", started_at=MINE.started_at)
        assert excluding.run(day * DAY).wanted(ref) is None
        assert excluding.lists(day * DAY, MINE)[1] == []
    assert next(counts(excluding.state))["lost"] == 0


def test_unforgotten_recording_is_asked_for_again(excluding: Excluding) -> None:
    excluding.mark(MarkKind.OWNER, "mine")
    excluding.lists(DAY, MINE)
    excluding.marks.remove([subject_hash(KEY, MarkKind.OWNER, "acme", "t", "mine")])
    assert excluding.asks_for(300 * DAY) == {"r1"}
    _, taken = excluding.lists(300 * DAY, MINE)
    assert [(one.recording_id, one.state) for one in taken] == [("r1", "ready")]


def test_rebuilt_ledger_does_not_return_what_was_forgotten(excluding: Excluding) -> None:
    excluding.mark(MarkKind.RECORDING, "r1")
    excluding.lists(DAY, MINE)
    excluding.state = State()
    assert excluding.lists(2 * DAY, MINE)[1] == []


def test_platform_that_fails_to_answer_does_not_reopen_it(excluding: Excluding) -> None:
    excluding.rules = {"owner_ids": ["mine"]}
    run, taken = excluding.lists(DAY, MINE)
    excluding.closes(run, taken)
    assert excluding.lists(2 * DAY, recording(1, "absent"))[1] == []
    assert not excluding.is_open(MINE)
