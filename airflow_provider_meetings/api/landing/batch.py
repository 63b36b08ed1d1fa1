"""Land many files of one task, a few at a time; a file that fails does not stop the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from traceback import extract_tb

from requests import RequestException

from airflow_provider_meetings.api.client import MeetingsClient, reason_of
from airflow_provider_meetings.api.errors import MeetingsApiError, ServerError, StoreError
from airflow_provider_meetings.api.landing.receipt import Receipt, without_object
from airflow_provider_meetings.api.landing.transfer import Stopped
from airflow_provider_meetings.api.models import MediaFile, MediaKind, Recording, StoredFile

_MAX_QUEUED_PER_WORKER = 8

Land = Callable[[Recording, MediaFile], StoredFile]
FindReceipt = Callable[[Recording, MediaFile], Receipt | None]


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that was not landed; if its formats could not be listed, `media` has the kind without a format."""

    recording: Recording
    media: MediaFile
    error: MeetingsApiError

    @property
    def what(self) -> str:
        """Return the ids of file and recording."""
        return f"{self.media.file_id!r} ({self.media.kind}) of {self.recording.label}"

    def stored_file(self, outcome: str) -> StoredFile:
        """Return the file without an object, with the platform's reason."""
        return without_object(self.media, outcome, reason_of(self.error))


@dataclass(frozen=True, slots=True)
class Landed:
    """A file that was landed, skipped, or that the platform does not have."""

    recording: Recording
    media: MediaFile
    stored: StoredFile


def files_of(
    client: MeetingsClient,
    recordings: Iterable[Recording],
    kinds: Sequence[str],
    receipt: FindReceipt | None = None,
) -> Iterator[tuple[Recording, MediaFile] | Failed]:
    """Yield the files of the requested kinds of each recording, without duplicates; may send requests.

    A kind of a file whose formats cannot be listed fails alone. If the recording's files cannot be listed at all, each
    kind fails, with the id of the recording as that of the file.

    :param receipt: returns the receipt of a file. If all formats of a kind that the platform had are landed, it is not
        asked for them; it may have added one since, which a revisit finds. None asks for all.
    """
    seen: set[tuple[str, ...]] = set()
    for recording in recordings:
        for media in _listed(client, recording, kinds, receipt):
            if isinstance(media, Failed):
                yield media
                continue
            # A duplicate would be landed by two threads at once.
            key = (media.platform, media.tenant, media.recording_id, media.file_id, media.kind)
            if key not in seen:
                seen.add(key)
                yield recording, media


def _listed(
    client: MeetingsClient, recording: Recording, kinds: Sequence[str], receipt: FindReceipt | None
) -> Iterator[MediaFile | Failed]:
    """Yield the files of a recording, first those of the kinds whose formats need no request."""
    by_family: dict[str, list[str]] = {}
    for kind in kinds:
        by_family.setdefault(kind.partition("-")[0], []).append(kind)
    linked = [by_family.pop(family) for family in client.linked_kinds if family in by_family]
    try:
        yield from client.media(recording, list(chain.from_iterable(by_family.values())))
    except MeetingsApiError as error:
        recording_id = recording.recording_id or recording.label
        for family in by_family:
            media = MediaFile(
                platform=recording.platform,
                tenant=recording.tenant,
                recording_id=recording_id,
                meeting_id=recording.meeting_id,
                file_id=recording_id,
                kind=family,
            )
            yield Failed(recording, media, error)
    for requested in linked:
        for file in recording.files:
            yield from _formats(client, recording, file, requested, receipt)


def _formats(
    client: MeetingsClient, recording: Recording, file: MediaFile, requested: Sequence[str], receipt: FindReceipt | None
) -> Iterator[MediaFile | Failed]:
    """Yield a file in the `requested` formats of one kind."""
    family = requested[0].partition("-")[0]
    offered = [kind for kind in client.kinds if kind.partition("-")[0] == family]
    receipts = [one for kind in offered if receipt and (one := receipt(recording, replace(file, kind=kind)))]
    landed = [one.kind for one in receipts]
    if not recording.revisit:
        formats = tuple(dict.fromkeys(chain.from_iterable(one.formats or () for one in receipts)))
        wanted = MediaKind.formats(formats, requested)
        if set(wanted).issubset(landed):
            yield from (replace(file, kind=kind, declared_size=None, formats=formats) for kind in wanted)
            return
    try:
        found = list(client.media(replace(recording, files=(file,)), requested))
    except MeetingsApiError as error:
        yield Failed(recording, replace(file, kind=family), error)
        return
    if recording.revisit:
        # What the platform has no longer stays landed, and is not absent.
        kept = [kind for kind in landed if MediaKind.wanted(kind, requested)]
        found = [media for media in found if media.kind != family or not kept]
        known = {media.kind for media in found}
        found += [replace(file, kind=kind, declared_size=None) for kind in kept if kind not in known]
    yield from found


def land_all(
    files: Iterable[tuple[Recording, MediaFile] | Failed],
    land: Land,
    *,
    workers: int,
    stop: Callable[[], None],
) -> Generator[Landed | Failed, None, None]:
    """Land files in threads and yield the results in input order.

    :param land: called from `workers` threads.
    :param stop: called if the caller closes the generator; must make running `land` calls return. The threads are
        joined.
    :raises Stopped: if `land` was stopped by anybody else.
    """
    queued: deque[Future[Landed | Failed]] = deque()
    executor = ThreadPoolExecutor(workers, thread_name_prefix="landing")
    try:
        for file in files:
            # Each with its own copy of the context: Airflow finds the task's log by it.
            queued.append(executor.submit(copy_context().run, _land, land, file))
            while len(queued) >= workers * _MAX_QUEUED_PER_WORKER:
                yield queued.popleft().result()
        while queued:
            yield queued.popleft().result()
    except BaseException:
        stop()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _land(land: Land, file: tuple[Recording, MediaFile] | Failed) -> Landed | Failed:
    if isinstance(file, Failed):
        return file
    recording, media = file
    try:
        return Landed(recording, media, land(recording, media))
    except Stopped:
        raise
    except MeetingsApiError as error:
        return Failed(recording, media, error)
    except Exception as error:
        # The errors of requests are OSErrors too, and their text holds the link.
        if isinstance(error, OSError) and not isinstance(error, RequestException):
            return Failed(recording, media, StoreError(error.strerror or str(error)))
        return Failed(recording, media, _unexpected(error, media))


def _unexpected(error: Exception, media: MediaFile) -> ServerError:
    """Return an error with the class and the line of an exception, without its text, which may hold a link."""
    (*_, frame) = extract_tb(error.__traceback__)
    path = Path(frame.filename)
    return ServerError(
        f"Unexpected {type(error).__name__} at {path.parent.name}/{path.name}:{frame.lineno}",
        platform=media.platform,
        next_step="Try again; if it happens again, report it with this line.",
    )
