"""The rings of one process after another, on files; `test_tokens_of_processes` has them at once."""

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
    """Hand out numbered tokens that live for an hour, and count."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_800_000_000.0
        self.set_by = 0.0
        self.fetched = 0
        self.error: Exception | None = None
        self.backend = HostBackend(folder, lambda: BootClock("boot", self.now, self.clock()))

    def clock(self) -> float:
        """Return the time as people have set it."""
        return self.now + self.set_by

    def fetch(self) -> Token:
        self.fetched += 1
        if self.error:
            raise self.error
        return Token(f"token-{self.fetched}", self.clock() + 3600, 3600)

    def process(self, secret: str = "secret", early: float = 0.0) -> SharedTokens:
        """Return the tokens of a new process."""
        memory = ProcessTokenStore(self.clock, early=lambda token: early)
        return SharedTokens(self.backend, secret, memory, self.clock)

    def ask(self, secret: str = "secret", rejected: str | None = None, early: float = 0.0) -> str:
        """Ask as a new process."""
        key = token_key("feishu", "https://open.feishu.cn", "app", secret)
        return self.process(secret, early).token(key, self.fetch, rejected=rejected).value


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return Platform(tmp_path / "state")


def test_the_next_process_finds_it(platform: Platform) -> None:
    assert [platform.ask() for _ in range(3)] == ["token-1"] * 3


def test_a_process_looks_into_its_memory_first(platform: Platform, tmp_path: Path) -> None:
    process = platform.process()
    process.token("k", platform.fetch)
    for path in (tmp_path / "state").iterdir():
        path.unlink()
    assert process.token("k", platform.fetch).value == "token-1"
    assert list((tmp_path / "state").iterdir()) == []


def test_it_is_renewed_before_its_end_and_by_some_processes_sooner(platform: Platform) -> None:
    platform.ask()
    platform.now += 3600 - 301
    assert platform.ask() == "token-1"
    assert platform.ask(early=0.5) == "token-2"
    assert platform.ask() == "token-2"


def test_each_process_has_its_own_share_of_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    token = Token("v", 1.0, 1.0)
    shares = set()
    for pid in range(50):
        monkeypatch.setattr("os.getpid", lambda pid=pid: pid)
        shares.add(process_share(token))
        assert process_share(token) == process_share(token)
    assert len(shares) == 50
    assert 0 <= min(shares) < 0.3
    assert 0.7 < max(shares) < 1


def test_a_rejected_one_is_renewed_and_the_others_take_that(platform: Platform) -> None:
    rejected = platform.ask()
    assert [platform.ask(rejected=rejected) for _ in range(3)] == ["token-2"] * 3
    assert platform.fetched == 2


def test_a_token_that_was_renewed_to_the_same_is_taken_by_who_waited(platform: Platform) -> None:
    # Feishu hands out a token again that it believes in, also to those who saw it rejected.
    key = token_key("feishu", "https://open.feishu.cn", "app", "secret")
    platform.ask()
    kept = platform.backend.get(key)
    assert kept is not None
    waiting = platform.process()

    def same() -> Token:
        platform.fetched += 1
        return Token("token-1", platform.now + 3600, 3600)

    class Late(HostBackend):
        """Answer the first question as it was before the other's renewal."""

        first: bytes | None = kept

        def get(self, asked: str) -> bytes | None:
            if asked == key and self.first is not None:
                self.first, answer = None, self.first
                return answer
            return platform.backend.get(asked)

    platform.process().token(key, same, rejected="token-1")
    assert platform.fetched == 2
    late = Late(Path("/nowhere"))
    late.lock = platform.backend.lock  # type: ignore[method-assign]
    waiting._backend = late
    assert waiting.token(key, platform.fetch, rejected="token-1").value == "token-1"
    assert platform.fetched == 2


def test_one_older_than_the_rejected_is_not_taken(platform: Platform) -> None:
    # Such a one lies in a backend that was away, and in the files of a host that stood in for it the time before.
    process = platform.process()
    first = process.token("k", platform.fetch)
    older = platform.backend.get("k")
    assert older is not None
    platform.now += 1
    second = process.token("k", platform.fetch, rejected=first.value)
    platform.backend.set("k", older, 600)
    assert process.token("k", platform.fetch, rejected=second.value).value == "token-3"


def test_a_refused_secret_is_remembered_for_a_minute(platform: Platform) -> None:
    error = AuthenticationError(
        "The secret is wrong", platform="feishu", code=10014, vendor_message="no", log_id="L", next_step="Check it."
    )
    platform.error = error
    texts = set()
    for _ in range(5):
        with pytest.raises(AuthenticationError) as caught:
            platform.ask()
        texts.add(str(caught.value))
        assert not caught.value.token_rejected
        platform.now += 59 / 4
    assert texts == {str(error)}
    assert platform.fetched == 1
    platform.error = None
    assert platform.ask() == "token-2"


def test_a_changed_secret_starts_anew_at_once(platform: Platform) -> None:
    platform.error = AuthenticationError("no")
    with pytest.raises(AuthenticationError):
        platform.ask("old")
    platform.error = None
    assert platform.ask("new") == "token-2"
    assert platform.ask("newer") == "token-3"


def test_other_failures_are_not_remembered(platform: Platform) -> None:
    for error in (ServerError("down"), OSError("down")):
        platform.error = error
        with pytest.raises(type(error), match="down"):
            platform.ask()
    platform.error = None
    assert platform.ask() == "token-3"


def test_who_has_waited_too_long_fetches_by_himself(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.0)
    key = token_key("feishu", "https://open.feishu.cn", "app", "secret")
    with platform.backend.lock(key, 0):
        assert platform.ask() == "token-1"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert platform.ask() == "token-1"


def test_a_clock_that_was_set_back_does_not_lengthen_a_token(platform: Platform) -> None:
    platform.ask()
    platform.set_by = -3600
    assert platform.ask() == "token-2"


def test_a_damaged_value_is_fetched_anew(platform: Platform, tmp_path: Path) -> None:
    platform.ask()
    (path,) = (tmp_path / "state").glob("*.value")
    path.write_bytes(path.read_bytes()[:-5])
    assert platform.ask() == "token-2"


@pytest.mark.parametrize("error", [ServerError("busy"), RateLimited("slowly")])
def test_one_that_works_still_is_used_on_by_new_processes_too(platform: Platform, error: Exception) -> None:
    assert platform.ask() == "token-1"
    platform.now += 3400
    platform.error = error
    assert platform.ask() == "token-1"
    with pytest.raises(type(error)):
        platform.ask(rejected="token-1")
    platform.now += 190
    with pytest.raises(type(error)):
        platform.ask()


def test_a_platform_that_gives_the_rejected_token_again_is_asked_once_a_minute(platform: Platform) -> None:
    class Stubborn(Platform):
        def fetch(self) -> Token:
            self.fetched += 1
            return Token("the-same", self.clock() + 3600, 3600)

    platform.__class__ = Stubborn
    assert platform.ask() == "the-same"
    assert [platform.ask(rejected="the-same") for _ in range(5)] == ["the-same"] * 5
    assert platform.fetched == 2
    platform.now += 61
    assert platform.ask(rejected="the-same") == "the-same"
    assert platform.fetched == 3


def test_who_is_impatient_is_told_to_come_again(platform: Platform) -> None:
    key = token_key("feishu", "https://open.feishu.cn", "app", "secret")
    memory = ProcessTokenStore(platform.clock)
    impatient = SharedTokens(platform.backend, "secret", memory, platform.clock, timeout=0.0)
    with platform.backend.lock(key, 1.0), pytest.raises(ServerError, match="another process has been fetching"):
        impatient.token(key, platform.fetch)
    assert platform.fetched == 0


def test_a_life_that_no_token_has_is_cut(platform: Platform) -> None:
    tokens = platform.process()
    key = token_key("feishu", "https://open.feishu.cn", "app", "secret")
    assert tokens.token(key, lambda: Token("t", 1e17, 1e17)).value == "t"
