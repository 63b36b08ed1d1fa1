"""The knobs that are plain values: what each takes, for those who turn them by HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from airflow_provider_meetings.emulator.model.endpoints import ENDPOINTS, Window
from airflow_provider_meetings.emulator.state.emulator import EmulatorState


@dataclass(frozen=True, slots=True)
class Knob:
    """One attribute of the state: what it takes, in words and as a check, and what it does."""

    takes: str
    accepts: Callable[[Any], bool]
    about: str


def _count(lowest: int, *, optional: bool = False) -> tuple[str, Callable[[Any], bool]]:
    def accepts(value: Any) -> bool:
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= lowest
        return whole or (optional and value is None)

    return f"an integer from {lowest}{' or null' if optional else ''}", accepts


def _choice(*values: Any) -> tuple[str, Callable[[Any], bool]]:
    # type(): 1 and True are equal, and only one of them is a choice.
    return " or ".join(map(repr, values)), lambda value: any(
        type(value) is type(one) and value == one for one in values
    )


_LISTS: Final = ("limits", "redirect_uris")
_BOOLEAN: Final = ("true or false", lambda value: isinstance(value, bool))

KNOBS: Final[Mapping[str, Knob]] = MappingProxyType(
    {
        "not_ready_polls": Knob(*_count(0), "polls for which what is in the making is not ready, at each stage"),
        "token_seconds": Knob(*_count(0), "lifetime of the tokens issued from now on"),
        "refresh_seconds": Knob(*_count(0), "lifetime of the refresh tokens issued from now on"),
        "user_token_grace": Knob(
            *_count(0, optional=True), "seconds for which a user's token outlives its renewal; null: to its own end"
        ),
        "ticket_seconds": Knob(*_count(0), "lifetime of a store app's ticket"),
        "consent": Knob(*_choice("grant", "deny"), "what the user does on the page that asks for consent"),
        "cloud": Knob(*_choice("feishu", "lark"), "which cloud it is, and whose apps it knows"),
        "link_seconds": Knob(*_count(0, optional=True), "lifetime of the media links issued from now on"),
        "rate_limits": Knob(*_BOOLEAN, "refuse who asks more often than the vendor allows"),
        "throttle_status": Knob(*_choice(429, 400), "the HTTP status of Feishu's 99991400"),
        "wecom_concurrent": Knob(*_count(1), "how many requests WeCom takes at once, while there are rate limits"),
        "wecom_spelling": Knob(
            *_choice("record_list", "record_meetings"), "names in WeCom's list: of the table, or of the example"
        ),
        "has_more": Knob(*_choice("always", "when-true"), "whether WeCom's list says that there is no more"),
        "meeting_summary": Knob(*_choice("object", "list"), "meeting_summary of WeCom's get_file"),
        "file_times": Knob(*_choice("text", "number"), "times of WeCom's get_file"),
        "wecom_warning": Knob(*_BOOLEAN, "warn of a wrong JSON format in the errmsg of WeCom's errcode 0"),
        "expired_link": Knob(*_choice("403", "html", "json"), "how an expired media link answers"),
        "meeting_list_tenant": Knob(*_BOOLEAN, "whether Feishu's meeting_list takes the app's token"),
        "meetings_by_number_days": Knob(
            *_count(0, optional=True), "how many days back Feishu's list_by_no looks; 90 in its document"
        ),
    }
)


def turn(state: EmulatorState, values: Mapping[str, Any]) -> None:
    """Set every knob of ``values``, or none of them.

    :raises ValueError: an unknown knob, or a value that it does not take.
    """
    limits = values.get("limits")
    windows = {} if limits is None else _windows(limits)
    redirect_uris = values.get("redirect_uris")
    if "redirect_uris" in values and not _are_texts(redirect_uris):
        raise ValueError("redirect_uris takes a list of addresses")
    for name, value in values.items():
        if name in _LISTS:
            continue
        knob = KNOBS.get(name)
        if knob is None:
            raise ValueError(f"there is no knob {name!r}; there are {', '.join(_LISTS)}, {', '.join(KNOBS)}")
        if not knob.accepts(value):
            raise ValueError(f"{name} takes {knob.takes}")
    for name, value in values.items():
        if name not in _LISTS:
            setattr(state, name, value)
    if redirect_uris is not None:
        state.redirect_uris = tuple(redirect_uris)
    state.limits.windows.update(windows)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _windows(limits: Any) -> dict[str, tuple[Window, ...]]:
    """Return the limits of ``{"feishu.minute": [[5, 1]]}``: rows of count, seconds and, for WeCom, seconds of block."""
    takes = "limits takes an object of endpoint names, each with rows of [count, seconds] or [count, seconds, blocks]"
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


def _window(name: str, count: int, seconds: int, blocks: int | None = None) -> Window:
    if blocks is None:
        blocks = seconds if ENDPOINTS[name].platform == "wecom" else 0
    return Window(count, seconds, blocks)


def _is_row(row: Any) -> bool:
    whole = isinstance(row, list) and all(isinstance(one, int) and not isinstance(one, bool) for one in row)
    return whole and len(row) in (2, 3) and row[0] >= 0 and row[1] >= 1 and row[-1] >= 0
