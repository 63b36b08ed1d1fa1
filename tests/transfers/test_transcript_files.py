"""Reading landed transcripts and other artifacts."""

from __future__ import annotations

import json
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.errors import FileTooLarge, InvalidRequest, NotFound, StoreError
from airflow_provider_meetings.api.models import StoredFile, TranscriptSegment
from airflow_provider_meetings.hooks.stores import store_at
from airflow_provider_meetings.transfers import transcript_files
from airflow_provider_meetings.transfers.transcript_files import read_artifacts
from tests.storage.s3.s3_bench import s3_bench

SRT = b"1\n00:00:01,000 --> 00:00:02,000\nLina: hello\n"


def stored(path: Path, kind: str = "transcript-srt", content: bytes | None = SRT, **changes: Any) -> StoredFile:
    if content is not None:
        path.write_bytes(content)
    file: dict[str, Any] = {
        "platform": "feishu",
        "tenant": "t",
        "recording_id": "secret-id",
        "file_id": "secret-id",
        "kind": kind,
        "uri": path.as_uri(),
        "size": 1,
        "sha256": "00",
        "media_type": "text/plain",
        "landed_at": None,
        "outcome": "landed",
    }
    return StoredFile(**{**file, **changes})


def test_files_are_read_by_uri(tmp_path: Path) -> None:
    (tmp_path / "recording_id=a%2Fb").mkdir()
    first = stored(tmp_path / "recording_id=a%2Fb" / "1.srt", uri=f"file://{tmp_path}/recording_id=a%2Fb/1.srt")
    second = stored(tmp_path / "2.json", "transcript-json", b'{"paragraphs": ["kept"]}', platform="wecom")
    found = [(one.file, one.item, [row["text"] for row in one.rows]) for one in read_artifacts([first, second])]
    assert found == [(first.to_dict(), TranscriptSegment, ["hello"]), (second.to_dict(), TranscriptSegment, ['"kept"'])]


def test_second_file_of_a_format(tmp_path: Path) -> None:
    file = stored(tmp_path / "1.txt", "ai_transcript-txt-2", b"Lina 00:01\nhello", platform="wecom")
    assert [[row["kind"] for row in one.rows] for one in read_artifacts([file])] == [["ai_transcript-txt-2"]]


def test_other_kinds_and_formats_are_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    gone = tmp_path / "gone"
    files = [
        stored(gone, "video", None),
        stored(gone, "summary-txt", None),
        stored(gone, "transcript-srt", None, uri=None),
        stored(gone, "ai_transcript-docx", None, platform="wecom"),
        stored(gone, "ai_transcript-secret-id", None, platform="wecom"),
    ]
    assert list(read_artifacts(files)) == []
    assert "Skipping 2 files of kind ai_transcript: no reader" in caplog.text
    assert "secret-id" not in caplog.text


def test_unreadable_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [stored(tmp_path / "video", "video"), stored(tmp_path / "secret-id", content=None)]
    with pytest.raises(NotFound, match=r"file 2 of stored_files \(transcript-srt\) does not exist") as caught:
        list(read_artifacts(files))
    assert "secret-id" not in "".join(traceback.format_exception(caught.value))
    monkeypatch.setattr(transcript_files, "MAX_FILE_BYTES", len(SRT) - 1)
    with pytest.raises(FileTooLarge, match=f"more than {len(SRT) - 1} bytes"):
        list(read_artifacts([stored(tmp_path / "1.srt")]))
    monkeypatch.setattr(transcript_files, "MAX_FILE_BYTES", len(SRT))
    assert len(list(read_artifacts([stored(tmp_path / "1.srt")]))) == 1
    with pytest.raises(StoreError, match="could not be read"):
        list(read_artifacts([stored(tmp_path / "x", content=None, uri=(tmp_path / ("x" * 300)).as_uri())]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"platform": "secret-id"}, "The platform of file 2 of stored_files is not installed on this worker"),
        ({"platform": "sqlite"}, "The platform of file 2 of stored_files is not installed on this worker"),
        (
            {"uri": "s3://lake_conn@bucket/secret-id/1.srt"},
            r"file 2 of stored_files \(transcript-srt\): the connection 'lake_conn' is not defined",
        ),
        ({"uri": "lake/secret-id.srt"}, r"The object of file 2 of stored_files \(transcript-srt\) is not a URL"),
        ({"kind": "transcript-srt-secret-id", "uri": "file:///no/secret-id"}, r"\(transcript-srt\) does not exist"),
    ],
)
def test_error_names_file_by_number_without_ids(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    files = [stored(tmp_path / "1.srt"), stored(tmp_path / "2.srt", **changes)]
    with pytest.raises((InvalidRequest, NotFound), match=message) as caught:
        list(read_artifacts(files))
    assert "secret-id" not in str(caught.value)


def test_uri_with_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_bench() as bench:
        login = {"login": "AKIDEXAMPLE", "password": "s3cr3t-s3cr3t"}
        extra = {"endpoint_url": bench.front.url, "region_name": "us-east-1"}
        monkeypatch.setenv("AIRFLOW_CONN_LAKE_CONN", json.dumps({"conn_type": "aws", **login, "extra": extra}))
        file = stored(Path("/"), content=None, uri="s3://lake_conn@lake/raw/feishu/1.srt")
        store_at("s3://lake_conn@lake/raw").put("feishu/1.srt", SRT)
        (found,) = read_artifacts([file])
        assert [row["text"] for row in found.rows] == ["hello"]
        with pytest.raises(NotFound):
            list(read_artifacts([replace(file, uri="s3://lake_conn@lake/raw/feishu/2.srt")]))
