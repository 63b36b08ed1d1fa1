"""Write the pages of the reference that the code itself knows, when the documentation is built.

Fields of connections and options from the manifests and the provider info, commands from their parser, error codes
from the platforms' tables. They are not committed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from airflow_provider_meetings.api.errors import MeetingsApiError
from airflow_provider_meetings.api.http.error_codes import Rule
from airflow_provider_meetings.cli.definition import get_commands
from airflow_provider_meetings.get_provider_info import get_provider_info
from airflow_provider_meetings.platforms.feishu import codes as feishu
from airflow_provider_meetings.platforms.wecom import errors as wecom

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"


def pages() -> dict[str, str]:
    """Return the text of each page, by its name below ``docs/reference``."""
    found = {"configuration.rst": configuration(), "cli.rst": cli(), "errors.rst": errors()}
    for conn in get_provider_info()["connection-types"]:
        found[f"fields_{conn['connection-type']}.inc"] = fields(conn)
    return found


def write() -> None:
    """Write each page whose text has changed: Sphinx reads a changed file again."""
    for name, text in pages().items():
        path = REFERENCE / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def title(text: str, mark: str = "=") -> str:
    """Return a heading."""
    return f"{text}\n{mark * len(text)}\n\n"


def table(header: Iterable[str], rows: Iterable[Iterable[str]], widths: str) -> str:
    """Return a list table."""
    lines = [f".. list-table::\n   :header-rows: 1\n   :widths: {widths}\n"]
    for row in (header, *rows):
        lines += [f"   {'* -' if i == 0 else '  -'} {cell}".rstrip() for i, cell in enumerate(row)]
    return "\n".join(lines) + "\n\n"


def fields(conn: Mapping[str, Any]) -> str:
    """Return the fields of a connection's form, in the order of its groups."""
    form = conn["ui-field-behaviour"]
    labels, examples = form["relabeling"], form["placeholders"]
    rows = [
        ("Standard Fields", f"``{name}``", labels.get(name, name.title()), _placeholder(examples.get(name)))
        for name in ("login", "password", "host", "port")
    ]
    for name, field in conn["conn-fields"].items():
        schema = field["schema"]
        one_of = f" One of {', '.join(f'``{value}``' for value in schema['enum'])}." if "enum" in schema else ""
        rows.append((schema["section"], f"extra ``{name}``", field["label"], f"{_plain(field['description'])}{one_of}"))
    return table(("Group in the form", "Field", "Label in the form", "What it holds"), rows, "16 22 17 45")


def _placeholder(text: str | None) -> str:
    return f"In the form: ``{text}``" if text else ""


def configuration() -> str:
    """Return the options of ``airflow.cfg``."""
    text = title("Configuration options of airflow.cfg")
    for section, found in get_provider_info()["config"].items():
        text += f"{_plain(found['description'])}\n\n"
        for name, option in found["options"].items():
            text += f".. _option-{name}:\n\n" + title(f"[{section}] {name}", "-")
            text += f"{_plain(option['description'])}\n\n"
            text += f"Environment variable: ``AIRFLOW__{section.upper()}__{name.upper()}``"
            if option.get("sensitive"):
                text += ". The value may be a secret: append ``_CMD`` or ``_SECRET`` to the variable's name"
            text += f". Default: {option['default'] or 'blank'}."
            text += f" Example: ``{option['example']}``.\n\n" if option["example"] else "\n\n"
    return text


def cli() -> str:
    """Return the commands with their arguments."""
    text = title("Commands: airflow meetings")
    for group in get_commands():
        for command in group.subcommands:  # type: ignore[union-attr]  # it is a group
            text += title(f"airflow {group.name} {command.name}", "-")
            text += f"{_plain(command.description)}\n\n"
            text += table(("Argument", "What it is"), (_argument(one) for one in command.args), "30 70")
    return text


def _argument(arg: Any) -> tuple[str, str]:
    options = arg.kwargs
    value = f" {options['metavar']}" if options.get("metavar") and arg.flags[0].startswith("-") else ""
    required = " Required." if options.get("required") else ""
    return f"``{', '.join(arg.flags)}{value}``", f"{_plain(options['help'])}{required}"


def errors() -> str:
    """Return the errors and the codes of the platforms that lead to them."""
    text = title("Errors and error codes, with remedies")
    text += (
        "Each error says what happened, to which object, and what to do; in brackets follow the platform, its code,\n"
        "its message and the id of its log. An error that a retry cannot solve fails the task at once, whatever\n"
        "``retries`` is. A code that is not listed here fails the task, too; with an HTTP status from 500 on the task\n"
        "is retried.\n\n"
    )
    text += title("Kinds of errors", "-")
    rows = [(f"``{one.__name__}``", _first(one), "no" if one.permanent else "yes") for one in _classes()]
    text += table(("Class", "Meaning", "Retried"), rows, "25 60 15")
    for name, codes, endpoints in (
        ("Codes of Feishu and Lark", feishu.CODES, feishu.ENDPOINTS),
        ("Codes of WeCom", wecom.CODES, wecom.ENDPOINTS),
    ):
        text += title(name, "-") + _codes(codes)
        for endpoint in endpoints:
            text += f"At ``{endpoint.path}`` these codes mean something else:\n\n" + _codes(endpoint.rules)
    return text


def _classes(base: type[MeetingsApiError] = MeetingsApiError) -> Iterator[type[MeetingsApiError]]:
    for one in base.__subclasses__():
        if one.__module__ == base.__module__:
            yield one
            yield from _classes(one)


def _codes(codes: Mapping[int, Rule]) -> str:
    by_rule: dict[Rule, list[int]] = {}
    for code, rule in codes.items():
        by_rule.setdefault(rule, []).append(code)
    found = sorted((sorted(group), rule) for rule, group in by_rule.items())
    rows = [
        (_ranges(group), f"``{rule.error.__name__}``", _plain(rule.next_step), "no" if rule.error.permanent else "yes")
        for group, rule in found
    ]
    return table(("Code", "Error", "What to do", "Retried"), rows, "20 22 48 10")


def _ranges(codes: list[int]) -> str:
    if len(codes) > 10 and codes[-1] - codes[0] == len(codes) - 1:
        return f"{codes[0]} to {codes[-1]}"
    return ", ".join(map(str, codes))


def _first(one: type) -> str:
    return _plain((one.__doc__ or "").partition("\n")[0])


def _plain(text: str) -> str:
    """Escape what reStructuredText would take for markup."""
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("_ ", "\\_ ").replace("|", "\\|")


if __name__ == "__main__":
    write()
