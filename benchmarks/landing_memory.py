"""Print how much memory one 1 GiB recording takes to land, above a process that has only imported and listed.

Two whole processes are compared, each the real client, engine and local store; beside it stands the peer that
holds a body whole (`requests.get(...).content`), which is what Airflow's own HTTP-to-S3 transfer does.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GIB = 2**30
FILE_BYTES = int(os.environ.get("BENCH_BYTES", GIB))
LIMIT_MIB = 64


def company_of_one(size: int) -> object:
    """Make a company with one minute of `size` bytes."""
    from dataclasses import replace

    from airflow_provider_meetings.emulator.company import default_company
    from airflow_provider_meetings.emulator.media import Media
    from airflow_provider_meetings.emulator.seed_feishu import READY_MINUTE

    company = default_company()
    minute = replace(company.feishu_minutes[READY_MINUTE], media=Media(size, "mp4", "benchmark"))
    return replace(company, feishu_minutes={**company.feishu_minutes, READY_MINUTE: minute})


def child(mode: str, url: str, target: str) -> None:
    """Do one thing in a process of its own, and print its peak memory in KiB and its seconds."""
    import requests

    from airflow_provider_meetings.api.landing import Landing
    from airflow_provider_meetings.api.layout import Layout
    from airflow_provider_meetings.api.query import RecordingQuery
    from airflow_provider_meetings.api.transport import Transport
    from airflow_provider_meetings.coordination.process import ProcessTokenStore
    from airflow_provider_meetings.emulator.company import FEISHU_APP_ID, FEISHU_APP_SECRET
    from airflow_provider_meetings.emulator.seed_feishu import READY_MINUTE
    from airflow_provider_meetings.platforms.feishu.client import FeishuClient
    from airflow_provider_meetings.storage.local import LocalStore

    transport = Transport(base_url=url, platform="feishu")
    client = FeishuClient(transport, app_id=FEISHU_APP_ID, app_secret=FEISHU_APP_SECRET, tokens=ProcessTokenStore())
    (recording,) = client.check(RecordingQuery(recording_ids=(READY_MINUTE,)))
    (video,) = client.media(recording, ["video"])
    begun = time.monotonic()
    if mode == "land":
        stored = Landing(client, LocalStore(Path(target), f"file://{target}"), layout=Layout()).land(recording, video)
        assert stored.size == FILE_BYTES
    elif mode == "whole body":
        Path(target, "body").write_bytes(
            requests.get(client.get_minute_media_url(READY_MINUTE).url, timeout=60).content
        )
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, f"{time.monotonic() - begun:.2f}")


def main() -> int:
    """Run each mode; return 1 if the landing takes more than the limit."""
    from airflow_provider_meetings.emulator.server import serve
    from airflow_provider_meetings.emulator.state import EmulatorState

    peaks: dict[str, float] = {}
    print(f"{FILE_BYTES / GIB:.2f} GiB, http on loopback to a local file; peak memory of the whole process")
    with serve(EmulatorState(company_of_one(FILE_BYTES))) as url:  # type: ignore[arg-type]
        for mode in ("idle", "land", "whole body"):
            with tempfile.TemporaryDirectory() as target:
                command = [sys.executable, __file__, mode, url, target]
                peak, seconds = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            peaks[mode] = int(peak) / 1024
            above = peaks[mode] - peaks["idle"]
            print(f"  {mode:<12} peak {peaks[mode]:7.1f} MiB   above idle {above:7.1f} MiB   {seconds} s")
    above = peaks["land"] - peaks["idle"]
    print(f"landing takes {above:.1f} MiB above the idle process (to stay below: {LIMIT_MIB})")
    return int(above >= LIMIT_MIB)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(*sys.argv[1:])
    else:
        sys.exit(main())
