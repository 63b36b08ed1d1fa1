from __future__ import annotations

import re
import string
from dataclasses import replace
from itertools import product
from pathlib import PurePosixPath
from random import Random

import pendulum
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.landing.layout import DEFAULT_LAYOUT, FIELDS, Layout, receipt_name, safe_name
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


WITHOUT_OWNER = [
    "{file_id}.{kind}.{ext}",
    "{date}/{recording_id}/{file_id}.{kind}.{ext}",
    "feishu/{recording_id}/{file_id}.{kind}.{ext}",
    "{date}/{platform}-{file_id}.{kind}.{ext}",  # the receipt would be {date}/{file_id}.{kind}.receipt.json
]
AMBIGUOUS = [
    "{platform}/{recording_id}{file_id}.{kind}.{ext}",
    "{platform}/{recording_id}-{file_id}.{kind}.{ext}",
    "{platform}/{recording_id}.{file_id}.{kind}.{ext}",
    "{platform}/{recording_id}+{file_id}.{kind}.{ext}",
    "{platform}/{recording_id}and{file_id}.{kind}.{ext}",
    "{platform}{tenant}/{file_id}.{kind}.{ext}",
    "{platform}_{tenant}/{file_id}.{kind}.{ext}",
    "{tenant}-{date}-{recording_id}/{file_id}.{kind}.{ext}",
    "{tenant}/{file_id}{kind}.{ext}",
    "{tenant}/{file_id}_{kind}.{ext}",
    "{tenant}/{file_id}.{kind}{ext}",
    "{tenant}/{kind}-{file_id}.{ext}",  # summary-docx-2 of "2", summary of "docx-2"
    "{tenant}/{kind}.{ext}.{file_id}.{file_id}",
]
UNAMBIGUOUS = [
    DEFAULT_LAYOUT,
    "tenant={tenant}/date={date}/{recording_id}/{file_id}.{kind}.{ext}",
    "{platform}-{tenant}/{date}-{recording_id}/{file_id}-{kind}.{ext}",
    "{tenant}_{date}/{date}_{file_id}.{kind}_{ext}",
    "{platform}/{recording_id}={file_id}.{kind}.{ext}",
    "{tenant}/{kind}.{file_id}.{ext}",
    "{tenant}/{ext}-{kind}.{file_id}",
]


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


@pytest.mark.parametrize("template", ["{file_id}.{kind}.{ext}", "{kind}={file_id}.{ext}", "{ext}.{kind}.{file_id}"])
@pytest.mark.parametrize(
    "file_id", ["f", "f.part", "f.receipt", ".part", "f.part.json", "f.receipt.json", "f.batch.ndjson", "f.PART"]
)
@pytest.mark.parametrize("kind", ["video", "receipt", "part"])
@pytest.mark.parametrize("ext", ["mp4", "json", "part"])
def test_object_never_gets_reserved_suffix(template: str, file_id: str, kind: str, ext: str) -> None:
    media = replace(MEDIA, file_id=file_id, kind=kind)
    name = Layout(f"{{tenant}}/{template}").object_key(RECORDING, media, ext).removeprefix("t/")
    assert not name.lower().endswith((".receipt.json", ".part.json", ".batch.ndjson", ".part"))
    assert name.replace("%2E", ".") == template.format(file_id=file_id, kind=kind, ext=ext)


@pytest.mark.parametrize(
    "template", ["{file_id}.{kind}.{ext}", "{kind},{file_id}.parts.{ext}", "part/{file_id}.{kind}.{ext}"]
)
def test_similar_names_are_unchanged(template: str) -> None:
    for ext in ("json", "mp4"):
        assert "%" not in Layout(f"{{platform}}/{template}").object_key(RECORDING, MEDIA, ext)


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
        *((template, "a folder needs {platform} or {tenant}") for template in WITHOUT_OWNER),
        *((template, "is ambiguous") for template in AMBIGUOUS),
    ],
)
def test_invalid_template_is_refused(template: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=re.escape(message)) as caught:
        Layout(template)
    assert "layout" in str(caught.value)


@pytest.mark.parametrize("template", UNAMBIGUOUS)
def test_valid_template(template: str) -> None:
    Layout(template)


IDS = [
    "a",
    "a-a",
    "a.a",
    "a_ai",
    "a-docx",
    "video",
    "docx-a",
    "a.summary",
    "A~a",
    "a%",
    "a=b,",
    "2026-11-09",
    "undated",
    "é",
]
KINDS = ["video", "summary", "summary-docx", "transcript", "ai_transcript", "summary-txt-2"]
_BETWEEN = st.sampled_from(["", "-", ".", "_", "=", ",", "~", "%", "+", "-x", "x-", "/", "/-", "a", "{{"])


@st.composite
def templates(draw: st.DrawFn) -> str:
    """Return layouts of fields in any order and any text between them, of which most are refused."""
    folders = draw(st.lists(st.sampled_from([name for name in FIELDS if name != "ext"]), max_size=3, unique=True))
    last = draw(st.permutations(["file_id", "kind", "ext"]))
    extra = draw(st.sampled_from([[], ["recording_id"], ["date"]]))
    names = ["platform", *folders, *extra, *last]
    texts = [draw(_BETWEEN) for _ in names[1:]]
    return "".join(f"{{{name}}}{text}" for name, text in zip(names, [*texts, ""], strict=True))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(template=templates(), seed=st.randoms(use_true_random=False))
@example(template=DEFAULT_LAYOUT, seed=Random(1))
@example(template="{platform}/{date}-{recording_id}/{tenant}={file_id}-{kind}.{ext}", seed=Random(2))
def test_name_of_valid_layout_tells_its_fields(template: str, seed: Random) -> None:
    """No two files with other values of the layout's fields share a name."""
    try:
        layout = Layout(template)
    except InvalidRequest:
        assume(False)
    used = [name for _, name, _, _ in string.Formatter().parse(template) if name]
    seen: dict[str, tuple[object, ...]] = {}
    starts = [None, RECORDING.started_at]
    for file_id, kind, ext, started_at in product(IDS, KINDS, ["txt", "docx"], starts):
        ids = {name: seed.choice(IDS) for name in ("tenant", "recording_id", "meeting_id")}
        own = {"platform": seed.choice(["acme", "acme_2"]), "file_id": file_id, "kind": kind}
        media = MediaFile.from_dict({**MEDIA.to_dict(), **ids, **own})
        values = {**media.to_dict(), "date": started_at, "ext": ext}
        key = layout.object_key(replace(RECORDING, started_at=started_at), media, ext)
        assert seen.setdefault(key, (named := tuple(values[name] for name in used))) == named


def test_escaped_braces_are_not_a_field() -> None:
    with pytest.raises(InvalidRequest, match=r"needs \{file_id\}"):
        Layout("x/{{file_id}}.{{kind}}.{{ext}}")


def test_all_fields() -> None:
    folder = "/".join(f"{{{name}}}" for name in FIELDS if name != "ext")
    key = Layout(folder + "/{file_id}.{kind}.{ext}").object_key(RECORDING, MEDIA, "mp4")
    assert key == "acme/t/2026-11-09/rec/m/f-1/video/f-1.video.mp4"
