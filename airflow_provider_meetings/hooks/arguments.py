"""Read and check the arguments of operators and sensors.

Values passed between tasks (recordings, stored files, posts) are resolved from XComs but never rendered by Jinja: the
title ``{{ conn.feishu_default.password }}`` of a meeting must stay as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from types import NoneType
from typing import Any, TypeVar

from airflow.providers.common.compat.sdk import BaseOperator, literal

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.models import MediaFile, Post, Recording, StoredFile

Choice = TypeVar("Choice", bound=str)
Neutral = TypeVar("Neutral", Recording, StoredFile, Post)

# The models do not check the types of their fields, because API answers are parsed. Another task's output can be
# anything.
_FIELD_TYPES: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "str | None": (str, NoneType),
    "int | None": (int, NoneType),
    "bool": (bool,),
    "Mapping[str, Any]": (Mapping,),
}


def as_literal(value: Any) -> Any:
    """Exclude `value` from rendering by Jinja; XComArgs inside it stay, so that Airflow resolves them."""
    if value is None or hasattr(value, "resolve"):
        return value
    if isinstance(value, Iterator):
        value = list(value)  # an iterator would be empty when it is read again
    if not _holds_reference(value):
        return literal(value)
    if isinstance(value, Mapping):
        return {key: as_literal(item) for key, item in value.items()}
    return [as_literal(item) for item in value]


def _holds_reference(value: Any) -> bool:
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return hasattr(value, "resolve")
    return any(_holds_reference(item) for item in value)


def items(value: Any, name: str, context: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the dicts of a list or a lazy sequence; lists may be nested, as those of mapped tasks and batches.

    :raises InvalidRequest: for anything else, naming the argument.
    """
    if hasattr(value, "resolve"):  # a literal, if Airflow has not rendered the task
        value = value.resolve(context)
    if isinstance(value, Mapping):
        yield {key: v.resolve(context) if hasattr(v, "resolve") else v for key, v in value.items()}
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for item in value:
            yield from items(item, name, context)
    else:
        raise InvalidRequest(
            f"{name} must be a list as the previous task returns it, got {type(value).__name__}: "
            "pass the task's .output"
        )


def values(cls: type[Neutral], value: Any, name: str, context: Any) -> Iterator[Neutral]:
    """Yield the recordings, stored files or posts of an argument.

    :raises InvalidRequest: for anything else, naming the argument, the item's number and the field. The value is not
        shown: it may be one that is redacted.
    """
    for number, item in enumerate(items(value, name, context), 1):
        try:
            found = cls.from_dict(item)
            _check_fields(found)
        except (TypeError, ValueError) as error:
            raise InvalidRequest(
                f"{name}: item {number} is not a {cls.__name__}: {str(error)[:300]}",
                next_step="Pass the previous task's output unchanged.",
            ) from None
        yield found


def _check_fields(value: Recording | StoredFile | Post | MediaFile) -> None:
    for field in fields(value):
        content = getattr(value, field.name)
        allowed = _FIELD_TYPES.get(str(field.type))
        if allowed and (not isinstance(content, allowed) or (isinstance(content, bool) and bool not in allowed)):
            raise TypeError(f"its {field.name} is of type {type(content).__name__}, not {field.type}")
        if field.type == "str" and not content:
            raise ValueError(f"its {field.name} is empty")
    for file in value.files if isinstance(value, Recording) else ():
        _check_fields(file)
    if isinstance(value, Post) and not all(isinstance(reaction, Mapping) for reaction in value.reactions):
        raise TypeError("its reactions are not a list of dicts")


def ids(value: Any, name: str) -> Any:
    """Decode a list of ids; a string, as rendered by Jinja, must contain a JSON list. The ids are not checked.

    :raises InvalidRequest: for an iterator and for other text, naming the argument.
    """
    if isinstance(value, Iterator):
        raise InvalidRequest(f"{name} must be a list of ids, got {type(value).__name__}, which can be read only once")
    if not isinstance(value, str):
        return value
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise InvalidRequest(
            f"{name} must be a list of ids, got the text {value[:60]!r}: in a template, use the filter | tojson"
        )
    return found


def choice(operator: BaseOperator, name: str, value: Choice, choices: tuple[Choice, ...]) -> Choice:
    """Return `value` if it is one of `choices`; otherwise fail at DAG parsing."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{operator.task_id}: {name} must be one of {', '.join(choices)}, got {value!r:.60}")
    return value


def flag(operator: BaseOperator, name: str, value: bool) -> bool:
    """Return `value` if it is a bool; otherwise fail at DAG parsing: the string ``"False"`` would be true."""
    if not isinstance(value, bool):
        raise ValueError(f"{operator.task_id}: {name} must be True or False, got {value!r:.60}")
    return value


def positive(operator: BaseOperator, name: str, value: int) -> int:
    """Return `value` if it is an integer of at least 1; otherwise fail at DAG parsing."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{operator.task_id}: {name} must be a whole number of at least 1, got {value!r:.60}")
    return value
