"""A Moments post in Feishu's answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

from pendulum import DateTime

from airflow_provider_meetings.api.http.fields import Fields, Raw
from airflow_provider_meetings.api.sanitize import storable, storable_text
from airflow_provider_meetings.platforms.feishu.api.models import FeishuAnswer

_USER_TYPES = {1: "named", 2: "nickname", 3: "anonymous", 4: "official"}


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/moments-v1/moments-explanation
def _rich_text(_: Fields, raw: Raw, name: str) -> list[Any] | None:
    """Read JSON in a string: paragraphs of nodes. None for plain text."""
    try:
        nodes = storable(json.loads(raw.get(name) or ""))
    except (TypeError, ValueError, RecursionError):
        return None
    return nodes if isinstance(nodes, list) else None


@dataclass(frozen=True, slots=True)
class Reaction(FeishuAnswer):
    """A kind of reaction and its count."""

    type: str
    count: int | None


@dataclass(frozen=True, slots=True)
class ReactionSet(FeishuAnswer):
    """The reactions to a post."""

    reactions: tuple[Reaction, ...]
    total_count: int | None


# https://open.feishu.cn/document/moments-v1/post/get
@dataclass(frozen=True, slots=True)
class MomentsPost(FeishuAnswer):
    """A Moments post; `create_time` in UTC, `content` as paragraphs of nodes."""

    id: str
    user_id: str | None
    user_type: int | None
    content: Annotated[list[Any] | None, _rich_text]
    create_time: Annotated[DateTime | None, Fields.rfc3339]
    comment_count: int | None
    dislike_count: int | None
    reaction_set: ReactionSet
    category_ids: tuple[str, ...]
    link: str | None

    @property
    def author_kind(self) -> str | None:
        """Name `user_type`: named, nickname, anonymous, official; None for an undocumented one."""
        return None if self.user_type is None else _USER_TYPES.get(self.user_type)

    @property
    def content_text(self) -> str | None:
        """The content without markup."""
        if self.content is None:
            plain = self.raw.get("content")
            return storable_text(plain) if isinstance(plain, str) else None
        return "\n".join("".join(map(_node_text, p)) if isinstance(p, list) else "" for p in self.content)


def _node_text(node: object) -> str:
    if not isinstance(node, dict):
        return ""
    if node.get("tag") == "at":
        return f"@{node.get('user_name') or node.get('text') or ''}"
    return str(node.get("text") or node.get("href") or "")
