"""Feishu and Lark: minutes, meeting recordings, Moments posts."""

from typing import Any

from airflow_provider_meetings.platforms import CONNECTION_FIELDS, PORT_PLACEHOLDER

MANIFEST: dict[str, Any] = {
    "connection-type": {
        "connection-type": "feishu",
        "hook-class-name": "airflow_provider_meetings.platforms.feishu.hook.FeishuHook",
        "hook-name": "Feishu / Lark meetings",
        "ui-field-behaviour": {
            "hidden-fields": ["schema"],
            "relabeling": {"login": "App ID", "password": "App Secret", "host": "Base URL"},
            "placeholders": {
                "login": "cli_…",
                "host": "https://open.feishu.cn (default), or https://open.larksuite.com",
                "port": PORT_PLACEHOLDER,
            },
        },
        "conn-fields": {
            "tenant": {
                "label": "Tenant",
                "description": "Name of the tenant in every row; default: the App ID.",
                "schema": {"type": ["string", "null"], "section": "Tenant and users"},
            },
            "user_id_type": {
                "label": "User ID type",
                "description": "Type of the ids of users in arguments and rows; default: open_id, which differs from "
                "app to app.",
                "schema": {
                    "type": ["string", "null"],
                    "enum": ["open_id", "union_id", "user_id"],
                    "section": "Tenant and users",
                },
            },
            **CONNECTION_FIELDS,
            "identity": {
                "label": "Identity",
                "description": "Whether calls are made as the app, or as a user who has consented through airflow "
                "meetings authorize; default: app.",
                "schema": {"type": ["string", "null"], "enum": ["app", "user"], "section": "Asking as a user"},
            },
            "redirect_uri": {
                "label": "Redirect URI",
                "description": "One of the redirect URLs in the app's security settings; no default, and required if "
                "the identity is user.",
                "schema": {"type": ["string", "null"], "section": "Asking as a user"},
            },
            "scopes": {
                "label": "Scopes",
                "description": "Scopes to request from the user, separated by spaces; default: those for reading and "
                "searching minutes and recordings.",
                "schema": {"type": ["string", "null"], "section": "Asking as a user"},
            },
            "app_type": {
                "label": "App type",
                "description": "Whether the app is self-built, or comes from the app directory (store); default: "
                "self-built.",
                "schema": {"type": ["string", "null"], "enum": ["self-built", "store"], "section": "Store apps"},
            },
            "app_ticket": {
                "label": "App ticket",
                "description": "Latest ticket that was pushed to the app's webhook; no default, and required if the "
                "app type is store.",
                "schema": {"type": ["string", "null"], "format": "password", "section": "Store apps"},
            },
            "tenant_key": {
                "label": "Tenant key",
                "description": "Key of the tenant that installed the app; no default, and required if the app type is "
                "store.",
                "schema": {"type": ["string", "null"], "section": "Store apps"},
            },
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
