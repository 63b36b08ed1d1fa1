"""Walk a person through a consent: an address to open, another one to paste back."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import NoReturn

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_meetings.api.sanitize import harmless
from airflow_provider_meetings.cli.commands import run, say
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook

_LONGEST_LINE = 8192


def authorize(args: Namespace) -> NoReturn:
    """Have a user consent."""
    run(_authorize, args)


def _authorize(args: Namespace) -> int:
    hook = MeetingsHook.for_connection(args.conn_id)
    if not isinstance(hook, FeishuHook):
        raise AirflowFailException(f"connection {args.conn_id!r} is not of type feishu: users consent there only")
    sys.stdout.write(
        "Have the user open this address, in any browser, within ten minutes:\n\n"
        f"  {hook.begin_consent()}\n\n"
        "After the consent the browser is sent to another address. Copy that one from the address line, also if the "
        "page\nshows an error, and paste it here within five minutes:\n"
    )
    sys.stdout.flush()
    consent_status, name = hook.finish_consent(sys.stdin.readline(_LONGEST_LINE))
    sys.stdout.write(harmless(f"{name + ': ' if name else ''}{hook.reach(consent_status)}", 500) + "\n")
    if missing := hook.missing_scopes(consent_status):
        say(f"Not granted, so that calls that need it will be refused: {', '.join(missing)}")
    return 0
