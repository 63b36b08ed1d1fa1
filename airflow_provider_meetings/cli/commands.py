"""The commands ``airflow meetings``.

Exit codes of ``verify`` and ``sweep`` are those of ``restic check``: 0 no findings, 1 findings, 2 the check failed.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, NoReturn

from airflow.cli.simple_table import AirflowConsole
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.utils import yaml
from airflow.utils.cli import suppress_logs_and_warning
from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from rich.markup import escape

from airflow_provider_meetings.api.audit.sweep import Sweep, SweepOutcome
from airflow_provider_meetings.api.audit.verify import Verification
from airflow_provider_meetings.api.sanitize import printable
from airflow_provider_meetings.hooks.meetings import ConsentHook, MeetingsHook
from airflow_provider_meetings.hooks.stores import store_at

FINDINGS, FAILED = 1, 2
_LONGEST_LINE = 8192


def command(function: Callable[[Namespace], int]) -> Callable[[Namespace], NoReturn]:
    """Make a command of a function that returns the exit code; it runs in the way of Airflow's own commands."""

    @wraps(function)
    def run(args: Namespace) -> NoReturn:
        # Makes Airflow read connections from its database, as for its own commands.
        os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
        exit_code = FAILED

        @suppress_logs_and_warning
        @providers_configuration_loaded
        def run_quietly(args: Namespace) -> None:  # the decorator discards the return value
            nonlocal exit_code
            exit_code = function(args)

        try:
            run_quietly(args)
        except Exception as error:  # any, because Python's exit code 1 would mean findings
            if args.verbose:
                traceback.print_exc()
            _say(str(error) or type(error).__name__)
        sys.exit(exit_code)

    return run


@command
def verify(args: Namespace) -> int:
    """Verify a target."""
    verification = Verification(store_at(args.target), full=args.full)
    findings = [finding.to_dict() for finding in verification.findings()]
    columns = ("finding", "key", "expected", "seen")
    _show({"target": args.target, **verification.counts()}, "findings", findings, columns, args.output)
    return FINDINGS if findings else 0


@command
def sweep(args: Namespace) -> int:
    """Sweep a target."""
    running = Sweep(store_at(args.target), older_than=args.older_than, delete=args.delete)
    leftovers = [swept.to_dict() for swept in running.run()]
    counts = running.counts()
    columns = ("outcome", "kind", "key", "size", "modified", "reason")
    _show({"target": args.target, **counts}, "leftovers", leftovers, columns, args.output)
    if counts[SweepOutcome.FAILED]:
        _say(f"{counts[SweepOutcome.FAILED]} leftovers could not be removed: check that this user may delete them")
        return FAILED
    return FINDINGS if counts[SweepOutcome.STALE] else 0


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
        _say(f"Not granted; calls that need it will be refused: {', '.join(missing)}")
    return 0


def _show(
    counts: Mapping[str, Any], name: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], output: str
) -> None:
    """Print rows to stdout.

    :param counts: part of the object in ``json`` and ``yaml``, else a line on stderr.
    :param name: the field of `rows` in that object.
    :param columns: the columns of a table.
    """
    if output == "json":
        sys.stdout.write(json.dumps({**counts, name: list(rows)}, ensure_ascii=False) + "\n")
        return
    if output == "yaml":
        sys.stdout.write(yaml.dump({**counts, name: [dict(row) for row in rows]}, sort_keys=False, allow_unicode=True))
        return
    if rows:
        # A name must not be rendered as markup.
        escaped = escape if output == "table" else str
        AirflowConsole().print_as(
            [{column: escaped(str(row[column])) for column in columns} for row in rows], output=output
        )
    sys.stdout.flush()
    sys.stderr.write(", ".join(f"{field} {value}" for field, value in counts.items()) + "\n")


def _say(text: str) -> None:
    """Print a message to stderr."""
    sys.stderr.write(f"airflow meetings: {printable(text, 2000)}\n")
