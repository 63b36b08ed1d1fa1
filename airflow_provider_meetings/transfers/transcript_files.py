"""Read landed transcripts, chapters, to-dos, keywords and statistics back into rows."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from airflow.providers.common.compat.sdk import AirflowException, Connection

from airflow_provider_meetings.api.artifacts import Reader
from airflow_provider_meetings.api.errors import FileTooLarge, InvalidRequest
from airflow_provider_meetings.api.models import MediaKind, StoredFile, TranscriptSegment
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.hooks.stores import ObjectReader
from airflow_provider_meetings.warehouse.load.transcripts import Content

MAX_FILE_BYTES = 64 * 1024 * 1024
"""Files are read into memory one at a time. A transcript of a whole day with word timestamps is below 20 MiB."""

_KINDS = frozenset(MediaKind) - {MediaKind.VIDEO, MediaKind.AUDIO, MediaKind.SUMMARY}

log = logging.getLogger(__name__)


def read_artifacts(files: Iterable[StoredFile]) -> Iterator[Content]:
    """Read the files of artifact kinds, one at a time; skip other kinds and formats without a reader.

    :raises InvalidRequest: for an invalid URI, and for a platform that is not installed.
    :raises NotFound: for an object that does not exist.
    :raises FileTooLarge: for an object of more than `MAX_FILE_BYTES`.
    :raises StoreError: if the store fails.
    """
    objects = ObjectReader()
    readers: dict[str, Mapping[str, Reader]] = {}
    unreadable: Counter[str] = Counter()
    for number, file in enumerate(files, 1):
        if file.uri is None or file.kind.partition("-")[0] not in _KINDS:
            continue
        label = f"file {number} of stored_files"
        if file.platform not in readers:
            readers[file.platform] = _readers(file.platform, label)
        # Without the counter of a second file of one format: transcript-txt-2.
        kind = "-".join(file.kind.split("-")[:2])
        reader = readers[file.platform].get(kind)
        if reader is None:
            unreadable[kind.partition("-")[0]] += 1
            continue
        rows = reader.read(file, _read(file, f"The object of {label} ({kind})", objects))
        yield Content(reader.item, file.to_dict(), (row.to_dict() for row in rows))
    for kind, count in unreadable.items():
        log.info("Skipping %s files of kind %s: no reader for their format", count, kind)


def segments(file: StoredFile, content: bytes) -> Iterator[TranscriptSegment]:
    """Yield the segments of a transcript with a reader; none for other files."""
    reader = _readers(file.platform, "a landed file").get("-".join(file.kind.split("-")[:2]))
    if reader and reader.item is TranscriptSegment:
        yield from cast("Iterator[TranscriptSegment]", reader.read(file, content))


def _readers(platform: str, label: str) -> Mapping[str, Reader]:
    try:
        hook = Connection(conn_id=platform, conn_type=platform).get_hook()  # type: ignore[no-untyped-call]
        reason = type(hook).__name__
    except (AirflowException, ImportError) as error:
        hook, reason = None, type(error).__name__
    if isinstance(hook, MeetingsHook):
        return hook.readers
    raise InvalidRequest(
        f"The platform of {label} is not installed on this worker ({reason})",
        next_step="Install the distribution that provides the platform named in the file's field `platform`.",
    )


def _read(file: StoredFile, label: str, objects: ObjectReader) -> bytes:
    content = bytearray()
    for chunk in objects.read(str(file.uri), label, missing="Land it again, and pass that task's output."):
        content += chunk
        if len(content) > MAX_FILE_BYTES:
            raise FileTooLarge(
                f"{label} has more than {MAX_FILE_BYTES} bytes",
                platform=file.platform,
                next_step="A transcript is not that large: check the object, or remove it from stored_files.",
            )
    return bytes(content)
