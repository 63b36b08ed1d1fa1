"""Polls: what they ask in each round, what they keep, and how the two parts of a deferred one are merged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

import pytest

from airflow_provider_meetings.api.client import ListedWindow, MeetingsClient, Report, Requests, Volume
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
from airflow_provider_meetings.api.poll import Poll, merge
from airflow_provider_meetings.api.query import RecordingQuery, RecordingRef

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

    def _list(self, query: RecordingQuery, report: Report) -> Iterator[Recording]:
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
        poll.ask(self)
        return self.asked[:]

    def media(self, recording: Recording, kinds: Sequence[str]) -> Iterator[MediaFile]:
        raise NotImplementedError

    def open(self, media: MediaFile) -> Download:
        raise NotImplementedError

    def requests_of(self, query: RecordingQuery, volume: Volume, kinds: Sequence[str]) -> Iterator[Requests]:
        raise NotImplementedError

    def whoami(self) -> str:
        raise NotImplementedError


def states(poll: Poll) -> list[tuple[str, str | None]]:
    return [(str(r.state), r.reason) for r in poll.recordings]


MEETINGS = RecordingQuery(meeting_ids=("a", "b", "c"))


def test_only_pending_ids_are_asked_again() -> None:
    acme = Acme(a=["ready"], b=["processing", "recording", "ready"], c=[Gone("x", code=7, vendor_message="gone")])
    poll = Poll(MEETINGS, "settled")
    assert [acme.round(poll) for _ in range(3)] == [["a", "b", "c"], ["b"], ["b"]]
    assert states(poll) == [("ready", None), ("ready", None), ("gone", "gone (code 7)")]
    assert poll.ask(acme)


def test_failing_id_keeps_its_state_and_is_asked_once_a_round() -> None:
    acme = Acme(a=["ready"], b=["processing", ServerError("sick")], c=[ServerError("sick", code=5)])
    poll = Poll(MEETINGS, "settled")
    assert [acme.round(poll) for _ in range(3)] == [["a", "b", "c"], ["b", "c"], ["b", "c"]]
    sick = "sick. [code 5]"
    assert states(poll) == [("ready", None), ("processing", "sick."), ("absent", sick)]
    assert [(str(r.state), r.reason) for answer in poll.answers(late=True) for r in answer] == [
        ("ready", None),
        ("overdue", "still processing at the deadline: sick."),
        ("overdue", f"still absent at the deadline: {sick}"),
    ]
    assert poll.describe() == f"meeting b (processing), meeting c (absent). Last error: {sick}".replace(
        "meeting b", "b-0"
    )


@pytest.mark.parametrize("error", [RateLimited("slow"), tokenless(), PermissionDenied("no scope", code=9)])
def test_error_about_all_ends_the_round_and_keeps_its_answers(error: MeetingsApiError) -> None:
    acme = Acme(a=["ready"], b=[error, error, "ready"], c=["processing", "ready"])
    poll = Poll(MEETINGS, "settled")
    with pytest.raises(type(error)):
        poll.ask(acme)
    assert [str(r.state) for r in poll.recordings] == ["ready", "absent", "absent"]
    asked = str(error) if isinstance(error, RateLimited | ServerError) else "not asked yet"
    reasons = [answer[0].reason for answer in poll.answers(late=True)]
    assert reasons[1:] == [f"still absent at the deadline: {reason}" for reason in (asked, "not asked yet")]
    # What was not asked comes first in the next round.
    acme.asked.clear()
    with pytest.raises(type(error)):
        poll.ask(acme)
    assert acme.asked == ["c", "b"]
    poll.ask(acme)
    assert states(poll) == [("ready", None)] * 3


def test_lost_call_leaves_the_other_ids_and_two_in_a_row_end_the_round() -> None:
    acme = Acme(a=[lost(), "ready"], b=["processing"], c=[lost(), lost(), "ready"])
    poll = Poll(MEETINGS, "settled")
    assert acme.round(poll) == ["a", "b", "c"]
    assert [str(r.state) for r in poll.recordings] == ["absent", "processing", "absent"]
    acme = Acme(a=["ready"], b=[lost()], c=[lost()], d=["ready"])
    poll = Poll(RecordingQuery(meeting_ids=tuple("abcd")), "settled")
    with pytest.raises(ServerError, match="could not be reached"):
        poll.ask(acme)
    assert acme.asked == ["a", "b", "c"]


def test_failure_of_all_is_an_error_until_one_has_answered() -> None:
    acme = Acme(a=[ServerError("sick"), "ready"], b=[ServerError("sick")], c=[ServerError("sick")])
    poll = Poll(MEETINGS, "settled")
    with pytest.raises(ServerError, match="sick"):
        poll.ask(acme)
    assert not poll.answered
    assert not poll.ask(acme)
    assert acme.round(poll) == ["b", "c"]


def test_invalid_id_of_the_product_is_unknown_and_other_invalid_requests_are_errors() -> None:
    acme = Acme(a=["ready"], b=[InvalidRequest("no", code=150, vendor_message="bad id")], c=["ready"])
    poll = Poll(MEETINGS, "settled")
    assert poll.ask(acme)
    assert states(poll)[1] == ("unknown", "bad id (code 150)")
    with pytest.raises(NotFound, match="meeting b will never be ready, it is unknown: bad id"):
        Poll(MEETINGS, "ready").ask(acme)
    with pytest.raises(InvalidRequest):
        Poll(MEETINGS, "settled").ask(Acme(a=["ready"], b=[InvalidRequest("no", code=90)], c=["ready"]))


def test_owner_without_recordings_does_not_wait_alone() -> None:
    acme = Acme(o=[()], a=["processing", "ready"])
    poll = Poll(RecordingQuery(owner_ids=("o",), meeting_ids=("a",)), "settled")
    assert [acme.round(poll) for _ in range(2)] == [["a", "o"], ["a", "o"]]
    assert poll.ask(acme)
    assert not Poll(RecordingQuery(owner_ids=("o",)), "settled").ask(acme)


def test_refused_owner_has_a_state() -> None:
    acme = Acme(o=[PermissionDenied("no", code=8, vendor_message="not yours")], a=["ready"])
    poll = Poll(RecordingQuery(owner_ids=("o",), meeting_ids=("a",)), "settled")
    assert poll.ask(acme)
    assert [(r.owner_id, r.meeting_id, str(r.state)) for r in poll.recordings] == [
        (None, "a", "ready"),
        ("o", None, "forbidden"),
    ]
    assert RecordingQuery.refs(poll.recordings) == RecordingQuery.refs(poll.recordings[:1])
    with pytest.raises(PermissionDenied, match="owner o will never be ready"):
        Poll(RecordingQuery(owner_ids=("o",)), "ready").ask(acme)


def test_recordings_of_a_meeting_are_asked_for_together() -> None:
    refs = tuple(RecordingRef(recording_id=f"r{n}", meeting_id=f"m{n // 2}") for n in range(4))
    acme = Acme(r0=["processing"], r2=["ready"])
    assert acme.round(Poll(RecordingQuery(recordings=refs), "settled")) == ["r0", "r2"]


def test_rest_and_merge_keep_the_order_and_each_recording_once() -> None:
    ids = tuple("abcde")
    acme = Acme(
        a=["ready"], b=["processing", ("ready", "ready")], c=["ready"], d=[ServerError("sick"), "ready"], e=["ready"]
    )
    poll = Poll(RecordingQuery(meeting_ids=ids), "settled")
    assert poll.rest() == (poll.query, "")
    assert not poll.ask(acme)
    query, settled = poll.rest()
    # One settled id shows the other poll that the platform answers.
    assert query == RecordingQuery(meeting_ids=("a", "b", "d"))
    other = Poll(query, "settled")
    assert other.ask(acme)
    answers = other.answers()
    found = merge(settled, [r.to_dict() for r in other.recordings], map(len, answers))
    assert [r["recording_id"] for r in found] == ["a-0", "b-0", "b-1", "c-0", "d-0", "e-0"]
    same = [replace(r, recording_id="c-0") for r in answers[0]]
    found = merge(settled, [r.to_dict() for r in (*same, *other.recordings[1:])], map(len, answers))
    assert [r["recording_id"] for r in found] == ["c-0", "b-0", "b-1", "d-0", "e-0"]


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
