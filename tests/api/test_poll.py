"""Polls: what they ask in each round, what they keep, and what another process knows from it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import ClassVar

import pendulum
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_meetings.api.client import MeetingsClient, Wanted
from airflow_provider_meetings.api.costs import Requests, Volume
from airflow_provider_meetings.api.errors import (
    Gone,
    InvalidRequest,
    MeetingsApiError,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerError,
)
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.models import Download, MediaFile, Recording, RecordingState
from airflow_provider_meetings.api.poll import Poll
from airflow_provider_meetings.api.query import RecordingQuery, RecordingRef
from airflow_provider_meetings.api.windows import ListedWindow, Report

Answer = str | tuple[str, ...] | MeetingsApiError


def tokenless() -> ServerError:
    error = ServerError("no token")
    error.concerns_all = True
    return error


def lost() -> ServerError:
    error = ServerError("acme could not be reached")
    error.lost = True
    return error


class Acme(MeetingsClient):
    """Answer for each id with states, or with an error; the last answer repeats."""

    platform: ClassVar[str] = "acme"
    selectors: ClassVar[tuple[str, ...]] = ("meeting_ids", "meeting_numbers", "owner_ids", "recordings")
    kinds: ClassVar[tuple[str, ...]] = ("video",)
    states: ClassVar[dict[int, RecordingState]] = {7: RecordingState.GONE, 8: RecordingState.FORBIDDEN}
    object_codes: ClassVar[range] = range(100, 200)

    def __init__(self, **answers: list[Answer]) -> None:
        super().__init__(Transport(base_url="http://127.0.0.1:9", platform="acme"), tenant="t1")
        self.answers = answers
        self.asked: list[str] = []

    def _list(self, query: RecordingQuery, report: Report, wanted: Wanted) -> Iterator[Recording]:
        ids = next(query.ids())
        name = next(value for value in ids.values() if value)
        self.asked.append(name)
        answers = self.answers[name]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, MeetingsApiError):
            raise answer
        for number, state in enumerate((answer,) if isinstance(answer, str) else answer):
            recording_id = None if state == "absent" else f"{name}-{number}"
            yield Recording(
                **{
                    "platform": "acme",
                    "tenant": "t1",
                    "state": RecordingState(state),
                    **ids,
                    "recording_id": recording_id,
                }
            )

    def round(self, poll: Poll) -> list[str]:
        """Ask, and return what was asked."""
        self.asked.clear()
        assert poll.ask(self)
        return self.asked[:]

    def shown(self, poll: Poll) -> list[tuple[str, str | None]]:
        return [(str(r.state), r.reason) for r in poll.results(self)]

    def done(self, poll: Poll) -> bool:
        assert poll.ask(self)
        return not poll.waiting and not poll.unfetched

    def media(self, recording: Recording, kinds: Sequence[str]) -> Iterator[MediaFile]:
        raise NotImplementedError

    def open(self, media: MediaFile) -> Download:
        raise NotImplementedError

    def requests_of(self, query: RecordingQuery, volume: Volume, kinds: Sequence[str]) -> Iterator[Requests]:
        raise NotImplementedError

    def whoami(self) -> str:
        raise NotImplementedError


MEETINGS = RecordingQuery(meeting_ids=("a", "b", "c"))


def carry(poll: Poll, client: Acme, query: RecordingQuery) -> Poll:
    """Return the poll of another process, which has the same query, after the way through JSON."""
    return Poll(query, poll.until, json.loads(json.dumps(poll.known())))


def test_only_pending_ids_are_asked_again() -> None:
    acme = Acme(a=["ready"], b=["processing", "recording", "ready"], c=[Gone("x", code=7, vendor_message="gone")])
    poll = Poll(MEETINGS, "settled")
    assert [acme.round(poll) for _ in range(3)] == [["a", "b", "c"], ["b"], ["b"]]
    assert acme.shown(poll) == [("ready", None), ("ready", None), ("gone", "gone (code 7)")]
    assert acme.round(poll) == []


def test_failing_id_keeps_its_state_and_is_asked_once_a_round() -> None:
    acme = Acme(a=["ready"], b=["processing", ServerError("sick")], c=[ServerError("sick", code=5)])
    poll = Poll(MEETINGS, "settled")
    assert [acme.round(poll) for _ in range(3)] == [["a", "b", "c"], ["b", "c"], ["b", "c"]]
    sick = "sick. [code 5]"
    assert poll.describe() == f"meeting b (processing), meeting c (absent). Last error: {sick}"
    overdue = [
        ("ready", None),
        ("overdue", "still processing at the deadline: sick."),
        ("overdue", f"still absent at the deadline: {sick}"),
    ]
    assert acme.shown(poll) == overdue
    # The same in another process, which fetches only what is ready.
    other = carry(poll, acme, MEETINGS)
    other.expire()
    assert acme.round(other) == ["a"]
    assert acme.shown(other) == overdue


@pytest.mark.parametrize("error", [RateLimited("slow"), tokenless(), PermissionDenied("no scope", code=9)])
def test_error_about_all_ends_the_round_and_keeps_its_answers(error: MeetingsApiError) -> None:
    acme = Acme(a=["ready"], b=[error, error, "ready"], c=["processing", "ready"])
    poll = Poll(MEETINGS, "settled")
    with pytest.raises(type(error)):
        poll.ask(acme)
    assert list(poll.states.values()) == ["ready"]
    # The next call asks what was not asked, and then what failed.
    acme.asked.clear()
    with pytest.raises(type(error)):
        poll.ask(acme)
    assert acme.asked == ["c", "b"]
    assert acme.round(poll) == ["b"]
    assert acme.round(poll) == ["c"]
    assert acme.shown(poll) == [("ready", None)] * 3


def test_id_whose_error_ends_each_round_does_not_keep_other_selectors_from_being_asked() -> None:
    acme = Acme(a=[RateLimited("slow")], n=["ready"], o=[("ready", "ready")])
    poll = Poll(RecordingQuery(meeting_ids=("a",), meeting_numbers=("n",), owner_ids=("o",)), "settled")
    for _ in range(4):
        with suppress(RateLimited):
            poll.ask(acme)
    assert sorted(poll.states.values()) == ["ready", "ready"]


def test_lost_call_leaves_the_other_ids_and_two_in_a_row_end_the_round() -> None:
    acme = Acme(a=[lost(), "ready"], b=["processing"], c=[lost(), lost(), "ready"])
    poll = Poll(MEETINGS, "settled")
    assert acme.round(poll) == ["a", "b", "c"]
    assert list(poll.states.values()) == ["processing"]
    acme = Acme(a=["ready"], b=[lost()], c=[lost()], d=["ready"])
    poll = Poll(RecordingQuery(meeting_ids=tuple("abcd")), "settled")
    with pytest.raises(ServerError, match="could not be reached"):
        poll.ask(acme)
    assert acme.asked == ["a", "b", "c"]
    # After the deadline, the first one does.
    poll.expire()
    late = Acme(a=[lost()])
    other = carry(poll, acme, RecordingQuery(meeting_ids=tuple("abcd")))
    other.expire()
    with pytest.raises(ServerError):
        other.ask(late)
    assert [state for state, _ in late.shown(other)] == ["overdue"] * 4


def test_failure_of_all_is_an_error_until_one_has_answered() -> None:
    acme = Acme(a=[ServerError("sick"), "ready"], b=[ServerError("sick")], c=[ServerError("sick")])
    poll = Poll(MEETINGS, "settled")
    with pytest.raises(ServerError, match="sick"):
        poll.ask(acme)
    assert not poll.answered
    assert not acme.done(poll)
    assert acme.round(poll) == ["b", "c"]


def test_invalid_id_of_the_product_is_unknown_and_other_invalid_requests_are_errors() -> None:
    acme = Acme(a=["ready"], b=[InvalidRequest("no", code=150, vendor_message="bad id")], c=["ready"])
    poll = Poll(MEETINGS, "settled")
    assert acme.done(poll)
    assert acme.shown(poll)[1] == ("unknown", "bad id (code 150)")
    with pytest.raises(NotFound, match="meeting b will never be ready, it is unknown: bad id"):
        Poll(MEETINGS, "ready").ask(acme)
    with pytest.raises(InvalidRequest):
        Poll(MEETINGS, "settled").ask(Acme(a=["ready"], b=[InvalidRequest("no", code=90)], c=["ready"]))


def test_owner_without_recordings_does_not_wait_alone() -> None:
    acme = Acme(o=[()], a=["processing", "ready"])
    query = RecordingQuery(owner_ids=("o",), meeting_ids=("a",))
    poll = Poll(query, "settled")
    assert [acme.round(poll) for _ in range(2)] == [["a", "o"], ["a", "o"]]
    assert not poll.waiting
    assert not Poll(query, "settled", poll.known()).waiting
    assert not acme.done(Poll(RecordingQuery(owner_ids=("o",)), "settled"))


def test_refused_owner_has_a_state() -> None:
    acme = Acme(o=[PermissionDenied("no", code=8, vendor_message="not yours")], a=["ready"])
    poll = Poll(RecordingQuery(owner_ids=("o",), meeting_ids=("a",)), "settled")
    assert acme.done(poll)
    found = poll.results(acme)
    assert [(r.owner_id, r.meeting_id, str(r.state)) for r in found] == [
        (None, "a", "ready"),
        ("o", None, "forbidden"),
    ]
    assert RecordingQuery.refs(found) == RecordingQuery.refs(found[:1])
    with pytest.raises(PermissionDenied, match="owner o will never be ready"):
        Poll(RecordingQuery(owner_ids=("o",)), "ready").ask(acme)


def test_recordings_of_a_meeting_are_asked_for_together() -> None:
    refs = tuple(RecordingRef(recording_id=f"r{n}", meeting_id=f"m{n // 2}") for n in range(4))
    acme = Acme(r0=["processing"], r2=["ready"])
    assert acme.round(Poll(RecordingQuery(recordings=refs), "settled")) == ["r0", "r2"]


def test_owner_with_some_pending_recordings_keeps_the_others_in_another_process() -> None:
    query = RecordingQuery(owner_ids=("o",))
    acme = Acme(o=[("ready", "processing", "gone")])
    poll = Poll(query, "settled")
    assert not acme.done(poll)
    other = carry(poll, acme, query)
    other.expire()
    other.ask(acme)
    assert [state for state, _ in acme.shown(other)] == ["ready", "overdue", "gone"]


def test_same_item_twice_is_asked_once() -> None:
    refs = tuple(RecordingRef(recording_id="r", meeting_id="m", listed_by=by) for by in ("owner_id:o", "meeting_id:m"))
    acme = Acme(r=["ready"])
    assert acme.round(Poll(RecordingQuery(recordings=refs), "settled")) == ["r"]


def test_too_many_items_and_too_many_recordings_of_an_owner() -> None:
    Poll(RecordingQuery(meeting_ids=tuple(map(str, range(1000)))), "settled")
    with pytest.raises(InvalidRequest, match=r"at most 1,000 items: 10000 items.*batches_to"):
        Poll(RecordingQuery(meeting_ids=tuple(map(str, range(10_000)))), "settled")
    with pytest.raises(InvalidRequest, match="at most 1,000 items: o has 1001 recordings"):
        Poll(RecordingQuery(owner_ids=("o",)), "settled").ask(Acme(o=[("ready",) * 1001]))


def test_results_say_when_the_platform_answered() -> None:
    client = Acme(a=["ready"], b=["processing"], c=[ServerError("x")])
    client.clock = lambda: 1000.0
    poll = Poll(MEETINGS, "settled")
    client.round(poll)
    client.clock = lambda: 2000.0
    client.round(poll)
    poll.expire()
    client.clock = lambda: 3000.0
    assert [one.asked_at and one.asked_at.timestamp() for one in poll.results(client)] == [1000.0, 2000.0, 3000.0]


def test_window_alone_is_refused() -> None:
    day = pendulum.datetime(2026, 11, 12)
    with pytest.raises(InvalidRequest, match="needs owner_ids, or ids"):
        Poll(RecordingQuery(start=day, end=day.add(days=1)), "settled")


@pytest.mark.parametrize("settled", [0, 500, 1000])
def test_size_of_what_travels(settled: int) -> None:
    ids = tuple(f"{number:032}" for number in range(1000))
    answers: dict[str, list[Answer]] = {i: ["ready" if n < settled else "processing"] for n, i in enumerate(ids)}
    acme = Acme(**answers)
    poll = Poll(RecordingQuery(meeting_ids=ids), "settled", keep=False)
    poll.ask(acme)
    rest = poll.rest(acme) if settled < 1000 else None
    arguments = [rest and rest.to_dict(), poll.known(without=rest.items() if rest else ())]
    assert len(json.dumps(arguments)) < 40_000
    assert len(json.dumps(poll.known())) < 30_000


def test_what_travels_of_listed_recordings() -> None:
    start = pendulum.datetime(2026, 11, 12)
    refs = tuple(
        RecordingRef(recording_id=f"r{n}", meeting_id="m", started_at=start, listed_by="owner_id:o") for n in range(3)
    )
    # The number of a meeting with an id is not needed.
    query = RecordingQuery(recordings=tuple(replace(ref, meeting_number="123") for ref in refs))
    rest = Poll(query, "settled").rest(Acme())
    assert rest.to_dict() == {"recordings": {"owner_id:o": [[f"r{n}", "m", int(start.timestamp())] for n in range(3)]}}
    assert RecordingQuery.from_dict(rest.to_dict()) == RecordingQuery(recordings=refs)


FAULTS = st.sampled_from(["processing", "recording", ServerError("sick"), lost(), RateLimited("slow")])


@settings(max_examples=40, deadline=None)
@given(
    faults=st.lists(st.lists(FAULTS, max_size=4), min_size=1, max_size=4),
    most=st.sampled_from([None, 1, 2]),
    carried=st.sets(st.integers(0, 10)),
)
def test_result_equals_that_of_asking_everything_at_the_end(
    faults: list[list[Answer]], most: int | None, carried: set[int]
) -> None:
    """Whatever fails meanwhile, and however often another process goes on."""
    each: dict[str, list[Answer]] = {
        f"m{number}": [*some, "ready" if number % 3 else "gone"] for number, some in enumerate(faults)
    }
    at_the_end = Acme(**{name: answers[-1:] for name, answers in each.items()})
    acme = Acme(**each)
    query = RecordingQuery(meeting_ids=tuple(each))
    poll = Poll(query, "settled")
    for number in range(40):
        with suppress(ServerError, RateLimited):
            while not poll.ask(acme, most):
                pass
            if not poll.waiting and not poll.unfetched:
                break
        if number in carried:
            poll = carry(poll, acme, query)
    expected = [(r.meeting_id, r.state) for r in at_the_end.list(query)]
    assert [(r.meeting_id, r.state) for r in poll.results(acme)] == expected
    assert all(len(answers) == 1 for answers in acme.answers.values())


class TestListing:
    """A listing of several ids, of which some fail or are refused."""

    def test_others_are_yielded(self) -> None:
        windows: list[ListedWindow] = []
        refused = PermissionDenied("no", code=8, vendor_message="not yours")
        acme = Acme(a=["ready"], b=[ServerError("sick")], c=["ready"], o=[refused])
        query = replace(MEETINGS, owner_ids=("o",))
        found = list(acme.list(query, windows.append))
        assert [(r.meeting_id, str(r.state), r.reason) for r in found] == [
            ("a", "ready", None),
            ("b", "absent", "sick."),
            ("c", "ready", None),
            (None, "forbidden", "not yours (code 8)"),
        ]
        assert [(w.selector, w.items, w.outcome) for w in windows] == [("b", 0, "failed"), ("o", 0, "refused")]

    @pytest.mark.parametrize("error", [RateLimited("slow"), tokenless(), PermissionDenied("no scope", code=9)])
    def test_error_about_all_is_raised(self, error: MeetingsApiError) -> None:
        with pytest.raises(type(error)):
            list(Acme(a=["ready"], b=[error], c=["ready"]).list(MEETINGS))

    def test_two_lost_calls_in_a_row_are_raised(self) -> None:
        acme = Acme(a=[lost()], b=["ready"], c=[lost()], d=[lost()])
        assert [str(r.state) for r in acme.list(MEETINGS)] == ["absent", "ready", "absent"]
        with pytest.raises(ServerError, match="could not be reached"):
            list(acme.list(RecordingQuery(meeting_ids=tuple("abcd"))))

    def test_failure_of_all_is_raised(self) -> None:
        with pytest.raises(ServerError, match="sick"):
            list(Acme(a=[ServerError("sick")], b=[ServerError("sick")], c=[ServerError("sick")]).list(MEETINGS))
