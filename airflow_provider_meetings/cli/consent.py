"""The command ``airflow meetings authorize``: print an address to open, read the one that the browser was sent to."""

from __future__ import annotations

import sys
from argparse import Namespace

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_meetings.api.sanitize import printable
from airflow_provider_meetings.cli.commands import command, say
from airflow_provider_meetings.hooks.consent import ConsentHook
from airflow_provider_meetings.hooks.meetings import MeetingsHook

_LONGEST_LINE = 8192


@command
def authorize(args: Namespace) -> int:
    """Let a user consent."""
    hook = MeetingsHook.for_connection(args.conn_id)
    if not isinstance(hook, ConsentHook):
        raise AirflowFailException(f"connection {args.conn_id!r}: no users consent on the platform {hook.conn_type}")
    sys.stdout.write(
        "Have the user open this address, in any browser, within ten minutes:\n\n"
        f"  {hook.begin_consent()}\n\n"
        "After the consent the browser is redirected. Copy the new address from the address line, even if the page\n"
        "shows an error, and paste it here within five minutes:\n"
    )
    sys.stdout.flush()
    consent_status, name = hook.finish_consent(sys.stdin.readline(_LONGEST_LINE))
    user = f"{name}: " if name else ""
    sys.stdout.write(printable(f"{user}{hook.describe_consent(consent_status)}", 500) + "\n")
    if missing := hook.missing_scopes(consent_status):
        say(f"Not granted; calls that need it will be refused: {', '.join(missing)}")
    return 0
