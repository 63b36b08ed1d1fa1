"""What Airflow sees of the provider without importing a hook."""

from __future__ import annotations

import importlib
import json
import re
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest
from airflow.cli.cli_config import GroupCommand
from airflow.cli.cli_parser import ALL_COMMANDS_DICT
from airflow.providers_manager import ProvidersManager

from airflow_provider_meetings.cli.definition import get_commands
from airflow_provider_meetings.get_provider_info import get_provider_info
from airflow_provider_meetings.manifests import manifests
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from airflow_provider_meetings.platforms.wecom.hook import WeComHook

INFO = get_provider_info()


def test_entry_point() -> None:
    found = [e for e in entry_points(group="apache_airflow_provider") if e.dist and e.dist.name == INFO["package-name"]]
    assert [e.load() for e in found] == [get_provider_info]


def test_info_matches_schemas() -> None:
    folder = Path(airflow.__file__).parent
    jsonschema.validate(INFO, json.loads((folder / "provider_info.schema.json").read_text()))
    authoring = json.loads((folder / "provider.yaml.schema.json").read_text())
    jsonschema.validate(INFO["connection-types"], authoring["properties"]["connection-types"])


def test_manifests_are_announced_by_entry_points() -> None:
    assert manifests() == {"feishu": FeishuHook.manifest, "wecom": WeComHook.manifest}
    assert [manifest["connection-type"] for manifest in manifests().values()] == INFO["connection-types"]


@pytest.mark.parametrize("manifest", manifests().values(), ids=manifests())
def test_extras_have_schemas_that_the_hook_reads(manifest: Any) -> None:
    types = (["string", "null"], ["number", "null"], ["string", "array", "null"])
    for field in manifest["connection-type"]["conn-fields"].values():
        jsonschema.Draft202012Validator.check_schema(field["schema"])
        assert field["schema"]["type"] in types
        assert field["schema"].keys() <= {"type", "enum", "minimum", "maximum", "items", "format", "section"}


@pytest.mark.parametrize("entry", INFO["connection-types"], ids=lambda e: str(e["connection-type"]))
def test_form_is_in_groups_and_names_each_default(entry: dict[str, Any]) -> None:
    groups = ["Tenant and users", "Network", "Sharing between tasks", "Asking as a user", "Store apps"]
    fields = entry["conn-fields"].values()
    found = [field["schema"]["section"] for field in fields]
    assert found == sorted(found, key=groups.index)
    for field in fields:
        assert re.fullmatch(r"[A-Z][^;]+; (no )?default[^;]*\.", field["description"]), field["description"]
        assert None not in field["schema"].get("enum", ())


@pytest.mark.parametrize("entry", INFO["connection-types"], ids=lambda e: str(e["connection-type"]))
def test_manifest_matches_hook(entry: dict[str, Any]) -> None:
    module, _, name = entry["hook-class-name"].rpartition(".")
    hook = getattr(importlib.import_module(module), name)
    assert (hook.conn_type, hook.hook_name) == (entry["connection-type"], entry["hook-name"])
    assert hook.default_conn_name == f"{hook.conn_type}_default"
    assert hook.conn_name_attr == "meetings_conn_id"


def test_platform_folders_are_announced() -> None:
    platforms = importlib.import_module("airflow_provider_meetings.platforms")
    folders = {p.name for p in Path(platforms.__path__[0]).iterdir() if (p / "__init__.py").exists()}
    assert folders == {entry["connection-type"] for entry in INFO["connection-types"]}


def test_named_modules_exist() -> None:
    kinds = ("hooks", "operators", "sensors", "triggers")
    for module in {m for kind in kinds for entry in INFO[kind] for m in entry["python-modules"]}:
        importlib.import_module(module)


def test_airflow_finds_the_commands() -> None:
    assert ProvidersManager().cli_command_functions >= {get_commands}  # type: ignore[no-untyped-call]
    group = ALL_COMMANDS_DICT["meetings"]
    assert isinstance(group, GroupCommand)
    assert [command.name for command in group.subcommands] == [
        "verify",
        "sweep",
        "pending",
        "unforget",
        "plan",
        "forget",
        "authorize",
    ]


def test_airflow_builds_the_connection_forms() -> None:
    manager = ProvidersManager()  # type: ignore[no-untyped-call]
    for entry in INFO["connection-types"]:
        conn_type = entry["connection-type"]
        assert manager.field_behaviours[conn_type]["relabeling"] == entry["ui-field-behaviour"]["relabeling"]
        fields = {name for name in manager.connection_form_widgets if name.startswith(f"extra__{conn_type}__")}
        assert fields == {f"extra__{conn_type}__{field}" for field in entry["conn-fields"]}
