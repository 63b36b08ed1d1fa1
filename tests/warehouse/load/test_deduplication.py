"""Several words on one key in one call do what as many calls with a word each do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_meetings.api.models import RecordingState
from airflow_provider_meetings.warehouse.load.loader import BATCH, load_posts
from airflow_provider_meetings.warehouse.merge.engine import Hook
from tests.warehouse import servers

Word = dict[str, Any]
Found = dict[str, list[Word]]
Load = Callable[..., dict[str, int]]
Make = Callable[..., Word]
Dump = Callable[[str], list[Word]]
Agree = Callable[[Hook, Sequence[Word], int], Found]

_TENANTS = count()
_TIMES = frozenset({"_landed_at", "first_seen_at", "last_seen_at"})
_MARKS = frozenset({"_deleted_at", "settled_at"})  # of these it counts whether there is one
_WAITING = frozenset({"recording", "processing", "absent", "overdue"})
_LITTLE = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _beside(hook: Hook, load: Callable[[str, Sequence[Word]], object], words: Sequence[Word], known: int) -> str:
    """Load the first `known` words; then the others by one call, and in other tables by one call each."""
    tenant = f"t-{next(_TENANTS)}"
    told = [{**word, "tenant": tenant} for word in words]
    for prefix in ("one_", "each_"):
        for word in told[:known]:
            load(prefix, [word])
    load("one_", told[known:])
    for word in told[known:]:
        load("each_", [word])
    return tenant


def _found(hook: Hook, prefix: str, tenant: str, names: Sequence[str]) -> Found:
    found = {name: servers.run_sql(hook, f"SELECT * FROM {prefix}{name} WHERE tenant = '{tenant}'") for name in names}
    return {name: sorted((_untimed(row) for row in rows), key=repr) for name, rows in found.items()}


def _untimed(row: Word) -> Word:
    left = {name: servers.as_text(value) for name, value in row.items() if name not in {*_TIMES, "tenant"}}
    return left | {name: row[name] is not None for name in _MARKS & row.keys()}


@pytest.fixture
def recordings_agree(loaded: Load) -> Agree:
    """Compare what words on recordings leave, and return it."""
    names = ("recordings", "recording_files", "pending_items")

    def run(hook: Hook, words: Sequence[Word], known: int = 0) -> Found:
        tenant = _beside(hook, lambda prefix, some: loaded(hook, some, table_prefix=prefix), words, known)
        one, each = (_found(hook, prefix, tenant, names) for prefix in ("one_", "each_"))
        # What begins and ends to wait in the same call is not noted, and what ends there tells the last answer. One by
        # one, an answer that does not name its meeting settles nothing that waits under the meeting's id.
        had = {f"meeting:{row['meeting_id']}" for row in each["recordings"] if row["state"] not in _WAITING}
        one["pending_items"] = [item for item in one["pending_items"] if not item["settled_at"]]
        each["pending_items"] = [
            item for item in each["pending_items"] if not item["settled_at"] and item["item_key"] not in had
        ]
        assert one == each
        return one

    return run


@pytest.fixture
def posts_agree(now: datetime) -> Agree:
    """Compare what words on posts leave, and return it."""

    def run(hook: Hook, words: Sequence[Word], known: int = 0) -> Found:
        def load(prefix: str, some: Sequence[Word]) -> None:
            load_posts(hook, posts=some, schema=None, table_prefix=prefix, schema_changes="add", now=now)

        tenant = _beside(hook, load, words, known)
        one, each = (_found(hook, prefix, tenant, ("posts", "post_reactions")) for prefix in ("one_", "each_"))
        assert one == each
        return one

    return run


def _word(state: str, title: str | None = None, *files: str, size: int = 1, **more: Any) -> Word:
    listed = [{"file_id": file, "kind": "video", "declared_size": size} for file in files]
    word = {"platform": "wecom", "recording_id": "a", "meeting_id": None, "state": state, "title": title}
    return {**word, "files": listed, "source": {}, **more}


# What the words are, and then the state, the title and the files that are not gone.
RECORDINGS: dict[str, tuple[list[Word], tuple[str, str | None, list[str]]]] = {
    "ready, gone": ([_word("ready", "x", "f"), _word("gone")], ("gone", "x", [])),
    "ready, processing": ([_word("ready", "x", "f"), _word("processing", "y")], ("ready", "x", ["f"])),
    "ready without a title, processing": ([_word("ready"), _word("processing", "y")], ("ready", None, [])),
    "processing, ready": ([_word("processing"), _word("ready", "x", "f")], ("ready", "x", ["f"])),
    "processing with a title, gone": ([_word("processing", "x"), _word("gone")], ("gone", "x", [])),
    "gone, ready": ([_word("gone"), _word("ready", "x", "f")], ("ready", "x", ["f"])),
    "gone, ready, gone": ([_word("gone"), _word("ready", "x", "f"), _word("gone")], ("gone", "x", [])),
    "gone, forbidden": ([_word("ready", "x", "f"), _word("gone"), _word("forbidden")], ("forbidden", "x", [])),
    "forbidden with a title, ready": ([_word("forbidden", "x"), _word("ready")], ("ready", "x", [])),
    "ready with a title, ready": ([_word("ready", "x"), _word("ready", owner_id="o")], ("ready", "x", [])),
    "ready, ready with another file": ([_word("ready", "x", "f"), _word("ready", "y", "g")], ("ready", "y", ["g"])),
    "ready with files, ready": ([_word("ready", "x", "f", "g"), _word("ready", "y")], ("ready", "y", ["f", "g"])),
    "processing, ready, processing": (
        [_word("processing", "x"), _word("ready"), _word("processing", "y")],
        ("ready", "x", []),
    ),
    "gone, ready without files": ([_word("ready", "x", "f"), _word("gone"), _word("ready")], ("ready", "x", [])),
    "the same twice": ([_word("ready", "x", "f"), _word("ready", "x", "f")], ("ready", "x", ["f"])),
}


def test_words_on_a_recording(hook: Hook, recordings_agree: Agree) -> None:
    for case, (words, left) in RECORDINGS.items():
        found = recordings_agree(hook, words, 0)
        (row,) = found["recordings"]
        live = [file["file_id"] for file in found["recording_files"] if not file["_deleted_at"]]
        assert (row["state"], row["title"], live) == left, case


def test_words_of_which_the_last_one_is_known(hook: Hook, recordings_agree: Agree) -> None:
    for words, _ in RECORDINGS.values():
        recordings_agree(hook, [words[-1], *words], 1)


def test_words_of_different_batches(hook: Hook, loaded: Load, recordings_agree: Agree) -> None:
    between = [_word("ready", recording_id=f"x-{i}") for i in range(BATCH)]
    words = [_word("processing", "x", "f"), *between, _word("ready", None, "g"), _word("processing", "y")]
    loaded(hook, [{**word, "tenant": "t"} for word in words])
    rows = servers.run_sql(hook, "SELECT state, title FROM recordings WHERE recording_id = 'a'")
    assert rows == [{"state": "ready", "title": "x"}]
    files = servers.run_sql(hook, "SELECT file_id FROM recording_files WHERE _deleted_at IS NULL")
    assert files == [{"file_id": "g"}]


def test_a_recording_of_several_words_counts_once(load: Load, recording: Make, dump: Dump) -> None:
    words = [recording(state="processing", files=[]), recording(title="x"), recording(title="y")]
    assert load(recordings=words)["recordings"] == 1
    before = dump("recordings")
    assert load(recordings=words)["recordings"] == 0
    assert dump("recordings") == before


@st.composite
def _on_recordings(draw: st.DrawFn) -> Word:
    key = draw(st.sampled_from(["a", "b"]))
    meeting = draw(st.sampled_from([f"m-{key}", None]))
    without = meeting is not None and draw(st.integers(0, 4)) == 0
    return _word(
        draw(st.sampled_from([str(state) for state in RecordingState])),
        draw(st.sampled_from(["x", "y", None])),
        *draw(st.lists(st.sampled_from(["f", "g"]), unique=True)),
        size=draw(st.integers(1, 2)),
        recording_id=None if without else key,
        meeting_id=meeting,
        owner_id=draw(st.sampled_from(["o", None])),
        reason=draw(st.sampled_from(["why", None])),
    )


@st.composite
def _on_posts(draw: st.DrawFn) -> Word:
    reactions = draw(st.lists(st.sampled_from(["OK", "HEART"]), unique=True))
    return {
        "platform": "feishu",
        "post_id": draw(st.sampled_from(["a", "b"])),
        "content_text": draw(st.sampled_from(["x", "y", None])),
        "deleted": draw(st.booleans()),
        "reactions": [{"type": one, "count": draw(st.integers(0, 2))} for one in reactions],
        "source": {},
    }


@given(st.lists(_on_recordings(), min_size=2, max_size=7), st.integers(0, 2))
@settings(_LITTLE, max_examples=10)
def test_any_words_on_recordings(hook: Hook, recordings_agree: Agree, words: list[Word], known: int) -> None:
    recordings_agree(hook, words, known)


@given(st.lists(_on_posts(), min_size=2, max_size=7), st.integers(0, 2))
@settings(_LITTLE, max_examples=10)
def test_any_words_on_posts(hook: Hook, posts_agree: Agree, words: list[Word], known: int) -> None:
    posts_agree(hook, words, known)


@given(st.lists(_on_recordings(), min_size=2, max_size=7), st.integers(0, 2))
@settings(_LITTLE, max_examples=50)
def test_many_words_on_recordings(
    make_hook: Callable[..., Hook], recordings_agree: Agree, tmp_path: Path, words: list[Word], known: int
) -> None:
    recordings_agree(make_hook("sqlite", tmp_path / "words.sqlite"), words, known)


@given(st.lists(_on_posts(), min_size=2, max_size=7), st.integers(0, 2))
@settings(_LITTLE, max_examples=50)
def test_many_words_on_posts(
    make_hook: Callable[..., Hook], posts_agree: Agree, tmp_path: Path, words: list[Word], known: int
) -> None:
    posts_agree(make_hook("sqlite", tmp_path / "words.sqlite"), words, known)


def test_words_on_a_post(hook: Hook, posts_agree: Agree, post: Make) -> None:
    gone = {"platform": "feishu", "post_id": "p-1", "deleted": True}
    first = post(content_text="first", reactions=[{"type": "OK", "count": 1}])
    last = post(content_text="last", reactions=[{"type": "HEART", "count": 1}])
    for words, left in (
        ([last, gone], ("last", True)),
        ([gone, last], ("last", False)),
        ([first, last], ("last", False)),
        ([first, gone, last], ("last", False)),
        ([gone, first, last, gone], ("last", True)),
    ):
        found = posts_agree(hook, words, 0)
        (row,) = found["posts"]
        assert (row["content_text"], row["_deleted_at"]) == left
        live = [one["reaction_type"] for one in found["post_reactions"] if not one["_deleted_at"]]
        assert live == ["HEART"]
