"""Feishu's Moments posts (公司圈)."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_meetings.emulator.answers import feishu as answers
from airflow_provider_meetings.emulator.answers.feishu import shown_user
from airflow_provider_meetings.emulator.answers.request_check import Gate
from airflow_provider_meetings.emulator.feishu.tokens import authorize
from airflow_provider_meetings.emulator.model.feishu import FeishuPost
from airflow_provider_meetings.emulator.state.emulator import EmulatorState


class FeishuPosts:
    """Answer for the posts of one company."""

    def __init__(self, state: EmulatorState, gate: Gate) -> None:
        self.state = state
        self.gate = gate

    def routes(self) -> list[Route]:
        """Return the route; the vendor has no list of posts."""
        return [self.gate.route("feishu.post", self.post)]

    # https://open.feishu.cn/document/moments-v1/post/get
    async def post(self, request: Request) -> Response:
        """Answer with a post; ``create_time`` is RFC 3339, and the author is named only where the post is."""
        authorize(self.state, request, "feishu.post", "tenant")
        post_id = request.path_params["post_id"]
        if not (post_id.isascii() and post_id.isdigit()):
            raise answers.refused("feishu.post", 1420001)
        post = self.state.company.feishu_posts.get(post_id)
        user_id = shown_user(request, post.author if post else None, "feishu.post", 1420001)
        if post is None:
            raise answers.refused("feishu.post", 1420004)
        if post.forbidden:
            raise answers.refused("feishu.post", 1420002)
        return answers.success({"post": _described(post, user_id)}, self.state.now())


def _described(post: FeishuPost, user_id: str) -> dict[str, Any]:
    return {
        "user_id": user_id if post.user_type == 1 else "",
        "content": json.dumps(post.content, ensure_ascii=False, separators=(",", ":"), default=dict),
        "image_key_list": list(post.image_keys),
        "media_file_token": post.media_file_token,
        "comment_count": post.comment_count,
        "reaction_set": {
            "reactions": [{"type": kind, "count": count} for kind, count in post.reactions],
            "total_count": sum(count for _, count in post.reactions),
        },
        "id": post.post_id,
        "create_time": post.create_time.isoformat(timespec="seconds"),
        "media_cover_image_key": post.media_cover_image_key,
        "category_ids": list(post.category_ids),
        "link": f"https://applink.feishu.cn/client/moments/detail?postId={post.post_id}",
        "user_type": post.user_type,
        "dislike_count": post.dislike_count,
    }
