from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_meetings.api.errors import MediaCorrupt
from airflow_provider_meetings.api.media.sniffing import CONTAINERS as MAGIC
from airflow_provider_meetings.api.media.sniffing import HEAD_BYTES, container, extension, media_type, refuse_documents
from airflow_provider_meetings.api.models import MediaFile

VIDEO = MediaFile(platform="acme", tenant="t", recording_id="r", meeting_id=None, file_id="f-1", kind="video")
ANSWERS = [
    b'{"code": 2091004, "msg": "resource deleted"}',
    b'{"errcode":40014,"errmsg":"invalid access_token"}',
    b'\xef\xbb\xbf {"message": "no"}',
]
PAGES = [
    b"\n\n<!DOCTYPE html><html>",
    b"<HTML><body>Sign in",
    b"<!-- gateway --><p>Sign in",
    b"<?xml version='1.0' encoding='utf-8' ?><Error><Code>AccessDenied</Code></Error>",
    b"<Error><Code>NoSuchKey</Code></Error>",
    "<html>登录".encode("utf-16"),
    b"<html>caf\xe9 \xff",
]
JSON = [b'\xef\xbb\xbf {"anything": 1}', b'[{"a": 1}]', b"{}", '{"data": "录制"}'.encode("utf-16")]
OTHER_TEXTS = [b"[1, 2]", b"\r\n  <svg>", b"Forbidden", "链接已过期".encode("gb18030")]
TRANSCRIPTS = [
    "[00:00:01] 陈宇：大家好".encode(),
    "[00:00:01] 陈宇：大家好".encode("gb18030"),
    "[00:00:01] 陈宇：大家好".encode("utf-16"),
    "\ufeff[00:00:01] 陈宇".encode("utf-16-be"),
    b"[music] Welcome",
    b"1\n00:00:00,000 --> 00:00:05,400\nhello\n",
    b"{laughs} hello",
    b"<v Mia>hello",
    b"\xef\xbb\xbfhello",
]
BOX = b"\0\0\0\x20"
CONTAINERS = {
    "mp4": BOX + b"ftypisom\0\0\2\0",
    "mp4 segment": BOX + b"stypmsdh\0\0\0\0",
    "m4a": BOX + b"ftypM4A \0\0\2\0",
    "m4v": BOX + b"ftypM4V \0\0\2\0",
    "mov": BOX + b"ftypqt  \0\0\2\0",
    "old mov": b"\0\0\x0a\xffmoov\0\0\0\x6cmvhd",
    "old mov with mdat": b"\x7b\x22\x03\x00mdat\x00\x01",
    "old mov with free": b"\0\0\0\x08free\0\0\0\x08",
    "old mov with wide": b"\0\0\0\x08wide\0\0\1\0mdat",
    "old mov with skip": b"\0\0\0\x08skip\0\0\1\0mdat",
    "mp3 with ID3 tag": b"ID3\x04\x00\x00",
    "mp3": b"\xff\xfb\x90\x64\x00",
    "mp3 MPEG 2": b"\xff\xf3\x40\xc4\x00",
    "aac": b"\xff\xf1\x50\x80\x00",
    "wav": b"RIFF\x24\x08\x00\x00WAVEfmt ",
    "avi": b"RIFF\x24\x08\x00\x00AVI LIST",
    "ogg": b"OggS\x00\x02",
    "webm": b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm",
    "mkv": b"\x1a\x45\xdf\xa3\xa3\x42\x86\x81\x01\x42\x82\x88matroska",
    "flv": b"FLV\x01\x05\x00\x00\x00\x09",
    "wma": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c",
    "amr": b"#!AMR\n\x3c\x91\x17\x16\xbe\x66\x79\xe1\xe0\x01",
    "amr wide": b"#!AMR-WB\n\x04\x91\x17",
    "flac": b"fLaC\x00\x00\x00\x22",
    "mpeg program": b"\x00\x00\x01\xba\x44",
    "mpeg video": b"\x00\x00\x01\xb3\x14",
    "mpeg transport": (b"G\x40\x00\x10" + bytes(184)) * 2,
    "m2ts": (b"\0\0\0\1G\x40\x00\x10" + bytes(184)) * 2,
}


@pytest.mark.parametrize("kind", ["video", "audio", "summary-docx", "summary-pdf"])
@pytest.mark.parametrize("head", [*ANSWERS, *PAGES, *JSON, *OTHER_TEXTS])
def test_text_is_refused_as_recording_and_document(kind: str, head: bytes) -> None:
    with pytest.raises(MediaCorrupt, match="f-1"):
        refuse_documents(replace(VIDEO, kind=kind), head)


@pytest.mark.parametrize(
    "kind", ["transcript-txt", "transcript-srt", "summary-txt-2", "ai_transcript-txt", "summary-bin"]
)
@pytest.mark.parametrize("head", [*ANSWERS, *PAGES, *JSON])
def test_error_page_and_json_are_refused_as_transcript(kind: str, head: bytes) -> None:
    with pytest.raises(MediaCorrupt, match="a page or a message"):
        refuse_documents(replace(VIDEO, kind=kind), head)


@pytest.mark.parametrize(
    "content_type", ["text/html", "application/json", "Application/JSON; charset=utf-8", "text/xml"]
)
def test_content_type_decides_on_text_only(content_type: str) -> None:
    transcript = replace(VIDEO, kind="transcript-txt")
    refuse_documents(transcript, b"hello", "application/octet-stream")
    with pytest.raises(MediaCorrupt, match="a page or a message"):
        refuse_documents(transcript, b"hello", content_type)
    for head in CONTAINERS.values():
        refuse_documents(VIDEO, head, content_type)
    for kind, head in (("summary-pdf", b"%PDF-1.7"), ("summary-docx", b"PK\x03\x04\x14")):
        refuse_documents(replace(VIDEO, kind=kind), head, content_type)


@pytest.mark.parametrize("content_type", ["video/mp4", "audio/mpeg", "application/octet-stream", "text/html", ""])
@pytest.mark.parametrize(
    "head", [*ANSWERS, *PAGES, *JSON, *OTHER_TEXTS, "<html>".encode("utf-16-le"), b"\xef\xbb\xbf<p>"]
)
def test_document_is_refused_whatever_its_type(head: bytes, content_type: str) -> None:
    with pytest.raises(MediaCorrupt):
        refuse_documents(VIDEO, head, content_type)


@pytest.mark.parametrize("head", TRANSCRIPTS)
def test_transcript_may_begin_with_bracket(head: bytes) -> None:
    refuse_documents(replace(VIDEO, kind="transcript-txt"), head)


@pytest.mark.parametrize(
    "head", [*CONTAINERS.values(), b"%PDF-1.7\n", b"PK\x03\x04\x14", b"half\0a text", b"\xff\xff\xff\xff"]
)
def test_other_file_is_refused_as_transcript(head: bytes) -> None:
    with pytest.raises(MediaCorrupt, match="expected text, got the first bytes"):
        refuse_documents(replace(VIDEO, kind="transcript-txt"), head)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
@pytest.mark.parametrize("prefix", ["", "a", "ab"])
def test_head_may_end_within_character(encoding: str, prefix: str) -> None:
    transcript = replace(VIDEO, kind="transcript-txt")
    text = (prefix + "好" * HEAD_BYTES).encode(encoding)
    refuse_documents(transcript, text[:HEAD_BYTES])
    # A whole file must not end within a character.
    with pytest.raises(MediaCorrupt, match="expected text"):
        refuse_documents(transcript, b"hello\xe5")


@pytest.mark.parametrize("kind", ["video", "audio", "transcript-txt", "summary-docx", "chapters-json"])
def test_empty_body_is_refused(kind: str) -> None:
    with pytest.raises(MediaCorrupt, match="the body is empty"):
        refuse_documents(replace(VIDEO, kind=kind), b"")


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(CONTAINERS)), st.binary(), st.sampled_from(["video", "audio"]))
@example("old mov with mdat", b'":', "video")  # its size looks like the beginning of JSON
def test_known_container_is_accepted(name: str, rest: bytes, kind: str) -> None:
    refuse_documents(replace(VIDEO, kind=kind), CONTAINERS[name] + rest, "application/octet-stream")


@pytest.mark.parametrize(
    "head",
    [
        bytes(64),
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"\xff\xd8\xff\xe0\0\x10JFIF",
        b"PK\x03\x04\x14\x00",
        b"\x1f\x8b\x08\0\0\0",
        b"RIFF\x24\x08\x00\x00WEBPVP8 ",
        b"\xff\xfe\0\1",
        b"G\x40\x00\x10" + bytes(400),
        b"feelfree to sign in",
    ],
)
def test_other_bytes_are_refused_as_recording(head: bytes) -> None:
    with pytest.raises(MediaCorrupt):
        refuse_documents(VIDEO, head)


def test_error_names_expected_and_actual_content() -> None:
    with pytest.raises(MediaCorrupt) as caught:
        refuse_documents(VIDEO, bytes(range(200)), "image/png")
    for part in (
        "expected an audio or video container, got the first bytes 00 01 02 03 04",
        "0d 0e 0f with Content-Type 'image/png'",
        "f-1",
    ):
        assert part in str(caught.value)
    assert "0f 10" not in str(caught.value)
    with pytest.raises(MediaCorrupt, match=r"expected a file \(pdf\), got"):
        refuse_documents(replace(VIDEO, kind="summary-pdf"), b"PK\x03\x04")
    with pytest.raises(MediaCorrupt, match=r"expected JSON, got"):
        refuse_documents(replace(VIDEO, kind="todos-json"), b"none")


@pytest.mark.parametrize(
    "head", [b'[{"title": "x"}]', b'\n{"audio_detect": 1}', b"[]", '[{"content": "跟进"}]'.encode()]
)
@pytest.mark.parametrize("content_type", ["", "application/json; charset=utf-8"])
def test_json_kind_may_be_json(head: bytes, content_type: str) -> None:
    refuse_documents(replace(VIDEO, kind="chapters-json"), head, content_type)


@pytest.mark.parametrize("head", [*ANSWERS, *PAGES, *OTHER_TEXTS[1:], *CONTAINERS.values()])
def test_error_document_is_refused_as_json_file(head: bytes) -> None:
    with pytest.raises(MediaCorrupt):
        refuse_documents(replace(VIDEO, kind="chapters-json"), head)


@pytest.mark.parametrize(
    ("kind", "head"), [("summary-pdf", b"%PDF-1.7\n%abc"), ("summary-docx-2", b"PK\x03\x04\x14\0")]
)
def test_document_is_accepted(kind: str, head: bytes) -> None:
    refuse_documents(replace(VIDEO, kind=kind), head)


@pytest.mark.parametrize(
    ("kind", "content_type", "file_type", "head", "ext"),
    [
        # the format of the kind takes precedence
        ("transcript-srt", "video/mp4", "mp4", b"", "srt"),
        ("summary-docx", "", "", b"PK\x03\x04", "docx"),
        # unless it is no known type, and the bytes are
        ("summary-docs-2", "", "docs", b"PK\x03\x04", "docx"),
        ("summary-docs", "application/pdf", "docs", b"\xd0\xcf\x11\xe0", "docs"),
        # then the bytes
        ("video", "video/mp4", "mp4", CONTAINERS["webm"], "webm"),
        ("audio", "video/mp4", "mp4", CONTAINERS["m4a"], "m4a"),
        ("video", "audio/mp4", "m4a", CONTAINERS["mov"], "mov"),
        ("audio", "audio/mp4", "m4a", CONTAINERS["mp3"], "mp3"),
        ("video", "text/html", "mp4", CONTAINERS["ogg"], "ogg"),
        ("audio", "audio/webm", "", CONTAINERS["wav"], "wav"),
        # or one of the formats that they can be
        ("audio", "audio/mp4", "", CONTAINERS["mp4"], "m4a"),
        ("audio", "", "M4A", CONTAINERS["mp4"], "m4a"),
        ("video", "video/mp4", "m4a", CONTAINERS["mp4"], "mp4"),
        ("audio", "audio/x-ms-wma", "", CONTAINERS["wma"], "wma"),
        # then the Content-Type
        ("video", "video/mp4", "m4a", b"ID3", "mp4"),
        ("video", "Audio/MP4; codecs=mp4a", "mp4", b"", "m4a"),
        ("audio", "audio/mpeg", "", b"", "mp3"),
        ("video", "video/quicktime", "", b"", "mov"),
        ("video", "video/webm", "", b"", "webm"),
        ("audio", "audio/x-wav", "", b"", "wav"),
        # then the platform's file type
        ("video", "application/octet-stream", "MP4", b"ID3", "mp4"),
        ("video", "", "m4a", b"", "m4a"),
        # a file type that is no extension is ignored
        ("video", "", "../../x", b"ID3\x04", "mp3"),
        ("video", "", "video/mp4", b"OggS\0", "ogg"),
        ("video", "", "averylongword", b"RIFF\x00\x00\x00\x00WAVE", "wav"),
        ("video", "binary/octet-stream", "", b"\0\0\0\x1cftypisom", "mp4"),
        ("video", "", "", b"\0\0\n\x1cftypM4A ", "m4a"),
        ("video", "", "", b"\0\0\0\x14ftypqt  ", "mov"),
        ("video", "", "", b"\xff\xf1", "aac"),
        *(
            ("video", "", "", CONTAINERS[name], name)
            for name in ("webm", "mkv", "avi", "flv", "amr", "flac", "ogg", "m4v")
        ),
        *(
            ("audio", "", "", CONTAINERS[name], ext)
            for name, ext in (("wma", "asf"), ("mpeg transport", "ts"), ("old mov", "mov"))
        ),
        ("video", "video/x-msvideo", "", b"", "avi"),
        ("video", "video/x-ms-wmv", "", b"", "wmv"),
        ("audio", "audio/AMR", "", b"", "amr"),
        ("video", "text/plain", "", CONTAINERS["mp4"], "mp4"),
        ("ai_transcript-txt", "text/plain", "", b"", "txt"),
        ("todos-json", "", "", b"[]", "json"),
        ("video", "", "", b"whatever", "bin"),
        ("video", "", "part", b"whatever", "bin"),
        ("video", "", "PART", b"\0\0\0\x1cftypisom", "mp4"),
        ("video", "", "parts", b"whatever", "parts"),
        ("summary-part", "", "", b"whatever", "bin"),
    ],
)
def test_extension(kind: str, content_type: str, file_type: str, head: bytes, ext: str) -> None:
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
        ("json", "application/json"),
        ("wma", "audio/x-ms-wma"),
        ("mkv", "video/x-matroska"),
        ("bin", "application/octet-stream"),
        ("xyz", "application/octet-stream"),
    ],
)
def test_media_type(ext: str, expected: str) -> None:
    assert media_type(ext) == expected


@pytest.mark.parametrize(
    "ext",
    ["wav", "mp3", "m4a", "aac", "ogg", "wma", "amr", "avi", "mp4", "mkv", "mov", "wmv", "m4v", "mpeg", "flv"],
)
def test_formats_that_feishu_accepts_have_media_type(ext: str) -> None:
    content_type = f"{media_type(ext).upper()}; codecs=x"
    assert extension(VIDEO, content_type=content_type, file_type="", head=b"") == ext


def test_every_container_has_media_type() -> None:
    assert [ext for _, ext in MAGIC if media_type(ext) == "application/octet-stream"] == []


@pytest.mark.parametrize(
    ("head", "ext"),
    [
        (b"feelfree to sign in", None),
        (b"\0\0\0\x08free", "mov"),
        ("text".encode("utf-16"), None),
        (b"\xff\xfb\x90\x64", "mp3"),
        (b"G" + bytes(300), None),  # one packet is no transport stream
        ((b"G" + bytes(187)) * 2, "ts"),
        (b"RIFF\0\0\0\0WEBP", None),
        (b"", None),
    ],
)
def test_container(head: bytes, ext: str | None) -> None:
    assert container(head) == ext
