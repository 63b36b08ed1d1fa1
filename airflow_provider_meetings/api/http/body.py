"""The body of an API answer: read whole, with a limit on its decoded bytes."""

from __future__ import annotations

from gzip import GzipFile
from io import BytesIO
from types import SimpleNamespace

import requests

from airflow_provider_meetings.api.errors import AnswerTooLong, ServerError
from airflow_provider_meetings.api.http.error_codes import THROTTLED, request_path

_CHUNK_BYTES = 64 * 1024
# https://www.iana.org/assignments/http-parameters/http-parameters.xhtml#content-coding
_COMPRESSIONS = {"gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "dcb", "dcz", "exi"}


def compressions(response: requests.Response) -> list[str]:
    """Return the codings that change the body. Some hosts send a character set or "none" as coding, which does not."""
    tokens = response.headers.get("Content-Encoding", "").lower().split(",")
    return [token.strip() for token in tokens if token.strip() in _COMPRESSIONS]


def read_whole(response: requests.Response, max_bytes: int, platform: str) -> None:
    """Read the body, decode it, and put it back, so that ``content`` and ``json()`` work without the connection.

    :param response: opened with ``stream=True``; closed if the body cannot be read. With status 429 it then counts
        as empty.
    :raises AnswerTooLong: if it has more than `max_bytes` decoded.
    :raises ServerError: if it is compressed in another way than gzip.
    :raises Exception: of requests, urllib3, gzip or zlib, for a body that is cut or damaged.
    """
    # `read1` at most empties a buffer. `stream` reads all that follows a chunk of a negative size; its decoders accept
    # a truncated body.
    read = response.raw.read1
    codings = compressions(response)
    try:
        if codings in (["gzip"], ["x-gzip"]):
            read = GzipFile(fileobj=SimpleNamespace(read=read)).read1
        elif codings:
            raise ServerError(
                f"{platform} compressed its answer to {request_path(response)} as {', '.join(codings)}; "
                "only gzip was requested",
                platform=platform,
                next_step="If a proxy does this, configure it to pass answers on unchanged.",
            )
        with BytesIO() as body:  # closed: the traceback of an error would keep its bytes
            while chunk := read(_CHUNK_BYTES):
                body.write(chunk)
                if body.tell() > max_bytes:
                    raise AnswerTooLong(
                        f"{platform} answered {request_path(response)} with more than {max_bytes} bytes",
                        platform=platform,
                        next_step="No answer of the platform is that long: check the connection's host and proxy.",
                    )
            content = body.getvalue()
    except Exception:
        response.close()
        if response.status_code != THROTTLED:
            raise
        content = b""
    response.raw = BytesIO(content)
