"""Which recordings the rules keep out, and what goes on of them."""

from __future__ import annotations

from typing import Any

import pendulum
import pytest

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.exclude import MAX_TITLE, Exclude
from airflow_provider_meetings.api.models import MediaFile, Recording, RecordingState


def recording(sharing: object = 0, **changes: Any) -> Recording:
    ids: dict[str, Any] = {"platform": "acme", "tenant": "t", "recording_id": "r1", "meeting_id": "m1"}
    file = MediaFile(**ids, file_id="f", kind="video", source={"shared": sharing, "name": "film of Lina Wei"})
    values: dict[str, Any] = {
        **ids,
        "state": RecordingState.READY,
        "meeting_number": "123",
        "owner_id": "lina",
        "title": "Interview with Lina Wei",
        "started_at": pendulum.datetime(2026, 11, 12),
        "page_url": "https://acme.example/lina",
        "listed_by": "owner_id:lina",
        "files": (file,),
        "source": {"host": "lina"},
    }
    return Recording(**{**values, **changes})


def rules(**values: Any) -> Exclude:
    return Exclude(values, platform="acme", sharing_field="shared")


@pytest.mark.parametrize(
    ("rule", "by"),
    [
        ({"owner_ids": ["zhang", "lina"]}, "owner_ids"),
        ({"title": "(?i)^INTERVIEW"}, "title"),
        ({"title": "面试|Lina", "owner_ids": []}, "title"),
        ({"sharing": ["1", "0"]}, "sharing"),
    ],
)
def test_excluded(rule: dict[str, Any], by: str) -> None:
    exclude = rules(**rule)
    found, _ = exclude.apply(recording())
    assert (found.state, found.reason) == (RecordingState.EXCLUDED, f"excluded by {by}")
    assert exclude.counts == {f"excluded by {by}": 1}


@pytest.mark.parametrize(
    "rule",
    [{}, {"owner_ids": ["li", "LINA"]}, {"title": "^with"}, {"sharing": ["1"]}, {"owner_ids": [], "title": None}],
)
def test_not_excluded(rule: dict[str, Any]) -> None:
    exclude = rules(**rule)
    assert exclude.apply(recording()) == (recording(), None)
    assert not exclude.counts


def test_owner_that_was_refused_is_no_recording() -> None:
    refused = Recording(platform="acme", tenant="t", recording_id=None, owner_id="lina", state=RecordingState.UNKNOWN)
    assert rules(owner_ids=["lina"]).apply(refused) == (refused, None)


def test_what_is_not_known_excludes_nothing() -> None:
    bare = recording(owner_id=None, title=None, files=())
    assert rules(owner_ids=["lina"], title=".", sharing=["None"]).apply(bare) == (bare, None)


def test_only_ids_and_start_go_on() -> None:
    found, _ = rules(owner_ids=["lina"]).apply(recording(asked_at=pendulum.datetime(2026, 11, 13)))
    given = {name: value for name, value in found.to_dict().items() if value}
    assert given == {
        "platform": "acme",
        "tenant": "t",
        "recording_id": "r1",
        "meeting_id": "m1",
        "meeting_number": "123",
        "state": "excluded",
        "reason": "excluded by owner_ids",
        "started_at": "2026-11-12T00:00:00+00:00",
        "asked_at": "2026-11-13T00:00:00+00:00",
    }


def test_only_the_start_of_a_title_is_searched() -> None:
    exclude = rules(title="secret")
    assert exclude.apply(recording(title="x" * MAX_TITLE + "secret"))[1] is None
    assert exclude.apply(recording(title="x" * (MAX_TITLE - 6) + "secret"))[1]


def test_what_excludes_ends_with_its_rules() -> None:
    exclude = rules(owner_ids=["lina", "zhang"])
    _, by = exclude.apply(recording())
    assert by
    assert by in exclude
    assert by in rules(owner_ids=["zhang", "lina"])
    assert by not in rules(owner_ids=["lina"])
    assert by not in Exclude({})


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("(", "is not a regular expression: missing"),
        (7, "is not a regular expression"),
        (b"x", "is not a regular expression"),
        (["x"], "is not a regular expression"),
        ("", "is found in every title"),
        ("x*", "is found in every title"),
        ("Lina|", "is found in every title"),
    ],
)
def test_invalid_title(value: object, problem: str) -> None:
    with pytest.raises(InvalidRequest, match=f"exclude: title .*{problem}"):
        rules(title=value)


def test_what_a_platform_does_not_tell_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"acme does not tell 'participants' .*It tells owner_ids, title, sharing"):
        rules(participants=["lina"])
    with pytest.raises(InvalidRequest, match=r"acme does not tell 'sharing' .*It tells owner_ids, title"):
        Exclude({"sharing": ["1"]}, platform="acme")
