"""Stored files that are rows of their own (transcripts, chapters, to-dos, statistics), read back by their address."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from airflow.providers.common.compat.sdk import AirflowException, Connection

from airflow_provider_meetings.api.artifacts import ArtifactRow, Reader
from airflow_provider_meetings.api.errors import FileTooLarge, InvalidRequest, NotFound, StoreError
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.models import MediaKind, StoredFile
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.hooks.stores import store_at

LARGEST_CONTENT = 64 * 1024 * 1024
"""One file is held at a time: the words of a meeting of a whole day, each with its times, stay below 20 MiB."""

_FAMILIES = frozenset(
    {MediaKind.TRANSCRIPT, MediaKind.AI_TRANSCRIPT, MediaKind.CHAPTERS, MediaKind.TODOS, MediaKind.STATISTICS}
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReadBack:
    """A file and what stands in it, which is made as it is asked for."""

    file: StoredFile
    item: type[ArtifactRow]
    items: Iterator[ArtifactRow]


def read_back(files: Iterable[StoredFile]) -> Iterator[ReadBack]:
    """Read those of the files that are rows, one at a time; others are passed over, of texts also those of no format.

    :raises InvalidRequest: for an address that is none, and for a platform that is not installed here.
    :raises NotFound: for an object that is no longer there.
    :raises FileTooLarge: for one of more than `LARGEST_CONTENT` bytes.
    :raises StoreError: for a store that fails.
    """
    stores: dict[str, Store] = {}
    readers: dict[str, Mapping[str, Reader]] = {}
    unread: Counter[str] = Counter()
    for number, file in enumerate(files, 1):
        if file.uri is None or file.kind.partition("-")[0] not in _FAMILIES:
            continue
        label = f"file {number} of stored_files"
        if file.platform not in readers:
            readers[file.platform] = _readers(file.platform, label)
        # The number of a second file of one format is no part of it: transcript-txt-2.
        kind = "-".join(file.kind.split("-")[:2])
        reader = readers[file.platform].get(kind)
        if reader is None:
            unread[kind.partition("-")[0]] += 1
            continue
        yield ReadBack(file, reader.item, reader.read(file, _content(file, f"{label} ({kind})", stores)))
    for family, count in unread.items():
        log.info("%s files of kind %s have no format that rows are made of; they stay files", count, family)


def _readers(platform: str, label: str) -> Mapping[str, Reader]:
    try:
        hook = Connection(conn_id=platform, conn_type=platform).get_hook()  # type: ignore[no-untyped-call]
    except (AirflowException, ImportError) as error:
        told = type(error).__name__
    else:
        if isinstance(hook, MeetingsHook):
            return hook.readers
        told = type(hook).__name__
    raise InvalidRequest(
        f"{label} is of a platform that is not known on this worker ({told})",
        next_step="Install the distribution that brings the one that its field platform names.",
    )


def _content(file: StoredFile, label: str, stores: dict[str, Store]) -> bytes:
    """Read an object whole. Its store is opened once, from the root: an object's folder is seldom that of another.

    Errors name it by its number: its ids may be what is redacted, and they stand in its address, too.
    """
    scheme, found, rest = str(file.uri).partition("://")
    place, _, key = rest.partition("/")
    root = f"{scheme}{found}{place}/"
    if root not in stores:
        stores[root] = store_at(root, f"the uri of {label}")
    content = bytearray()
    try:
        for piece in stores[root].open(key):
            content += piece
            if len(content) > LARGEST_CONTENT:
                break
    except FileNotFoundError:
        fault: Exception = NotFound(
            f"The object of {label} is no longer there",
            platform=file.platform,
            next_step="Land it again, and hand over what that task returns.",
        )
    except OSError as error:
        fault = StoreError(
            f"The object of {label} could not be read back ({type(error).__name__})",
            platform=file.platform,
            next_step="Try again; if it lasts, look whether this worker may read there.",
        )
    else:
        if len(content) <= LARGEST_CONTENT:
            return bytes(content)
        fault = FileTooLarge(
            f"The object of {label} has more than {LARGEST_CONTENT} bytes",
            platform=file.platform,
            next_step="It is hardly a transcript: look at it, and leave it out of stored_files.",
        )
    raise fault
