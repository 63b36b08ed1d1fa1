"""Feishu's Moments posts (公司圈)."""

from __future__ import annotations

import json
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_meetings.emulator.answers import feishu as answers
from airflow_provider_meetings.emulator.feishu.tokens import authorize
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

_POST: Final = "feishu.post"


# https://open.feishu.cn/document/moments-v1/post/get
async def post(state: EmulatorState, request: Request) -> Response:
    """Answer with a post. ``create_time`` is RFC 3339; only a post with ``user_type`` 1 names its author."""
    authorize(state, request, _POST, "tenant")
    post_id = request.path_params["post_id"]
    if not (post_id.isascii() and post_id.isdigit()):
        raise answers.error(_POST, 1420001)
    post = state.company.feishu_posts.get(post_id)
    author_id = answers.user_id(request, post.author if post else None, _POST, 1420001)
    if post is None:
        raise answers.error(_POST, 1420004)
    if post.forbidden:
        raise answers.error(_POST, 1420002)
    data = {
        "user_id": author_id if post.user_type == 1 else "",
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
    return answers.success({"post": data}, state.now())
