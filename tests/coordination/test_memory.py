from __future__ import annotations

import contextlib
import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.http.auth import Token
from airflow_provider_meetings.api.http.transport import MAX_WAIT_SECONDS
from airflow_provider_meetings.coordination.memory import AGAIN_SECONDS, PROCESS_TOKENS, ProcessTokenStore


class Platform:
    """Return numbered tokens with a lifetime of an hour, and count them."""

    def __init__(self) -> None:
        self.now = 0.0
        self.fetched = 0

    def clock(self) -> float:
        return self.now

    def fetch(self) -> Token:
        self.fetched += 1
        return Token(f"token-{self.fetched}", self.now + 3600, 3600)


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
def store(platform: Platform) -> ProcessTokenStore:
    return ProcessTokenStore(platform.clock)


def test_concurrent_threads_fetch_once(store: ProcessTokenStore, platform: Platform) -> None:
    threads = 16
    together = threading.Barrier(threads)
    second = threading.Event()

    def fetch() -> Token:
        token = platform.fetch()
        if platform.fetched > 1:
            second.set()
        # Give a wrong second fetch the time to begin.
        second.wait(0.05)
        return token

    def ask() -> str:
        together.wait()
        return store.token("k", fetch).value

    with ThreadPoolExecutor(threads) as pool:
        values = {future.result() for future in [pool.submit(ask) for _ in range(threads)]}
    assert (values, platform.fetched) == ({"token-1"}, 1)


def test_concurrent_rejections_fetch_once(store: ProcessTokenStore, platform: Platform) -> None:
    rejected = store.token("k", platform.fetch).value
    with ThreadPoolExecutor(8) as pool:
        values = set(pool.map(lambda _: store.token("k", platform.fetch, rejected=rejected).value, range(8)))
    assert (values, platform.fetched) == ({"token-2"}, 2)


def test_slow_fetch_does_not_block_other_keys(store: ProcessTokenStore, platform: Platform) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> Token:
        begun.set()
        go_on.wait(10)
        return platform.fetch()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(store.token, "slow", slow)
        begun.wait(10)
        assert store.token("fast", platform.fetch).value == "token-1"
        go_on.set()
        assert waiting.result().value == "token-2"


def test_token_is_renewed_early(store: ProcessTokenStore, platform: Platform) -> None:
    store.token("k", platform.fetch)
    platform.now = 3600 - 301
    assert store.token("k", platform.fetch).value == "token-1"
    platform.now = 3600 - 300
    assert store.token("k", platform.fetch).value == "token-2"


def test_old_rejection_keeps_newer_token(store: ProcessTokenStore, platform: Platform) -> None:
    store.token("k", platform.fetch)
    store.token("k", platform.fetch, rejected="token-1")
    assert store.token("k", platform.fetch, rejected="token-1").value == "token-2"
    assert platform.fetched == 2


def test_failed_fetch_is_retried(store: ProcessTokenStore, platform: Platform) -> None:
    def fail() -> Token:
        raise OSError("down")

    with pytest.raises(OSError, match="down"):
        store.token("k", fail)
    assert store.token("k", platform.fetch).value == "token-1"


def test_valid_token_is_used_if_renewal_fails(
    store: ProcessTokenStore, platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    attempts: list[float] = []

    def fail() -> Token:
        attempts.append(platform.now)
        raise ServerError("busy")

    assert store.token("k", platform.fetch).value == "token-1"
    platform.now = 3400
    assert [store.token("k", fail).value for _ in range(3)] == ["token-1"] * 3
    platform.now += AGAIN_SECONDS
    assert store.token("k", fail).value == "token-1"
    assert attempts == [3400, 3400 + AGAIN_SECONDS]
    assert "using the old one until it expires" in caplog.text
    with pytest.raises(ServerError):
        store.token("k", fail, rejected="token-1")
    platform.now = 3600
    with pytest.raises(ServerError):
        store.token("k", fail)
    assert store.token("k", platform.fetch).value == "token-2"


def test_fetch_of_another_thread_is_waited_for_until_timeout(store: ProcessTokenStore, platform: Platform) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> Token:
        begun.set()
        assert go_on.wait(20)
        return platform.fetch()

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(store.token, "k", slow)
        assert begun.wait(20)
        with pytest.raises(ServerError, match="another thread has been fetching a token") as caught:
            store.token("k", platform.fetch, timeout=0.0)
        assert (caught.value.retry_after or 0.0) > MAX_WAIT_SECONDS  # the transport does not wait once more
        go_on.set()
        assert first.result(20).value == "token-1"


def test_forked_process_forgets_locks_of_other_threads() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> Token:
        begun.set()
        assert go_on.wait(20)
        return Token("t", 1e12, 7200)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(PROCESS_TOKENS.token, "a-fork", slow)
        assert begun.wait(20)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is what this test does
            child = os.fork()
        if not child:
            with contextlib.suppress(ServerError):
                PROCESS_TOKENS.token("a-fork", lambda: Token("c", 1e12, 7200), timeout=10)
                os._exit(7)
            os._exit(1)
        go_on.set()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        first.result(20)
