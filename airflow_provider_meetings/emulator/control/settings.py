"""The settings of the state: what each accepts over HTTP and what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_meetings.emulator.model.endpoints import ENDPOINTS, Window
from airflow_provider_meetings.emulator.state.emulator import EmulatorState


@dataclass(frozen=True, slots=True)
class Setting:
    """One attribute of the state: the accepted values as text and as a check, and its effect."""

    takes: str
    accepts: Callable[[Any], bool]
    about: str


def _is_integer(value: Any, lowest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= lowest


def _integer(about: str, *, lowest: int = 0, optional: bool = False) -> Setting:
    takes = f"an integer from {lowest}{' or null' if optional else ''}"
    return Setting(takes, lambda value: _is_integer(value, lowest) or (optional and value is None), about)


def _choice(about: str, *choices: Any) -> Setting:
    # With type(), because 1 == True.
    return Setting(
        " or ".join(map(repr, choices)),
        lambda value: any(type(value) is type(choice) and value == choice for choice in choices),
        about,
    )


def _boolean(about: str) -> Setting:
    return Setting("true or false", lambda value: isinstance(value, bool), about)


SETTINGS: Final[Mapping[str, Setting]] = {
    "not_ready_polls": _integer("number of polls until an object in processing is ready, at each stage"),
    "token_seconds": _integer("lifetime of new tokens"),
    "refresh_seconds": _integer("lifetime of new refresh tokens"),
    "user_token_grace": _integer(
        "seconds until a user's earlier tokens expire after a refresh; null: at their own time", optional=True
    ),
    "ticket_seconds": _integer("lifetime of a store app's ticket"),
    "consent": _choice("the user's answer on the consent page", "grant", "deny"),
    "cloud": _choice("the cloud, which knows only its own apps", "feishu", "lark"),
    "link_seconds": _integer("lifetime of new media links; null: the vendor's", optional=True),
    "rate_limits": _boolean("enforce the vendors' rate limits"),
    "throttle_status": _choice("HTTP status of Feishu's 99991400", 429, 400),
    "wecom_concurrent": _integer("number of concurrent requests that WeCom's rate limits accept", lowest=1),
    "wecom_spelling": _choice(
        "names in WeCom's list, as in the page's table or in its example",
        "record_list",
        "record_meetings",
    ),
    "has_more": _choice("whether the last page of WeCom's list has has_more", "always", "when-true"),
    "meeting_summary": _choice("type of meeting_summary in WeCom's get_file", "object", "list"),
    "file_times": _choice("type of the times in WeCom's get_file", "text", "number"),
    "wecom_warning": _boolean("add a warning of a wrong JSON format to the errmsg of WeCom's errcode 0"),
    "expired_link": _choice("answer to an expired media link", "403", "html", "json"),
    "meeting_list_tenant": _boolean("whether Feishu's meeting_list accepts the app's token"),
    "meetings_by_number_days": _integer(
        "number of days that Feishu's list_by_no looks back; 90 in its document; null: no limit", optional=True
    ),
    "minutes_search_most": _integer(
        "number of results of Feishu's search of minutes; the others are left out; null: all", lowest=1, optional=True
    ),
    "minutes_search_depth": _integer(
        "number of results that Feishu's search of minutes pages through (2094007); null: all", lowest=1, optional=True
    ),
}
_LISTS: Final = ("limits", "redirect_uris")


def apply_settings(state: EmulatorState, values: Mapping[str, Any]) -> None:
    """Apply all ``values``, or none of them.

    :raises ValueError: a name is unknown, or a value is not accepted.
    """
    windows = _windows(values["limits"]) if values.get("limits") is not None else {}
    redirect_uris = values.get("redirect_uris", list(state.redirect_uris))
    if not isinstance(redirect_uris, list) or not all(isinstance(uri, str) for uri in redirect_uris):
        raise ValueError("redirect_uris takes a list of URIs")
    plain = {name: value for name, value in values.items() if name not in _LISTS}
    for name, value in plain.items():
        setting = SETTINGS.get(name)
        if setting is None:
            raise ValueError(f"there is no setting {name!r}; there are {', '.join(_LISTS)}, {', '.join(SETTINGS)}")
        if not setting.accepts(value):
            raise ValueError(f"{name} takes {setting.takes}")
    for name, value in plain.items():
        setattr(state, name, value)
    state.redirect_uris = tuple(redirect_uris)
    state.limits.windows.update(windows)


def _windows(limits: Any) -> dict[str, tuple[Window, ...]]:
    """Read ``{"feishu.minute": [[5, 1]]}``: rows of count, seconds and, optionally, block_seconds."""
    takes = "limits takes an object of endpoint names, each with rows of [count, seconds(, block_seconds)]"
    if not isinstance(limits, dict):
        raise ValueError(takes)
    windows = {}
    for name, rows in limits.items():
        if name not in ENDPOINTS:
            raise ValueError(f"limits: no endpoint is named {name!r}; there are {', '.join(ENDPOINTS)}")
        if not isinstance(rows, list) or not all(map(_is_row, rows)):
            raise ValueError(takes)
        windows[name] = tuple(_window(name, *row) for row in rows)
    return windows


def _window(name: str, count: int, seconds: int, block_seconds: int | None = None) -> Window:
    if block_seconds is None:
        block_seconds = seconds if ENDPOINTS[name].platform == "wecom" else 0
    return Window(count, seconds, block_seconds)


def _is_row(row: Any) -> bool:
    return (
        isinstance(row, list)
        and len(row) in (2, 3)
        and all(_is_integer(value, lowest) for value, lowest in zip(row, (0, 1, 0), strict=False))
    )
