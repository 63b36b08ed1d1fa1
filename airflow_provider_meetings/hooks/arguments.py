"""Read and check the arguments of operators and sensors.

Values passed between tasks (recordings, stored files, posts) are resolved from XComs but never rendered by Jinja: the
title ``{{ conn.feishu_default.password }}`` of a meeting must stay as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, fields
from types import NoneType
from typing import Any, TypeVar

from airflow.providers.common.compat.sdk import BaseOperator, literal

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.models import MediaFile, PlainJson, Post, Recording, RecordingState, StoredFile
from airflow_provider_meetings.api.times import in_utc
from airflow_provider_meetings.hooks.batches import BatchReader, is_uri

Choice = TypeVar("Choice", bound=str)
Neutral = TypeVar("Neutral", bound=PlainJson)
Check = Callable[[Any, Field[Any]], Any]


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


def is_template(value: Any) -> bool:
    """Return whether Airflow renders or resolves `value` before the task runs."""
    if isinstance(value, list | tuple | set):
        return any(map(is_template, value))
    return _holds_reference(value) or (isinstance(value, str) and ("{{" in value or "{%" in value))


def _holds_reference(value: Any) -> bool:
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return hasattr(value, "resolve")
    return any(_holds_reference(item) for item in value)


def items(value: Any, name: str, context: Any, batches: BatchReader | None = None) -> Iterator[Mapping[str, Any]]:
    """Yield the dicts of a list, a lazy sequence or a batch, at any depth, as mapped tasks return them.

    :param batches: reads the batches of the argument; None for the whole argument.
    :raises InvalidRequest: for anything else, naming the argument; also see `BatchReader.read`.
    """
    batches = batches or BatchReader(name)
    if hasattr(value, "resolve"):  # a literal, if Airflow has not rendered the task
        value = value.resolve(context)
    if isinstance(value, Mapping):
        yield {key: v.resolve(context) if hasattr(v, "resolve") else v for key, v in value.items()}
    elif is_uri(value):
        yield from batches.read(value)
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for item in value:
            yield from items(item, name, context, batches)
    else:
        raise InvalidRequest(
            f"{name} must be a list as the previous task returns it, got {type(value).__name__}: "
            "pass the task's .output"
        )


def of_tasks(value: Any, context: Any) -> Any:
    """Return what tasks have returned, without those that died before."""
    if hasattr(value, "resolve"):
        value = value.resolve(context)
    return [one for one in value if one is not None] if isinstance(value, list) else value or []


def rows(cls: type[PlainJson], value: Any, name: str, context: Any) -> Iterator[dict[str, Any]]:
    """Yield the values of an argument as dicts with all fields of `cls` and times in UTC, as its `to_dict` does.

    Keys that are not fields are left out: one with the name of a column would be stored.

    :raises InvalidRequest: for anything else, naming the argument, the item's number and the field. The value is not
        shown: it may be one that is redacted.
    """
    return (row for _, row in _checked(cls, value, name, context))


def values(cls: type[Neutral], value: Any, name: str, context: Any) -> Iterator[Neutral]:
    """Yield the values of an argument, with the keys that are not fields; see `rows`."""
    return (cls.from_dict(item) for item, _ in _checked(cls, value, name, context))


def _checked(
    cls: type[PlainJson], value: Any, name: str, context: Any
) -> Iterator[tuple[Mapping[str, Any], dict[str, Any]]]:
    for number, item in enumerate(items(value, name, context), 1):
        try:
            row = _check(cls, item)
        except (TypeError, ValueError) as error:
            raise InvalidRequest(
                f"{name}: item {number} is not a {cls.__name__}: {str(error)[:300]}",
                next_step="Pass the previous task's output unchanged.",
            ) from None
        yield item, row


def _check(cls: type[PlainJson], data: Any) -> dict[str, Any]:
    """Return the fields of a dataclass in a dict, after checking them. Errors show no value."""
    if not isinstance(data, Mapping):
        raise TypeError(f"a {cls.__name__} must be a dict, got {type(data).__name__}")
    return {
        name: check(data[name] if name in data else _default(field), field)
        for name, (field, check) in _FIELDS[cls].items()
    }


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    if field.default is MISSING:
        raise ValueError(f"its {field.name} is missing")
    return field.default


def _typed(*types: type) -> Check:
    def check(value: Any, field: Field[Any]) -> Any:
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise TypeError(f"its {field.name} is of type {type(value).__name__}, not {field.type}")
        if field.type == "str" and not value:
            raise ValueError(f"its {field.name} is empty")
        return value

    return check


def _time(value: Any, field: Field[Any]) -> str | None:
    return None if value is None else in_utc(value, field.name, show_value=False).isoformat()


def _state(value: Any, field: Field[Any]) -> str:
    try:
        return str(RecordingState(value))
    except ValueError:
        actual = "another text" if isinstance(value, str) else type(value).__name__
        raise ValueError(f"{field.name} must be one of {', '.join(RecordingState)}, got {actual}") from None


def _list(value: Any, field: Field[Any]) -> list[Any]:
    if not isinstance(value, Iterable):
        raise TypeError(f"{field.name} must be a list, got {type(value).__name__}")
    return list(value)


def _files(value: Any, field: Field[Any]) -> list[dict[str, Any]]:
    return [_check(MediaFile, file) for file in _list(value, field)]


def _dicts(value: Any, field: Field[Any]) -> list[Any]:
    found = _list(value, field)
    if not all(isinstance(item, Mapping) for item in found):
        raise TypeError(f"its {field.name} are not a list of dicts")
    return found


_CHECKS: Mapping[str, Check] = {
    "str": _typed(str),
    "str | None": _typed(str, NoneType),
    "int | None": _typed(int, NoneType),
    "bool": _typed(bool),
    "Mapping[str, Any]": _typed(Mapping),
    "DateTime | None": _time,
    "RecordingState": _state,
    "tuple[MediaFile, ...]": _files,
    "Sequence[Mapping[str, Any]]": _dicts,
    "Sequence[str]": _list,
    "Sequence[Any] | None": lambda value, _: value,
}
"""The check of a field by its annotation; it returns the value as plain JSON."""

_FIELDS: Mapping[type[PlainJson], Mapping[str, tuple[Field[Any], Check]]] = {
    cls: {field.name: (field, _CHECKS[str(field.type)]) for field in fields(cls)}
    for cls in (MediaFile, Recording, StoredFile, Post)
}


def ids(value: Any, name: str) -> Any:
    """Decode a list of ids; a string, as rendered by Jinja, must contain a JSON list. The ids are not checked.

    Whole numbers, which Airflow makes of digits with ``render_template_as_native_obj``, become texts again.

    :raises InvalidRequest: for an iterator and for other text, naming the argument.
    """
    if isinstance(value, Iterator):
        raise InvalidRequest(f"{name} must be a list of ids, got {type(value).__name__}, which can be read only once")
    found = [value] if type(value) is int else value
    if isinstance(value, str):
        try:
            found = json.loads(value)
        except ValueError:
            found = None
        if not isinstance(found, list):
            raise InvalidRequest(
                f"{name} must be a list of ids, got the text {value[:60]!r}: in a template, use the filter | tojson"
            )
    return [str(one) if type(one) is int else one for one in found] if isinstance(found, list | tuple | set) else found


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
