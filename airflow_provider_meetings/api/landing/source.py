"""One media file at its platform: open it, and open it again at the byte where a stream was interrupted."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.errors import LinkExpired, MediaCorrupt, MeetingsApiError, RateLimited, ServerError
from airflow_provider_meetings.api.http.transport import MAX_WAIT_SECONDS
from airflow_provider_meetings.api.media.sniffing import HEAD_BYTES, extension, refuse_documents
from airflow_provider_meetings.api.media.stream import CHUNK_BYTES, MediaStream, Position
from airflow_provider_meetings.api.models import Download, MediaFile

log = logging.getLogger(__name__)

_MIN_CHUNK_BYTES = 256
_MAX_COMPARED = 64 * 1024 * 1024  # bytes; those of documents, which are read into memory


class SourceInterrupted(Exception):
    """The media host failed; opening the file again may help.

    Errors of the platform's API are not wrapped: the transport has retried them already.
    """

    def __init__(self, error: MeetingsApiError) -> None:
        super().__init__(str(error))
        self.error = error


class Unchanged(Exception):
    """The platform has the content that is landed already, or none any more."""


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """An opened file: its bytes from `start` on, and what the host declared about it.

    :param ext: extension of the object's name; empty if `start` is not 0.
    :param length: bytes of the whole file.
    :param validator: strong entity tag of this version; None if the file cannot be resumed.
    """

    chunks: Iterator[bytes]
    start: int
    ext: str
    length: int | None
    validator: str | None


class MediaSource:
    """Open one file of a platform, with a new link each time.

    :param landed: the sha256 of what is landed; None opens any content. A very large one counts as another content.
    """

    def __init__(self, client: MeetingsClient, media: MediaFile, landed: str | None = None) -> None:
        self._client = client
        self._media = media
        self._landed = landed
        self._existed = False
        self.chunk_bytes = CHUNK_BYTES
        self.name = f"{media.platform} file {media.file_id!r} ({media.kind})"

    @contextmanager
    def open(self, position: Position | None) -> Iterator[OpenedSource | None]:
        """Open the file at `position`, or at byte 0 if the host cannot resume or the file has changed.

        :returns: None if the platform has no such file.
        :raises Unchanged: if the content is the landed one, or if there is none and one is landed.
        :raises SourceInterrupted: if the media host fails, also while chunks are read.
        :raises MeetingsApiError: if the platform's API fails.
        """
        content = self._client.open(self._media)
        if content is None:
            if self._existed:  # it existed a moment ago: the platform is in trouble, the file is not gone
                error = LinkExpired(
                    f"{self.name}: the link expired and the platform returned no new one",
                    platform=self._media.platform,
                )
                raise SourceInterrupted(error)
            if self._landed is not None:
                raise Unchanged(f"{self.name} does not exist on the platform any more")
            yield None
            return
        self._existed = True
        if isinstance(content, Download):
            with ExitStack() as stack:
                yield self._open_download(content, position, stack)
        else:
            yield self._from_start(content, "", "", None, None)

    def _open_download(self, download: Download, position: Position | None, stack: ExitStack) -> OpenedSource:
        try:
            stream = stack.enter_context(self._stream(download, position))
            length = stream.length if stream.detects_truncation else self._media.declared_size
            if length is None and not stream.detects_truncation:
                raise MediaCorrupt(
                    f"{self.name}: the response has neither Content-Length nor chunked encoding, so a truncated body "
                    "could not be detected",
                    platform=self._media.platform,
                    next_step="If a proxy is in between, configure it to pass Content-Length on.",
                )
            chunks = self._read(stream.chunks(self.chunk_bytes))
            if stream.start:
                return OpenedSource(chunks, stream.start, "", length, stream.validator)
            return self._from_start(chunks, stream.content_type, download.file_type, length, stream.validator)
        except (LinkExpired, RateLimited, ServerError, MediaCorrupt) as error:
            if (error.retry_after or 0.0) > MAX_WAIT_SECONDS:
                raise  # the scheduler waits
            raise SourceInterrupted(error) from None

    def _stream(self, download: Download, position: Position | None) -> MediaStream:
        if position is not None:
            try:
                stream = self._client.media_session.stream(download.url, position)
                if not stream.start or stream.validator == position.validator:
                    return stream
                stream.close()
                reason = "the media host sent a range without the entity tag of the requested version"
            except MediaCorrupt as error:
                reason = error.what
            # Never splice two versions.
            log.warning("%s: %s; restarting at byte 0", self.name, reason)
        return self._client.media_session.stream(download.url, None)

    def _read(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        received = False
        try:
            for chunk in chunks:
                received = True
                yield chunk
        except ServerError as error:
            if not received:
                # requests drops the chunk in which a body is cut: a host that always cuts within the first chunk
                # makes progress only in smaller ones.
                self.chunk_bytes = max(self.chunk_bytes // 16, _MIN_CHUNK_BYTES)
            raise SourceInterrupted(error) from None

    def _from_start(
        self, chunks: Iterator[bytes], content_type: str, file_type: str, length: int | None, validator: str | None
    ) -> OpenedSource:
        """Read the first bytes, refuse web pages and API errors, and put the bytes back in front."""
        first: list[bytes] = []
        while sum(map(len, first)) < HEAD_BYTES and (chunk := next(chunks, b"")):
            first.append(chunk)
        head = b"".join(first)[:HEAD_BYTES]
        refuse_documents(self._media, head, content_type)
        ext = extension(self._media, content_type=content_type, file_type=file_type, head=head)
        if self._landed is not None:
            size = sum(map(len, first))
            while size <= _MAX_COMPARED and (chunk := next(chunks, b"")):
                first.append(chunk)
                size += len(chunk)
            if size <= _MAX_COMPARED and hashlib.sha256(b"".join(first)).hexdigest() == self._landed:
                raise Unchanged(f"{self.name} has not changed")
            self._landed = None
        return OpenedSource(chain(first, chunks), 0, ext, length, validator)
