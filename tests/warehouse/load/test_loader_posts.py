from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

Load = Callable[..., dict[str, int]]
Make = Callable[..., dict[str, Any]]
Dump = Callable[[str], list[dict[str, Any]]]

GONE = {"platform": "feishu", "tenant": "t", "post_id": "p-1", "deleted": True, "reactions": [], "content_text": None}


def _reactions(dump: Dump) -> dict[str, tuple[int, bool]]:
    return {r["reaction_type"]: (r["reaction_count"], r["_deleted_at"] is not None) for r in dump("post_reactions")}


def test_post_and_reactions_are_written(load_post: Load, post: Make, dump: Dump) -> None:
    assert load_post(post()) == {"posts": 1, "post_reactions": 2}
    (row,) = dump("posts")
    assert (row["content_text"], row["comment_count"], row["_deleted_at"]) == ("hello", 1, None)
    assert row["content"] == '[[{"tag":"text","text":"hello"}]]'
    assert row["category_ids"] == '["c1"]'
    assert _reactions(dump) == {"OK": (2, False), "HEART": (1, False)}


def test_repeated_load_changes_nothing(load_post: Load, post: Make, dump: Dump, now: datetime) -> None:
    load_post(post())
    before = dump("posts"), dump("post_reactions")
    assert load_post(post(), now=now + timedelta(hours=1)) == {"posts": 0, "post_reactions": 0}
    assert (dump("posts"), dump("post_reactions")) == before


def test_deleted_post_is_marked_and_keeps_content(load_post: Load, post: Make, dump: Dump, now: datetime) -> None:
    load_post(post())
    (before,) = dump("posts")
    assert load_post(GONE, now=now + timedelta(hours=1)) == {"posts": 1, "post_reactions": 0}
    (row,) = dump("posts")
    assert row["_deleted_at"].startswith("2026-05-04 04:02:01")
    assert row["_landed_at"] == row["_deleted_at"]
    assert {**row, "_deleted_at": None, "_landed_at": before["_landed_at"]} == before
    assert load_post(GONE, now=now + timedelta(hours=2)) == {"posts": 0, "post_reactions": 0}
    assert dump("posts") == [row]
    assert _reactions(dump) == {"OK": (2, False), "HEART": (1, False)}


def test_deleted_unknown_post_has_ids_only(load_post: Load, dump: Dump) -> None:
    assert load_post(GONE)["posts"] == 1
    (row,) = dump("posts")
    assert {name for name, value in row.items() if value is not None} == {
        "platform",
        "tenant",
        "post_id",
        "_deleted_at",
        "_landed_at",
    }


def test_restored_post_is_unmarked(load_post: Load, post: Make, dump: Dump) -> None:
    load_post(post())
    load_post(GONE)
    assert load_post(post())["posts"] == 1
    assert dump("posts")[0]["_deleted_at"] is None


def test_removed_reaction_is_zero_and_marked(load_post: Load, post: Make, dump: Dump, now: datetime) -> None:
    load_post(post(), post(post_id="p-2"))
    less = post(reactions=[{"type": "OK", "count": 5}])
    assert load_post(less, now=now + timedelta(hours=1)) == {"posts": 0, "post_reactions": 2}
    mine = {r["reaction_type"]: r for r in dump("post_reactions") if r["post_id"] == "p-1"}
    assert (mine["OK"]["reaction_count"], mine["OK"]["_deleted_at"]) == (5, None)
    assert mine["HEART"]["reaction_count"] == 0
    assert mine["HEART"]["_deleted_at"].startswith("2026-05-04 04:02:01")
    others = [r for r in dump("post_reactions") if r["post_id"] == "p-2"]
    assert [(r["reaction_count"], r["_deleted_at"]) for r in others] == [(1, None), (2, None)]
    assert load_post(less, now=now + timedelta(hours=2))["post_reactions"] == 0
    assert load_post(post())["post_reactions"] == 2
    assert _reactions(dump)["HEART"] == (1, False)


def test_restored_reaction_with_count_zero_is_unmarked(load_post: Load, post: Make, dump: Dump) -> None:
    load_post(post(reactions=[{"type": "OK", "count": 2}]))
    load_post(post(reactions=[]))
    assert _reactions(dump) == {"OK": (0, True)}
    load_post(post(reactions=[{"type": "OK", "count": 0}]))
    assert _reactions(dump) == {"OK": (0, False)}


def test_same_post_id_in_other_tenant(load_post: Load, post: Make, dump: Dump) -> None:
    load_post(post(), post(tenant="other"))
    load_post(post(tenant="other", reactions=[]))
    live = {(r["tenant"], r["reaction_type"]) for r in dump("post_reactions") if r["_deleted_at"] is None}
    assert live == {("t", "OK"), ("t", "HEART")}


def test_last_observation_of_post_in_batch_wins(load_post: Load, post: Make, dump: Dump) -> None:
    load_post(post(content_text="first"), GONE, post(content_text="last", reactions=[]))
    (row,) = dump("posts")
    assert (row["content_text"], row["_deleted_at"]) == ("last", None)
    assert _reactions(dump) == {"OK": (0, True), "HEART": (0, True)}
    load_post(post(content_text="first"), GONE)
    (row,) = dump("posts")
    assert row["content_text"] == "first"
    assert row["_deleted_at"] is not None
    assert _reactions(dump) == {"OK": (2, False), "HEART": (1, False)}


def test_many_posts_in_one_batch(load_post: Load, post: Make, dump: Dump) -> None:
    many = [post(post_id=f"p-{i}") for i in range(777)]
    assert load_post(*many) == {"posts": 777, "post_reactions": 2 * 777}
    none = [post(post_id=f"p-{i}", reactions=[]) for i in range(777)]
    assert load_post(*none) == {"posts": 0, "post_reactions": 2 * 777}
    assert load_post(*none) == {"posts": 0, "post_reactions": 0}
