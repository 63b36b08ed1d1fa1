"""``python -m airflow_provider_meetings.emulator``: serve the default company."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections import Counter

from airflow_provider_meetings.emulator.model.company import Company
from airflow_provider_meetings.emulator.model.feishu_apps import Cloud
from airflow_provider_meetings.emulator.seed.credentials import (
    APPS,
    FEISHU_APP_TICKET,
    FEISHU_REDIRECT_URIS,
    FEISHU_TENANT_KEY,
    FEISHU_USER,
    FEISHU_USER_REFRESH_TOKEN,
    FEISHU_USER_TOKEN,
    WECOM_CORP_ID,
    WECOM_CORP_SECRET,
)
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.clock import calendar_of_environment
from airflow_provider_meetings.emulator.state.emulator import EmulatorState


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    options = _parser().parse_args(arguments)
    state = EmulatorState(
        not_ready_polls=options.not_ready_polls,
        token_seconds=options.token_seconds,
        link_seconds=options.link_seconds,
        rate_limits=options.rate_limits,
        cloud=options.cloud,
        calendar=calendar_of_environment(),
    )
    try:
        with serve(state, options.host, options.port) as base_url:
            stop = threading.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stop.set())
            sys.stdout.write(f"Emulator listening on {base_url}\n{_overview(state.company, state.cloud)}")
            sys.stdout.flush()
            stop.wait()
    except OSError as error:
        reason = error.strerror or error
        sys.stderr.write(f"Cannot listen on {options.host} port {options.port}: {reason}. Choose another --port.\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_meetings.emulator",
        description="Emulate the HTTP APIs of Feishu/Lark and WeCom for meeting recordings.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8765, help="0: a free port (default: %(default)s)")
    parser.add_argument(
        "--not-ready-polls",
        type=_count,
        default=1,
        help='number of polls that a recording in processing answers "not ready", at each stage (default: %(default)s)',
    )
    parser.add_argument(
        "--token-seconds", type=_count, default=7200, help="lifetime of an access token (default: %(default)s)"
    )
    parser.add_argument(
        "--link-seconds",
        type=_count,
        help="lifetime of a media link (default: 1 day for Feishu, 6 hours for WeCom, 1 hour for its documents)",
    )
    parser.add_argument("--rate-limits", action="store_true", help="enforce the vendors' rate limits (default: off)")
    parser.add_argument(
        "--cloud",
        choices=("feishu", "lark"),
        default="feishu",
        help="the cloud, which knows only its own apps (default: %(default)s)",
    )
    return parser


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{value} is not a port")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{value} is negative")
    return value


def _overview(company: Company, cloud: Cloud) -> str:
    """Return the credentials, and the ids of the objects with their status."""
    lines = [
        f"{company.name}; all data is invented",
        *(
            f"{cloud.title()} {'store app' if app.store else 'app'} id {app.app_id}, app secret {app.secret}"
            for app in APPS
            if app.cloud == cloud
        ),
        f"  the store app's ticket {FEISHU_APP_TICKET}, tenant key {FEISHU_TENANT_KEY}",
        f"{cloud.title()} user {FEISHU_USER.open_id}, access token {FEISHU_USER_TOKEN},"
        f" refresh token {FEISHU_USER_REFRESH_TOKEN}",
        f"  redirect URIs {' '.join(FEISHU_REDIRECT_URIS)}",
        f"WeCom corp id {WECOM_CORP_ID}, corp secret {WECOM_CORP_SECRET}",
        f"{cloud.title()} meetings:",
    ]
    for meeting in company.feishu_meetings.values():
        minute = company.feishu_minutes.get(meeting.minute_token)
        minute_part = f", minute {minute.token} {minute.status}" if minute else ""
        lines.append(f"  {meeting.meeting_id}  number {meeting.meeting_no}, {meeting.status}{minute_part}")
    lines.append("Feishu Moments posts:")
    for post in company.feishu_posts.values():
        lines.append(f"  {post.post_id}  user_type {post.user_type}{', forbidden' if post.forbidden else ''}")
    lines.append("WeCom userids:")
    creators = Counter(recording.creator for recording in company.wecom_recordings.values())
    lines += [f"  {userid}  {number} recordings" for userid, number in creators.items()]
    starts = [recording.meeting_start_time for recording in company.wecom_recordings.values()]
    lines.append(f"WeCom meetings from {min(starts):%Y-%m-%d} to {max(starts):%Y-%m-%d}, Asia/Shanghai")
    lines.append("Settings: GET /_emulator/ on this machine")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
