"""Each command of the documentation is one that its program takes; connections in variables are read by Airflow.

Commands are typed for real by ``make newcomer`` (README and quick start), and by the tests of the command line.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import tomllib

import pytest
import requests
import yaml
from airflow.cli.cli_parser import get_parser
from airflow.sdk import Connection
from packaging.requirements import Requirement

from airflow_provider_meetings.emulator.__main__ import _parser as emulator_parser
from tests.documentation.blocks import ROOT, Block, blocks, commands, every_block

COMMANDS = [(block, command) for block in blocks("bash", "console", "text") for command in commands(block)]
NOT_RUN = {
    **dict.fromkeys(("cp", "find", "mkdir"), "make newcomer types it"),
    "cd": "names a folder of the reader",
    "git": "needs the address of the repository",
    "kubectl": "needs a cluster",
    "helm": "needs a cluster",
    "redis-cli": "needs a Redis of its own",
    "openssl": "prints a new key each time",
}
"""Programs whose commands are only checked for the shell's syntax, with the reason."""


def words(command: str) -> tuple[dict[str, str], list[str]]:
    """Return the variables that are set for a command, and its words."""
    found = shlex.split(command.replace("\\\n", " "), comments=True)
    count = next((i for i, word in enumerate(found) if not re.match(r"[A-Z_]+=", word)), len(found))
    return dict(word.split("=", 1) for word in found[:count]), found[count:]


@pytest.fixture(scope="module")
def airflow_parser() -> argparse.ArgumentParser:
    return get_parser()


@pytest.mark.parametrize(("block", "command"), COMMANDS, ids=str)
def test_command(
    block: Block, command: str, airflow_parser: argparse.ArgumentParser, request: pytest.FixtureRequest
) -> None:
    subprocess.run(["bash", "-n", "-c", command], check=True)  # the shell of the reader
    _, (program, *arguments) = words(command)
    if program == "airflow":
        airflow_parser.parse_args(arguments)
    elif program == "pip":
        check_install(arguments)
    elif program == "export":
        check_export(command)
    elif program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M)
        assert [one for one in arguments if "=" not in one and one not in targets] == []
    elif program == "curl":
        curl(command, request.getfixturevalue("emulated").url)
    elif program == "python":
        check_python(arguments)
    else:
        assert program in NOT_RUN, f"{block}: run {program} here, or say in NOT_RUN why not"


def check_python(arguments: list[str]) -> None:
    """Check the emulator's options, or the code of ``python -c``."""
    if arguments[0] == "-c":
        compile(arguments[1], "-c", "exec")
    else:
        assert arguments[:2] == ["-m", "airflow_provider_meetings.emulator"]
        emulator_parser().parse_args(arguments[2:])


def check_install(arguments: list[str]) -> None:
    """Check the names, extras and files of ``pip install``."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    parser = argparse.ArgumentParser()
    parser.add_argument("install", choices=["install"])
    parser.add_argument("requirements", nargs="+")
    parser.add_argument("--constraint")
    options = parser.parse_args(arguments)
    for one in options.requirements:
        found = Requirement(one.replace(".[", "airflow-provider-meetings[") if one.startswith(".") else one)
        assert found.name.startswith("apache-airflow") or found.name == "airflow-provider-meetings"
        assert found.name != "airflow-provider-meetings" or found.extras <= set(extras)


def check_export(command: str) -> None:
    """Export the variables in a shell, and read those that are connections."""
    script = f"{command}\nprintf '%s' \"$(env)\""
    printed = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True, env={}).stdout
    names = re.findall(r"export (\w+)=", command)
    assert names
    for name in names:
        value = re.search(rf"^{name}=(.*?)(?=^\w+=|\Z)", printed, re.M | re.S)
        assert value
        if name.startswith("AIRFLOW_CONN_"):
            assert Connection.from_json(value[1], conn_id="from_the_page").conn_type


def curl(command: str, url: str) -> None:
    """Send a request of the emulator's page."""
    match = re.fullmatch(r"curl (?:-X (?P<method>\w+) )?\$E(?P<path>\S+)(?: -d '(?P<body>.*)')?", command)
    assert match
    method = match["method"] or ("POST" if match["body"] else "GET")
    response = requests.request(method, f"{url}/_emulator{match['path']}", data=match["body"], timeout=30)
    assert response.status_code == 200
    assert response.json()


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_json(block: Block) -> None:
    found = json.loads(block.code)
    if "conn_type" in found:
        Connection.from_json(block.code, conn_id="from_the_page")


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml(block: Block) -> None:
    assert list(yaml.safe_load_all(block.code))


def test_commands_are_found() -> None:
    assert len(COMMANDS) >= 40
    assert {"airflow", "pip", "make", "export", "curl"} <= {words(command)[1][0] for _, command in COMMANDS}


def test_every_block_has_a_language_that_is_checked() -> None:
    checked = {"python", "bash", "console", "text", "json", "yaml", "sql"}
    assert [str(block) for block in every_block() if block.language not in checked] == []
