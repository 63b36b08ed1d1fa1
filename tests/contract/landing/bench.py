"""A target folder, a media host, and a client with links to it, for tests of the landing engine."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pendulum

from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.landing.landing import IfPresent, Landing
from airflow_provider_meetings.api.landing.layout import Layout
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.landing.transfer import Limits
from airflow_provider_meetings.api.models import Download, MediaFile, StoredFile
from airflow_provider_meetings.storage.local.store import LocalStore
from tests.contract.landing.scripted import MEDIA, RECORDING, Opened, ScriptedClient
from tests.contract.media.origin import Answer, Origin

BODY = b"\0\0\0\x1cftypisom" + bytes(range(256)) * 300
OTHER = b"\0\0\0\x1cftypisom" + b"other" * 20_000
WEBM = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm" + bytes(range(256))
M4A = b"\0\0\0\x20ftypM4A \0\0\2\0" + bytes(range(256))
CHUNK_BYTES = 128 * 1024  # in tests/api/landing, instead of 1 MiB
NAME = "acme/2026-11-09/rec-1/file-1.video.mp4"
RECEIPT = "acme/2026-11-09/rec-1/file-1.video.receipt.json"
CHECKPOINT = "acme/2026-11-09/rec-1/file-1.video.part.json"
NOW = pendulum.datetime(2026, 11, 20, 1, 2, 3, tz="UTC")


@dataclass
class Bench:
    """A target folder, a media host, and a client with links to it."""

    root: Path
    origin: Origin
    transport: Transport
    links: int = 0
    last: ScriptedClient | None = field(default=None)
    slept: list[float] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def link(self) -> Download:
        self.links += 1
        return Download(f"{self.origin.url}/media?sign=S3CRET-{self.links}")

    def land(
        self,
        *answers: Answer,
        if_present: IfPresent = "verify",
        media: MediaFile = MEDIA,
        opens: Callable[[], Opened] | None = None,
        store: Store | None = None,
        max_bytes: int = 2**36,
        revisit: bool = False,
    ) -> StoredFile:
        if answers:
            self.origin.on("/media", *answers)
        self.last = ScriptedClient(self.transport, opens or self.link)
        store = store or LocalStore(self.root, "file:///target/")
        landing = Landing(
            self.last,
            store,
            layout=Layout(),
            if_present=if_present,
            limits=Limits(sleep=self.slept.append, max_bytes=max_bytes, stop=self.stop),
            now=lambda: NOW,
        )
        return landing.land(replace(RECORDING, revisit=revisit), media)

    @property
    def target(self) -> Path:
        return self.root / NAME

    def files(self) -> set[str]:
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}

    def receipt(self) -> dict[str, Any]:
        return dict(json.loads((self.root / RECEIPT).read_bytes()))
