"""The pages that are made when the documentation is built have everything that the code knows."""

from __future__ import annotations

import re
from importlib import import_module

import pytest
from reference_pages import pages

from airflow_provider_meetings.cli.definition import get_commands
from airflow_provider_meetings.get_provider_info import get_provider_info
from airflow_provider_meetings.platforms.feishu.codes import CODES as FEISHU_CODES
from airflow_provider_meetings.platforms.wecom.errors import CODES as WECOM_CODES
from tests.documentation.blocks import ROOT

TRANSFERS = ("recordings_to_object_storage", "to_sql", "to_parquet")
PUBLIC = ("Operator", "Sensor", "Trigger", "Hook", "land_recordings")


def numbers(text: str) -> set[int]:
    """Return the codes of a page, also those of a range."""
    ranges = [range(int(first), int(last) + 1) for first, last in re.findall(r"(\d+) to (\d+)", text)]
    return {int(one) for one in re.findall(r"-?\d+", text)} | {code for one in ranges for code in one}


def test_every_code_has_its_remedy() -> None:
    page = pages()["errors.rst"]
    assert {*FEISHU_CODES, *WECOM_CODES} <= numbers(page)
    assert "Have an administrator add this worker's address to the app's trusted IPs." in page


def test_every_command_and_argument_is_described() -> None:
    page = pages()["cli.rst"]
    (group,) = get_commands()
    for command in group.subcommands:  # type: ignore[union-attr]  # it is a group
        section = page.partition(f"\nairflow meetings {command.name}\n")[2].partition("\nairflow meetings ")[0]
        assert [flag for arg in command.args for flag in arg.flags if flag not in section] == []


def test_every_option_is_described() -> None:
    page = pages()["configuration.rst"]
    for section, found in get_provider_info()["config"].items():
        assert [name for name in found["options"] if f"\n[{section}] {name}\n" not in page] == []


def test_every_class_that_a_dag_names_has_its_page() -> None:
    pages_of_classes = "".join(page.read_text() for page in (ROOT / "docs" / "reference" / "api").glob("*.rst"))
    info = get_provider_info()
    modules = {
        module
        for kind in ("hooks", "operators", "sensors", "triggers")
        for integration in info[kind]
        for module in integration["python-modules"]
    }
    modules |= {f"airflow_provider_meetings.transfers.{name}" for name in TRANSFERS} | {
        "airflow_provider_meetings.task_groups"
    }
    named = [
        f"{module}.{name}"
        for module in sorted(modules)
        for name, value in vars(import_module(module)).items()
        if getattr(value, "__module__", "") == module and name.endswith(PUBLIC)
    ]
    assert len(named) >= 15
    assert [name for name in named if f":: {name}\n" not in pages_of_classes] == []


@pytest.mark.parametrize("conn", get_provider_info()["connection-types"], ids=lambda conn: conn["connection-type"])
def test_every_field_is_described(conn: dict[str, object]) -> None:
    page = pages()[f"fields_{conn['connection-type']}.inc"]
    fields = conn["conn-fields"]
    assert isinstance(fields, dict)
    assert [name for name in ("login", "password", "host", *fields) if f"``{name}``" not in page] == []


def test_every_example_dag_is_shown_in_full() -> None:
    page = (ROOT / "docs" / "guides" / "examples.rst").read_text()
    shown = re.findall(r"literalinclude:: \.\./\.\./dags/(\w+\.py)\n   :language: python\n(?!   :)", page)
    assert set(shown) == {path.name for path in (ROOT / "dags").glob("*.py")}
