"""What the commands do.

Exit codes are those of ``restic check``: 0 nothing was found, 1 something was, 2 it could not be checked.
"""

from __future__ import annotations

import os
import sys
import traceback
from argparse import Namespace
from collections.abc import Callable
from typing import NoReturn

from airflow.utils.cli import suppress_logs_and_warning
from airflow.utils.providers_configuration_loader import providers_configuration_loaded

from airflow_provider_meetings.api.audit.sweep import Sweep, SweepOutcome
from airflow_provider_meetings.api.audit.verify import Verification
from airflow_provider_meetings.api.sanitize import harmless
from airflow_provider_meetings.cli.output import show
from airflow_provider_meetings.hooks.stores import store_at

FOUND, NOT_CHECKED = 1, 2


def verify(args: Namespace) -> NoReturn:
    """Verify a target."""
    run(_verify, args)


def sweep(args: Namespace) -> NoReturn:
    """Sweep a target."""
    run(_sweep, args)


def _verify(args: Namespace) -> int:
    verification = Verification(store_at(args.target), full=args.full)
    findings = [finding.to_dict() for finding in verification.findings()]
    columns = ("finding", "key", "expected", "seen")
    show({"target": args.target, **verification.counts()}, "findings", findings, columns, args.output)
    return FOUND if findings else 0


def _sweep(args: Namespace) -> int:
    run = Sweep(store_at(args.target), older_than=args.older_than, delete=args.delete)
    leftovers = [swept.to_dict() for swept in run.run()]
    counts = run.counts()
    columns = ("outcome", "kind", "key", "size", "modified", "reason")
    show({"target": args.target, **counts}, "leftovers", leftovers, columns, args.output)
    if counts[SweepOutcome.FAILED]:
        say(f"{counts[SweepOutcome.FAILED]} leftovers could not be removed: may this user delete there?")
        return NOT_CHECKED
    return FOUND if counts[SweepOutcome.STALE] else 0


def run(command: Callable[[Namespace], int], args: Namespace) -> NoReturn:
    """Do what a command does as Airflow's own commands do it, and exit with its code."""
    # Airflow's own commands say it so: connections are read from its database then, as on the scheduler.
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    codes: list[int] = []

    @suppress_logs_and_warning
    @providers_configuration_loaded
    def quietly(args: Namespace) -> None:  # what the first decorator wraps returns nothing
        codes.append(command(args))

    try:
        quietly(args)
    except Exception as error:  # any: Python's own exit code would say that something was found
        if args.verbose:
            traceback.print_exc()
        say(str(error) or type(error).__name__)
        sys.exit(NOT_CHECKED)
    sys.exit(codes[0])


def say(text: str) -> None:
    """Tell a person, on stderr."""
    sys.stderr.write(f"airflow meetings: {harmless(text, 2000)}\n")
