"""Land many files of one task, a few at once: what one suffers keeps no other out of the store."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from traceback import extract_tb

from requests import RequestException

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.errors import MeetingsApiError, ServerError, StoreError
from airflow_provider_meetings.api.landing.transfer import Stopped
from airflow_provider_meetings.api.models import MediaFile, Recording, StoredFile

log = logging.getLogger(__name__)

_AHEAD = 8  # files per worker that may be done before an earlier one is

Land = Callable[[Recording, MediaFile], StoredFile]


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that did not land, or a recording whose files could not be told; then `media` is None."""

    recording: Recording
    media: MediaFile | None
    error: MeetingsApiError

    @property
    def what(self) -> str:
        """Name it by ids."""
        if self.media is None:
            return self.recording.label
        return f"{self.media.file_id!r} ({self.media.kind}) of {self.recording.label}"


@dataclass(frozen=True, slots=True)
class Landed:
    """A file that landed, or was there, or that the platform does not have."""

    recording: Recording
    media: MediaFile
    stored: StoredFile


def files_of(
    client: MeetingsClient, recordings: Iterable[Recording], kinds: Sequence[str]
) -> Iterator[tuple[Recording, MediaFile] | Failed]:
    """Name the files of recordings that are of the wanted kinds, each once; may ask the platform."""
    seen: set[tuple[str, ...]] = set()
    for recording in recordings:
        try:
            for media in client.media(recording, kinds):
                # Named twice, it would be landed twice at once.
                key = (media.platform, media.tenant, media.recording_id, media.file_id, media.kind)
                if key not in seen:
                    seen.add(key)
                    yield recording, media
        except MeetingsApiError as error:
            yield Failed(recording, None, error)


def land_all(
    files: Iterable[tuple[Recording, MediaFile] | Failed],
    land: Land,
    *,
    workers: int,
    stop: Callable[[], None],
) -> Generator[Landed | Failed, None, None]:
    """Land each file, and yield what became of it, in the order given.

    :param land: called from `workers` threads.
    :param stop: called when the caller gives up, and only then: has to end what `land` does. The threads are waited
        for.
    :raises Stopped: if `land` was told to stop in another way.
    """
    waiting: deque[Future[Landed | Failed] | Failed] = deque()
    threads = ThreadPoolExecutor(workers, thread_name_prefix="landing")
    try:
        for file in files:
            if isinstance(file, Failed):
                waiting.append(file)
            else:
                # Each with its own copy of the context: Airflow finds the task's log by it.
                waiting.append(threads.submit(copy_context().run, partial(_land, land, *file)))
            while len(waiting) >= workers * _AHEAD:
                yield _told(waiting.popleft())
        while waiting:
            yield _told(waiting.popleft())
    except BaseException:
        stop()
        raise
    finally:
        threads.shutdown(cancel_futures=True)


def _land(land: Land, recording: Recording, media: MediaFile) -> Landed | Failed:
    try:
        return Landed(recording, media, land(recording, media))
    except Stopped:
        raise
    except MeetingsApiError as error:
        return Failed(recording, media, error)
    except Exception as error:
        # What requests raises is an OSError too, whose text is the link.
        if isinstance(error, OSError) and not isinstance(error, RequestException):
            return Failed(recording, media, StoreError(error.strerror or str(error)))
        return Failed(recording, media, _unexpected(error, media))


def _unexpected(error: Exception, media: MediaFile) -> ServerError:
    """Name the error and its place, never its text: that may hold a link."""
    (*_, frame) = extract_tb(error.__traceback__)
    path = Path(frame.filename)
    return ServerError(
        f"{type(error).__name__} at {path.parent.name}/{path.name}:{frame.lineno}, which nothing here provides for",
        platform=media.platform,
        next_step="Try again; if it comes again, report it with that place.",
    )


def _told(result: Future[Landed | Failed] | Failed) -> Landed | Failed:
    told = result if isinstance(result, Failed) else result.result()
    if isinstance(told, Failed):
        log.error("%s failed: %s", told.what, told.error)
    return told
