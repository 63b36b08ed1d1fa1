"""A user's tokens in one process: renewals, memory, warnings."""

from __future__ import annotations

import logging
from dataclasses import asdict
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
    oauth.store().accept(oauth.platform.tokens(0))
    return oauth


def test_fresh_token_is_used_and_old_one_renewed(oauth: OAuthFixture) -> None:
    assert [oauth.token() for _ in range(3)] == ["access-0"] * 3
    assert oauth.platform.sent == []
    oauth.now += 7000
    assert [oauth.token() for _ in range(3)] == ["access-1"] * 3
    oauth.now += 8000
    assert oauth.token() == "access-2"
    assert oauth.platform.sent == ["refresh-0", "refresh-1"]


def test_rejected_token_is_renewed_once(oauth: OAuthFixture) -> None:
    assert oauth.token(rejected="access-0") == "access-1"
    assert oauth.token(rejected="access-0") == "access-1"
    assert oauth.platform.sent == ["refresh-0"]


def test_missing_consent(tmp_path: Path) -> None:
    error = OAuthFixture(tmp_path / "other").error()
    assert isinstance(error, AuthenticationError)
    assert str(error) == f"No user has consented for this connection yet. {REMEDY}"


def test_changed_secret_needs_new_consent(oauth: OAuthFixture) -> None:
    other = oauth.store("another-secret")
    with pytest.raises(
        AuthenticationError, match=r"the app's secret was changed since the consent.*authorize"
    ) as caught:
        other.token(oauth.platform.renew)
    assert "secret" not in str(caught.value).replace("the app's secret", "")
    assert other.consent_status() is None
    other.accept(oauth.platform.tokens(5))
    assert other.token(oauth.platform.renew).value == "access-5"


@pytest.mark.parametrize("error", [ServerError("no answer"), KeyboardInterrupt()])
def test_failed_request_releases_claim(oauth: OAuthFixture, error: BaseException) -> None:
    oauth.now += 8000
    oauth.platform.error = error
    with pytest.raises(type(error)):
        oauth.token()
    oauth.platform.error = None
    oauth.platform.sent.clear()
    assert oauth.token() == "access-1"
    assert oauth.platform.sent == ["refresh-0"]


def test_refused_refresh_token_is_sent_once(oauth: OAuthFixture) -> None:
    oauth.now += 8000
    refusal = ConsentEnded("feishu refused it", platform="feishu", code=20064, next_step="Have the user consent again.")
    refusal.vendor_message = "revoked"
    oauth.platform.error = refusal
    errors = [oauth.error() for _ in range(5)]
    assert {(type(error), str(error)) for error in errors} == {(ConsentEnded, str(refusal))}
    assert oauth.platform.sent == ["refresh-0"]
    oauth.store().accept(oauth.platform.tokens(8))
    assert oauth.token() == "access-8"


def test_write_of_answer_is_retried(oauth: OAuthFixture) -> None:
    oauth.now += 8000
    left = iter([False, True, True, True])
    oauth.backend.fails = lambda: next(left, False)
    assert oauth.token() == "access-1"
    assert oauth.pauses == [1.0] * 3
    assert oauth.token() == "access-1"
    assert oauth.platform.sent == ["refresh-0"]


def test_answer_that_cannot_be_stored_is_not_used(oauth: OAuthFixture) -> None:
    oauth.now += 8000
    broken = iter([False])
    oauth.backend.fails = lambda: next(broken, True)
    store = oauth.store()
    with pytest.raises(AuthenticationError, match=r"could not be stored: the disk is full. Run airflow"):
        store.token(oauth.platform.renew)
    # No other process sends the token. The process that has the answer stores it at its next call.
    oauth.now += 100
    oauth.backend.fails = lambda: False
    assert "ended before it stored the answer" in str(oauth.error())
    assert store.token(oauth.platform.renew).value == oauth.token() == "access-1"
    assert oauth.platform.sent == ["refresh-0"]


def test_unreachable_backend_is_an_error(oauth: OAuthFixture) -> None:
    oauth.now += 8000
    oauth.backend.fails = lambda: True
    error = oauth.error()
    assert isinstance(error, StoreError)
    assert not error.permanent
    assert "the disk is full" in str(error)
    assert oauth.platform.sent == []


def test_clock_set_back_renews_token(oauth: OAuthFixture) -> None:
    oauth.now -= 10 * DAY
    assert oauth.token() == "access-1"


def test_renewal_keeps_user_and_consent_time(oauth: OAuthFixture) -> None:
    oauth.store().accept(oauth.platform.tokens(0), "ou_1")
    oauth.now += 8000
    assert oauth.token() == "access-1"
    consent_status = oauth.store().consent_status()
    assert consent_status is not None
    assert (consent_status.user, consent_status.scope) == ("ou_1", "a b")
    # A renewal does not extend the consent.
    assert consent_status.consent_ends == 1_800_000_000.0 + 365 * DAY
    assert consent_status.renewable_until == oauth.now + 7 * DAY


def test_end_of_consent_is_warned_of_once_a_day(oauth: OAuthFixture, caplog: pytest.LogCaptureFixture) -> None:
    process = oauth.process()

    def warned(after: float) -> list[str]:
        oauth.now += after
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                oauth.token(process)
        return [record.message for record in caplog.records]

    oauth.platform.refresh_seconds = 400 * DAY
    assert warned(350 * DAY) == []
    (text,) = warned(1.5 * DAY)
    assert text == f"The user's consent expires on 2028-01-15 (UTC), even if it is renewed. {REMEDY}"
    assert warned(3600) == []
    assert len(warned(1.1 * DAY)) == 1


def test_end_of_refresh_token_is_warned_of(oauth: OAuthFixture) -> None:
    consent_status = oauth.store().consent_status()
    assert consent_status is not None
    assert ends_soon(consent_status, oauth.now + 4.9 * DAY) == ""
    assert (
        ends_soon(consent_status, oauth.now + 5.1 * DAY)
        == "The user's token can be renewed only until 2027-01-22 (UTC)."
    )


@pytest.mark.parametrize("ahead", [3600.0, 30.0, 10 * 365 * DAY])
def test_claim_of_fast_clock_is_waited_for_as_any_other(oauth: OAuthFixture, ahead: float) -> None:
    oauth.now += 8000
    oauth.change_record(lambda record: record.claimed("dead.1", oauth.now + ahead))
    assert "ended before it stored the answer" in str(oauth.error())
    assert sum(oauth.pauses) == pytest.approx(90, abs=1)


def test_wait_for_claim_counts_across_hooks(oauth: OAuthFixture) -> None:
    oauth.now += 8000
    oauth.change_record(lambda record: record.claimed("dead.1", oauth.now + 3600))
    process = oauth.process()
    errors: list[MeetingsApiError] = []
    for _ in range(7):
        with pytest.raises(MeetingsApiError) as caught:
            oauth.store(memory=process, timeout=15).token(oauth.platform.renew)
        errors.append(caught.value)
    assert [type(error) for error in errors] == [ServerError] * 5 + [AuthenticationError] * 2
    assert sum(oauth.pauses) == pytest.approx(90, abs=3)


def test_timeout_while_other_process_renews(oauth: OAuthFixture) -> None:
    oauth.now += 8000
    oauth.change_record(lambda record: record.claimed("alive.1", oauth.now))
    with pytest.raises(ServerError, match="Another process is renewing the user's token") as caught:
        oauth.store(timeout=15).token(oauth.platform.renew)
    assert not caught.value.permanent
    assert caught.value.retry_after is not None
    assert sum(oauth.pauses) == pytest.approx(15, abs=1)
    assert oauth.platform.sent == []


def test_timeout_while_lock_is_held(oauth: OAuthFixture) -> None:
    oauth.now += 8000
    with oauth.backend.lock(NAME, 0), pytest.raises(ServerError, match=r"no answer within 0\.5 s"):
        oauth.store(timeout=0.5).token(oauth.platform.renew)
    assert oauth.token() == "access-1"


def test_wait_can_be_interrupted(oauth: OAuthFixture) -> None:
    oauth.now += 8000
    oauth.change_record(lambda record: record.claimed("alive.1", oauth.now))

    def pause(_seconds: float) -> None:
        raise ServerError("this task was stopped")

    with pytest.raises(ServerError, match="this task was stopped"):
        oauth.store(pause=pause).token(oauth.platform.renew)


EARLY_ERRORS = [
    ServerError("feishu answered 503"),
    RateLimited("slow down"),
    ConsentEnded("used up", code=20064),
    AuthenticationError("the app may refresh no more", code=20024),
]


@pytest.mark.parametrize("error", EARLY_ERRORS, ids=lambda error: type(error).__name__)
def test_failed_early_renewal_is_a_warning(
    oauth: OAuthFixture, error: MeetingsApiError, caplog: pytest.LogCaptureFixture
) -> None:
    oauth.now += 7000
    oauth.platform.error = error
    process = oauth.process()
    with caplog.at_level(logging.WARNING):
        tokens = {oauth.token(process) for _ in range(5)}
    assert tokens == {"access-0"}
    (warning,) = [record.message for record in caplog.records]
    assert "using the old one until it expires" in warning
    assert str(error) in warning
    assert oauth.platform.sent == ["refresh-0"]
    # After the old token has expired it is an error.
    oauth.now += 500
    assert type(oauth.error()) is type(error)


def test_early_renewal_is_retried_after_a_minute(oauth: OAuthFixture) -> None:
    oauth.now += 7000
    oauth.platform.error = ServerError("feishu answered 503")
    process = oauth.process()
    assert oauth.token(process) == "access-0"
    oauth.platform.error = None
    oauth.platform.sent.clear()
    oauth.steady += 61
    assert oauth.token(process) == "access-1"


def test_rejected_token_is_not_used_if_renewal_fails(oauth: OAuthFixture) -> None:
    oauth.platform.error = ServerError("feishu answered 503")
    with pytest.raises(ServerError, match="503"):
        oauth.token(rejected="access-0")


def test_new_consent_is_seen_within_a_minute(oauth: OAuthFixture) -> None:
    process = oauth.process()

    def token() -> str:
        return oauth.token(process)

    assert token() == "access-0"
    oauth.store().accept(oauth.platform.tokens(5))
    oauth.steady += 30
    assert token() == "access-0"
    oauth.steady += 31
    assert token() == "access-5"
    # The process that accepts it uses it at once.
    oauth.store(memory=process).accept(oauth.platform.tokens(7))
    assert token() == "access-7"
    assert oauth.platform.sent == []


def test_unreachable_backend_does_not_stop_process_with_token(
    oauth: OAuthFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = oauth.process()
    assert oauth.token(process) == "access-0"
    reads: list[str] = []

    def unreachable(key: str) -> bytes:
        reads.append(key)
        raise BackendError("Redis cannot be reached")

    monkeypatch.setattr(oauth.backend, "read", unreachable)
    for _ in range(5):
        oauth.steady += 25
        assert oauth.token(process) == "access-0"
    assert len(reads) == 1
    with pytest.raises(StoreError, match="Redis cannot be reached"):
        oauth.store().consent_status()


def test_consent_of_another_user_is_reported(oauth: OAuthFixture) -> None:
    def accepted(user: str) -> str:
        return oauth.store().accept(oauth.platform.tokens(0), user).instead_of

    assert [accepted(user) for user in ("ou_1", "ou_1", "ou_2", "", "ou_3")] == ["", "", "ou_1", "", ""]
    consent_status = oauth.store().consent_status()
    assert consent_status is not None
    assert (consent_status.user, consent_status.instead_of) == ("ou_3", "")


@pytest.mark.parametrize("change", [{"sent_by": "x"}, {"consented_at": ...}], ids=["unknown", "missing"])
def test_record_of_another_version(oauth: OAuthFixture, change: dict[str, object]) -> None:
    value, record = oauth.records.read()
    written = {name: one for name, one in (asdict(record) | change).items() if one is not ...}
    assert oauth.backend.compare_and_set(NAME, value, Encryptor("the-secret").encrypt(NAME, written))
    error = oauth.error()
    assert isinstance(error, AuthenticationError)
    assert "were stored by another version of this provider" in str(error)
    assert REMEDY in str(error)
    assert oauth.store().consent_status() is None


def test_damaged_record_is_an_error(oauth: OAuthFixture) -> None:
    value, _ = oauth.records.read()
    assert oauth.backend.compare_and_set(NAME, value, value[:50])
    assert "or the stored tokens are damaged" in str(oauth.error())
    oauth.store().accept(oauth.platform.tokens(3))
    assert oauth.token() == "access-3"
