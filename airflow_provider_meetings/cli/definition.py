"""The command definitions for Airflow's parser; imported by each ``airflow`` process, so it has few imports."""

from __future__ import annotations

import argparse
import re
from datetime import timedelta

from airflow.cli.cli_config import (
    ARG_OUTPUT,
    ARG_VERBOSE,
    ActionCommand,
    Arg,
    CLICommand,
    GroupCommand,
    lazy_load_command,
)

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_EXIT_CODES = "Exit codes: 0 no findings, 1 findings, 2 the check failed."


def age(text: str) -> timedelta:
    """Parse an age such as ``90m``, ``24h`` or ``7d``."""
    match = re.fullmatch(r"([0-9]{1,6})([mhd])", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not an age: write 90m, 24h or 7d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def positive(text: str) -> int:
    """Parse a whole number above 0."""
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not a whole number above 0")
    return int(text)


# Airflow does not declare the types of `Arg`.
_TARGET = Arg(("target",), help="The target of the landings, such as file:///data/lake, or a folder in it")  # type: ignore[no-untyped-call]
_FULL = Arg(  # type: ignore[no-untyped-call]
    ("--full",),
    help="Read and hash every object (default: compare the size and the store's validator)",
    action="store_true",
)
_OLDER_THAN = Arg(  # type: ignore[no-untyped-call]
    ("--older-than",),
    help="Ignore younger leftovers: 90m, 24h, 7d; at least an hour (default: 7d)",
    type=age,
    default="7d",
    metavar="AGE",
)
_LEDGER = Arg(("ledger",), help="The argument ledger of the DAG, such as file:///data/lake")  # type: ignore[no-untyped-call]
_OPEN_FOR = Arg(  # type: ignore[no-untyped-call]
    ("--older-than",),
    help="Items that are open for longer are findings: 90m, 24h, 7d (default: 3d)",
    type=age,
    default="3d",
    metavar="AGE",
)
_DELETE = Arg(("--delete",), help="Remove the leftovers (default: only list them)", action="store_true")  # type: ignore[no-untyped-call]

_CONN_ID = Arg(("conn_id",), help="A connection that calls as a user")  # type: ignore[no-untyped-call]
_IDS = {"type": lambda text: text.split(","), "default": (), "metavar": "A,B"}
_PLANNED = [
    Arg((flag,), help=text, **options)  # type: ignore[no-untyped-call]
    for flag, text, options in (
        ("conn_id", "A connection of a meeting platform", {}),
        ("--start", "Start of the window, with an offset: 2026-01-01T00:00:00+08:00", {}),
        ("--end", "End of the window, exclusive", {}),
        ("--owner-ids", "Ids of users", _IDS),
        ("--meeting-ids", "Ids of meetings", _IDS),
        ("--meeting-numbers", "Numbers of meetings", _IDS),
        ("--kinds", "Kinds of files to land (default: video)", {**_IDS, "default": ("video",)}),
        ("--per-day", "Recordings per day (default: counted in a sample)", {"type": positive, "metavar": "N"}),
        ("--batch-size", "Recordings per batch (default: 1000)", {"type": positive, "default": 1000, "metavar": "N"}),
    )
]


def get_commands() -> list[CLICommand]:
    """Return the group ``meetings``."""
    commands = (
        ActionCommand(
            name="verify",
            help="Verify landed objects against their receipts",
            description="Find missing, changed, unreadable and orphaned objects by their receipts. " + _EXIT_CODES,
            func=lazy_load_command("airflow_provider_meetings.cli.commands.verify"),
            args=(_TARGET, _FULL, ARG_OUTPUT, ARG_VERBOSE),
        ),
        ActionCommand(
            name="sweep",
            help="Find leftovers of failed landings, and optionally remove them",
            description="Find leftovers of failed landings that no retry will resume; remove them with --delete. "
            + _EXIT_CODES,
            func=lazy_load_command("airflow_provider_meetings.cli.commands.sweep"),
            args=(_TARGET, _OLDER_THAN, _DELETE, ARG_OUTPUT, ARG_VERBOSE),
        ),
        ActionCommand(
            name="pending",
            help="Show what waits in a ledger, since when and why",
            description="Show the open items of a ledger: what each waits for, since when, and when it is asked for "
            "again. Findings are items that are open for too long, or closed although nothing has settled them. "
            + _EXIT_CODES,
            func=lazy_load_command("airflow_provider_meetings.cli.commands.pending"),
            args=(_LEDGER, _OPEN_FOR, ARG_OUTPUT, ARG_VERBOSE),
        ),
        ActionCommand(
            name="plan",
            help="Estimate the requests, hours and bytes of a backfill",
            description="Estimate what it costs to list the recordings of a window and to land their files, from a "
            "sample of the newest week. Exit codes: 0 planned, 2 no plan.",
            func=lazy_load_command("airflow_provider_meetings.cli.commands.plan"),
            args=(*_PLANNED, ARG_OUTPUT, ARG_VERBOSE),
        ),
        ActionCommand(
            name="authorize",
            help="Get a user's consent for a connection, once a year",
            description="Print the URL of the consent page, and read the URL to which the browser is redirected. The "
            "browser may run on another machine. Exit codes: 0 the user consented, 2 no consent.",
            func=lazy_load_command("airflow_provider_meetings.cli.commands.authorize"),
            args=(_CONN_ID, ARG_VERBOSE),
        ),
    )
    return [
        GroupCommand(name="meetings", help="Maintain landed meeting recordings and user consents", subcommands=commands)
    ]
