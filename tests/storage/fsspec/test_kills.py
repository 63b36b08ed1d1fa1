"""A killed process leaves only its temporary object, which the store lists."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from fsspec.implementations.local import LocalFileSystem

from airflow_provider_meetings.api.landing.store import Plan
from airflow_provider_meetings.storage.fsspec.store import FilesystemStore
from tests.contract.landing.store import keys

WRITER = """
import json, sys
from fsspec.implementations.local import LocalFileSystem
from airflow_provider_meetings.api.landing.store import Plan
from airflow_provider_meetings.storage.fsspec.store import FilesystemStore

def report(what):
    print(json.dumps(what), flush=True)

writer = FilesystemStore(LocalFileSystem(), sys.argv[1], "x://lake").writer("a/v.mp4", Plan(save_state=report))
while True:
    writer.write(bytes(1 << 20))
    report("written")
"""


def test_temporary_object_of_killed_process_is_listed(tmp_path: Path) -> None:
    lake, scratch = tmp_path / "lake", tmp_path / "scratch"
    scratch.mkdir()
    store = FilesystemStore(LocalFileSystem(), str(lake), "x://lake")
    store.put("a/v.mp4", b"old")
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(lake)], stdout=subprocess.PIPE, env={"TMPDIR": str(scratch)}, text=True
    ) as process:
        assert process.stdout is not None
        state = json.loads(process.stdout.readline())
        for _ in range(3):
            assert json.loads(process.stdout.readline()) == "written"
        process.kill()
    assert list(scratch.iterdir()) == []
    assert (keys(store), store.read("a/v.mp4")) == (["a/v.mp4"], b"old")
    assert [(left.key, left.kind, left.handle) for left in store.partial_uploads()] == [
        ("a/v.mp4", "temporary object", state["temporary"])
    ]
    store.writer("a/v.mp4", Plan(resume_state=state)).abort()
    assert list(store.partial_uploads()) == []
