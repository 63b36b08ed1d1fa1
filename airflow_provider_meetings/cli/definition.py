"""The commands as Airflow's parser wants them. Every call of ``airflow`` imports this file: it imports nothing else."""

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
_EXIT_CODES = "Exit codes: 0 nothing was found, 1 something was, 2 it could not be checked."


def age(text: str) -> timedelta:
    """Read an age such as ``90m``, ``24h`` or ``7d``."""
    found = re.fullmatch(r"([0-9]{1,6})([mhd])", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r:.40} is no age: write 90m, 24h or 7d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


# Airflow does not declare the types of `Arg`.
_TARGET = Arg(("target",), help="Where landings went, such as file:///data/lake, or a folder below it")  # type: ignore[no-untyped-call]  # Airflow's
_FULL = Arg(  # type: ignore[no-untyped-call]  # Airflow's
    ("--full",),
    help="Read and hash every object (default: its size and the store's own validator decide)",
    action="store_true",
)
_OLDER_THAN = Arg(  # type: ignore[no-untyped-call]  # Airflow's
    ("--older-than",),
    help="Leave alone what was written to more lately: 90m, 24h, 7d; at least an hour (default: 7d)",
    type=age,
    default="7d",
    metavar="AGE",
)
_DELETE = Arg(("--delete",), help="Remove what was found (default: only show it)", action="store_true")  # type: ignore[no-untyped-call]  # Airflow's

_CONN_ID = Arg(("conn_id",), help="A connection that calls as a user (Feishu: extra identity = user)")  # type: ignore[no-untyped-call]  # Airflow's


def get_commands() -> list[CLICommand]:
    """Return the group ``meetings``."""
    commands = (
        ActionCommand(
            name="verify",
            help="Prove what has landed against its receipts",
            description="Prove what has landed against its receipts: what is missing, changed, unreadable, orphaned. "
            + _EXIT_CODES,
            func=lazy_load_command("airflow_provider_meetings.cli.commands.verify"),
            args=(_TARGET, _FULL, ARG_OUTPUT, ARG_VERBOSE),
        ),
        ActionCommand(
            name="sweep",
            help="Find, and remove if told so, what landings that died have left",
            description="Find what landings that died have left and none will continue; remove it with --delete. "
            + _EXIT_CODES,
            func=lazy_load_command("airflow_provider_meetings.cli.commands.sweep"),
            args=(_TARGET, _OLDER_THAN, _DELETE, ARG_OUTPUT, ARG_VERBOSE),
        ),
        ActionCommand(
            name="authorize",
            help="Have a user consent, once a year, to be asked for by a connection",
            description="Print the address at which a user consents, and read the address that the browser is sent to "
            "afterwards, which is pasted here; also where the browser runs on another machine. "
            "Exit codes: 0 consented, 2 not.",
            func=lazy_load_command("airflow_provider_meetings.cli.consent.authorize"),
            args=(_CONN_ID, ARG_VERBOSE),
        ),
    )
    return [
        GroupCommand(
            name="meetings", help="Look after landed meeting recordings, and after consents", subcommands=commands
        )
    ]
