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
from contextlib import closing
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
from airflow_provider_meetings.api.ledger.report import check_ledger
from airflow_provider_meetings.api.plan import plan_backfill
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.api.sanitize import printable
from airflow_provider_meetings.hooks.meetings import ConsentHook, MeetingsHook
from airflow_provider_meetings.hooks.stores import store_at
from airflow_provider_meetings.transfers import erasure

FINDINGS, FAILED = 1, 2
_MAX_LINE = 8192


def command(function: Callable[[Namespace], int]) -> Callable[[Namespace], NoReturn]:
    """Turn a function that returns an exit code into a command that runs like Airflow's own commands."""

    @wraps(function)
    def run(args: Namespace) -> NoReturn:
        # Makes Airflow read connections from its database, as for its own commands.
        os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"

        @suppress_logs_and_warning
        @providers_configuration_loaded
        def run_quietly(args: Namespace) -> NoReturn:
            sys.exit(function(args))

        try:
            run_quietly(args)
        except Exception as error:  # all: Python's own exit code 1 would mean findings
            if args.verbose:
                traceback.print_exc()
            _say(str(error) or type(error).__name__)
        sys.exit(FAILED)

    return run


@command
def verify(args: Namespace) -> int:
    """Verify the objects of a target against their receipts."""
    verification = Verification(store_at(args.target), full=args.full)
    findings = [finding.to_dict() for finding in verification.findings()]
    columns = ("finding", "key", "expected", "seen")
    _show({"target": args.target, **verification.counts()}, "findings", findings, columns, args.output)
    return FINDINGS if findings else 0


@command
def sweep(args: Namespace) -> int:
    """Report or delete the leftovers of killed tasks in a target."""
    leftover_sweep = Sweep(store_at(args.target), older_than=args.older_than, delete=args.delete)
    leftovers = [swept.to_dict() for swept in leftover_sweep.run()]
    counts = leftover_sweep.counts()
    columns = ("outcome", "kind", "key", "size", "modified", "reason")
    _show({"target": args.target, **counts}, "leftovers", leftovers, columns, args.output)
    if counts[SweepOutcome.FAILED]:
        _say(f"{counts[SweepOutcome.FAILED]} leftovers could not be removed: check that this user may delete them")
        return FAILED
    return FINDINGS if counts[SweepOutcome.STALE] else 0


@command
def pending(args: Namespace) -> int:
    """Show what waits in a ledger."""
    found = check_ledger(store_at(args.ledger, "ledger"), args.older_than)
    columns = ("item_key", "listed_by", "day", "state", "reason", "waits_since", "next_check_at")
    summary: dict[str, Any] = {"ledger": args.ledger, "dates": found.dates, "counts": found.counts, "lost": found.lost}
    if args.output not in {"json", "yaml"}:
        summary = {"ledger": args.ledger, "open": len(found.open), "lost": len(found.lost)}
    _show(summary, "pending", found.open, columns, args.output)
    return FINDINGS if found.late or found.lost else 0


@command
def unforget(args: Namespace) -> int:
    """Remove the marks of what was forgotten."""
    found = erasure.unforget(args.ids, args.platform, args.tenant, urls=args.urls, sql=args.sql, lakes=args.lakes)
    rows = [{"id": one, "removed": found[one]} for one in args.ids]
    _show({"removed": found.total()}, "marks", rows, ("id", "removed"), args.output)
    return 0 if all(row["removed"] for row in rows) else FINDINGS


@command
def plan(args: Namespace) -> int:
    """Estimate the requests, hours and bytes of a backfill."""
    hook = MeetingsHook.for_connection(args.conn_id)
    with closing(hook), hook.error_mapping():
        selectors = ("meeting_ids", "meeting_numbers", "owner_ids")
        query = RecordingQuery(start=args.start, end=args.end, **{name: getattr(args, name) for name in selectors})
        backfill = plan_backfill(hook.client, query, args.kinds, per_day=args.per_day, batch_size=args.batch_size)
    columns = ("endpoint", "for", "windows", "requests", "hours")
    _show(backfill, "endpoints", backfill.pop("endpoints"), columns, args.output)
    return 0


@command
def forget(args: Namespace) -> int:
    """Plan what is to be forgotten, or apply a plan."""
    plan = erasure.forget(args.plan, vars(args), everything=args.all, apply=args.apply)
    rows, columns = plan.pop("counts"), ("place", "table", "removed", "redacted", "partitions", "bytes")
    if not rows:
        _say("Nothing found")
    _show(plan, "counts", rows, columns, args.output)
    return 0


@command
def authorize(args: Namespace) -> int:
    """Obtain a user's consent."""
    hook = MeetingsHook.for_connection(args.conn_id)
    if not isinstance(hook, ConsentHook):
        raise AirflowFailException(f"connection {args.conn_id!r}: platform {hook.conn_type} has no consent of users")
    sys.stdout.write(
        "Have the user open this URL, in any browser, within ten minutes:\n\n"
        f"  {hook.begin_consent()}\n\n"
        "After the consent the browser is redirected. Copy the new URL from the address bar, even if the page shows\n"
        "an error, and paste it here within five minutes:\n"
    )
    sys.stdout.flush()
    consent_status, name = hook.finish_consent(sys.stdin.readline(_MAX_LINE))
    user = f"{name}: " if name else ""
    sys.stdout.write(printable(f"{user}{hook.describe_consent(consent_status)}", 500) + "\n")
    if missing := hook.missing_scopes(consent_status):
        _say(f"Scopes not granted; the platform will refuse calls that need them: {', '.join(missing)}")
    return 0


def _show(
    counts: Mapping[str, Any], name: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], output: str
) -> None:
    """Print rows to stdout.

    :param counts: in ``json`` and ``yaml`` part of the printed object; otherwise printed as a line to stderr.
    :param name: the field with the rows in that object.
    :param columns: the columns of a table.
    """
    if output == "json":
        sys.stdout.write(json.dumps({**counts, name: list(rows)}, ensure_ascii=False) + "\n")
        return
    if output == "yaml":
        sys.stdout.write(yaml.dump({**counts, name: [dict(row) for row in rows]}, sort_keys=False, allow_unicode=True))
        return
    if rows:
        # Object names may contain rich's markup.
        escaped = escape if output == "table" else str
        AirflowConsole().print_as(
            [{column: escaped(_cell(row[column])) for column in columns} for row in rows], output=output
        )
    sys.stdout.flush()
    sys.stderr.write(", ".join(f"{field} {value}" for field, value in counts.items()) + "\n")


def _cell(value: object) -> str:
    return ", ".join(f"{count} of {name}" for name, count in value.items()) if isinstance(value, dict) else str(value)


def _say(text: str) -> None:
    """Print a message to stderr."""
    sys.stderr.write(f"airflow meetings: {printable(text, 2000)}\n")
