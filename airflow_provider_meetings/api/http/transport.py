"""Send API requests: with timeouts and retries, and with no secret in logs or errors."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import InitVar, dataclass
from threading import local
from typing import Any

import requests
from requests.utils import default_headers, get_environ_proxies
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_when_event_set,
    wait_random_exponential,
)

from airflow_provider_meetings.api.errors import (
    AnswerTooLong,
    AuthenticationError,
    InvalidRequest,
    MeetingsApiError,
    QueueTooLong,
    RateLimited,
    ServerError,
)
from airflow_provider_meetings.api.http.auth import Signature, TokenAuth
from airflow_provider_meetings.api.http.body import read_whole
from airflow_provider_meetings.api.http.cancellation import Caller, CancellableAdapter, DeadlineExceeded
from airflow_provider_meetings.api.http.rate_limit import Quota, RateLimiter, http_date, wait_for_slot
from airflow_provider_meetings.api.http.redaction import is_http, keep_queries_out_of_logs, redact, unreachable

log = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
ANSWER_SECONDS = 120.0
"""The longest time for one request and its whole answer; `READ_SECONDS` start again with each byte."""
KEPT_ANSWER_SECONDS = 80.0
"""The same for a call that nothing interrupts: other processes wait 90 seconds for it."""
ANSWER_BYTES = 64 * 1024 * 1024
"""The longest answer, decoded; the transcript of a day has less than a tenth."""
MAX_WAIT_SECONDS = 60.0
"""The longest wait before a retry. An error with a longer one is raised at once, for the scheduler to retry."""
QUEUE_SECONDS = 600.0
"""The longest wait for a slot of a quota."""

Decode = Callable[[requests.Response], Any]
"""Return the payload of an answer, or raise the typed error that its body names."""


@dataclass(kw_only=True, eq=False, repr=False)
class Transport:
    """Send requests to one platform, for one identity, from any number of threads.

    It uses no `requests.Session`, which reads the body of a redirect without a limit.

    :param base_url: scheme and host of the API.
    :param platform: for error messages.
    :param max_attempts: how often one call may be sent; 1 where the caller polls anyway.
    :param proxy: None means the proxy of the environment.
    :param ca_bundle: a path; None means ``REQUESTS_CA_BUNDLE``, else the default certificates.
    :param rate_limiter: the quotas of the app; None sends each call at once.
    :param queue_timeout: seconds that a call may wait for its slot.
    :param answer_seconds: seconds for one request and its whole answer.
    :param answer_bytes: the most decoded bytes of an answer.
    :param sleep: used before calls and between attempts; the default returns early on `interrupt`.
    :param on_secret: called with each token before it is used, to mask it in logs.
    :param clock: monotonic seconds.
    """

    base_url: str
    platform: str
    max_attempts: int = 4
    proxy: InitVar[str | None] = None
    ca_bundle: InitVar[str | None] = None
    on_secret: Callable[[str], None] = lambda value: None
    rate_limiter: RateLimiter | None = None
    queue_timeout: float = QUEUE_SECONDS
    answer_seconds: float = ANSWER_SECONDS
    answer_bytes: int = ANSWER_BYTES
    sleep: InitVar[Callable[[float], None] | None] = None
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self, proxy: str | None, ca_bundle: str | None, sleep: Callable[[float], None] | None) -> None:
        if not is_http(self.base_url):
            raise InvalidRequest(
                f"host must be a URL with its scheme, got {self.base_url[:80]!r}",
                next_step=f"Write https://{self.base_url.rpartition('//')[2][:80]} in the connection.",
            )
        self.base_url = self.base_url.rstrip("/")
        self.proxies = {"http": proxy, "https": proxy} if proxy else None
        # Of the environment, whose many variables would be read for each call.
        self._proxies = self.proxies or get_environ_proxies(self.base_url)
        self.verify: bool | str = ca_bundle or os.environ.get("REQUESTS_CA_BUNDLE") or True
        self.request_timeout = (CONNECT_SECONDS, READ_SECONDS)
        self.answered_at: float | None = None
        """When the platform sent its latest answer, by its own clock, in seconds since the epoch."""
        self._main_caller = Caller()
        self._by_thread = local()
        self._sleep = sleep or self._wait
        self._adapter = CancellableAdapter()

    def close(self) -> None:
        self._adapter.close()

    @property
    def caller(self) -> Caller:
        """The caller of this thread: that of `called_by`, else the one of all other threads."""
        caller: Caller = getattr(self._by_thread, "caller", self._main_caller)
        return caller

    @contextmanager
    def called_by(self, caller: Caller) -> Iterator[None]:
        """Count the calls of this thread for `caller`, which can cancel them; other threads are not affected."""
        self._by_thread.caller = caller
        try:
            yield
        finally:
            del self._by_thread.caller

    def interrupt(self) -> None:
        """End waits and calls in progress in every thread, and send no further call; not those of `called_by`."""
        self._main_caller.cancel()

    def _wait(self, seconds: float) -> None:
        self.caller.requested.wait(seconds)

    def pause(self, seconds: float) -> None:
        """Sleep before a call.

        :raises ServerError: if the transport is interrupted.
        """
        self._sleep(seconds)
        if self.caller.requested.is_set():
            raise self._stopped()

    def spacing(self, quota: Quota) -> float:
        """Return the seconds between two calls of many; 0 without a rate limiter."""
        return self.rate_limiter.spacing(quota) if self.rate_limiter else 0.0

    def acquire(self, quota: Quota) -> None:
        """Wait for a slot of `quota`; send the call at once, with ``kept=True``.

        :raises RateLimited: if the slot is further away than `queue_timeout`.
        :raises ServerError: if the transport is interrupted.
        """
        if self.rate_limiter is not None:
            usage = self.caller.usage
            wait_for_slot(self.rate_limiter, quota, self.pause, self.clock, self.queue_timeout, usage)

    def call(
        self,
        method: str,
        path: str,
        decode: Decode,
        *,
        quota: Quota,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        auth: TokenAuth | None = None,
        max_attempts: int | None = None,
        kept: bool = False,
    ) -> Any:
        """Send one API call and return the decoded answer.

        Waits for a slot of the quota. Retries rate limits and server errors after the wait that the platform names,
        else with exponential backoff. Renews a rejected token once. Raises the last typed error.

        :param kept: True for a call whose answer must not be lost: `acquire` was called for it, and `interrupt` lets it
            end.
        :raises AnswerTooLong: if the answer exceeds the transport's limits.
        """
        retrying = Retrying(
            stop=stop_after_attempt(max_attempts or self.max_attempts) | stop_when_event_set(self.caller.requested),
            retry=retry_if_exception(self._is_retryable),
            wait=self._wait_seconds,
            before_sleep=self._log_retry,
            sleep=self._sleep,
            reraise=True,
        )

        def send(signature: Signature | None) -> Any:
            headers = {**default_headers(), "Accept-Encoding": "gzip"}
            url = self.base_url + path
            request = requests.Request(method, url, headers, params=params, json=json, auth=signature)
            if not kept:
                self.acquire(quota)
            self.caller.usage.add(quota.endpoint, calls=1)
            try:
                return decode(self._send(request, kept=kept))
            except (RateLimited, ServerError) as error:
                self._note(quota, error)
                raise

        def attempt() -> Any:
            if auth is None:
                return send(None)
            signature = _sign(auth)
            # A shared token may be revoked between the read and the call: only a token that was fetched for this call
            # and is rejected nevertheless is an error.
            for _ in range(2):
                try:
                    return send(signature)
                except AuthenticationError as error:
                    if not error.token_rejected:
                        raise
                    log.info("Token rejected by %s (code %s); refreshing it", self.platform, error.code)
                    self.caller.usage.add(quota.endpoint, tokens_rejected=1)
                signature = _sign(auth, rejected=signature)
                if signature.freshly_fetched:
                    break
            return send(signature)

        return retrying(attempt)

    def _is_retryable(self, error: BaseException) -> bool:
        if isinstance(error, QueueTooLong | AnswerTooLong):
            return False  # four answers without end would take eight minutes; the task's own retry comes later
        if isinstance(error, ServerError) and not (error.concerns_all or error.lost or self.caller.repeat_failures):
            return False
        return isinstance(error, RateLimited | ServerError) and (error.retry_after or 0.0) <= MAX_WAIT_SECONDS

    def _note(self, quota: Quota, error: RateLimited | ServerError) -> None:
        if isinstance(error, ServerError):
            # A platform that fails may end the connection as well, after its answer.
            self._adapter.idle_since = time.monotonic()
            return
        self.caller.usage.add(quota.endpoint, refused=1)
        if self.rate_limiter is not None:
            error.retry_after = self.rate_limiter.refused(quota, error)

    def _send(self, request: requests.Request, *, kept: bool) -> requests.Response:
        keep_queries_out_of_logs(request.url)
        adapter, caller = (CancellableAdapter(), Caller()) if kept else (self._adapter, self.caller)
        seconds = min(self.answer_seconds, KEPT_ANSWER_SECONDS) if kept else self.answer_seconds
        try:
            prepared = request.prepare()

            def send() -> requests.Response:
                timeout, verify = self.request_timeout, self.verify
                response = adapter.send(prepared, stream=True, timeout=timeout, verify=verify, proxies=self._proxies)
                read_whole(response, self.answer_bytes, self.platform)
                return response

            response = adapter.exchange(send, seconds, caller)
        except MeetingsApiError:
            raise
        except DeadlineExceeded:
            too_long = AnswerTooLong(
                f"{self.platform} did not finish its answer to {redact(request.url)} within {seconds:g} s",
                platform=self.platform,
                next_step="Try again later; if it persists, check the network and the proxy.",
            )
            too_long.lost = True  # a poll must not wait as long for each object
            raise too_long from None
        except Exception as error:  # also errors of urllib3, http.client, gzip and zlib
            stopped = caller.requested.is_set()
            raise self._stopped() if stopped else unreachable(self.platform, request.url, error) from None
        finally:
            if kept:
                adapter.close()
        if date := http_date(response.headers.get("Date", "")):
            self.answered_at = date.timestamp()
        log.debug("%s %s answered %s", request.method, redact(request.url), response.status_code)
        return response

    def _stopped(self) -> ServerError:
        error = ServerError("The call has no answer: the task is being stopped", platform=self.platform)
        error.concerns_all = True
        return error

    def _wait_seconds(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, RateLimited) and self.rate_limiter is not None:
            return 0.0  # the rate limiter makes the next attempt wait
        if isinstance(error, MeetingsApiError) and error.retry_after:
            return error.retry_after
        return wait_random_exponential(multiplier=0.5, max=MAX_WAIT_SECONDS)(state)

    def _log_retry(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        seconds = state.next_action.sleep if state.next_action else 0.0
        if isinstance(error, RateLimited) and error.retry_after is not None:
            seconds = error.retry_after
        log.warning("Retrying in %.1f s (attempt %s): %s", seconds, state.attempt_number + 1, error)


def _sign(auth: TokenAuth, rejected: Signature | None = None) -> Signature:
    try:
        return auth.signature(rejected=rejected)
    except ServerError as error:
        error.concerns_all = True
        raise
