"""WeCom: meeting recordings."""

from typing import Any

from airflow_provider_meetings.platforms import CONNECTION_FIELDS, PORT_PLACEHOLDER

MANIFEST: dict[str, Any] = {
    "connection-type": {
        "connection-type": "wecom",
        "hook-class-name": "airflow_provider_meetings.platforms.wecom.hook.WeComHook",
        "hook-name": "WeCom meetings",
        "ui-field-behaviour": {
            "hidden-fields": ["schema"],
            "relabeling": {"login": "Corp ID", "password": "App Secret", "host": "Base URL"},
            "placeholders": {
                "login": "ww…",
                "host": "https://qyapi.weixin.qq.com (default)",
                "port": PORT_PLACEHOLDER,
            },
        },
        "conn-fields": CONNECTION_FIELDS,
    },
    # https://developer.work.weixin.qq.com/document/path/98192
    "columns": {
        "state_code": "state",
        "sharing_state": "sharing_state",
        "sharing_expire": "sharing_expire",
        "same_corp_only": "required_same_corp",
        "attendees_only": "required_attendee",
        "allow_download": "allow_download",
        "has_password": "has_password",
    },
    # https://developer.work.weixin.qq.com/document/path/98192
    # https://developer.work.weixin.qq.com/document/path/98205
    "source-fields": {
        "recording_id": ["meeting_record_id"],
        "file_id": ["record_file_id"],
        "meeting_id": ["meetingid"],
        "meeting_number": ["meeting_code"],
        "owner_id": ["host_user_id", "userid"],
        "title": ["record_name", "meeting_record_name"],
        "started_at": ["start_time", "meeting_start_time", "record_start_time"],
        "ended_at": ["end_time", "record_end_time"],
        "page_url": ["view_address", "sharing_url"],
        "declared_size": ["record_size"],
        "has_password": ["password"],
    },
    # https://developer.work.weixin.qq.com/document/path/98211
    "person-fields": {"userid": "speaker_id"},
}
