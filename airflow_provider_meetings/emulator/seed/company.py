"""The company that the emulator serves unless told otherwise, and the credentials that it accepts."""

from __future__ import annotations

from typing import Final

from airflow_provider_meetings.emulator.model.company import Company
from airflow_provider_meetings.emulator.seed.artifacts import ARTIFACTS, STATISTICS
from airflow_provider_meetings.emulator.seed.feishu import CHEN_YU, MINUTES, POSTS
from airflow_provider_meetings.emulator.seed.meetings import dated_meetings
from airflow_provider_meetings.emulator.seed.wecom import UNRECORDED_MEETINGS, recordings

__all__ = [
    "FEISHU_APP_ID",
    "FEISHU_APP_SECRET",
    "FEISHU_APP_TICKET",
    "FEISHU_REDIRECT_URIS",
    "FEISHU_STORE_APP_ID",
    "FEISHU_STORE_APP_SECRET",
    "FEISHU_TENANT_KEY",
    "FEISHU_USER",
    "FEISHU_USER_REFRESH_TOKEN",
    "FEISHU_USER_TOKEN",
    "LARK_APP_ID",
    "LARK_APP_SECRET",
    "LARK_STORE_APP_ID",
    "LARK_STORE_APP_SECRET",
    "WECOM_CORP_ID",
    "WECOM_CORP_SECRET",
    "Company",
    "default_company",
]

# Invented, like all that they open.
FEISHU_APP_ID: Final = "cli_bluewave0emulator"
FEISHU_APP_SECRET: Final = "emulator-feishu-secret"  # noqa: S105
# Where a browser may be sent after the consent, letter by letter; state.redirect_uris takes others.
FEISHU_REDIRECT_URIS: Final = (
    "http://127.0.0.1:8080/callback",
    "http://localhost:8080/callback",
    "https://airflow.example.invalid/meetings/callback",
)
# A store app that this company has installed, the company as that app knows it, and the ticket pushed to it first.
FEISHU_STORE_APP_ID: Final = "cli_bluewave0emulatorstore"
FEISHU_STORE_APP_SECRET: Final = "emulator-feishu-store-secret"  # noqa: S105
FEISHU_TENANT_KEY: Final = "bluewave0tenantkey"
FEISHU_APP_TICKET: Final = "ticket-bluewave0emulator"
# The same two on the international cloud, which knows none of the above.
LARK_APP_ID: Final = "cli_bluewave0emulatorlark"
LARK_APP_SECRET: Final = "emulator-lark-secret"  # noqa: S105
LARK_STORE_APP_ID: Final = "cli_bluewave0emulatorlarkstore"
LARK_STORE_APP_SECRET: Final = "emulator-lark-store-secret"  # noqa: S105
# Who has consented, for 365 days from the start: an access token without end, and a refresh token that works once.
FEISHU_USER: Final = CHEN_YU
FEISHU_USER_TOKEN: Final = "u-bluewave0emulator0chenyu"  # noqa: S105
FEISHU_USER_REFRESH_TOKEN: Final = "eyJ.bluewave0emulator0chenyu"  # noqa: S105
WECOM_CORP_ID: Final = "ww0bluewave0emulator"
WECOM_CORP_SECRET: Final = "emulator-wecom-secret"  # noqa: S105


def default_company() -> Company:
    """Return 蓝海机器人 (Bluewave Robotics): meetings from 2026-10-05 to 2026-11-13, Asia/Shanghai."""
    return Company(
        name="Bluewave Robotics",
        feishu_meetings={meeting.meeting_id: meeting for meeting in dated_meetings()},
        feishu_minutes={minute.token: minute for minute in MINUTES},
        feishu_posts={post.post_id: post for post in POSTS},
        wecom_recordings={recording.meeting_record_id: recording for recording in recordings()},
        feishu_statistics=STATISTICS,
        feishu_artifacts=ARTIFACTS,
        wecom_meetings={meeting.meetingid: meeting for meeting in UNRECORDED_MEETINGS},
    )
