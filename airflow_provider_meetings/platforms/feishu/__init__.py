"""Feishu and Lark: minutes, meeting recordings, Moments posts."""

from typing import Any

from airflow_provider_meetings.platforms import CONNECTION_FIELDS

MANIFEST: dict[str, Any] = {
    "connection-type": {
        "connection-type": "feishu",
        "hook-class-name": "airflow_provider_meetings.platforms.feishu.hook.FeishuHook",
        "hook-name": "Feishu / Lark meetings",
        "ui-field-behaviour": {
            "hidden-fields": ["port", "schema"],
            "relabeling": {"login": "App ID", "password": "App Secret", "host": "Base URL"},
            "placeholders": {
                "login": "cli_…",
                "host": "https://open.feishu.cn (blank), or https://open.larksuite.com",
            },
        },
        "conn-fields": {
            "tenant": {
                "label": "Tenant",
                "description": "Your name for the tenant, written into every row; blank: the App ID.",
                "schema": {"type": ["string", "null"]},
            },
            "user_id_type": {
                "label": "User ID type",
                "description": "Which id identifies people in the answers. open_id differs from app to app.",
                "schema": {"type": ["string", "null"], "enum": ["open_id", "union_id", "user_id", None]},
            },
            "identity": {
                "label": "Identity",
                "description": "app (blank): call as the app. user: call as a user who has consented once through "
                "airflow meetings authorize.",
                "schema": {"type": ["string", "null"], "enum": ["app", "user", None]},
            },
            "redirect_uri": {
                "label": "Redirect URI",
                "description": "For identity user: one of the redirect URLs of the app's security settings.",
                "schema": {"type": ["string", "null"]},
            },
            "scopes": {
                "label": "Scopes",
                "description": "For identity user: the scopes to request, separated by spaces; blank: those for "
                "reading and searching minutes.",
                "schema": {"type": ["string", "null"]},
            },
            "app_type": {
                "label": "App type",
                "description": "self-built (blank), or store for an app from the app directory.",
                "schema": {"type": ["string", "null"], "enum": ["self-built", "store", None]},
            },
            "app_ticket": {
                "label": "App ticket",
                "description": "For app type store: the latest ticket that was pushed to the app's webhook.",
                "schema": {"type": ["string", "null"], "format": "password"},
            },
            "tenant_key": {
                "label": "Tenant key",
                "description": "For app type store: the tenant that installed the app.",
                "schema": {"type": ["string", "null"]},
            },
            **CONNECTION_FIELDS,
        },
    },
    # https://open.feishu.cn/document/moments-v1/post/get
    "columns": {
        "author_kind_code": "user_type",
        "image_keys": "image_key_list",
        "media_file_token": "media_file_token",
        "media_cover_image_key": "media_cover_image_key",
    },
    # https://open.feishu.cn/document/server-docs/minutes-v1/minute/get
    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/artifacts
    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute-statistics/get
    # https://open.feishu.cn/document/moments-v1/post/get
    "source-fields": {
        "recording_id": ["token", "minute_token"],
        "file_id": ["token", "minute_token"],
        "meeting_number": ["meeting_no"],
        "title": ["topic"],
        "started_at": ["create_time", "start_time"],
        "ended_at": ["end_time"],
        "duration_ms": ["duration"],
        "page_url": ["url"],
        "post_id": ["id"],
        "author_id": ["user_id"],
        "author_kind": ["user_type"],
        "created_at": ["create_time"],
        "content_text": ["content"],
        "reaction_total": ["total_count"],
        "reaction_type": ["reaction_set"],
        "reaction_count": ["reaction_set"],
        "category_ids": ["category_id_list"],
        "summary": ["summary_content"],
        "viewers": ["user_view_list"],
    },
    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute-statistics/get
    "person-fields": {"user_id": "viewers"},
}
