from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

import pendulum
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.landing.layout import FIELDS, Layout, receipt_name, safe_name
from airflow_provider_meetings.api.models import MediaFile, Recording, RecordingState

RECORDING = Recording(
    platform="acme",
    tenant="t",
    recording_id="rec",
    state=RecordingState.READY,
    title="../../title",
    started_at=pendulum.datetime(2026, 11, 9, 20, tz="UTC"),
)
MEDIA = MediaFile(
    platform="acme", tenant="t", recording_id="rec", meeting_id="m", file_id="f-1", kind="video", declared_size=1
)
hostile = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="./\\%~\0\n \u202e蓝aA\U0001f600", max_size=12),
    st.text(alphabet="ab%/", min_size=150, max_size=400),
    st.sampled_from(["..", ".", "../../etc/passwd", "/", "a/../b", ".part", "a\0b", "CON", "~root", "%2E", "%2E%2E"]),
).filter(bool)


def test_default_layout() -> None:
    layout = Layout()
    assert layout.object_key(RECORDING, MEDIA, "mp4") == "acme/2026-11-09/rec/f-1.video.mp4"
    assert layout.receipt_key(RECORDING, MEDIA) == "acme/2026-11-09/rec/f-1.video.receipt.json"


def test_date_of_recording_in_time_zone() -> None:
    assert "/2026-11-10/" in Layout(timezone="Asia/Shanghai").object_key(RECORDING, MEDIA, "mp4")
    assert "/2026-11-09/" in Layout(timezone="America/New_York").object_key(RECORDING, MEDIA, "mp4")


def test_recording_without_start_is_undated() -> None:
    undated = replace(RECORDING, started_at=None)
    assert Layout().object_key(undated, MEDIA, "mp4") == "acme/undated/rec/f-1.video.mp4"


def test_custom_layout() -> None:
    layout = Layout("raw/{tenant}/{meeting_id}/{platform}-{file_id}-{kind}.{ext}")
    assert layout.object_key(RECORDING, MEDIA, "mp4") == "raw/t/m/acme-f-1-video.mp4"
    assert layout.receipt_key(RECORDING, MEDIA) == "raw/t/m/f-1.video.receipt.json"
    assert "/no-meeting/" in layout.object_key(RECORDING, replace(MEDIA, meeting_id=None), "mp4")


@settings(max_examples=150, deadline=None)
@given(recording_id=hostile, file_id=hostile, tenant=hostile)
def test_hostile_id_is_one_path_segment(recording_id: str, file_id: str, tenant: str) -> None:
    media = replace(MEDIA, recording_id=recording_id, file_id=file_id, tenant=tenant)
    layout = Layout("{tenant}/{date}/{recording_id}/{file_id}.{kind}.{ext}")
    for key in (layout.object_key(RECORDING, media, "mp4"), layout.receipt_key(RECORDING, media)):
        parts = key.split("/")
        assert len(parts) == 4
        assert PurePosixPath(key).parts == tuple(parts)
        assert key.isascii()
        assert key.isprintable()
        assert not {"", ".", ".."} & set(parts)
        # With .part it must fit into the 255 bytes of a file name.
        assert max(map(len, parts)) + len(".part") <= 255


@pytest.mark.parametrize("template", ["{file_id}.{kind}.{ext}", "{kind}-{file_id}.{ext}", "{ext}.{kind}.{file_id}"])
@pytest.mark.parametrize("file_id", ["f", "f.part", "f.receipt", ".part", "f.part.json", "f.receipt.json", "f.PART"])
@pytest.mark.parametrize("kind", ["video", "receipt", "part"])
@pytest.mark.parametrize("ext", ["mp4", "json", "part"])
def test_object_never_gets_reserved_suffix(template: str, file_id: str, kind: str, ext: str) -> None:
    media = replace(MEDIA, file_id=file_id, kind=kind)
    name = Layout(template).object_key(RECORDING, media, ext)
    assert not name.lower().endswith((".receipt.json", ".part.json", ".part"))
    assert name.replace("%2E", ".") == template.format(file_id=file_id, kind=kind, ext=ext)


@pytest.mark.parametrize(
    "template", ["{file_id}.{kind}.{ext}", "{kind}-{file_id}.parts.{ext}", "part/{file_id}.{kind}.{ext}"]
)
def test_similar_names_are_unchanged(template: str) -> None:
    for ext in ("json", "mp4"):
        assert "%" not in Layout(template).object_key(RECORDING, MEDIA, ext)


@given(file_id=hostile, kind=hostile)
def test_receipt_name(file_id: str, kind: str) -> None:
    media = replace(MEDIA, file_id=file_id, kind=kind)
    assert Layout().receipt_key(RECORDING, media).rpartition("/")[2] == receipt_name(file_id, kind)


@settings(max_examples=200, deadline=None)
@given(one=hostile, other=hostile)
@example(one="a" * 200, other="a" * 201)
@example(one="%2E", other=".")
def test_different_ids_get_different_names(one: str, other: str) -> None:
    assume(one != other)
    assert safe_name(one) != safe_name(other)


def test_id_like_shortened_name_gets_own_name() -> None:
    long = "a" * 400
    assert safe_name(safe_name(long)) != safe_name(long)


def test_id_with_lone_surrogate() -> None:
    assert safe_name("a\ud800").isascii()


def test_long_kind_is_shortened() -> None:
    media = replace(MEDIA, file_id="f" * 300, kind="summary-" + "x" * 300)
    assert len(Layout().receipt_key(RECORDING, media).rpartition("/")[2]) + len(".part") <= 255


@pytest.mark.parametrize(
    "value", ["rec-1", "mr-20261112-alex.chen-1630", "obcnroadmap0000000000001", "7571000000000000101", "a_b"]
)
def test_ordinary_id_is_unchanged(value: str) -> None:
    assert safe_name(value) == value


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{title}/{file_id}.{kind}.{ext}", "not one of"),
        ("{file_id.__class__}.{kind}.{ext}{file_id}", "not one of"),
        ("{file_id[0]}{file_id}.{kind}.{ext}", "not one of"),
        ("{file_id:>300}{file_id}.{kind}.{ext}", "not one of"),
        ("{file_id!r}{file_id}.{kind}.{ext}", "not one of"),
        ("{}{file_id}.{kind}.{ext}", "not one of"),
        ("{0}{file_id}.{kind}.{ext}", "not one of"),
        ("{file_id}.{kind}.{ext", "is invalid"),
        ("{file_id}.{kind}", "needs {ext}"),
        ("{file_id}.{ext}", "needs {kind}"),
        ("{file_id}/{kind}.{ext}", "needs {file_id}"),
        ("{date}/", "needs {file_id}"),
        ("{ext}/{file_id}.{kind}.{ext}", "last segment only"),
        ("/{file_id}.{kind}.{ext}", "are not allowed"),
        ("a//{file_id}.{kind}.{ext}", "are not allowed"),
        ("../{file_id}.{kind}.{ext}", "are not allowed"),
        ("./{file_id}.{kind}.{ext}", "are not allowed"),
        ("{file_id}.{kind}.receipt.{ext}", "reserved for receipts"),
        ("{file_id}.{kind}.part.{ext}", "reserved for receipts"),
        ("{file_id}.{kind}.Part.{ext}", "reserved for receipts"),
        ("{file_id}.{kind}.{ext}.part", "reserved for receipts"),
        ("{file_id}.{kind}.{ext}.receipt.json", "reserved for receipts"),
        ("a/{kind}{ext}{file_id}.part.json", "reserved for receipts"),
    ],
)
def test_invalid_template_is_refused(template: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message) as caught:
        Layout(template)
    assert "layout" in str(caught.value)


def test_escaped_braces_are_not_a_field() -> None:
    with pytest.raises(InvalidRequest, match=r"needs \{file_id\}"):
        Layout("x/{{file_id}}.{{kind}}.{{ext}}")


def test_all_fields() -> None:
    folder = "/".join(f"{{{name}}}" for name in FIELDS if name != "ext")
    key = Layout(folder + "/{file_id}.{kind}.{ext}").object_key(RECORDING, MEDIA, "mp4")
    assert key == "acme/t/2026-11-09/rec/m/f-1/video/f-1.video.mp4"
