"""Send requests: always with timeouts, decided by typed errors, and with nothing secret in logs or errors."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any

import requests
from requests.utils import get_environ_proxies
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    sleep_using_event,
    stop_after_attempt,
    stop_when_event_set,
    wait_random_exponential,
)

from airflow_provider_meetings.api.errors import (
    AuthenticationError,
    InvalidRequest,
    MeetingsApiError,
    QueueTooLong,
    RateLimited,
    ServerError,
)
from airflow_provider_meetings.api.http.auth import Signature, TokenAuth
from airflow_provider_meetings.api.http.rate_limit import Quota, RateLimiter
from airflow_provider_meetings.api.http.redaction import (
    is_http,
    keep_queries_out_of_logs,
    kind_of_failure,
    redact,
    unreachable,
)
from airflow_provider_meetings.api.http.usage import Usage

log = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 60.0
"""A longer wait is not slept through here: the error carries it to whoever schedules the next try."""
QUEUE_SECONDS = 600.0
"""A place in the queue of the app's quota is waited for so long: unlike a block it comes nearer by itself."""
_TURNS_MISSED = 2
"""So many places in the queue are given up for having been woken too late, by one call."""
_PLACES_LOST = 20
"""So many are given up at all: a refusal that is remembered for too long must not hold a call back for as long."""

Decode = Callable[[requests.Response], Any]
"""Reads an answer: returns its payload, or raises the typed error that its body names."""


class Transport:
    """Wrap one `requests.Session` for one platform and one identity.

    :param base_url: scheme and host of the API, without a trailing slash.
    :param platform: for error texts.
    :param max_attempts: how often one call may be sent; 1 where the caller polls anyway.
    :param proxy: None takes the environment's.
    :param ca_bundle: a path; None takes ``REQUESTS_CA_BUNDLE``, else the usual certificates.
    :param rate_limiter: the app's quotas, which others use too; None sends each call at once.
    :param longest_queue: seconds that a call may wait for its place in that queue.
    :param sleep: before a call and between tries; None waits until `interrupt`, at the longest.
    :param on_secret: is told tokens before they are used, so that logs can mask them.
    :param clock: steady seconds, by which it sees how long it has slept.
    """

    def __init__(
        self,
        *,
        base_url: str,
        platform: str,
        max_attempts: int = 4,
        proxy: str | None = None,
        ca_bundle: str | None = None,
        on_secret: Callable[[str], None] = lambda value: None,
        rate_limiter: RateLimiter | None = None,
        longest_queue: float = QUEUE_SECONDS,
        sleep: Callable[[float], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not is_http(base_url):
            raise InvalidRequest(
                f"host must be a URL with its scheme, got {base_url[:80]!r}",
                next_step=f"Write https://{base_url.rpartition('//')[2][:80]} in the connection.",
            )
        self.base_url = base_url.rstrip("/")
        self.platform = platform
        self._max_attempts = max_attempts
        self.proxies = {"http": proxy, "https": proxy} if proxy else None
        self.verify: bool | str = ca_bundle or os.environ.get("REQUESTS_CA_BUNDLE") or True
        self.request_timeout = (CONNECT_SECONDS, READ_SECONDS)
        self.on_secret = on_secret
        self._interrupted = Event()
        self._sleep = sleep or sleep_using_event(self._interrupted)
        self._clock = clock
        self._rate_limiter = rate_limiter
        self.timeout = longest_queue
        self.usage = Usage()
        self._session = requests.Session()
        # With trust_env, requests would send a .netrc login beside the token, or instead of it.
        self._session.trust_env = False
        self._session.verify = self.verify

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def interrupt(self) -> None:
        """Stop waiting and retrying, in any thread; send no further call after a wait."""
        self._interrupted.set()

    def pause(self, seconds: float) -> None:
        """Wait before a call.

        :raises ServerError: as soon as this is interrupted.
        """
        self._sleep(seconds)
        if self._interrupted.is_set():
            raise ServerError("the call was not sent, for this task was stopped", platform=self.platform)

    def acquire(self, quota: Quota) -> None:
        """Wait for the place of a call that is then made with ``queued=False``, at once.

        :raises RateLimited: if the place is further away than is waited for here.
        :raises ServerError: as soon as the transport is interrupted.
        """
        self._acquire(quota)

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
        queued: bool = True,
    ) -> Any:
        """Send one API call and return what `decode` makes of the answer.

        Waits for its turn where the endpoint has a quota. Retries what a later try can mend, waiting as long as the
        platform said or else exponentially; renews a rejected token once. Raises the last typed error.

        :param quota: the endpoint's.
        :param queued: False if its place was waited for with `acquire`.
        """
        retrying = Retrying(
            stop=stop_after_attempt(max_attempts or self._max_attempts) | stop_when_event_set(self._interrupted),
            retry=retry_if_exception(_worth_retrying),
            wait=self._pause,
            before_sleep=self._log_retry,
            sleep=self._sleep,
            reraise=True,
        )

        def send(signature: Signature | None) -> Any:
            request = requests.Request(method, self.base_url + path, params=params, json=json, auth=signature)
            if queued:
                self._acquire(quota)
            self.usage.called(quota.endpoint)
            try:
                with self._send(request) as response:
                    return decode(response)
            except RateLimited as error:
                self._all_wait(quota, error)
                raise

        def once() -> Any:
            if auth is None:
                return send(None)
            signature = auth.signature()
            # What others share may have been voided too, by the time it is taken: only one that was fetched for this
            # call and is rejected all the same is an error.
            for _ in range(2):
                try:
                    return send(signature)
                except AuthenticationError as error:
                    if not error.token_rejected:
                        raise
                    log.info("%s rejected the token (code %s); renewing it", self.platform, error.code)
                    self.usage.rejected()
                signature = auth.signature(rejected=signature)
                if signature.freshly_fetched:
                    break
            return send(signature)

        return retrying(once)

    def _acquire(self, quota: Quota) -> None:
        if self._rate_limiter is None:
            return
        missed, deadline = 0, self._clock() + self.timeout
        while (away := self._rate_limiter.reserve(quota, max(0.0, deadline - self._clock()))) > 0:
            due = self._clock() + away
            self._pause_in_queue(quota, away)
            late = self._clock() - due
            # Where nobody is ever in time, as on a machine with too much to do, calls are made all the same.
            stands = self._rate_limiter.still_valid(quota, late if missed < _TURNS_MISSED else 0.0)
            if stands or missed == _PLACES_LOST:
                return
            missed += 1

    def _pause_in_queue(self, quota: Quota, away: float) -> None:
        begun = self._clock()
        try:
            self.pause(away)
        except BaseException:
            self.usage.waited(quota.endpoint, min(away, self._clock() - begun))
            raise
        self.usage.waited(quota.endpoint, away)

    def _all_wait(self, quota: Quota, error: RateLimited) -> None:
        self.usage.refused(quota.endpoint)
        if self._rate_limiter is not None:
            error.retry_after = self._rate_limiter.refused(quota, error)

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, RateLimited) and self._rate_limiter is not None:
            return 0.0  # the queue stands still meanwhile, and the next try stands in it
        if isinstance(error, MeetingsApiError) and error.retry_after is not None:
            return error.retry_after
        return wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT_SECONDS)(state)

    def _send(self, request: requests.Request) -> requests.Response:
        keep_queries_out_of_logs(request.url)
        failure = ""
        response: requests.Response | None = None
        try:
            prepared = self._session.prepare_request(request)
            proxies = self.proxies or get_environ_proxies(request.url)
            # The APIs never redirect: a redirect would carry the secret to another host.
            response = self._session.send(
                prepared, timeout=self.request_timeout, proxies=proxies, allow_redirects=False
            )
        except (requests.RequestException, ValueError, OSError) as error:
            failure = kind_of_failure(error)
        if response is None:
            raise unreachable(self.platform, request.url, failure)
        log.debug("%s %s answered %s", request.method, redact(request.url), response.status_code)
        return response

    def _log_retry(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        pause = state.next_action.sleep if state.next_action else 0.0
        if isinstance(error, RateLimited) and error.retry_after is not None:
            pause = error.retry_after
        log.warning("Trying again in %.1f s (try %s): %s", pause, state.attempt_number + 1, error)


def _worth_retrying(error: BaseException) -> bool:
    # Not ready is an answer, not a failure; a wait beyond the limit belongs to the scheduler.
    if isinstance(error, QueueTooLong):
        return False
    return isinstance(error, RateLimited | ServerError) and (error.retry_after or 0.0) <= LONGEST_WAIT_SECONDS
