"""Read the fields of a platform's JSON; undocumented forms raise a typed error."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, ClassVar, Self, get_args, get_origin, get_type_hints

import pendulum
from pendulum import DateTime

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.sanitize import storable_text
from airflow_provider_meetings.api.times import parse_time

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fields:
    """Read fields of one platform's responses. An absent field and an empty text are None.

    Every method raises ServerError for an undocumented form.
    """

    platform: str

    def mapping(self, value: object, name: str) -> Raw:
        """Return a JSON object."""
        if not isinstance(value, Mapping):
            raise self.undocumented(name, value)
        return value

    def array(self, value: object, name: str) -> list[Any]:
        """Return a JSON array, empty if it is absent."""
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.undocumented(name, value)
        return value

    def text(self, raw: Raw, name: str) -> str | None:
        """Return a text; an integer is converted to text."""
        value = raw.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, str):
            return storable_text(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        raise self.undocumented(name, value)

    def required(self, raw: Raw, name: str) -> str:
        """Return a required text."""
        value = self.text(raw, name)
        if value is None:
            raise ServerError(f"the answer has no {name}, which is documented as required", platform=self.platform)
        return value

    def texts(self, raw: Raw, name: str) -> tuple[str, ...]:
        """Return a list of texts without empty ones."""
        found = (self.text({name: value}, name) for value in self.array(raw.get(name), name))
        return tuple(value for value in found if value is not None)

    def integer(self, raw: Raw, name: str) -> int | None:
        """Return an integer, from a number or a text."""
        value = raw.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
            return value
        raise self.undocumented(name, value)

    def boolean(self, raw: Raw, name: str) -> bool | None:
        """Return a boolean, from true, false, 0 or 1."""
        value = raw.get(name)
        if value is None or isinstance(value, bool):
            return value
        if value in (0, 1):
            return bool(value)
        raise self.undocumented(name, value)

    def milliseconds(self, raw: Raw, name: str) -> DateTime | None:
        """Return the time of a UNIX timestamp in milliseconds; None for 0, which means not yet known."""
        value = self.integer(raw, name)
        if not value:
            return None
        try:
            return pendulum.from_timestamp(value / 1000)
        except (ValueError, OverflowError, OSError):
            raise self.undocumented(name, value) from None

    def rfc3339(self, raw: Raw, name: str) -> DateTime | None:
        """Return the time of an RFC 3339 text."""
        value = self.text(raw, name)
        try:
            return None if value is None else parse_time(value, name)
        except ValueError:
            raise self.undocumented(name, value) from None

    def undocumented(self, name: str, value: object) -> ServerError:
        """Return the error for a field of an undocumented form, without its value, which may be a secret."""
        return ServerError(
            f"the answer has a {name} of an undocumented form ({type(value).__name__})",
            platform=self.platform,
            next_step="Please report this with the endpoint's name: the platform's answer has changed.",
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """An object of a platform's responses.

    The annotation of a field determines how it is read: ``str`` is required; ``str | None``, ``int | None``,
    ``bool | None`` and ``tuple[str, ...]`` may be absent; an `Answer` or a tuple of them is parsed recursively;
    ``Annotated[..., reader]`` names a method of `Fields` or a function of the same signature.
    """

    fields: ClassVar[Fields]
    """The reader of the platform's responses; the base class of each platform sets it."""

    raw: Raw = field(repr=False, kw_only=True)
    """The object as the platform sent it."""

    @classmethod
    def parse(cls, value: object, *path: str) -> Self:
        """Read an object. Fields that are not declared are only in `raw`.

        :param path: the names of the fields that lead from `value` to the object.
        :raises ServerError: for a field of an undocumented form.
        """
        raw = cls.fields.mapping(value, cls.__name__)
        for name in path:
            raw = cls.fields.mapping(raw.get(name), name)
        readers = _readers(cls)  # type: ignore[arg-type]  # mypy takes type[Self] for unhashable
        return cls(**{name: read(cls.fields, raw, name) for name, read in readers.items()}, raw=raw)


Reader = Callable[[Fields, Raw, str], Any]

_READERS: dict[Any, Reader] = {
    str: Fields.required,
    str | None: Fields.text,
    int | None: Fields.integer,
    bool | None: Fields.boolean,
    tuple[str, ...]: Fields.texts,
}


@cache
def _readers(cls: type[Answer]) -> dict[str, Reader]:
    hints = get_type_hints(cls, include_extras=True)
    return {name: _reader(hint) for name, hint in hints.items() if name != "raw" and get_origin(hint) is not ClassVar}


def _reader(hint: Any) -> Reader:
    arguments = get_args(hint)
    if get_origin(hint) is Annotated:
        reader: Reader = arguments[1]
        return reader
    if hint in _READERS:
        return _READERS[hint]
    if get_origin(hint) is tuple:
        cls = arguments[0]
        return lambda fields, raw, name: tuple(cls.parse(item) for item in fields.array(raw.get(name), name))
    return lambda fields, raw, name: hint.parse(raw.get(name) or {})
