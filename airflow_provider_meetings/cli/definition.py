"""The command definitions for Airflow's parser; imported by each ``airflow`` process, so it has few imports."""

from __future__ import annotations

import argparse
import re
from datetime import timedelta
from typing import Any

from airflow.cli.cli_config import (
    ARG_OUTPUT,
    ARG_VERBOSE,
    ActionCommand,
    Arg,
    CLICommand,
    GroupCommand,
    lazy_load_command,
    positive_int,
    string_list_type,
)

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_EXIT_CODES = "Exit codes: 0 no findings, 1 findings, 2 the check failed."


def age(text: str) -> timedelta:
    """Parse an age such as ``90m``, ``24h`` or ``7d``."""
    match = re.fullmatch(r"([0-9]{1,6})([mhd])", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not an age: write 90m, 24h or 7d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def ages(text: str) -> dict[str, timedelta]:
    """Parse ages by kind of file, such as ``video=90d,transcript=365d``."""
    return {kind: age(one) for kind, _, one in (part.partition("=") for part in text.split(","))}


def _arg(*flags: str, **options: Any) -> Arg:
    return Arg(flags, **options)  # type: ignore[no-untyped-call]  # Airflow's own


def _older_than(text: str, default: str) -> Arg:
    return _arg("--older-than", help=f"{text} (default: {default})", type=age, default=default, metavar="AGE")


def _ids(flag: str, text: str, default: tuple[str, ...] = (), *, required: bool = False) -> Arg:
    return _arg(flag, help=text, type=string_list_type, default=default, required=required, metavar="A,B")


def _command(name: str, text: str, description: str, *args: Arg) -> ActionCommand:
    func = lazy_load_command(f"airflow_provider_meetings.cli.commands.{name}")
    return ActionCommand(name=name, help=text, description=description, func=func, args=(*args, ARG_VERBOSE))


_POSITIVE: Any = {"type": positive_int(allow_zero=False), "metavar": "N"}  # type: ignore[no-untyped-call]  # as above
_ROWS = (
    _ids("--sql", "Databases: conn_id, conn_id/schema or conn_id/schema/table_prefix"),
    _ids("--lakes", "URLs of lakes of rows"),
)
_TARGET = _arg("target", help="The target of the landings, such as file:///data/lake, or a folder in it")


def get_commands() -> list[CLICommand]:
    """Return the group ``meetings``."""
    commands = (
        _command(
            "verify",
            "Verify landed objects against their receipts",
            f"Find missing, changed, unreadable and orphaned objects by their receipts. {_EXIT_CODES}",
            _TARGET,
            _arg(
                "--full",
                help="Read and hash every object (default: compare the size and the store's validator)",
                action="store_true",
            ),
            ARG_OUTPUT,
        ),
        _command(
            "sweep",
            "Find leftovers of failed landings, and optionally remove them",
            f"Find leftovers of failed landings that no retry will resume; remove them with --delete. {_EXIT_CODES}",
            _TARGET,
            _older_than("Ignore younger leftovers: 90m, 24h, 7d; at least an hour", "7d"),
            _arg("--delete", help="Remove the leftovers (default: only list them)", action="store_true"),
            ARG_OUTPUT,
        ),
        _command(
            "pending",
            "Show what waits in a ledger, since when and why",
            "Show the open items of a ledger: what each waits for, since when, and when it is asked for again. "
            f"Findings are items that are open for too long, or closed while nothing has settled them. {_EXIT_CODES}",
            _arg("ledger", help="The argument ledger of the DAG, such as file:///data/lake"),
            _older_than("Items that are open for longer are findings: 90m, 24h, 7d", "3d"),
            ARG_OUTPUT,
        ),
        _command(
            "unforget",
            "Remove the marks of what was forgotten",
            "Let the next listing that finds it land again what was forgotten; nothing is fetched by this. Exit codes: "
            "0 removed, 1 an id has no mark, 2 failed.",
            _arg("urls", nargs="+", metavar="url", help="The ledger, and each target, such as file:///data/lake"),
            _arg("--platform", required=True, help="The platform: feishu, wecom"),
            _arg("--tenant", required=True, help="The tenant, as in the rows"),
            _ids("--ids", "Ids of recordings, persons and posts; for files of a kind ID/KIND", required=True),
            *_ROWS,
            ARG_OUTPUT,
        ),
        _command(
            "plan",
            "Estimate the requests, hours and bytes of a backfill",
            "Estimate what it costs to list the recordings of a window and to land their files, from a sample of the "
            "newest week. Exit codes: 0 planned, 2 no plan.",
            _arg("conn_id", help="A connection of a meeting platform"),
            _arg("--start", help="Start of the window, with an offset: 2026-01-01T00:00:00+08:00"),
            _arg("--end", help="End of the window, exclusive"),
            _ids("--owner-ids", "Ids of users"),
            _ids("--meeting-ids", "Ids of meetings"),
            _ids("--meeting-numbers", "Numbers of meetings"),
            _ids("--kinds", "Kinds of files to land (default: video)", ("video",)),
            _arg("--per-day", help="Recordings per day (default: counted in a sample)", **_POSITIVE),
            _arg("--batch-size", help="Recordings per batch (default: 1000)", default=1000, **_POSITIVE),
            ARG_OUTPUT,
        ),
        _command(
            "forget",
            "Plan what is to be forgotten, or apply a plan",
            "Plan what goes: recordings, a person, or old files. With --apply, remove it. Nothing is deleted on the "
            "platforms. Exit codes: 0 planned or applied, 2 not, or not to the end: apply it again.",
            _arg("plan", help="URL of the plan, such as file:///data/plan.json; it has ids until it is applied"),
            _ids("--recordings", "Ids of recordings"),
            _ids("--person", "Ids and names of one person"),
            _arg(
                "--older-than", help="Ages by kind: video=90d,transcript=365d", type=ages, default={}, metavar="K=AGE"
            ),
            *(_arg(f"--{name}", help=f"The {name} of the recordings or the person") for name in ("platform", "tenant")),
            _arg("--ledger", help="The argument ledger of the DAG"),
            _ids("--targets", "Each target of landings, and each folder of batches, as the DAG has it"),
            *_ROWS,
            _arg("--asked-by", help="Who asked for it, for the marks", default=""),
            _arg("--all", help="Allow a plan after which nothing stays", action="store_true"),
            _arg("--apply", help="Apply the plan", action="store_true"),
            ARG_OUTPUT,
        ),
        _command(
            "authorize",
            "Get a user's consent for a connection, once a year",
            "Print the URL of the consent page, and read the URL to which the browser is redirected. The browser may "
            "run on another machine. Exit codes: 0 the user consented, 2 no consent.",
            _arg("conn_id", help="A connection that calls as a user"),
        ),
    )
    return [
        GroupCommand(name="meetings", help="Maintain landed meeting recordings and user consents", subcommands=commands)
    ]
