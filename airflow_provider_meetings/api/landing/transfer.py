"""Transfer one file from its media host to a store: resume after interruptions, restart where needed, verify."""

from __future__ import annotations

import errno
import hashlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from airflow_provider_meetings.api.errors import FileTooLarge, InvalidRequest, MediaCorrupt
from airflow_provider_meetings.api.landing.source import MediaSource, OpenedSource, SourceInterrupted
from airflow_provider_meetings.api.landing.store import ObjectStat, Writer
from airflow_provider_meetings.api.landing.target import LandingTarget
from airflow_provider_meetings.api.media.progress import Progress
from airflow_provider_meetings.api.media.stream import Position

log = logging.getLogger(__name__)

GIB = 2**30
_MAX_QUEUED = 4  # chunks that wait to be hashed; bounds the memory
_MIN_PROGRESS = 64 * 1024  # bytes; an interrupted stream that brought fewer new ones counts as a failure
_MAX_FAILURES = 5  # consecutive streams without progress
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of a landing.

    :param max_bytes: largest allowed file. 48 GiB is more than days of video, and fits in 10,000 parts of S3.
    :param sleep: sleeps before the file is opened again; None waits for `stop`, which ends the sleep.
    :param stop: set it from another thread to stop landings after the current chunk and to end their sleeps.
    """

    max_bytes: int = 48 * GIB
    sleep: Callable[[float], None] | None = None
    stop: threading.Event = field(default_factory=threading.Event)


class Stopped(Exception):
    """The landing was stopped by `Limits.stop`; the next try resumes it."""


@dataclass(frozen=True, slots=True)
class TransferResult:
    """The published object, with its `sha256`; None if the resumed bytes could not be read before.

    `figures`: those of `Progress.end`.
    """

    stat: ObjectStat
    sha256: str | None
    resumed: bool
    figures: str


class ResumableTransfer:
    """Transfer one file. An instance is used once."""

    def __init__(self, source: MediaSource, target: LandingTarget, progress: Progress, limits: Limits) -> None:
        self._source = source
        self._target = target
        self._progress = progress
        self._limits = limits
        self._writer: Writer | None = None
        self._digest: BackgroundDigest | None = None  # None if the resumed bytes cannot be read back
        self._validator: str | None = None
        self._length: int | None = None
        self._size = self._furthest = 0
        self._resumed = self._complete = self._absent = False

    def run(self) -> TransferResult | None:
        """Transfer the file; return None if the platform has no such file.

        :raises Unchanged: see `MediaSource`; nothing was written then.
        :raises MediaCorrupt: if the host serves something else than the file; nothing is published then.
        :raises MeetingsApiError: if the platform or its media host fails; a later try resumes where it can.
        :raises OSError: if the store fails.
        """
        try:
            self._resume()
            while not self._complete and not self._absent:
                self._retrying()(self._stream_once)
            return None if self._absent else self._publish()
        except SourceInterrupted as interrupted:
            self._pause()
            raise interrupted.error from None
        except (MediaCorrupt, FileTooLarge, InvalidRequest):
            self._abort()
            raise
        except OSError as error:
            # On a full disk, free what this transfer has used.
            self._abort() if error.errno in _NO_SPACE else self._pause()
            raise
        except BaseException:
            self._pause()
            raise
        finally:
            if self._digest:
                self._digest.close()

    def _retrying(self) -> Retrying:
        return Retrying(
            retry=retry_if_exception_type(SourceInterrupted),
            stop=stop_after_attempt(_MAX_FAILURES),
            wait=_wait_seconds,
            before_sleep=self._log_retry,
            sleep=self._limits.sleep or self._sleep,
            reraise=True,
        )

    def _sleep(self, seconds: float) -> None:
        self._limits.stop.wait(seconds)

    def _log_retry(self, state: RetryCallState) -> None:
        if self._limits.stop.is_set():
            return
        error = state.outcome and state.outcome.exception()
        seconds = state.next_action.sleep if state.next_action else 0.0
        log.warning("%s; retrying in %.1f s (attempt %s)", error, seconds, state.attempt_number + 1)

    def _resume(self) -> None:
        checkpoint = self._target.read_checkpoint()
        if checkpoint is None:
            return
        self._writer = self._target.resume(checkpoint)
        if checkpoint.validator is None or not self._writer.offset:
            self._abort()
            return
        # Set before anything can fail: from here on `_pause` keeps the upload.
        self._validator, self._length = checkpoint.validator, checkpoint.length
        existing = self._writer.read_existing()
        if existing is not None:
            self._digest = BackgroundDigest()
            for piece in existing:
                self._check_stop()
                self._digest.update(piece)
        self._size = self._furthest = self._writer.offset
        self._resumed = True
        self._complete = self._size == self._length
        log.info("Resuming %s at byte %d", self._target.uri, self._size)

    def _stream_once(self) -> None:
        """Open the file once and write its bytes; return if it is complete or if an interrupted stream made progress.

        :raises SourceInterrupted: if the stream brought nothing new.
        """
        self._check_stop()
        position = Position(self._size, self._validator, self._length) if self._validator and self._size else None
        with self._source.open(position) as opened:
            if opened is None:
                self._absent = True
                self._abort()
                return
            writer = self._accept(opened)
            try:
                for chunk in opened.chunks:
                    self._write(writer, chunk)
            except SourceInterrupted as interrupted:
                if self._made_progress():
                    log.warning("%s; resuming at byte %d", interrupted, self._size)
                    return
                raise
            self._complete = self._is_complete(opened)

    def _accept(self, opened: OpenedSource) -> Writer:
        if opened.length is not None and opened.length > self._limits.max_bytes:
            raise self._too_large(opened.length)
        if opened.start and self._writer is not None:
            if self._length is None:
                self._length = opened.length
            return self._writer
        self._abort()
        self._writer = self._target.begin(opened.ext, opened.length, opened.validator)
        self._digest = BackgroundDigest()
        self._validator, self._length = opened.validator, opened.length
        return self._writer

    def _check_stop(self) -> None:
        if self._limits.stop.is_set():
            raise Stopped(f"{self._source.name}: stopped")

    def _write(self, writer: Writer, chunk: bytes) -> None:
        self._check_stop()
        if self._digest:
            self._digest.update(chunk)
        writer.write(chunk)
        self._size += len(chunk)
        if self._size > self._limits.max_bytes:
            raise self._too_large(self._size)
        self._progress.add(len(chunk), self._size, self._length)

    def _made_progress(self) -> bool:
        if self._size < self._furthest + _MIN_PROGRESS:
            return False
        self._furthest = self._size
        return True

    def _is_complete(self, opened: OpenedSource) -> bool:
        """Return whether the file is complete after a body that ended regularly."""
        if self._length is None or self._size == self._length:
            return True
        # A host may send less than the requested range.
        if opened.start and self._size < self._length and self._made_progress():
            return False
        raise MediaCorrupt(
            f"{self._source.name}: expected {self._length} bytes, received {self._size}",
            next_step="Try again: the next try restarts at byte 0.",
        )

    def _publish(self) -> TransferResult:
        assert self._writer is not None  # noqa: S101  # set before the file is complete
        sha256 = self._digest.hexdigest() if self._digest else None
        self._target.check_absent()
        stat = self._writer.publish()
        if stat.size != self._size:
            self._target.store.discard(self._target.key)
            raise MediaCorrupt(
                f"{self._target.uri} has {stat.size} bytes after {self._size} written; it was deleted, else see the log"
            )
        return TransferResult(stat, sha256, self._resumed, self._progress.end(stat.size))

    def _pause(self) -> None:
        """Stop and keep what the next try can resume."""
        if self._writer is None:
            return
        if self._validator:
            self._writer.pause()
        else:
            self._abort()

    def _abort(self) -> None:
        if self._writer is not None:
            self._writer.abort()
        self._target.delete_checkpoint()
        if self._digest:
            self._digest.close()
        self._writer = self._digest = self._validator = self._length = None
        self._size = 0
        self._resumed = False

    def _too_large(self, size: int) -> FileTooLarge:
        return FileTooLarge(
            f"{self._source.name}: {size} bytes or more; the limit is {self._limits.max_bytes}",
            next_step="If files of this size are expected, increase max_bytes.",
        )


def _wait_seconds(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    requested = error.error.retry_after if isinstance(error, SourceInterrupted) else None
    return requested or wait_random_exponential(multiplier=0.5, max=30)(state)


class BackgroundDigest:
    """Compute a sha256 in a thread while the file is read and written; not thread-safe itself."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="sha256")
        self._queued: deque[Future[None]] = deque()

    def update(self, chunk: bytes) -> None:
        self._queued.append(self._executor.submit(self._hash.update, chunk))
        if len(self._queued) > _MAX_QUEUED:
            self._queued.popleft().result()

    def hexdigest(self) -> str:
        while self._queued:
            self._queued.popleft().result()
        return self._hash.hexdigest()

    def close(self) -> None:
        self._executor.shutdown(cancel_futures=True)
