"""A media body on its way: its headers, and its bytes in pieces that notice when the stream is cut."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import requests

from airflow_provider_meetings.api.errors import LinkExpired, MediaCorrupt, MeetingsApiError, ServerError
from airflow_provider_meetings.api.sanitize import NeverPickled

CHUNK_BYTES = 1024 * 1024
_DEAD_LINK = {401, 403, 404, 410}
STRONG_TAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')
_NUMBER = re.compile(r"[0-9]{1,18}")
# https://www.rfc-editor.org/rfc/rfc9110#section-14.4 also allows "*" for the total: it is not taken, because a host may
# give less than it was asked for, and then nothing would tell the end of the part from the end of the file.
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


@dataclass(frozen=True, slots=True)
class Position:
    """Where a stream was cut: how many bytes are there, the strong entity tag of the version they are of, its length.

    :param length: bytes of the whole; None if nobody said.
    """

    offset: int
    validator: str
    length: int | None = None

    def headers(self) -> dict[str, str]:
        """Ask for the rest, or for all of it if the file is another by now."""
        return {"Range": f"bytes={self.offset}-", "If-Range": self.validator}


class MediaStream(NeverPickled):
    """Wrap the answer to a media link.

    :param response: opened with ``stream=True``; closed on leaving the context.
    :param position: what was asked for; None for the whole.
    :raises LinkExpired: for 401, 403, 404 and 410.
    :raises ServerError: for 5xx and 429.
    :raises MediaCorrupt: for any other status, for a range that was not asked for, and for a compressed body, of which
        nobody could tell whether it is whole.
    """

    def __init__(self, response: requests.Response, platform: str, position: Position | None = None) -> None:
        self._response = response
        self._platform = platform
        self.start = 0
        self._total = 0
        try:
            if response.status_code == 206 and position:
                self._accept_range(position)
            elif response.status_code != 200:
                raise self._refusal(response.status_code)
            self._refuse_compression()
        except MeetingsApiError:
            response.close()
            raise

    def _accept_range(self, position: Position) -> None:
        given = self._response.headers.get("Content-Range", "")
        found = _CONTENT_RANGE.fullmatch(given)
        if (
            found is None
            or int(found[1]) != position.offset
            or int(found[2]) < position.offset
            or position.length not in (None, int(found[3]))
        ):
            raise MediaCorrupt(
                f"{self._platform}'s media host was asked for the bytes from {position.offset} on and answered with "
                f"Content-Range {given[:60]!r}",
                platform=self._platform,
                next_step="Try again: the next try begins anew.",
            )
        self.start = position.offset
        self._total = int(found[3])

    def _refuse_compression(self) -> None:
        encoding = self._response.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            raise MediaCorrupt(
                f"{self._platform}'s media host served the file compressed ({encoding[:40]!r}), although it was asked "
                "for it as it is",
                platform=self._platform,
                next_step="If a proxy stands in between, have it pass media on unchanged.",
            )

    def _refusal(self, status: int) -> MeetingsApiError:
        kind: type[MeetingsApiError] = MediaCorrupt
        if status in _DEAD_LINK:
            kind = LinkExpired
        elif status >= 500 or status == 429:
            kind = ServerError
        return kind(
            f"{self._platform}'s media host answered with status {status}",
            platform=self._platform,
            next_step="Try again: each try asks the platform for a new link.",
        )

    @property
    def content_type(self) -> str:
        """Return the Content-Type header, or an empty text."""
        return self._response.headers.get("Content-Type", "")

    @property
    def validator(self) -> str | None:
        """Return the entity tag if it is a strong one: equal tags mean equal bytes."""
        tag = self._response.headers.get("ETag", "")
        return tag if STRONG_TAG.fullmatch(tag) else None

    @property
    def length(self) -> int | None:
        """Return how many bytes the whole file has, as promised, also where this is a part of it; None if not."""
        if self.start:
            return self._total
        value = self._response.headers.get("Content-Length", "")
        return int(value) if _NUMBER.fullmatch(value) else None

    @property
    def ends_itself(self) -> bool:
        """Tell whether a body that is cut can be told from a whole one: it has a length, or is chunked."""
        return self.length is not None or self._response.headers.get("Transfer-Encoding", "").lower() == "chunked"

    def chunks(self, size: int = CHUNK_BYTES) -> Iterator[bytes]:
        """Yield the body in pieces of at most `size` bytes.

        Only the public reads of requests notice a body that ends too early; lower ones end it silently. They drop the
        piece in which it ends, so that a body which is always cut early comes further in smaller ones.

        :raises ServerError: when the stream is cut.
        """
        body = self._response.iter_content(size)
        received = self.start
        promised = "" if self.length is None else f" of {self.length}"
        while True:
            chunk: bytes | None = None
            cut = ""
            try:
                chunk = next(body, b"")
            except (requests.RequestException, OSError, ValueError) as error:  # ValueError: the size of a chunk is none
                cut = type(error).__name__
            if chunk is None:  # raised here, so that the link in the other exception does not come along
                raise ServerError(
                    f"{self._platform}'s media stream was cut after {received}{promised} bytes ({cut})",
                    platform=self._platform,
                    next_step="Try again; nothing of it was published.",
                )
            if not chunk:
                return
            received += len(chunk)
            yield chunk

    def close(self) -> None:
        """Let the connection go."""
        self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
