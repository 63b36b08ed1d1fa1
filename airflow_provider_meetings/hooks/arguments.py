"""How our operators and sensors read their arguments.

What one task hands to the next (recordings, stored files, posts) is resolved from XComs but never rendered by
Jinja: a meeting may be titled ``{{ conn.feishu_default.password }}``, and that must stay a title.
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

LONGEST_TEXT = 1000

Choice = TypeVar("Choice", bound=str)
Neutral = TypeVar("Neutral", Recording, StoredFile, Post)

# Our values do not check the types of their fields: what is built from an answer has them. What a task hands over may
# come from anywhere.
_FIELD_TYPES: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "str | None": (str, NoneType),
    "int | None": (int, NoneType),
    "bool": (bool,),
    "Mapping[str, Any]": (Mapping,),
}


def as_literal(value: Any) -> Any:
    """Keep `value` from Jinja; an XComArg stays one, so that Airflow sees the dependency and resolves it."""
    if value is None or hasattr(value, "resolve"):
        return value
    if isinstance(value, Iterator):
        value = list(value)  # a second round would find it empty, and take that for an answer
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
        hint = "a text is not read, " if isinstance(value, str) else ""
        raise InvalidRequest(
            f"{name} must be a list as the task before returns it, got {type(value).__name__}: "
            f"{hint}hand over the task's .output"
        )


def recordings(value: Any, name: str, context: Any) -> Iterator[Recording]:
    """Yield the recordings of an argument.

    :raises InvalidRequest: for what is no recording, naming the argument, its number there and the field; what stands
        in it is not shown, for it may be what is redacted.
    """
    return _values(Recording, "recording", items(value, name, context), name)


def stored_files(value: Any, name: str, context: Any) -> Iterator[StoredFile]:
    """Yield the stored files of an argument; as `recordings`."""
    return _values(StoredFile, "stored file", items(value, name, context), name)


def posts(value: Any, name: str, context: Any) -> Iterator[Post]:
    """Yield the posts of an argument; as `recordings`."""
    return _values(Post, "post", items(value, name, context), name)


def _values(cls: type[Neutral], called: str, given: Iterable[Mapping[str, Any]], name: str) -> Iterator[Neutral]:
    for number, item in enumerate(given, 1):
        try:
            value = cls.from_dict(item)
            _check_fields(value)
        except (TypeError, ValueError) as error:
            raise InvalidRequest(
                f"{name}: number {number} of the list is no {called}: {str(error)[:300]}",
                next_step="Hand over what the task before returned, unchanged.",
            ) from None
        yield value


def _check_fields(value: Recording | StoredFile | Post | MediaFile) -> None:
    for field in fields(value):
        held = getattr(value, field.name)
        allowed = _FIELD_TYPES.get(str(field.type))
        if allowed and (not isinstance(held, allowed) or (isinstance(held, bool) and bool not in allowed)):
            raise TypeError(f"its {field.name} is of type {type(held).__name__}, not {field.type}")
        if field.type == "str" and not held:
            raise ValueError(f"its {field.name} is empty")
    for file in value.files if isinstance(value, Recording) else ():
        _check_fields(file)
    if isinstance(value, Post) and not all(isinstance(reaction, Mapping) for reaction in value.reactions):
        raise TypeError("its reactions are not a list of dicts")


def ids(value: Any, name: str) -> Any:
    """Decode a list of ids; text, which is what Jinja makes of a list, must be JSON. The ids are not checked.

    :raises InvalidRequest: for an iterator and for other text, naming the argument.
    """
    if isinstance(value, Iterator):
        raise InvalidRequest(f"{name} must be a list of ids, got {type(value).__name__}, which can be read once only")
    if not isinstance(value, str):
        return value
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise InvalidRequest(
            f"{name} must be a list of ids, got the text {value[:60]!r}: in a template, end with the filter | tojson"
        )
    return found


def text(value: Any, name: str, such_as: str) -> str:
    """Return a text that is not blank.

    :param such_as: an example, for the error. The value itself is not shown.
    :raises InvalidRequest: for anything else, naming the argument.
    """
    if not isinstance(value, str):
        fault = f"must be a text, got {type(value).__name__}"
    elif not value.strip():
        fault = "is empty"
    elif len(value) > LONGEST_TEXT:
        fault = f"is too long, {len(value)} characters of at most {LONGEST_TEXT}"
    elif not value.isprintable():
        fault = "holds a control character"
    else:
        return value
    raise InvalidRequest(f"{name} {fault}: give one such as {such_as}")


def choice(operator: BaseOperator, name: str, value: Choice, choices: tuple[Choice, ...]) -> Choice:
    """Return `value` if it is one of `choices`; fail while the DAG is read, naming them."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{operator.task_id}: {name} must be one of {', '.join(choices)}, got {value!r:.60}")
    return value


def flag(operator: BaseOperator, name: str, value: bool) -> bool:
    """Return `value` if it is a truth value; fail while the DAG is read if not: ``"False"`` would mean yes."""
    if not isinstance(value, bool):
        raise ValueError(f"{operator.task_id}: {name} must be True or False, got {value!r:.60}")
    return value


def count(operator: BaseOperator, name: str, value: int | None) -> int | None:
    """Return `value` if it is a whole number from 1, or None; fail while the DAG is read if not."""
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise ValueError(f"{operator.task_id}: {name} must be at least 1, a whole number, or None; got {value!r:.60}")
    return value


def positive(operator: BaseOperator, name: str, value: int) -> int:
    """Return `value` if it is a whole number from 1; fail while the DAG is read if not."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{operator.task_id}: {name} must be at least 1, a whole number; got {value!r:.60}")
    return value
