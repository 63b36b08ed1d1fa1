"""Land one file in the bucket; run as a script, it is a fork server (see `tests.contract.landing.killable`)."""

from __future__ import annotations

import re
from collections.abc import Callable

from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.landing import source
from airflow_provider_meetings.api.landing.landing import IfPresent, Landing
from airflow_provider_meetings.api.landing.layout import Layout
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.landing.transfer import Limits
from airflow_provider_meetings.api.models import Download, StoredFile
from airflow_provider_meetings.storage.s3 import parts
from airflow_provider_meetings.storage.s3.store import S3Store
from tests.contract.landing.killable import serve_forks
from tests.contract.landing.scripted import MEDIA, RECORDING, ScriptedClient
from tests.contract.media.origin import Handler
from tests.storage.s3.s3_bench import BUCKET, PART_SIZE, PIECE, URI, s3_client


def land(store: Store, url: str, if_present: IfPresent = "verify") -> StoredFile:
    transport = Transport(base_url="http://127.0.0.1:9", platform="acme", sleep=lambda _: None)
    try:
        client = ScriptedClient(transport, lambda: Download(url))
        limits = Limits(sleep=lambda _: None)
        return Landing(client, store, layout=Layout(), if_present=if_present, limits=limits).land(RECORDING, MEDIA)
    finally:
        transport.close()


def media(
    body: bytes,
    *,
    tag: str | None = '"v1"',
    up_to: int | None = None,
    at_once: int | None = None,
    then: Callable[[], object] = lambda: None,
) -> Callable[[Handler], None]:
    """Serve `body` with range support.

    :param up_to: cut every answer there.
    :param at_once: cut every answer after so many bytes.
    :param then: is called before the connection ends.
    """

    def answer(handler: Handler) -> None:
        request = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        fits = request and tag and handler.headers.get("If-Range") in (None, tag)
        start = int(request[1]) if request and fits else 0
        handler.send_response(206 if fits else 200)
        handler.send_header("Content-Type", "video/mp4")
        handler.send_header("Content-Length", str(len(body) - start))
        if tag:
            handler.send_header("ETag", tag)
        if fits:
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        handler.end_headers()
        end = min(len(body) if up_to is None else up_to, start + (at_once or len(body)))
        for at in range(start, end, PIECE):
            handler.wfile.write(body[at : min(at + PIECE, end)])
        handler.wfile.flush()
        then()

    return answer


def _land_in_process(url: str, s3_url: str) -> None:
    vars(parts)["PART_SIZE"] = PART_SIZE
    vars(source)["CHUNK_BYTES"] = PIECE
    land(S3Store(s3_client(s3_url), BUCKET, "raw", URI), url)


if __name__ == "__main__":
    serve_forks(_land_in_process)
