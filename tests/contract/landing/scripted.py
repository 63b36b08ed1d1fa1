"""A client with scripted content, for landings; run as a script, it lands one file in another process.

``python scripted.py MODE ROOT URL [TIMES]`` prints one JSON line per landing. MODE is one of

* ``land``: no special conditions;
* ``nobody``: as a user without permissions, after `check_writable`;
* ``small-disk``: with a file size limit of 64 KiB.
"""

from __future__ import annotations

import codecs
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pendulum

from airflow_provider_meetings.api.client import MeetingsClient, Wanted
from airflow_provider_meetings.api.costs import Requests, Volume
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.landing.landing import Landing
from airflow_provider_meetings.api.landing.layout import Layout
from airflow_provider_meetings.api.models import Download, MediaFile, Recording, RecordingState
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.api.windows import Report
from airflow_provider_meetings.storage.local.store import LocalStore

Opened = Download | Iterator[bytes] | None
NOBODY = 65534

MEDIA = MediaFile(
    platform="acme",
    tenant="t1",
    recording_id="rec-1",
    meeting_id="m-1",
    file_id="file-1",
    kind="video",
    started_at=pendulum.datetime(2026, 11, 9, 20, tz="UTC"),
)
RECORDING = Recording(
    platform="acme",
    tenant="t1",
    recording_id="rec-1",
    state=RecordingState.READY,
    title="Board: salaries",
    started_at=pendulum.datetime(2026, 11, 9, 20, tz="UTC"),
    files=(MEDIA,),
)


class ScriptedClient(MeetingsClient):
    """Open the contents of the test in turn; the last one repeats."""

    platform: ClassVar[str] = "acme"
    selectors: ClassVar[tuple[str, ...]] = ("recording_ids",)
    kinds: ClassVar[tuple[str, ...]] = ("video", "transcript")

    def __init__(self, transport: Transport, *opens: Callable[[], Opened]) -> None:
        super().__init__(transport, tenant="t1")
        self._opens = list(opens)
        self.opened = 0

    def open(self, media: MediaFile) -> Opened:
        self.opened += 1
        return self._opens.pop(0)() if len(self._opens) > 1 else self._opens[0]()

    def _list(self, query: RecordingQuery, report: Report, wanted: Wanted) -> Iterator[Recording]:
        raise NotImplementedError

    def media(self, recording: Recording, kinds: Sequence[str]) -> Iterator[MediaFile]:
        raise NotImplementedError

    def requests_of(self, query: RecordingQuery, volume: Volume, kinds: Sequence[str]) -> Iterator[Requests]:
        raise NotImplementedError

    def whoami(self) -> str:
        raise NotImplementedError


def _prepare(mode: str, store: LocalStore) -> None:
    if mode == "nobody":
        codecs.lookup("gb18030")  # imported on first use, from where this user may not read
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        store.check_writable()
    elif mode == "small-disk":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, resource.RLIM_INFINITY))


def main(mode: str, root: str, url: str, times: str = "1") -> None:
    store = LocalStore(Path(root), f"file://{root}")
    transport = Transport(base_url="http://127.0.0.1:9", platform="acme")
    landing = Landing(ScriptedClient(transport, lambda: Download(url)), store, layout=Layout(), if_present="replace")
    # Both processes start at the same moment.
    sys.stdin.readline()
    for _ in range(int(times)):
        try:
            _prepare(mode, store)
            answer = {"outcome": landing.land(RECORDING, MEDIA).outcome}
        except Exception as error:
            answer = {"error": type(error).__name__, "text": str(error), "oserror": str(isinstance(error, OSError))}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    transport.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
