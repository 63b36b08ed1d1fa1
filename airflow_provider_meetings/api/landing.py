"""The media engine: open, stream, verify, publish, write the receipt. Stores are handed in."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Literal, Protocol

import pendulum
from pendulum import DateTime

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.content import HEAD_BYTES, extension, media_type, refuse_documents
from airflow_provider_meetings.api.errors import InvalidRequest, LinkExpired, MediaCorrupt
from airflow_provider_meetings.api.layout import Layout
from airflow_provider_meetings.api.models import Download, MediaFile, Recording, StoredFile
from airflow_provider_meetings.api.receipt import Receipt
from airflow_provider_meetings.api.stream import MediaStream

log = logging.getLogger(__name__)

IfPresent = Literal["verify", "skip", "replace", "fail"]


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """What a store says of an object: bytes, and a mark that changes when the object does."""

    size: int
    validator: str


class Sink(Protocol):
    """Take the bytes of one object; nothing stands under its name before `publish`."""

    def write(self, chunk: bytes) -> None:
        """Append bytes."""

    def publish(self) -> ObjectStat:
        """Make the object durable, then visible, and say what stands there."""

    def discard(self) -> None:
        """Leave no trace; after `publish` do nothing."""


class Store(Protocol):
    """One kind of store, bound to a root; keys are relative to it, with ``/``."""

    def check_writable(self) -> None:
        """Raise OSError, naming target and remedy, if nothing can be written; leave nothing behind."""

    def uri(self, key: str) -> str:
        """Return the object's address."""

    def stat(self, key: str) -> ObjectStat | None:
        """Ask the store about an object; None if there is none."""

    def read(self, key: str) -> bytes | None:
        """Return a small object whole; None if there is none."""

    def put(self, key: str, content: bytes) -> None:
        """Write a small object whole or not at all."""

    def sink(self, key: str) -> Sink:
        """Begin an object."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is gone is no error."""


@dataclass(frozen=True, slots=True)
class _Content:
    """An opened file: its bytes from the first on, and what its origin promised."""

    chunks: Iterator[bytes]
    ext: str
    length: int | None


class Landing:
    """Land files of one platform in one store.

    :param if_present: ``verify`` skips a file whose receipt agrees with the object's size and the store's own
        validator, and lands it again otherwise; ``skip`` trusts the receipt; ``replace`` always lands;
        ``fail`` makes one that is there an error.
    """

    def __init__(
        self,
        client: MeetingsClient,
        store: Store,
        *,
        layout: Layout,
        if_present: IfPresent = "verify",
        now: Callable[[], DateTime] = lambda: pendulum.now("UTC"),
    ) -> None:
        self._client = client
        self._store = store
        self._layout = layout
        self._if_present = if_present
        self._now = now

    def land(self, recording: Recording, media: MediaFile) -> StoredFile:
        """Bring one file into the store, verified, with its receipt beside it.

        :returns: the stored file; outcome landed, replaced, skipped, or absent where the platform has no such file.
        :raises MediaCorrupt: if what was served is not the file; nothing is published then.
        :raises MeetingsApiError: as the platform answers.
        """
        receipt_key = self._layout.receipt_key(recording, media)
        receipt = Receipt.from_bytes(self._store.read(receipt_key))
        if receipt is not None and not receipt.describes(media):
            receipt = None
        if receipt is not None and self._stands(receipt_key, receipt):
            log.info("%s is there already", self._store.uri(_beside(receipt_key, receipt.name)))
            return receipt.stored_file("skipped", self._store.uri(_beside(receipt_key, receipt.name)))
        with self._content(media) as content:
            if content is None:
                log.warning("%s has no %s of file %r", media.platform, media.kind, media.file_id)
                return _absent(media)
            key = self._layout.object_key(recording, media, content.ext)
            before = self._store.stat(key)
            if self._if_present == "fail" and before is not None:
                raise self._already(key)
            written = self._write(key, media, content)
        replaced = receipt is not None or before is not None
        if receipt is not None and receipt.name != written.name:
            # The platform serves another type than last time: the old object would be a second copy. It goes while
            # the old receipt still names it, or nothing would lead to it any more.
            self._store.delete(_beside(receipt_key, receipt.name))
        self._store.put(receipt_key, written.to_bytes())
        return written.stored_file("replaced" if replaced else "landed", self._store.uri(key))

    def _stands(self, receipt_key: str, receipt: Receipt) -> bool:
        key = _beside(receipt_key, receipt.name)
        if self._if_present == "fail":
            raise self._already(key)
        if self._if_present == "replace":
            return False
        if self._if_present == "skip":
            return True
        stat = self._store.stat(key)
        return stat is not None and (stat.size, stat.validator) == (receipt.size, receipt.validator)

    def _already(self, key: str) -> InvalidRequest:
        return InvalidRequest(
            f"{self._store.uri(key)} is there already",
            next_step="With if_present='verify' it is kept if it is whole, with 'replace' it is fetched again.",
        )

    @contextmanager
    def _content(self, media: MediaFile) -> Iterator[_Content | None]:
        opened = self._client.open(media)
        if opened is None:
            yield None
        elif isinstance(opened, Download):
            with self._stream(media, opened) as stream:
                length = stream.length if stream.ends_itself else media.declared_size
                if length is None and not stream.ends_itself:
                    raise MediaCorrupt(
                        f"{media.platform} file {media.file_id!r}: served without a length and not in chunks, so that "
                        "a cut could not be noticed",
                        platform=media.platform,
                        next_step="If a proxy stands in between, have it pass Content-Length on.",
                    )
                yield _begin(media, stream.chunks(), stream.content_type, opened.file_type, length)
        else:
            yield _begin(media, opened, "", "", None)

    def _stream(self, media: MediaFile, download: Download) -> MediaStream:
        try:
            return self._client.transport.stream(download.url)
        except LinkExpired as error:
            log.info("The link of file %r is dead (%s); resolving a new one", media.file_id, error)
        again = self._client.open(media)
        if not isinstance(again, Download):
            raise LinkExpired(f"{media.platform} gave no new link for file {media.file_id!r}", platform=media.platform)
        return self._client.transport.stream(again.url)

    def _write(self, key: str, media: MediaFile, content: _Content) -> Receipt:
        digest = hashlib.sha256()
        size = 0
        begun = time.monotonic()
        sink = self._store.sink(key)
        try:
            for chunk in content.chunks:
                digest.update(chunk)
                sink.write(chunk)
                size += len(chunk)
            if content.length is not None and size != content.length:
                raise MediaCorrupt(
                    f"{media.platform} file {media.file_id!r} ({media.kind}): {content.length} bytes were promised, "
                    f"{size} came",
                    platform=media.platform,
                )
            stat = sink.publish()
        except BaseException:
            sink.discard()
            raise
        if stat.size != size:
            raise MediaCorrupt(f"{self._store.uri(key)} holds {stat.size} bytes after {size} were written")
        seconds = max(time.monotonic() - begun, 1e-6)
        log.info("%s: %d bytes in %.1f s (%.1f MiB/s)", self._store.uri(key), size, seconds, size / 2**20 / seconds)
        return Receipt(
            platform=media.platform,
            tenant=media.tenant,
            recording_id=media.recording_id,
            meeting_id=media.meeting_id,
            file_id=media.file_id,
            kind=media.kind,
            name=key.rpartition("/")[2],
            uri=self._store.uri(key),
            size=size,
            sha256=digest.hexdigest(),
            media_type=media_type(content.ext),
            validator=stat.validator,
            landed_at=self._now().isoformat(),
            started_at=media.started_at.isoformat() if media.started_at else None,
            ended_at=media.ended_at.isoformat() if media.ended_at else None,
        )


def _begin(
    media: MediaFile, chunks: Iterator[bytes], content_type: str, file_type: str, length: int | None
) -> _Content:
    """Read the first bytes, refuse what is no file, and put them back in front."""
    first: list[bytes] = []
    while sum(map(len, first)) < HEAD_BYTES and (chunk := next(chunks, b"")):
        first.append(chunk)
    head = b"".join(first)[:HEAD_BYTES]
    refuse_documents(media, head, content_type)
    ext = extension(media, content_type=content_type, file_type=file_type, head=head)
    return _Content(chain(first, chunks), ext, length)


def _beside(key: str, name: str) -> str:
    folder, slash, _ = key.rpartition("/")
    return f"{folder}{slash}{name}"


def _absent(media: MediaFile) -> StoredFile:
    return StoredFile(
        platform=media.platform,
        tenant=media.tenant,
        recording_id=media.recording_id,
        file_id=media.file_id,
        kind=media.kind,
        uri=None,
        size=None,
        sha256=None,
        media_type=None,
        landed_at=None,
        outcome="absent",
    )
