"""The answer to a media link: its headers, and its body in chunks, with truncation detected."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import requests

from airflow_provider_meetings.api.errors import LinkExpired, MediaCorrupt, MeetingsApiError, RateLimited, ServerError
from airflow_provider_meetings.api.http.body import compressions
from airflow_provider_meetings.api.http.rate_limit import retry_after_seconds
from airflow_provider_meetings.api.sanitize import NeverPickled

CHUNK_BYTES = 1024 * 1024
_DEAD_LINK = {401, 403, 404, 410}
STRONG_TAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')
_LENGTH = re.compile(r"([0-9]{1,18})(?:\s*,\s*\1)*\s*")  # equal headers are joined by a comma
# https://www.rfc-editor.org/rfc/rfc9110#section-14.4 also allows "*" for the total. It is refused: a host may send less
# than requested, and only the total shows whether the part ends at the end of the file.
_CONTENT_RANGE = re.compile(r"bytes[ =]+(\d{1,18})-(\d{1,18})/(\d{1,18})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Position:
    """Where to resume a file.

    :param offset: number of bytes received.
    :param validator: the strong entity tag of the version they belong to.
    :param length: bytes of the whole file; None if unknown.
    """

    offset: int
    validator: str
    length: int | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers that request the rest, or the whole file if it has changed."""
        return {"Range": f"bytes={self.offset}-", "If-Range": self.validator}


class MediaStream(NeverPickled):
    """Wrap the answer to a media link.

    :param response: opened with ``stream=True``; closed on leaving the context.
    :param position: the requested position; None for the whole file.
    :raises LinkExpired: for 401, 403, 404 and 410.
    :raises ServerError: for 5xx; RateLimited for 429; both with the wait that the host requests.
    :raises MediaCorrupt: for any other status, for a part that was not requested, and for a compressed body, whose
        truncation cannot be detected.
    """

    def __init__(self, response: requests.Response, platform: str, position: Position | None = None) -> None:
        self._response = response
        self._platform = platform
        self.start = 0
        self._total = 0
        try:
            if response.status_code == 206:
                self._accept_range(position)
            elif response.status_code not in {200, 203}:  # 203: a proxy may have changed the headers
                raise self._refusal(response.status_code)
            self._refuse_compression()
        except MeetingsApiError:
            response.close()
            raise

    def _accept_range(self, position: Position | None) -> None:
        header = self._response.headers.get("Content-Range", "")
        match = _CONTENT_RANGE.fullmatch(header)
        first, last, total = (int(number) for number in match.groups()) if match else (-1, -1, -1)
        if (first, last) == (0, total - 1) and self.length in (None, total):
            self._total = total  # the whole file: some caches send it as a range, whatever was requested
            return
        if position is None:
            raise self._refusal(206)
        if first != position.offset or last < first or position.length not in (None, total):
            raise MediaCorrupt(
                f"{self._platform}'s media host answered Range bytes={position.offset}- with Content-Range "
                f"{header[:60]!r}",
                platform=self._platform,
                next_step="Try again: the next attempt starts from the beginning.",
            )
        self.start = first
        self._total = total

    def _refuse_compression(self) -> None:
        if codings := compressions(self._response):
            raise MediaCorrupt(
                f"{self._platform}'s media host compressed the file ({', '.join(codings):.40}); identity was requested",
                platform=self._platform,
                next_step="If a proxy does this, configure it to pass media on unchanged.",
            )

    def _refusal(self, status: int) -> MeetingsApiError:
        kind: type[MeetingsApiError] = MediaCorrupt
        wait = None
        if status in _DEAD_LINK:
            kind = LinkExpired
        elif status >= 500 or status == 429:
            kind = RateLimited if status == 429 else ServerError
            wait = retry_after_seconds(self._response.headers)
        return kind(
            f"{self._platform}'s media host answered with status {status}",
            platform=self._platform,
            next_step="Try again: each attempt requests a new link.",
            retry_after=wait,
        )

    @property
    def content_type(self) -> str:
        """Return the Content-Type header; empty if absent."""
        return self._response.headers.get("Content-Type", "")

    @property
    def validator(self) -> str | None:
        """Return the entity tag if it is strong: equal tags mean equal bytes."""
        tag = self._response.headers.get("ETag", "")
        return tag if STRONG_TAG.fullmatch(tag) else None

    @property
    def length(self) -> int | None:
        """Return the number of bytes of the whole file, even if the body is only a part; None if unknown."""
        if self._total:
            return self._total
        match = _LENGTH.fullmatch(self._response.headers.get("Content-Length", ""))
        return int(match[1]) if match else None

    @property
    def detects_truncation(self) -> bool:
        """Return whether a truncated body is an error: it has a length, or is chunked."""
        return self.length is not None or self._response.headers.get("Transfer-Encoding", "").lower() == "chunked"

    def chunks(self, size: int = CHUNK_BYTES) -> Iterator[bytes]:
        """Yield the body in chunks of at most `size` bytes.

        `iter_content` detects a truncated body, but drops the last incomplete chunk. A body that is always cut early
        therefore gets further in smaller chunks.

        :raises ServerError: if the body is truncated.
        """
        body = self._response.iter_content(size)
        received = self.start
        expected = "" if self.length is None else f" of {self.length}"
        while True:
            try:
                chunk = next(body, b"")
            except (requests.RequestException, OSError, ValueError) as error:  # ValueError: invalid size of a chunk
                reason = type(error).__name__
                raise ServerError(
                    f"{self._platform}'s media stream was cut after {received}{expected} bytes ({reason})",
                    platform=self._platform,
                    next_step="Try again; nothing was published.",
                ) from None
            if not chunk:
                return
            received += len(chunk)
            yield chunk

    def close(self) -> None:
        self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
