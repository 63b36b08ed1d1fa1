"""One file at its platform: opened, and after a break opened again where it ended."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.errors import LinkExpired, MediaCorrupt, MeetingsApiError, ServerError
from airflow_provider_meetings.api.media.sniffing import HEAD_BYTES, extension, refuse_documents
from airflow_provider_meetings.api.media.stream import CHUNK_BYTES, MediaStream, Position
from airflow_provider_meetings.api.models import Download, MediaFile

log = logging.getLogger(__name__)

_SMALLEST_PIECE = 256


class SourceInterrupted(Exception):
    """Say that the media host failed, in a way that opening the file again may mend.

    The platform's own answers are no such thing: the transport has tried them again already.
    """

    def __init__(self, error: MeetingsApiError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """An opened file: its bytes from `start` on, and what its origin promised.

    :param ext: the extension of the object's name; empty where `start` is not 0.
    :param length: of the whole file.
    :param validator: the strong entity tag of this version; None where it cannot be continued after a break.
    """

    chunks: Iterator[bytes]
    start: int
    ext: str
    length: int | None
    validator: str | None


class MediaSource:
    """Open one file of a platform, with a new link each time; `chunk_bytes` are the pieces that it is read in."""

    def __init__(self, client: MeetingsClient, media: MediaFile) -> None:
        self._client = client
        self._media = media
        self.chunk_bytes = CHUNK_BYTES
        self._existed = False

    @contextmanager
    def open(self, position: Position | None) -> Iterator[OpenedSource | None]:
        """Open the file at `position`, or from its beginning where the host cannot or the file is another by now.

        :returns: None where the platform has no such file.
        :raises SourceInterrupted: if the media host fails, also within the chunks.
        :raises MeetingsApiError: as the platform answers.
        """
        content = self._client.open(self._media)
        if content is None:
            if self._existed:  # a moment ago: that is no answer, but a platform out of order
                raise SourceInterrupted(
                    LinkExpired(
                        f"{self._name}: its link died, and there was no new link", platform=self._media.platform
                    )
                )
            yield None
            return
        self._existed = True
        if isinstance(content, Download):
            with ExitStack() as stack:
                yield self._from_host(content, position, stack)
        else:
            yield self._begun(content, "", "", None, None)

    def _from_host(self, download: Download, position: Position | None, stack: ExitStack) -> OpenedSource:
        broken: MeetingsApiError | None = None
        try:
            stream = stack.enter_context(self._stream(download, position))
            length = stream.length if stream.ends_itself else self._media.declared_size
            if length is None and not stream.ends_itself:
                raise MediaCorrupt(
                    f"{self._name}: served without a length and not in chunks, so that a cut could not be noticed",
                    platform=self._media.platform,
                    next_step="If a proxy stands in between, have it pass Content-Length on.",
                )
            chunks = self._noticing(stream.chunks(self.chunk_bytes))
            if stream.start:
                return OpenedSource(chunks, stream.start, "", length, stream.validator)
            return self._begun(chunks, stream.content_type, download.file_type, length, stream.validator)
        except (LinkExpired, ServerError, MediaCorrupt) as error:
            broken = error
        raise SourceInterrupted(broken)

    def _stream(self, download: Download, position: Position | None) -> MediaStream:
        if position is not None:
            try:
                stream = self._client.media_session.stream(download.url, position)
                if not stream.start or stream.validator == position.validator:
                    return stream
                stream.close()
                fault = "the media host gives a part without saying that it is of the same version"
            except MediaCorrupt as error:
                fault = error.what
            # Never splice two versions.
            log.warning("%s: %s; beginning anew", self._name, fault)
        return self._client.media_session.stream(download.url, None)

    def _noticing(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        broken: MeetingsApiError | None = None
        came = False
        try:
            for chunk in chunks:
                came = True
                yield chunk
        except ServerError as error:
            broken = error
        if broken:
            if not came:
                # The piece in which a body ends is lost. What is always cut within the first gets on in smaller ones.
                self.chunk_bytes = max(self.chunk_bytes // 16, _SMALLEST_PIECE)
            raise SourceInterrupted(broken)

    def _begun(
        self, chunks: Iterator[bytes], content_type: str, file_type: str, length: int | None, validator: str | None
    ) -> OpenedSource:
        """Read the first bytes, refuse what is no file, and put them back in front."""
        first: list[bytes] = []
        while sum(map(len, first)) < HEAD_BYTES and (chunk := next(chunks, b"")):
            first.append(chunk)
        head = b"".join(first)[:HEAD_BYTES]
        refuse_documents(self._media, head, content_type)
        ext = extension(self._media, content_type=content_type, file_type=file_type, head=head)
        return OpenedSource(chain(first, chunks), 0, ext, length, validator)

    @property
    def _name(self) -> str:
        return f"{self._media.platform} file {self._media.file_id!r} ({self._media.kind})"
