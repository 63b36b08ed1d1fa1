"""Shared tokens of one process after another, in files; `test_tokens_of_processes` runs them concurrently."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from airflow_provider_meetings.api.errors import AuthenticationError, RateLimited, ServerError
from airflow_provider_meetings.api.http.auth import Token, token_key
from airflow_provider_meetings.coordination import token_cache as module
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.coordination.host.record import BootClock
from airflow_provider_meetings.coordination.memory import ProcessTokenStore, process_share
from airflow_provider_meetings.coordination.token_cache import SharedTokens


class Platform:
    """Return numbered tokens with a lifetime of an hour, and count them."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_800_000_000.0
        self.clock_error = 0.0
        self.fetched = 0
        self.error: Exception | None = None
        self.backend = HostBackend(folder, lambda: BootClock("boot", self.now, self.clock()))

    def clock(self) -> float:
        """Return the wall clock."""
        return self.now + self.clock_error

    def fetch(self) -> Token:
        self.fetched += 1
        if self.error:
            raise self.error
        return Token(f"token-{self.fetched}", self.clock() + 3600, 3600)

    def process(self, secret: str = "secret", early: float = 0.0) -> SharedTokens:
        """Return the tokens of a new process."""
        memory = ProcessTokenStore(self.clock, early=lambda token: early)
        return SharedTokens(self.backend, secret, memory, self.clock)

    def token(self, secret: str = "secret", rejected: str | None = None, early: float = 0.0) -> str:
        """Get the token as a new process."""
        key = token_key("feishu", "https://open.feishu.cn", "app", secret)
        return self.process(secret, early).token(key, self.fetch, rejected=rejected).value


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return Platform(tmp_path / "state")


def test_next_process_finds_token(platform: Platform) -> None:
    assert [platform.token() for _ in range(3)] == ["token-1"] * 3


def test_memory_is_used_first(platform: Platform, tmp_path: Path) -> None:
    process = platform.process()
    process.token("k", platform.fetch)
    for path in (tmp_path / "state").iterdir():
        path.unlink()
    assert process.token("k", platform.fetch).value == "token-1"
    assert list((tmp_path / "state").iterdir()) == []


def test_token_is_renewed_early_and_by_some_processes_earlier(platform: Platform) -> None:
    platform.token()
    platform.now += 3600 - 301
    assert platform.token() == "token-1"
    assert platform.token(early=0.5) == "token-2"
    assert platform.token() == "token-2"


def test_process_share_differs_per_process(monkeypatch: pytest.MonkeyPatch) -> None:
    token = Token("v", 1.0, 1.0)
    shares = set()
    for pid in range(50):
        monkeypatch.setattr("os.getpid", lambda pid=pid: pid)
        shares.add(process_share(token))
        assert process_share(token) == process_share(token)
    assert len(shares) == 50
    assert 0 <= min(shares) < 0.3
    assert 0.7 < max(shares) < 1


def test_rejected_token_is_renewed_once(platform: Platform) -> None:
    rejected = platform.token()
    assert [platform.token(rejected=rejected) for _ in range(3)] == ["token-2"] * 3
    assert platform.fetched == 2


def test_waiting_process_takes_renewed_token_with_same_value(platform: Platform) -> None:
    # Feishu returns the same token while it considers it valid, even if an endpoint has rejected it.
    key = token_key("feishu", "https://open.feishu.cn", "app", "secret")
    platform.token()
    stored = platform.backend.get(key)
    assert stored is not None
    waiting = platform.process()

    def same() -> Token:
        platform.fetched += 1
        return Token("token-1", platform.now + 3600, 3600)

    class Late(HostBackend):
        """Return the token of before the renewal once."""

        first: bytes | None = stored

        def get(self, name: str) -> bytes | None:
            if name == key and self.first is not None:
                self.first, answer = None, self.first
                return answer
            return platform.backend.get(name)

    platform.process().token(key, same, rejected="token-1")
    assert platform.fetched == 2
    late = Late(Path("/nowhere"))
    late.lock = platform.backend.lock  # type: ignore[method-assign]
    waiting._backend = late
    assert waiting.token(key, platform.fetch, rejected="token-1").value == "token-1"
    assert platform.fetched == 2


def test_token_older_than_rejected_one_is_not_used(platform: Platform) -> None:
    # A backend that was unreachable for a while, or its fallback, still stores such a token.
    process = platform.process()
    first = process.token("k", platform.fetch)
    older = platform.backend.get("k")
    assert older is not None
    platform.now += 1
    second = process.token("k", platform.fetch, rejected=first.value)
    platform.backend.set("k", older, 600)
    assert process.token("k", platform.fetch, rejected=second.value).value == "token-3"


def test_refused_secret_is_remembered_for_a_minute(platform: Platform) -> None:
    error = AuthenticationError(
        "The secret is wrong", platform="feishu", code=10014, vendor_message="no", log_id="L", next_step="Check it."
    )
    platform.error = error
    texts = set()
    for _ in range(5):
        with pytest.raises(AuthenticationError) as caught:
            platform.token()
        texts.add(str(caught.value))
        assert not caught.value.token_rejected
        platform.now += 59 / 4
    assert texts == {str(error)}
    assert platform.fetched == 1
    platform.error = None
    assert platform.token() == "token-2"


@pytest.mark.parametrize("step", [60.0, -3600.0])
def test_refusal_ends_even_if_the_store_keeps_it(platform: Platform, step: float) -> None:
    """Whoever can write to the store can prolong what it holds, but not what is sealed."""
    key = token_key("feishu", "https://open.feishu.cn", "app", "secret")
    platform.error = AuthenticationError("no")
    with pytest.raises(AuthenticationError):
        platform.token()
    sealed = platform.backend.get(module._refusal(key))
    assert sealed is not None
    platform.backend.set(module._refusal(key), sealed, 7000)
    platform.error = None
    platform.clock_error = step
    assert platform.token() == "token-2"


def test_changed_secret_is_tried_at_once(platform: Platform) -> None:
    platform.error = AuthenticationError("no")
    with pytest.raises(AuthenticationError):
        platform.token("old")
    platform.error = None
    assert platform.token("new") == "token-2"
    assert platform.token("newer") == "token-3"


def test_other_errors_are_not_remembered(platform: Platform) -> None:
    for error in (ServerError("down"), OSError("down")):
        platform.error = error
        with pytest.raises(type(error), match="down"):
            platform.token()
    platform.error = None
    assert platform.token() == "token-3"


def test_fetch_without_lock_after_timeout(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.0)
    key = token_key("feishu", "https://open.feishu.cn", "app", "secret")
    with platform.backend.lock(key, 0):
        assert platform.token() == "token-1"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert platform.token() == "token-1"


def test_clock_set_back_does_not_extend_token(platform: Platform) -> None:
    platform.token()
    platform.clock_error = -3600
    assert platform.token() == "token-2"


def test_damaged_value_is_fetched_again(platform: Platform, tmp_path: Path) -> None:
    platform.token()
    (path,) = (tmp_path / "state").glob("*.value")
    path.write_bytes(path.read_bytes()[:-5])
    assert platform.token() == "token-2"


@pytest.mark.parametrize("error", [ServerError("busy"), RateLimited("slowly")])
def test_valid_token_is_used_if_renewal_fails(platform: Platform, error: Exception) -> None:
    assert platform.token() == "token-1"
    platform.now += 3400
    platform.error = error
    assert platform.token() == "token-1"
    with pytest.raises(type(error)):
        platform.token(rejected="token-1")
    platform.now += 190
    with pytest.raises(type(error)):
        platform.token()


def test_token_that_stays_rejected_is_fetched_once_a_minute(platform: Platform) -> None:
    class Stubborn(Platform):
        def fetch(self) -> Token:
            self.fetched += 1
            return Token("unchanged", self.clock() + 3600, 3600)

    platform.__class__ = Stubborn
    assert platform.token() == "unchanged"
    assert [platform.token(rejected="unchanged") for _ in range(5)] == ["unchanged"] * 5
    assert platform.fetched == 2
    platform.now += 61
    assert platform.token(rejected="unchanged") == "unchanged"
    assert platform.fetched == 3


def test_short_timeout_is_an_error(platform: Platform) -> None:
    key = token_key("feishu", "https://open.feishu.cn", "app", "secret")
    memory = ProcessTokenStore(platform.clock)
    tokens = SharedTokens(platform.backend, "secret", memory, platform.clock, timeout=0.0)
    with platform.backend.lock(key, 1.0), pytest.raises(ServerError, match="another process has been fetching"):
        tokens.token(key, platform.fetch)
    assert platform.fetched == 0


def test_absurd_lifetime_is_limited(platform: Platform) -> None:
    tokens = platform.process()
    key = token_key("feishu", "https://open.feishu.cn", "app", "secret")
    assert tokens.token(key, lambda: Token("t", 1e17, 1e17)).value == "t"
