"""Redaction of columns, and of the same values elsewhere."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_meetings.api.models import TranscriptSegment
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.load.transcripts import Content
from airflow_provider_meetings.warehouse.privacy.redaction import Redaction
from airflow_provider_meetings.warehouse.privacy.rules import ACTIONS, NOT_REDACTABLE, actions_of
from airflow_provider_meetings.warehouse.tables.tables import tables
from tests.warehouse.ledgers import DATE, item, ledger

KEY = b"a key of the tests, long enough"
TOKEN = "obcnq3b9jl72l83w4f149w9c"
FILE: dict[str, Any] = {
    "platform": "feishu",
    "tenant": "acme",
    "recording_id": TOKEN,
    "meeting_id": "7001",
    "file_id": TOKEN,
    "kind": "video",
    "source": {"record_file_id": TOKEN, "allow_download": True},
}
RECORDING = {
    "platform": "feishu",
    "tenant": "acme",
    "recording_id": TOKEN,
    "meeting_id": "7001",
    "meeting_number": "123456789",
    "owner_id": "ou_lina",
    "title": "Merger with Initech",
    "state": "ready",
    "reason": "seen by ou_lina",
    "page_url": f"https://acme.example/minutes/{TOKEN}",
    "started_at": "2026-11-10T02:00:00+00:00",
    "duration_ms": 1000,
    "source": {
        "token": TOKEN,
        "owner_id": "ou_lina",
        "host_user_id": "ou_lina",
        "title": "Merger with Initech",
        "topic": "Merger with Initech",
        "create_time": "1762740000000",
        "duration": "1000",
        "state": 3,
        "nested": [{"whoever": "ou_lina", "note": "Merger with Initech, 2nd"}],
    },
    "files": [FILE],
}
POST = {
    "platform": "feishu",
    "tenant": "acme",
    "post_id": "P1",
    "author_id": "ou_lina",
    "author_kind": "named",
    "content_text": "Lunch is free",
    "content": [[{"tag": "text", "text": "Lunch is free"}]],
    "reactions": [{"type": "OK", "count": 2}],
    "category_ids": ["c1", "c2"],
    "source": {"user_id": "ou_lina", "user_type": 1, "content": "[[…]]", "reaction_set": {"total_count": 2}},
}


def hashed(value: str) -> str:
    return hmac.new(KEY, value.encode(), hashlib.sha256).hexdigest()


def redaction(**redact: str) -> Redaction:
    into = tables()
    posts = (into.posts, into.post_reactions)
    of_posts = redact.keys() & {column.name for table in posts for column in table.columns} - {
        column.name for column in into.recordings.columns
    }
    return Redaction(redact, KEY, posts if of_posts else [table for table in into if table not in posts])


def recording(*, platform: str = "feishu", **redact: str) -> dict[str, Any]:
    (found,) = redaction(**redact).recordings(
        [RECORDING | {"platform": platform, "files": [{**FILE, "platform": platform}]}]
    )
    return dict(found)


def post(**redact: str) -> dict[str, Any]:
    (found,) = redaction(**redact).posts([POST])
    return dict(found)


def test_no_actions() -> None:
    unchanged = Redaction({}, None, tables())
    assert list(unchanged.recordings([RECORDING])) == [RECORDING]
    assert list(unchanged.posts([POST])) == [POST]


def test_hash_is_equal_everywhere() -> None:
    found = recording(owner_id="hash")
    lina = hashed("ou_lina")
    assert found["owner_id"] == lina
    assert found["reason"] == f"seen by {lina}"
    assert (found["source"]["owner_id"], found["source"]["host_user_id"]) == (lina, lina)
    assert found["source"]["nested"][0]["whoever"] == lina
    assert "ou_lina" not in json.dumps(found)
    assert found["title"] == RECORDING["title"]


@pytest.mark.parametrize(
    ("listed_by", "redact", "expected"),
    [
        ("owner_id:wei", {"owner_id": "hash"}, f"owner_id:{hashed('wei')}"),
        ("owner_id:wei", {"owner_id": "drop"}, "owner_id"),
        ("owner_id:wei", {"meeting_id": "hash"}, "owner_id:wei"),
        ("meeting_id:7001:2", {"meeting_id": "hash"}, f"meeting_id:{hashed('7001:2')}"),
        ("meeting_number:123", {"meeting_number": "hash"}, f"meeting_number:{hashed('123')}"),
        (f"recording_id:{TOKEN}", {"file_id": "hash"}, f"recording_id:{hashed(TOKEN)}"),
        ("window", {"owner_id": "drop"}, "window"),
        (None, {"owner_id": "drop"}, None),
    ],
)
def test_id_in_listed_by_is_redacted_by_its_column(
    listed_by: str | None, redact: dict[str, str], expected: str | None
) -> None:
    row = {**RECORDING, "listed_by": listed_by, "source": {"creator": "wei"}}
    (found,) = redaction(**redact).recordings([row])
    assert found["listed_by"] == expected
    if listed_by == "owner_id:wei" and "owner_id" in redact:
        assert "wei" not in json.dumps(found)


def test_dropped_value_is_removed_everywhere() -> None:
    found = recording(title="drop", started_at="drop", duration_ms="drop")
    assert (found["title"], found["started_at"], found["duration_ms"]) == (None, None, None)
    assert "Merger" not in json.dumps(found)
    assert not found["source"].keys() & {"title", "topic", "create_time", "duration"}
    assert found["source"]["nested"][0]["note"] == "[redacted], 2nd"
    assert found["source"]["token"] == TOKEN


def test_id_is_hashed_in_files_and_urls() -> None:
    found = recording(recording_id="hash", meeting_id="hash")
    assert found["recording_id"] == found["files"][0]["recording_id"] == found["files"][0]["file_id"] == hashed(TOKEN)
    assert found["files"][0]["meeting_id"] == hashed("7001")
    assert found["page_url"] == f"https://acme.example/minutes/{hashed(TOKEN)}"
    assert TOKEN not in json.dumps(found)
    assert found["state"] == "ready"


def test_stored_file_and_its_rows_still_join() -> None:
    file = {**RECORDING["files"][0], "uri": f"file:///lake/{TOKEN}/{TOKEN}.srt", "outcome": "landed"}  # type: ignore[index]
    row = {"recording_id": TOKEN, "file_id": TOKEN, "speaker_name": "李娜", "text": "yes", "segment_no": 0}
    redact = redaction(recording_id="hash", speaker_name="hash", text="drop")
    (found,) = redact.stored_files([file])
    (content,) = redact.contents([Content(TranscriptSegment, file, [row])])
    (segment,) = content.rows
    assert found["uri"] == f"file:///lake/{hashed(TOKEN)}/{hashed(TOKEN)}.srt"
    assert content.file == found
    assert segment == {
        "recording_id": hashed(TOKEN),
        "file_id": hashed(TOKEN),
        "speaker_name": hashed("李娜"),
        "text": None,
        "segment_no": 0,
    }


def test_meeting_id_of_recording_is_redacted_in_uris() -> None:
    file = {"platform": "feishu", "tenant": "acme", "recording_id": TOKEN, "uri": f"s3://b/7001/a/7002/{TOKEN}.mp4"}
    other = {**file, "recording_id": "other"}
    redact = redaction(meeting_id="hash")
    part = {**RECORDING["files"][0], "meeting_id": "7002"}  # type: ignore[index]
    list(redact.recordings([{**RECORDING, "files": [part]}]))
    found, unchanged = redact.stored_files([file, other])
    assert found["uri"] == f"s3://b/{hashed('7001')}/a/{hashed('7002')}/{TOKEN}.mp4"
    assert unchanged == other
    (content,) = redact.contents([Content(TranscriptSegment, file, [])])
    assert content.file == found


def test_key_columns_keep_values_equal_to_dropped_text() -> None:
    redact = redaction(title="drop")
    (found,) = redact.recordings([{**RECORDING, "title": "acme"}])
    assert found["tenant"] == "acme"
    (found,) = redact.recordings([{**RECORDING, "title": "ready"}])
    assert found["state"] == "ready"


def test_short_text_is_not_replaced_in_words() -> None:
    (found,) = redaction(title="drop").recordings([{**RECORDING, "title": "see"}])
    assert found["reason"] == "seen by ou_lina"
    (found,) = redaction(owner_id="drop").recordings([{**RECORDING, "owner_id": "see", "reason": "see, seen, oversee"}])
    assert found["reason"] == "[redacted], seen, oversee"


def test_short_chinese_text_is_replaced() -> None:
    recordings = [{**RECORDING, "title": "裁员", "reason": "关于裁员的会议"}, {**RECORDING, "title": "\ud800"}]
    found, _ = redaction(title="drop").recordings(recordings)
    assert found["reason"] == "关于[redacted]的会议"


@pytest.mark.parametrize("action", ["hash", "drop"])
def test_id_as_number_and_as_field_name(action: str) -> None:
    source = {"editor": 10023456, "ids": [10023456, 1], "by": {"10023456": 3, "other": 4}, "flag": True}
    (found,) = redaction(owner_id=action).recordings([{**RECORDING, "owner_id": "10023456", "source": source}])
    assert "10023456" not in json.dumps(found)
    assert (found["source"]["ids"][1], found["source"]["by"]["other"], found["source"]["flag"]) == (1, 4, True)


def test_escaped_json_in_text() -> None:
    link = "https://feishu.example/moments/p1?a=1&b=2"
    content = json.dumps([{"url": link, "text": "机密"}]).replace("/", "\\/").replace("&", "\\u0026")
    row = {**POST, "link": link, "category_ids": ["机密"], "content": None, "source": {"content": content}}
    (found,) = redaction(link="hash", category_ids="hash").posts([row])
    assert json.loads(found["source"]["content"]) == [{"url": hashed(link), "text": hashed("机密")}]
    (found,) = redaction(author_id="hash").posts([row])
    assert found["source"]["content"] == content


def test_longer_text_takes_precedence() -> None:
    row = {**RECORDING, "title": "ou_lina's meeting", "reason": "about ou_lina's meeting"}
    for redact in ({"owner_id": "hash", "title": "drop"}, {"title": "drop", "owner_id": "hash"}):
        (found,) = redaction(**redact).recordings([row])
        assert found["reason"] == "about [redacted]"


def test_percent_encoded_id_in_url() -> None:
    row = {**RECORDING, "recording_id": "a/b c", "page_url": "https://x.example/a%2Fb%20c?x=1"}
    (found,) = redaction(recording_id="hash").recordings([row])
    assert found["page_url"] == f"https://x.example/{hashed('a/b c')}?x=1"


def test_column_from_source_is_kept_when_source_is_dropped() -> None:
    found = recording(platform="wecom", source="drop")
    assert (found["source"], found["state_code"], found["files"][0]["allow_download"]) == ({}, 3, True)
    found = recording(platform="wecom", allow_download="drop", state_code="drop")
    assert (found["state_code"], found["reason"], found["files"][0]["allow_download"]) == (None, None, None)
    assert "state" not in found["source"]
    assert found["files"][0]["source"] == {"record_file_id": TOKEN}


def test_posts() -> None:
    found = post(author_id="hash", content_text="drop", author_kind="drop", category_ids="hash", reaction_type="hash")
    assert (found["author_id"], found["content_text"], found["content"]) == (hashed("ou_lina"), None, None)
    assert (found["author_kind"], found["author_kind_code"]) == (None, None)
    assert found["category_ids"] == [hashed("c1"), hashed("c2")]
    assert found["reactions"] == [{"type": hashed("OK"), "count": 2}]
    assert found["source"] == {"user_id": hashed("ou_lina"), "reaction_set": None}
    assert post(reaction_count="drop")["reactions"] == [{"type": "OK", "count": None}]
    assert post(reaction_type="hash", reaction_count="drop")["source"].keys() == {"user_id", "user_type", "content"}


@pytest.mark.parametrize("redact", [{"content": "drop"}, {"content_text": "drop"}])
def test_content_of_post_is_dropped_in_both_columns(redact: dict[str, str]) -> None:
    found = post(**redact)
    assert (found["content"], found["content_text"]) == (None, None)
    assert "Lunch" not in json.dumps(found)


def test_content_of_post_with_hashed_text() -> None:
    for redact in ({"content": "drop", "content_text": "hash"}, {"content_text": "hash"}):
        found = post(**redact)
        assert (found["content"], found["content_text"]) == (None, hashed("Lunch is free"))


def test_missing_author_is_not_hashed() -> None:
    (found,) = redaction(author_id="hash").posts([{**POST, "author_id": None, "source": {"user_id": ""}}])
    assert (found["author_id"], found["source"]["user_id"]) == (None, "")


def windows(**redact: str) -> list[dict[str, Any]]:
    listed = [{"endpoint": "e", "selector": selector, "outcome": "complete"} for selector in ("ou_lina", "ou_wang")]
    summary = {"platform": "wecom", "tenant": "acme", "windows": listed}
    (found,) = redaction(**redact).summaries([summary])
    return list(found["windows"])


def test_selectors_are_redacted_with_the_ids() -> None:
    assert [window["selector"] for window in windows(title="drop")] == ["ou_lina", "ou_wang"]
    assert [window["selector"] for window in windows(owner_id="hash")] == [hashed("ou_lina"), hashed("ou_wang")]
    assert [window["selector"] for window in windows(owner_id="drop", meeting_id="hash")] == [None, None]


def test_windows_with_dropped_selectors_stay_distinct(
    load: Callable[..., dict[str, int]], sql: Callable[[str], list[dict[str, Any]]]
) -> None:
    listed = [
        {"endpoint": "e", "selector": s, "start": None, "end": "2026-11-10T00:00:00+00:00", "outcome": "complete"}
        for s in ("ou_lina", "ou_wang")
    ]
    summary = {"platform": "wecom", "tenant": "acme", "windows": listed}
    assert load(summaries=redaction(owner_id="drop").summaries([summary]))["discovery_windows"] == 2
    assert sql("SELECT DISTINCT selector FROM discovery_windows") == [{"selector": None}]


def test_windows_of_several_summaries_stay_distinct(load: Callable[..., dict[str, int]]) -> None:
    window = {"endpoint": "e", "start": None, "end": "2026-11-10T00:00:00+00:00", "outcome": "complete"}
    listed = [
        {"platform": "wecom", "tenant": "acme", "windows": [{**window, "selector": s}]}
        for s in ("ou_1", "ou_2", "ou_3")
    ]
    assert load(summaries=redaction(owner_id="drop").summaries(listed))["discovery_windows"] == 3


@pytest.mark.parametrize(
    ("redact", "text"),
    [
        ({"titel": "drop"}, "unknown column 'titel'; known columns: .*title"),
        ({"_source_hash": "drop"}, "unknown column '_source_hash'"),
        ({"title": "mask"}, "'title' must be one of hash, drop, got 'mask'"),
        ({"title": None}, "'title' must be one of hash, drop, got 'None'"),
        ({"recording_id": "drop"}, "'recording_id' is part of a key; the only possible action is 'hash'"),
        ({"meeting_id": "drop"}, "'meeting_id' is part of a key"),
        ({"duration_ms": "hash"}, "'duration_ms' is not text; the only possible action is 'drop'"),
        ({"source": "hash"}, "'source' is not text"),
        ({"state": "drop"}, "'state' cannot be redacted: the loader needs it"),
        ({"listed_by": "hash"}, "'listed_by' cannot be redacted: redact owner_id, meeting_id, .* instead"),
        ({"segment_no": "hash"}, "'segment_no' cannot be redacted: it is a row number"),
        ({"selector": "hash"}, "'selector' cannot be redacted: redact owner_id"),
    ],
)
def test_invalid_redact(redact: dict[str, str], text: str) -> None:
    with pytest.raises(LoadError, match=text):
        Redaction(redact, KEY, [table for table in tables() if not table.name.startswith("post")])


@pytest.mark.parametrize("key", [None, b"", b"too short"])
def test_hashes_need_a_key(key: bytes | None) -> None:
    with pytest.raises(LoadError, match="needs a key of at least 16 bytes: set the option redact_key"):
        Redaction({"title": "drop", "owner_id": "hash"}, key, tables())
    Redaction({"title": "drop"}, key, tables())


def test_each_column_has_actions_or_a_reason() -> None:
    for table in tables():
        for column in table.columns:
            kept = column.name.startswith("_") or column.name in NOT_REDACTABLE
            assert bool(actions_of(column)) != kept, column
            assert set(actions_of(column)) <= set(ACTIONS)
            assert not (column.primary_key and "drop" in actions_of(column))
    assert {column.name for table in tables() for column in table.columns} >= NOT_REDACTABLE.keys()


@pytest.mark.parametrize(
    ("redact", "expected"),
    [
        ({"title": "drop"}, "number:123@1000"),
        ({"meeting_number": "hash"}, f"number:{hashed('123')}@1000"),
        ({"started_at": "drop"}, "number:123@"),
        ({"meeting_id": "hash"}, "number:123@1000"),
    ],
)
def test_key_of_item_is_redacted_with_its_number_and_start(redact: dict[str, str], expected: str) -> None:
    one = item(item_key="number:123@1000", meeting_id=None, meeting_number="123", reason="no meeting 123")
    (found,) = redaction(**redact).ledger(ledger(one))["items"]
    assert found["item_key"] == expected
    assert ("123" in found["reason"]) == ("meeting_number" not in redact)


def test_selector_of_date_is_redacted() -> None:
    window = {**DATE, "listed_by": "window"}
    says = ledger(item(reason="zhang"), dates=[DATE, window])
    for redact, selectors in (
        ({"meeting_id": "hash"}, ["owner_id:zhang", "window"]),
        ({"owner_id": "hash"}, [f"owner_id:{hashed('zhang')}", "window"]),
        ({"owner_id": "drop"}, ["window"]),
    ):
        found = redaction(**redact).ledger(says)
        assert [one["listed_by"] for one in found["dates"]] == selectors
        assert ("zhang" in repr(found)) == ("owner_id" not in redact)
