"""How our operators and sensors read their arguments.

What one task hands to the next (recordings, stored files, posts) is resolved from XComs but never rendered by
Jinja: a meeting may be titled ``{{ conn.feishu_default.password }}``, and that must stay a title.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from airflow.providers.common.compat.sdk import BaseOperator, literal

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.models import Recording

Choice = TypeVar("Choice", bound=str)


def verbatim(value: Any) -> Any:
    """Keep `value` from Jinja; an XComArg stays one, so that Airflow sees the dependency and resolves it."""
    if value is None or hasattr(value, "resolve"):
        return value
    if not _holds_reference(value):
        return literal(value)
    if isinstance(value, Mapping):
        return {key: verbatim(item) for key, item in value.items()}
    return [verbatim(item) for item in value]


def _holds_reference(value: Any) -> bool:
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return hasattr(value, "resolve")
    return any(_holds_reference(item) for item in value)


def items(value: Any, name: str, context: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the dicts of an argument: of a list, a lazy sequence, or either nested (a mapped task, batches).

    :raises InvalidRequest: for anything else, naming the argument.
    """
    if hasattr(value, "resolve"):  # a literal, where Airflow has not rendered the task
        value = value.resolve(context)
    if isinstance(value, Mapping):
        yield {key: v.resolve(context) if hasattr(v, "resolve") else v for key, v in value.items()}
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for item in value:
            yield from items(item, name, context)
    else:
        hint = "a text is not read, hand over the task's .output" if isinstance(value, str) else "see the documentation"
        raise InvalidRequest(f"{name} must be a list as the task before returns it, got {type(value).__name__}: {hint}")


def recordings(value: Any, name: str, context: Any) -> Iterator[Recording]:
    """Yield the recordings of an argument.

    :raises InvalidRequest: for what is no recording, naming the argument.
    """
    for item in items(value, name, context):
        try:
            recording = Recording.from_dict(item)
        except (TypeError, ValueError) as error:
            raise InvalidRequest(f"{name} holds something that is no recording: {error}") from None
        yield recording


def ids(value: Any, name: str) -> Any:
    """Read a list of ids; a text, which is what Jinja makes of a list, must be JSON."""
    if not isinstance(value, str):
        return value or ()
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise InvalidRequest(
            f"{name} must be a list of ids, got the text {value[:60]!r}: in a template, end with the filter | tojson"
        )
    return found


def choice(operator: BaseOperator, name: str, value: Choice, choices: tuple[Choice, ...]) -> Choice:
    """Return `value` if it is one of `choices`; fail while the DAG is read, naming them."""
    if value not in choices:
        raise ValueError(f"{operator.task_id}: {name} must be one of {', '.join(choices)}, got {value!r}")
    return value
