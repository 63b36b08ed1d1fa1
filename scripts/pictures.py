"""Write the pictures of the documentation, ``docs/images/*.svg``: the flow, the states, two hosts, the tables."""

from __future__ import annotations

from pathlib import Path

from drawing import Drawing
from sqlalchemy import Table
from warehouse_tables import OWNERS

from airflow_provider_meetings.api.models import RecordingState
from airflow_provider_meetings.warehouse.tables.tables import tables

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"


def pictures() -> dict[str, str]:
    """Return each picture by its file's name."""
    found = {"flow": flow(), "states": states(), "two_hosts": two_hosts(), "tables": entities()}
    return {f"{name}.svg": drawing.svg() for name, drawing in found.items()}


def flow() -> Drawing:
    """Draw how a recording comes from the platform into lake and warehouse."""
    draw = Drawing(960, 340, "From the platforms through list, wait, land and load into lake and warehouse")
    draw.box(20, 40, 140, 50, "Feishu / Lark")
    draw.box(20, 120, 140, 50, "WeCom")
    draw.group(190, 20, 550, 260, "Airflow")
    draw.box(210, 80, 110, 60, "list", "what is new", kind="ours")
    draw.box(350, 80, 110, 60, "wait", "until ready", kind="ours")
    draw.box(490, 80, 110, 60, "land", "stream, verify", kind="ours")
    draw.box(610, 170, 110, 60, "load", "upsert rows", kind="ours")
    draw.box(210, 190, 250, 50, "ledger", "what is open, and what was listed")
    draw.box(780, 75, 160, 70, "lake", "video, audio, transcript,", "receipt", kind="good")
    draw.box(780, 165, 160, 70, "warehouse", "PostgreSQL, MySQL,", "DuckDB, SQLite, Parquet", kind="good")
    draw.arrow((160, 65), (185, 65), (185, 105), (208, 105))
    draw.arrow((160, 145), (185, 145), (185, 115), (208, 115))
    draw.arrow((320, 110), (348, 110))
    draw.arrow((460, 110), (488, 110))
    draw.arrow((600, 110), (778, 110))
    draw.text(668, 104, "complete files only", kind="small")
    draw.arrow((545, 140), (545, 200), (608, 200))
    draw.arrow((720, 200), (778, 200))
    draw.arrow((265, 188), (265, 142), both=True)
    draw.arrow((665, 230), (665, 264), (335, 264), (335, 242))
    draw.text(480, 304, "Between tasks travel ids, never download links. Every task may be run again.", kind="small")
    draw.text(480, 324, "list, land and load are the group land_recordings; wait is the sensor.", kind="small")
    return draw


_STATES: dict[RecordingState, tuple[int, int, str, str]] = {
    RecordingState.RECORDING: (40, 60, "the meeting runs", "plain"),
    RecordingState.ABSENT: (40, 140, "nothing there yet", "plain"),
    RecordingState.PROCESSING: (300, 60, "the platform works on it", "plain"),
    RecordingState.READY: (600, 60, "can be landed", "good"),
    RecordingState.GONE: (600, 140, "deleted", "bad"),
    RecordingState.FORBIDDEN: (600, 200, "the app may not see it", "bad"),
    RecordingState.UNKNOWN: (600, 260, "the platform does not know it", "bad"),
    RecordingState.OVERDUE: (300, 260, "pending at the timeout", "bad"),
    RecordingState.EXCLUDED: (40, 260, "kept out by your rule", "plain"),
}


def states() -> Drawing:
    """Draw the states of a recording, and how one follows another."""
    draw = Drawing(860, 330, "The states of a recording: pending ones, ready, and other final ones")
    draw.group(20, 30, 500, 180, "pending: the sensor asks again, a ledger keeps it open")
    draw.group(580, 30, 260, 286, "final")
    for state in RecordingState:
        x, y, text, kind = _STATES[state]
        draw.box(x, y, 200 if x != 600 else 220, 50, state.value, text, kind=kind)
    draw.arrow((240, 85), (298, 85))
    draw.arrow((240, 165), (270, 165), (270, 95), (298, 95))
    draw.arrow((500, 85), (598, 85))
    draw.arrow((520, 165), (598, 165))
    draw.arrow((520, 175), (560, 175), (560, 225), (598, 225))
    draw.arrow((520, 185), (545, 185), (545, 285), (598, 285))
    draw.arrow((400, 210), (400, 258), label="")
    draw.text(408, 238, "until=“settled”", kind="small", anchor="start")
    return draw


def two_hosts() -> Drawing:
    """Draw what the processes of two hosts share."""
    draw = Drawing(900, 330, "Two hosts that share tokens and quotas through one connection")
    for number, y in enumerate((20, 180), 1):
        draw.group(20, y, 250, 130, f"host or pod {number}")
        draw.box(40, y + 35, 100, 34, "task", kind="ours")
        draw.box(40, y + 80, 100, 34, "task", kind="ours")
        draw.box(155, y + 57, 100, 34, "triggerer", kind="ours")
    draw.box(
        350,
        105,
        220,
        120,
        "coordination_conn_id",
        "Redis, PostgreSQL or MySQL:",
        "the token, encrypted;",
        "the next slot of each quota;",
        "a refused secret",
        kind="good",
    )
    draw.box(680, 125, 200, 80, "Feishu / Lark, WeCom", "one login for all,", "no call above the limit")
    draw.arrow((270, 85), (310, 85), (310, 140), (348, 140), both=True)
    draw.arrow((270, 245), (310, 245), (310, 190), (348, 190), both=True)
    draw.arrow((270, 50), (780, 50), (780, 123), label="calls, each in its slot")
    draw.arrow((270, 285), (780, 285), (780, 207), label="calls, each in its slot")
    return draw


def entities() -> Drawing:
    """Draw the tables with their keys, and which table's key a column holds."""
    every = {table.name: table for table in tables()}
    owners = [owner for _, owner in OWNERS]
    children = {owner: [one for one in every.values() if _owner(one) == owner] for owner in owners}
    others = [one for one in every.values() if one.name not in owners and _owner(one) is None]
    columns = (children[owners[0]], [every[owner] for owner in owners], [*children[owners[1]], *others])
    draw = Drawing(985, 40 + 84 * max(map(len, columns)), "The tables of the warehouse with their keys")
    draw.text(20, 26, "Every key begins with platform and tenant.", kind="small", anchor="start")
    middle: dict[str, int] = {}
    for x, column in zip((20, 350, 680), columns, strict=True):
        for number, table in enumerate(column):
            y = 40 + 84 * number
            rows = [f"key: {', '.join(_key(table))}", f"and {len(table.columns) - len(table.primary_key)} columns"]
            draw.rows(x, y, 285, table.name, rows, "ours" if table.name in owners else "plain")
            middle[table.name] = y + 35
    for owner, (x_from, x_line, x_to) in zip(owners, ((305, 328, 348), (680, 658, 637)), strict=True):
        for table in children[owner]:
            y, y_to = middle[table.name], middle[owner]
            draw.arrow((x_from, y), (x_line, y), (x_line, y_to), (x_to, y_to))
    return draw


def _key(table: Table) -> list[str]:
    return [column.name for column in table.primary_key][2:]


def _owner(table: Table) -> str | None:
    return next((owner for column, owner in OWNERS if column in table.c and owner != table.name), None)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for name, text in pictures().items():
        (IMAGES / name).write_text(text)
