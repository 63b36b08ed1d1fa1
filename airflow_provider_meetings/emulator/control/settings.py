"""The settings of the state: what each accepts over HTTP and what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_meetings.emulator.state.emulator import EmulatorState


@dataclass(frozen=True, slots=True)
class Setting:
    """One attribute of the state: the accepted values as text and as a check, and its effect."""

    takes: str
    accepts: Callable[[Any], bool]
    about: str


def _integer(about: str, *, lowest: int = 0, optional: bool = False) -> Setting:
    takes = f"an integer from {lowest}{' or null' if optional else ''}"
    # With type(), because 1 == True.
    return Setting(takes, lambda value: (type(value) is int and value >= lowest) or (optional and value is None), about)


def _choice(about: str, *choices: str) -> Setting:
    return Setting(" or ".join(map(repr, choices)), lambda value: value in choices, about)


def _boolean(about: str) -> Setting:
    return Setting("true or false", lambda value: isinstance(value, bool), about)


SETTINGS: Final[Mapping[str, Setting]] = {
    "not_ready_polls": _integer("number of polls until an object in processing is ready, at each stage"),
    "token_seconds": _integer("lifetime of new tokens"),
    "refresh_seconds": _integer("lifetime of new refresh tokens"),
    "consent": _choice("the user's answer on the consent page", "grant", "deny"),
    "cloud": _choice("the cloud, which knows only its own apps", "feishu", "lark"),
    "link_seconds": _integer("lifetime of new media links; null: the vendor's", optional=True),
    "rate_limits": _boolean("enforce the vendors' rate limits"),
    "wecom_spelling": _choice(
        "names in WeCom's list, as in the page's table or in its example",
        "record_list",
        "record_meetings",
    ),
    "has_more": _choice("whether the last page of WeCom's list has has_more", "always", "when-true"),
    "meeting_list_tenant": _boolean("whether Feishu's meeting_list accepts the app's token"),
    "minutes_search_most": _integer(
        "number of results of Feishu's search of minutes; the others are left out; null: all", lowest=1, optional=True
    ),
    "minutes_search_depth": _integer(
        "number of results that Feishu's search of minutes pages through (2094007); null: all", lowest=1, optional=True
    ),
}


def apply_settings(state: EmulatorState, values: Mapping[str, Any]) -> None:
    """Apply all ``values``, or none of them.

    :raises ValueError: a name is unknown, or a value is not accepted.
    """
    for name, value in values.items():
        setting = SETTINGS.get(name)
        if setting is None:
            raise ValueError(f"there is no setting {name!r}; there are {', '.join(SETTINGS)}")
        if not setting.accepts(value):
            raise ValueError(f"{name} takes {setting.takes}")
    for name, value in values.items():
        setattr(state, name, value)
