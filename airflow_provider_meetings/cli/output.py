"""Print what was found, in the forms that Airflow's own commands take."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.cli.simple_table import AirflowConsole
from airflow.utils import yaml
from rich.markup import escape

Rows = Sequence[Mapping[str, Any]]


def show(counts: Mapping[str, Any], name: str, rows: Rows, columns: Sequence[str], output: str) -> None:
    """Print to stdout what a program or a person reads next.

    :param counts: in ``json`` and ``yaml`` part of the one object, else a line on stderr.
    :param name: under which `rows` stand in that object.
    :param columns: of a row, those that a table shows.
    """
    if output == "json":
        sys.stdout.write(json.dumps({**counts, name: list(rows)}, ensure_ascii=False) + "\n")
        return
    if output == "yaml":
        sys.stdout.write(yaml.dump({**counts, name: [dict(row) for row in rows]}, sort_keys=False, allow_unicode=True))
        return
    if rows:
        # What stands in a name is no markup of the table's.
        escaped = escape if output == "table" else str
        AirflowConsole().print_as(
            [{column: escaped(str(row[column])) for column in columns} for row in rows], output=output
        )
    sys.stdout.flush()
    sys.stderr.write(", ".join(f"{field} {value}" for field, value in counts.items()) + "\n")
