from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_meetings.api.content import extension, media_type, refuse_documents
from airflow_provider_meetings.api.errors import MediaCorrupt
from airflow_provider_meetings.api.models import MediaFile

VIDEO = MediaFile(platform="acme", tenant="t", recording_id="r", meeting_id=None, file_id="f-1", kind="video")
DOCUMENTS = [
    b'{"code": 2091004, "msg": "resource deleted"}',
    b'{"errcode":40014,"errmsg":"invalid access_token"}',
    b'\xef\xbb\xbf {"anything": 1}',
    b"[1, 2]",
    b"\n\n<!DOCTYPE html><html>",
    b"<HTML><body>Sign in",
    b"<?xml version='1.0' encoding='utf-8' ?><Error><Code>AccessDenied</Code></Error>",
    b"<Error><Code>NoSuchKey</Code></Error>",
    b"\r\n  <svg>",
]
TRANSCRIPTS = [
    "[00:00:01] 陈宇：大家好".encode(),
    b"[music] Welcome",
    b"1\n00:00:00,000 --> 00:00:05,400\nhello\n",
    b"{laughs} hello",
    b"<v Mia>hello",
    b"\xef\xbb\xbfhello",
]


@pytest.mark.parametrize("kind", ["video", "audio"])
@pytest.mark.parametrize("head", DOCUMENTS)
def test_a_document_is_no_recording(kind: str, head: bytes) -> None:
    with pytest.raises(MediaCorrupt, match="f-1"):
        refuse_documents(replace(VIDEO, kind=kind), head)


@pytest.mark.parametrize("head", [d for d in DOCUMENTS if b"code" in d.lower() or b"html" in d.lower()])
def test_an_error_document_is_no_transcript(head: bytes) -> None:
    with pytest.raises(MediaCorrupt):
        refuse_documents(replace(VIDEO, kind="transcript-txt"), head)


@pytest.mark.parametrize("head", TRANSCRIPTS)
def test_a_transcript_may_begin_with_a_bracket(head: bytes) -> None:
    refuse_documents(replace(VIDEO, kind="transcript-txt"), head)


@pytest.mark.parametrize("kind", ["video", "audio", "transcript-txt", "summary-docx"])
def test_nothing_is_no_file(kind: str) -> None:
    with pytest.raises(MediaCorrupt, match="not one byte"):
        refuse_documents(replace(VIDEO, kind=kind), b"")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([b"\0\0\0\x1cftypisom", b"ID3\x04", b"\xff\xfb", b"OggS", b"\x1a\x45\xdf\xa3"]), st.binary())
def test_media_is_taken(head: bytes, rest: bytes) -> None:
    refuse_documents(VIDEO, head + rest)


@pytest.mark.parametrize(
    ("kind", "content_type", "file_type", "head", "ext"),
    [
        # the kind's own format wins over everything
        ("transcript-srt", "video/mp4", "mp4", b"", "srt"),
        ("summary-docx", "", "", b"PK\x03\x04", "docx"),
        # then the served type
        ("video", "video/mp4", "m4a", b"ID3", "mp4"),
        ("video", "Audio/MP4; codecs=mp4a", "mp4", b"", "m4a"),
        ("audio", "audio/mpeg", "", b"", "mp3"),
        ("video", "video/quicktime", "", b"", "mov"),
        ("video", "video/webm", "", b"", "webm"),
        ("audio", "audio/x-wav", "", b"", "wav"),
        # then the platform's word
        ("video", "application/octet-stream", "MP4", b"ID3", "mp4"),
        ("video", "", "m4a", b"", "m4a"),
        # a word that is no extension is not taken
        ("video", "", "../../x", b"ID3", "mp3"),
        ("video", "", "video/mp4", b"OggS", "ogg"),
        ("video", "", "averylongword", b"RIFF\x00\x00\x00\x00WAVE", "wav"),
        # then the bytes
        ("video", "binary/octet-stream", "", b"\0\0\0\x1cftypisom", "mp4"),
        ("video", "", "", b"\0\0\n\x1cftypM4A ", "m4a"),
        ("video", "", "", b"\0\0\0\x14ftypqt  ", "mov"),
        ("video", "", "", b"\xff\xf1", "aac"),
        ("video", "", "", b"\x1a\x45\xdf\xa3", "webm"),
        ("video", "", "", b"whatever", "bin"),
    ],
)
def test_the_extension(kind: str, content_type: str, file_type: str, head: bytes, ext: str) -> None:
    media = replace(VIDEO, kind=kind)
    assert extension(media, content_type=content_type, file_type=file_type, head=head) == ext


@pytest.mark.parametrize(
    ("ext", "expected"),
    [
        ("mp4", "video/mp4"),
        ("m4a", "audio/mp4"),
        ("mp3", "audio/mpeg"),
        ("srt", "application/x-subrip"),
        ("txt", "text/plain"),
        ("bin", "application/octet-stream"),
        ("xyz", "application/octet-stream"),
    ],
)
def test_the_media_type(ext: str, expected: str) -> None:
    assert media_type(ext) == expected
