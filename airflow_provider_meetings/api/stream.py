"""A media body on its way: its headers, and its bytes in pieces that notice when the stream is cut."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

import requests

from airflow_provider_meetings.api.errors import LinkExpired, MediaCorrupt, MeetingsApiError, ServerError
from airflow_provider_meetings.api.storable import NeverPickled

CHUNK_BYTES = 1024 * 1024
_DEAD_LINK = {401, 403, 404, 410}


class MediaStream(NeverPickled):
    """Wrap the answer to a media link.

    :param response: opened with ``stream=True``; closed on leaving the context.
    :raises LinkExpired: for 401, 403, 404 and 410.
    :raises ServerError: for 5xx and 429.
    :raises MediaCorrupt: for any other status than 200.
    """

    def __init__(self, response: requests.Response, platform: str) -> None:
        self._response = response
        self._platform = platform
        if response.status_code != 200:
            response.close()
            raise self._refusal(response.status_code)

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
    def length(self) -> int | None:
        """Return the promised number of bytes; None where the host promises none, or compresses all the same."""
        headers = self._response.headers
        if headers.get("Content-Encoding", "identity") != "identity":
            return None
        value = headers.get("Content-Length", "")
        return int(value) if value.isdecimal() else None

    @property
    def ends_itself(self) -> bool:
        """Tell whether a body that is cut can be told from a whole one: it has a length, or is chunked."""
        headers = self._response.headers
        return "Content-Length" in headers or headers.get("Transfer-Encoding", "").lower() == "chunked"

    def chunks(self) -> Iterator[bytes]:
        """Yield the body in pieces of at most 1 MiB.

        Only the public reads of requests notice a body that ends too early; lower ones end it silently.

        :raises ServerError: when the stream is cut.
        """
        body = self._response.iter_content(CHUNK_BYTES)
        received = 0
        while True:
            chunk: bytes | None = None
            cut = ""
            try:
                chunk = next(body, b"")
            except (requests.RequestException, OSError) as error:
                cut = type(error).__name__
            if chunk is None:  # raised here, so that the link in the other exception does not come along
                raise ServerError(
                    f"{self._platform}'s media stream was cut after {received} bytes ({cut})",
                    platform=self._platform,
                    next_step="Try again; nothing of it was published.",
                )
            if not chunk:
                return
            received += len(chunk)
            yield chunk

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._response.close()
