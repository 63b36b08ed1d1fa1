"""One file on its way from its origin to a store: continued after a break, begun anew where it must be, verified."""

from __future__ import annotations

import errno
import hashlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from airflow_provider_meetings.api.errors import FileTooLarge, InvalidRequest, MediaCorrupt, MeetingsApiError
from airflow_provider_meetings.api.landing.receipt import BackgroundDigest, Checkpoint
from airflow_provider_meetings.api.landing.source import MediaSource, OpenedSource, SourceInterrupted
from airflow_provider_meetings.api.landing.store import ObjectStat, Parts, Writer
from airflow_provider_meetings.api.landing.target import LandingTarget
from airflow_provider_meetings.api.media.progress import Progress
from airflow_provider_meetings.api.media.stream import Position

log = logging.getLogger(__name__)

GIB = 2**30
_GETS_ON = 64 * 1024  # bytes beyond the furthest point so far: a stream that brings fewer before it breaks is fruitless
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far a landing goes.

    :param max_bytes: no file may be larger. 48 GiB is beyond days of video, and below what 10,000 parts of S3 hold.
    :param fruitless: how often in a row a stream may break that brought nothing new.
    :param stop: set from another thread, it ends landings after the piece in hand, and their pauses.
    :param sleep: pauses before a file is opened again; None waits for `stop` meanwhile.
    """

    max_bytes: int = 48 * GIB
    fruitless: int = 5
    sleep: Callable[[float], None] | None = None
    stop: threading.Event = field(default_factory=threading.Event)


class Stopped(Exception):
    """Say that the landing was told to stop; the next try continues."""


@dataclass(frozen=True, slots=True)
class TransferResult:
    """What stands in the store now: proven by `sha256`, or where that is None by the hashes of its `parts`."""

    stat: ObjectStat
    sha256: str | None
    parts: Parts | None
    resumed: bool


class ResumableTransfer:
    """Carry one file; used once.

    :param name: of the file, for errors.
    """

    def __init__(
        self, origin: MediaSource, berth: LandingTarget, progress: Progress, limits: Limits, name: str
    ) -> None:
        self._origin = origin
        self._berth = berth
        self._progress = progress
        self._limits = limits
        self._name = name
        self._writer: Writer | None = None
        self._digest: BackgroundDigest | None = None  # None too where the first bytes are out of reach
        self._validator: str | None = None
        self._length: int | None = None
        self._size = self._furthest = 0
        self._resumed = self._whole = self._absent = False

    def run(self) -> TransferResult | None:
        """Bring the file to its place; None where the platform has no such file.

        :raises MediaCorrupt: if what was served is not the file; nothing stands under its name then.
        :raises MeetingsApiError: as the platform or its media host fails; a later try continues where it can.
        :raises OSError: as the store fails.
        """
        error: MeetingsApiError | None = None
        try:
            self._resume()
            while not self._whole and not self._absent:
                self._retrying()(self._round)
            return None if self._absent else self._publish()
        except SourceInterrupted as broken:
            self._leave()
            error = broken.error
        except (MediaCorrupt, FileTooLarge, InvalidRequest):
            self._abandon()
            raise
        except OSError as failure:
            # A full disk gets back what we took of it.
            self._abandon() if failure.errno in _NO_ROOM else self._leave()
            raise
        except BaseException:
            self._leave()
            raise
        finally:
            if self._digest:
                self._digest.close()
        raise error

    def _retrying(self) -> Retrying:
        return Retrying(
            retry=retry_if_exception_type(SourceInterrupted),
            stop=stop_after_attempt(self._limits.fruitless),
            wait=wait_random_exponential(multiplier=0.5, max=30),
            before_sleep=self._log_retry,
            sleep=self._limits.sleep or self._pause,
            reraise=True,
        )

    def _pause(self, seconds: float) -> None:
        self._limits.stop.wait(seconds)

    def _log_retry(self, state: RetryCallState) -> None:
        if self._limits.stop.is_set():
            return
        pause = state.next_action.sleep if state.next_action else 0.0
        log.warning(
            "%s; opening it again in %.1f s (try %s)",
            *(state.outcome and state.outcome.exception(), pause, state.attempt_number + 1),
        )

    def _resume(self) -> None:
        checkpoint = self._berth.checkpoint()
        if checkpoint is None:
            return
        self._writer = self._berth.resume(checkpoint)
        if checkpoint.validator is None or not self._writer.offset:
            self._abandon()
            return
        self._take_up(checkpoint, self._writer)

    def _take_up(self, checkpoint: Checkpoint, writer: Writer) -> None:
        self._validator, self._length = checkpoint.validator, checkpoint.length  # first: from here on it may be left
        kept = writer.kept()
        if kept is not None:
            self._digest = BackgroundDigest()
            for piece in kept:
                self._heed_stop()
                self._digest.update(piece)
        self._size = self._furthest = writer.offset
        self._resumed = True
        self._whole = self._size == self._length
        log.info("%s: continuing at byte %d of an earlier try", self._berth.uri, self._size)

    def _round(self) -> None:
        """Open the file once and take what comes; return when it is whole, and when it is worth opening it again."""
        self._heed_stop()
        position = Position(self._size, self._validator, self._length) if self._validator and self._size else None
        with self._origin.open(position) as opened:
            if opened is None:
                self._absent = True
                self._abandon()
                return
            writer = self._accept(opened)
            try:
                for chunk in opened.chunks:
                    self._take(writer, chunk)
            except SourceInterrupted as broken:
                if self._gets_on():
                    log.warning("%s; opening it again", broken)
                    return
                raise
            self._whole = self._ended(opened)

    def _accept(self, opened: OpenedSource) -> Writer:
        if opened.length is not None and opened.length > self._limits.max_bytes:
            raise self._too_large(opened.length)
        if opened.start and self._writer is not None:
            if self._length is None:
                self._length = opened.length
            return self._writer
        self._abandon()
        self._writer = self._berth.begin(opened.ext, opened.length, opened.validator)
        self._digest = BackgroundDigest()
        self._validator, self._length = opened.validator, opened.length
        return self._writer

    def _heed_stop(self) -> None:
        if self._limits.stop.is_set():
            raise Stopped(f"{self._name}: told to stop")

    def _take(self, writer: Writer, chunk: bytes) -> None:
        self._heed_stop()
        if self._digest:
            self._digest.update(chunk)
        writer.write(chunk)
        self._size += len(chunk)
        if self._size > self._limits.max_bytes:
            raise self._too_large(self._size)
        self._progress.add(len(chunk), self._size, self._length)

    def _gets_on(self) -> bool:
        if self._size < self._furthest + _GETS_ON:
            return False
        self._furthest = self._size
        return True

    def _ended(self, opened: OpenedSource) -> bool:
        """Tell whether the file is whole, now that the body has ended as a body should."""
        if self._length is None or self._size == self._length:
            return True
        # A host may give less than the range that it was asked for.
        if opened.start and self._size < self._length and self._gets_on():
            return False
        raise self._wrong_size(self._length, self._size)

    def _publish(self) -> TransferResult:
        assert self._writer is not None  # noqa: S101  # it is whole
        sha256 = self._digest.hexdigest() if self._digest else None
        self._berth.check_free()
        stat = self._writer.publish()
        if not self._berth.verify(stat, self._size):
            raise MediaCorrupt(
                f"{self._berth.uri} holds {stat.size} bytes after {self._size} were written; it was removed"
            )
        parts = self._writer.parts() if sha256 is None else None
        if sha256 is None and parts is None:
            sha256 = self._read_back()
        self._progress.end(stat.size)
        return TransferResult(stat, sha256, parts, self._resumed)

    def _read_back(self) -> str:
        digest = hashlib.sha256()
        for piece in self._berth.store.open(self._berth.key):
            digest.update(piece)
        return digest.hexdigest()

    def _leave(self) -> None:
        """Stop; what can be continued stays, also what an earlier try left and could not be taken up just now."""
        if self._writer is None:
            return
        if self._validator:
            self._writer.pause()
        else:
            self._abandon()

    def _abandon(self) -> None:
        if self._writer is not None:
            self._writer.abort()
        self._berth.forget()
        if self._digest:
            self._digest.close()
        self._writer = self._digest = self._validator = self._length = None
        self._size = 0
        self._resumed = False

    def _too_large(self, size: int) -> FileTooLarge:
        return FileTooLarge(
            f"{self._name}: {size} bytes or more, and no file may be larger than {self._limits.max_bytes}",
            next_step="If such files are right, give a larger max_bytes.",
        )

    def _wrong_size(self, promised: int | None, came: int | None) -> MediaCorrupt:
        return MediaCorrupt(
            f"{self._name}: {promised} bytes were promised, {came} came",
            next_step="Try again: the next try begins anew.",
        )
