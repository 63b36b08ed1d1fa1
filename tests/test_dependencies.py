"""What the package imports is declared and explained."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from airflow_provider_meetings.extras import EXTRAS

ROOT = Path(__file__).parent.parent
PACKAGE = "airflow_provider_meetings"


def imported() -> set[str]:
    """Return the distributions that the package imports, in any function."""
    names: set[str] = set()
    for path in (ROOT / PACKAGE).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    found = packages_distributions()
    foreign = names - set(sys.stdlib_module_names) - {PACKAGE, "airflow"}
    return {found[name][0].lower() for name in foreign if name in found}


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [entry for entries in project["optional-dependencies"].values() for entry in entries]
    return {re.split(r"[^\w.-]", entry)[0].lower() for entry in [*project["dependencies"], *extras]}


def test_what_is_imported_is_declared() -> None:
    of_providers_and_airflow = {"botocore", "duckdb", "redis", "rich"}
    assert imported() - of_providers_and_airflow - {"pytest"} <= declared()  # the plugin of the emulator


def test_extras() -> None:
    declared_extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert declared_extras.keys() == EXTRAS | {"all"}


def test_each_dependency_is_explained() -> None:
    text = (ROOT / "docs" / "architecture.rst").read_text()
    of_databases = {f"apache-airflow-providers-{name}" for name in ("duckdb", "mysql", "postgres", "redis", "sqlite")}
    missing = {
        name for name in declared() - of_databases if not re.search(rf"^{name}\b|, {name}\b", text, re.MULTILINE)
    }
    assert missing == {"airflow-provider-meetings"}  # an extra of its own
