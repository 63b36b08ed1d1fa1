"""The chain of single-use tokens in one process: what is renewed, what is remembered, what a person is told."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from airflow_provider_meetings.api.errors import (
    AuthenticationError,
    ConsentEnded,
    MeetingsApiError,
    RateLimited,
    ServerError,
    StoreError,
)
from airflow_provider_meetings.api.http.oauth import ends_soon
from airflow_provider_meetings.coordination.backend import BackendError
from airflow_provider_meetings.coordination.encryption import Encryptor
from tests.coordination.oauth.oauth_fixture import DAY, NAME, REMEDY, OAuthFixture


@pytest.fixture
def oauth(tmp_path: Path) -> OAuthFixture:
    oauth = OAuthFixture(tmp_path / "state")
    oauth.chain().accept(oauth.platform.grant(0))
    return oauth


def test_a_fresh_token_is_used_and_one_that_is_due_is_renewed(oauth: OAuthFixture) -> None:
    assert [oauth.ask() for _ in range(3)] == ["access-0"] * 3
    assert oauth.platform.sent == []
    oauth.now += 7000
    assert [oauth.ask() for _ in range(3)] == ["access-1"] * 3
    oauth.now += 8000
    assert oauth.ask() == "access-2"
    assert oauth.platform.sent == ["refresh-0", "refresh-1"]


def test_a_rejected_token_is_renewed_once(oauth: OAuthFixture) -> None:
    assert oauth.ask(rejected="access-0") == "access-1"
    assert oauth.ask(rejected="access-0") == "access-1"
    assert oauth.platform.sent == ["refresh-0"]


def test_nobody_has_consented(tmp_path: Path) -> None:
    error = OAuthFixture(tmp_path / "other").refused()
    assert isinstance(error, AuthenticationError)
    assert str(error) == f"No user has consented for this connection yet. {REMEDY}"


def test_another_secret_needs_another_consent(oauth: OAuthFixture) -> None:
    other = oauth.chain("another-secret")
    with pytest.raises(
        AuthenticationError, match=r"the app's secret was changed since the consent.*authorize"
    ) as caught:
        other.token(oauth.platform.renew)
    assert "secret" not in str(caught.value).replace("the app's secret", "")
    assert other.consent_status() is None
    other.accept(oauth.platform.grant(5))
    assert other.token(oauth.platform.renew).value == "access-5"


@pytest.mark.parametrize("error", [ServerError("no answer"), KeyboardInterrupt()])
def test_who_lives_and_got_no_answer_lets_others_ask(oauth: OAuthFixture, error: BaseException) -> None:
    oauth.now += 8000
    oauth.platform.error = error
    with pytest.raises(type(error)):
        oauth.ask()
    oauth.platform.error = None
    oauth.platform.sent.clear()
    assert oauth.ask() == "access-1"
    assert oauth.platform.sent == ["refresh-0"]


def test_a_refresh_token_that_is_of_no_use_is_sent_once(oauth: OAuthFixture) -> None:
    oauth.now += 8000
    refusal = ConsentEnded("feishu refused it", platform="feishu", code=20064, next_step="Have the user consent again.")
    refusal.vendor_message = "revoked"
    oauth.platform.error = refusal
    errors = [oauth.refused() for _ in range(5)]
    assert {(type(error), str(error)) for error in errors} == {(ConsentEnded, str(refusal))}
    assert oauth.platform.sent == ["refresh-0"]
    oauth.chain().accept(oauth.platform.grant(8))
    assert oauth.ask() == "access-8"


def test_an_answer_is_written_down_as_soon_as_it_can_be(oauth: OAuthFixture) -> None:
    oauth.now += 8000
    left = iter([False, True, True, True])
    oauth.backend.fails = lambda: next(left, False)
    assert oauth.ask() == "access-1"
    assert oauth.pauses == [1.0] * 3
    assert oauth.ask() == "access-1"
    assert oauth.platform.sent == ["refresh-0"]


def test_an_answer_that_cannot_be_written_down_is_not_used(oauth: OAuthFixture) -> None:
    oauth.now += 8000
    broken = iter([False])
    oauth.backend.fails = lambda: next(broken, True)
    chain = oauth.chain()
    with pytest.raises(
        AuthenticationError, match=r"could not be written down: the disk is full, make room. Run airflow"
    ):
        chain.token(oauth.platform.renew)
    # Nobody else sends the token; the one who knows the answer writes it down when it is asked again.
    oauth.now += 100
    oauth.backend.fails = lambda: False
    assert "ended before it stored the answer" in str(oauth.refused())
    assert chain.token(oauth.platform.renew).value == oauth.ask() == "access-1"
    assert oauth.platform.sent == ["refresh-0"]


def test_a_backend_that_is_down_is_no_reason_to_go_on_alone(oauth: OAuthFixture) -> None:
    oauth.now += 8000
    oauth.backend.fails = lambda: True
    error = oauth.refused()
    assert isinstance(error, StoreError)
    assert not error.permanent
    assert "make room" in str(error)
    assert oauth.platform.sent == []


def test_a_clock_that_was_set_back_renews(oauth: OAuthFixture) -> None:
    oauth.now -= 10 * DAY
    assert oauth.ask() == "access-1"


def test_whose_it_is_is_kept(oauth: OAuthFixture) -> None:
    oauth.chain().accept(oauth.platform.grant(0), "ou_1")
    oauth.now += 8000
    assert oauth.ask() == "access-1"
    consent_status = oauth.chain().consent_status()
    assert consent_status is not None
    assert (consent_status.user, consent_status.scope) == ("ou_1", "a b")
    # The consent began when it was given, however often it was renewed.
    assert consent_status.consent_ends == 1_800_000_000.0 + 365 * DAY
    assert consent_status.renewable_until == oauth.now + 7 * DAY


def test_the_end_is_said_days_ahead_and_once_a_day(oauth: OAuthFixture, caplog: pytest.LogCaptureFixture) -> None:
    def warned(after: float) -> list[str]:
        oauth.now += after
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                oauth.ask()
        return [record.message for record in caplog.records]

    oauth.platform.refresh_seconds = 400 * DAY
    assert warned(350 * DAY) == []
    (text,) = warned(1.5 * DAY)
    assert text == f"The user's consent ends on 2028-01-15 (UTC), however often it was renewed. {REMEDY}"
    assert warned(3600) == []
    assert len(warned(1.1 * DAY)) == 1


def test_the_end_of_a_refresh_token_is_said_days_ahead(oauth: OAuthFixture) -> None:
    consent_status = oauth.chain().consent_status()
    assert consent_status is not None
    assert ends_soon(consent_status, oauth.now + 4.9 * DAY) == ""
    assert (
        ends_soon(consent_status, oauth.now + 5.1 * DAY)
        == "The user's token can be renewed until 2027-01-22 (UTC) only."
    )


@pytest.mark.parametrize("ahead", [3600.0, 30.0, 10 * 365 * DAY])
def test_a_claim_by_a_clock_that_is_ahead_is_waited_for_no_longer_than_any(oauth: OAuthFixture, ahead: float) -> None:
    oauth.now += 8000
    oauth.change(lambda record: record.claimed("dead.1", oauth.now + ahead))
    assert "ended before it stored the answer" in str(oauth.refused())
    assert sum(oauth.pauses) == pytest.approx(90, abs=1)


def test_what_a_process_has_seen_it_knows_in_its_next_hook(oauth: OAuthFixture) -> None:
    oauth.now += 8000
    oauth.change(lambda record: record.claimed("dead.1", oauth.now + 3600))
    process = oauth.process()
    errors: list[MeetingsApiError] = []
    for _ in range(7):
        with pytest.raises(MeetingsApiError) as caught:
            oauth.chain(memory=process, timeout=15).token(oauth.platform.renew)
        errors.append(caught.value)
    assert [type(error) for error in errors] == [ServerError] * 5 + [AuthenticationError] * 2
    assert sum(oauth.pauses) == pytest.approx(90, abs=3)


def test_who_is_impatient_is_told_to_come_again(oauth: OAuthFixture) -> None:
    oauth.now += 8000
    oauth.change(lambda record: record.claimed("alive.1", oauth.now))
    with pytest.raises(ServerError, match="Another process is renewing the user's token") as caught:
        oauth.chain(timeout=15).token(oauth.platform.renew)
    assert not caught.value.permanent
    assert caught.value.retry_after is not None
    assert sum(oauth.pauses) == pytest.approx(15, abs=1)
    assert oauth.platform.sent == []


def test_a_hold_is_waited_for_no_longer(oauth: OAuthFixture) -> None:
    oauth.now += 8000
    with oauth.backend.lock(NAME, 0), pytest.raises(ServerError, match=r"no answer within 0\.5 s"):
        oauth.chain(timeout=0.5).token(oauth.platform.renew)
    assert oauth.ask() == "access-1"


def test_who_waits_can_be_interrupted(oauth: OAuthFixture) -> None:
    oauth.now += 8000
    oauth.change(lambda record: record.claimed("alive.1", oauth.now))

    def pause(_seconds: float) -> None:
        raise ServerError("this task was stopped")

    with pytest.raises(ServerError, match="this task was stopped"):
        oauth.chain(pause=pause).token(oauth.platform.renew)


EARLY_ERRORS = [
    ServerError("feishu answered 503"),
    RateLimited("slow down"),
    ConsentEnded("used up", code=20064),
    AuthenticationError("the app may refresh no more", code=20024),
]


@pytest.mark.parametrize("error", EARLY_ERRORS, ids=lambda error: type(error).__name__)
def test_a_renewal_ahead_of_time_that_fails_is_a_warning(
    oauth: OAuthFixture, error: MeetingsApiError, caplog: pytest.LogCaptureFixture
) -> None:
    oauth.now += 7000
    oauth.platform.error = error
    process = oauth.process()
    with caplog.at_level(logging.WARNING):
        tokens = {oauth.chain(memory=process).token(oauth.platform.renew).value for _ in range(5)}
    assert tokens == {"access-0"}
    (warning,) = [record.message for record in caplog.records]
    assert "the one before works until its end" in warning
    assert str(error) in warning
    assert oauth.platform.sent == ["refresh-0"]
    # After its end there is nothing to go on with.
    oauth.now += 500
    assert type(oauth.refused()) is type(error)


def test_a_renewal_ahead_of_time_is_tried_again_after_a_while(oauth: OAuthFixture) -> None:
    oauth.now += 7000
    oauth.platform.error = ServerError("feishu answered 503")
    process = oauth.process()
    assert oauth.chain(memory=process).token(oauth.platform.renew).value == "access-0"
    oauth.platform.error = None
    oauth.platform.sent.clear()
    oauth.steady += 61
    assert oauth.chain(memory=process).token(oauth.platform.renew).value == "access-1"


def test_a_rejected_token_is_nothing_to_go_on_with(oauth: OAuthFixture) -> None:
    oauth.platform.error = ServerError("feishu answered 503")
    with pytest.raises(ServerError, match="503"):
        oauth.ask(rejected="access-0")


def test_another_users_consent_is_seen_within_a_minute(oauth: OAuthFixture) -> None:
    process = oauth.process()

    def asks() -> str:
        return oauth.chain(memory=process).token(oauth.platform.renew).value

    assert asks() == "access-0"
    oauth.chain().accept(oauth.platform.grant(5))
    oauth.steady += 30
    assert asks() == "access-0"
    oauth.steady += 31
    assert asks() == "access-5"
    # In the process that accepts it at once.
    oauth.chain(memory=process).accept(oauth.platform.grant(7))
    assert asks() == "access-7"
    assert oauth.platform.sent == []


def test_a_place_that_is_away_stops_nobody_who_has_a_token(
    oauth: OAuthFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = oauth.process()
    assert oauth.chain(memory=process).token(oauth.platform.renew).value == "access-0"
    reads: list[str] = []

    def away(key: str) -> bytes:
        reads.append(key)
        raise BackendError("Redis cannot be reached")

    monkeypatch.setattr(oauth.backend, "read", away)
    for _ in range(5):
        oauth.steady += 25
        assert oauth.chain(memory=process).token(oauth.platform.renew).value == "access-0"
    assert len(reads) == 1
    with pytest.raises(StoreError, match="Redis cannot be reached"):
        oauth.chain().consent_status()


def test_whose_consent_another_one_takes_the_place_of(oauth: OAuthFixture) -> None:
    def accepted(user: str) -> str:
        return oauth.chain().accept(oauth.platform.grant(0), user).instead_of

    assert [accepted(user) for user in ("ou_1", "ou_1", "ou_2", "", "ou_3")] == ["", "", "ou_1", "", ""]
    consent_status = oauth.chain().consent_status()
    assert consent_status is not None
    assert (consent_status.user, consent_status.instead_of) == ("ou_3", "")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sent_by": "x"}, "'sent_by' is unknown"),
        ({"refresh": None}, "refresh is of another form"),
        ({"access_ends": "soon"}, "access_ends is of another form"),
        ({"consented_at": ...}, "consented_at is missing"),
    ],
)
def test_a_record_of_another_version(oauth: OAuthFixture, change: dict[str, object], said: str) -> None:
    value, record = oauth.records.read()
    written = {name: one for name, one in (record.to_dict() | change).items() if one is not ...}
    assert oauth.backend.compare_and_set(NAME, value, Encryptor("the-secret").encrypt(NAME, written))
    error = oauth.refused()
    assert isinstance(error, AuthenticationError)
    assert f"another version of this provider has written them ({said})" in str(error)
    assert REMEDY in str(error)
    assert oauth.chain().consent_status() is None


def test_a_damaged_record_is_not_taken_for_none(oauth: OAuthFixture) -> None:
    value, _ = oauth.records.read()
    assert oauth.backend.compare_and_set(NAME, value, value[:50])
    assert "or they are damaged" in str(oauth.refused())
    oauth.chain().accept(oauth.platform.grant(3))
    assert oauth.ask() == "access-3"
