"""Valid arguments and rows of invalid ones for each public class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import ObjectStoragePath

from airflow_provider_meetings.api.landing.layout import DEFAULT_LAYOUT, Layout
from airflow_provider_meetings.api.query import RecordingQuery, RecordingRef
from airflow_provider_meetings.emulator.seed.feishu import NAMED_POST, READY_MEETING, READY_MINUTE
from airflow_provider_meetings.operators.forget import ForgetOperator
from airflow_provider_meetings.operators.landings import SweepOperator, VerifyOperator
from airflow_provider_meetings.operators.ledger import LedgerCheckOperator, SettleOperator
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from airflow_provider_meetings.platforms.feishu.operators import FeishuPostsOperator
from airflow_provider_meetings.platforms.wecom.hook import WeComHook
from airflow_provider_meetings.sensors.recordings import RecordingReadySensor
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from airflow_provider_meetings.transfers.to_parquet import PostsToParquetOperator, RecordingsToParquetOperator
from airflow_provider_meetings.transfers.to_sql import PostsToSqlOperator, RecordingsToSqlOperator
from tests.bad_input.rows import LONG, SECRET, Opaque, Row, choices, conn_ids, id_lists, invalid_items, times

NO_IDS = {"meeting_ids": None}
DAY = {"start": "2026-11-12T00:00:00+08:00", "end": "2026-11-13T00:00:00+08:00"}
WECOM: dict[str, Any] = {"meetings_conn_id": "wecom_default", "meeting_ids": None, **DAY}
FILE = {
    "platform": "feishu",
    "tenant": "t",
    "recording_id": READY_MINUTE,
    "meeting_id": READY_MEETING,
    "file_id": READY_MINUTE,
    "kind": "video",
}
RECORDING = {
    "platform": "feishu",
    "tenant": "t",
    "recording_id": READY_MINUTE,
    "meeting_id": READY_MEETING,
    "state": "ready",
    "files": [FILE],
}
STORED = {
    "platform": "feishu",
    "tenant": "t",
    "recording_id": READY_MINUTE,
    "file_id": READY_MINUTE,
    "kind": "video",
    "uri": "file:///lake/x.mp4",
    "size": 1,
    "sha256": "00",
    "media_type": "video/mp4",
    "landed_at": "2026-11-12T00:00:00+00:00",
    "outcome": "landed",
}
POST = {"platform": "feishu", "tenant": "t", "post_id": "1", "reactions": [{"type": "OK", "count": 1}]}
SUMMARY = {"platform": "feishu", "tenant": "t", "windows": []}
INVALID_SUMMARIES: list[Any] = [
    {},
    {"outcomes": {}},
    {"windows": 7},
    {"windows": None},
    {"windows": ["x"]},
    [{"x": 1}],
]

RECORDINGS = invalid_items(
    "recordings",
    "Recording",
    RECORDING,
    [
        ("platform", 7, "platform is of type int"),
        ("platform", "", "platform is empty"),
        ("tenant", None, "tenant is of type NoneType"),
        ("recording_id", 7, "recording_id is of type int"),
        ("recording_id", b"x", "recording_id is of type bytes"),
        ("meeting_id", 7571, "meeting_id is of type int"),
        ("meeting_number", ["1"], "meeting_number is of type list"),
        ("state", "odd", "state must be one of"),
        ("state", [], "got list"),
        ("started_at", "2026-11-12T00:00:00", "no time zone"),
        ("ended_at", 7, "got int"),
        ("duration_ms", "long", "duration_ms is of type str"),
        ("duration_ms", True, "duration_ms is of type bool"),
        ("source", 7, "source is of type int"),
        ("files", 7, "int"),
        ("files", ["x"], "MediaFile"),
        ("files", [{**FILE, "file_id": 7}], "file_id is of type int"),
        ("files", [{**FILE, "kind": ""}], "kind is empty"),
    ],
)


@dataclass(frozen=True)
class Table:
    """Valid arguments, and rows that the constructor or `execute` refuses."""

    valid: Mapping[str, Any]
    at_init: list[Row]
    at_run: list[Row]

    @property
    def parameters(self) -> set[str]:
        return {row.parameter for row in (*self.at_init, *self.at_run)}


def _sql(name: str) -> list[Row]:
    rows = [*conn_ids(name), Row(name, None, "NoneType", "the id of a connection")]
    rows += [
        Row(name, "feishu_default", "FeishuHook", "postgres, mysql, duckdb or sqlite"),
    ]
    for field, example, optional in (("schema", "meetings", True), ("table_prefix", "meetings_", False)):
        values: list[tuple[Any, str]] = [
            (7, "got int"),
            (True, "got bool"),
            (b"x", "got bytes"),
            (["x"], "got list"),
            (LONG, "5000 characters"),
            ("a\0b", "control character"),
            ("a\ud800", "control character"),
            ("  ", "is empty"),
        ]
        values.append(("", "is empty") if optional else (None, "got NoneType"))
        rows += [Row(field, value, kind, f"such as {example}") for value, kind in values]
    rows.append(Row("schema", "meetings", "sqlite has no schemas", "leave it None"))
    return rows


def _redact(other: str) -> list[Row]:
    return [
        *(
            Row("redact", value, "must be a dict", 'such as {"owner_id": "hash"}')
            for value in ("title", 7, True, ["title"], b"{}", Opaque())
        ),
        Row("redact", {other: "drop"}, f"unknown column {other!r}", "known columns: "),
        Row("redact", {7: "drop"}, "unknown column '7'", "known columns: "),
        Row("redact", {"source": "mask"}, "got 'mask'", "one of hash, drop"),
        Row("redact", {"source": None}, "got 'None'", "one of hash, drop"),
        Row("redact", {"source": "hash"}, "is not text", "action is 'drop'"),
        Row("redact", {"tenant": "drop"}, "is part of a key", "action is 'hash'"),
        Row("redact", {"platform": "hash"}, "cannot be redacted", "the loader needs it"),
    ]


def _flag(name: str) -> list[Row]:
    values: list[Any] = [None, 7, 0, "True", "", b"x", [True], Opaque()]
    return [Row(name, value, f"got {value!r:.60}", "must be True or False") for value in values]


def _refs() -> list[Row]:
    found: list[tuple[Any, str]] = [
        (7, "got int"),
        (None, "got NoneType"),
        ("x", "got str"),
        ({}, "got dict"),
        (RecordingRef(recording_id="r", meeting_id=None), "got RecordingRef"),
        ([RECORDING], "a list with dict"),
        (["x"], "a list with str"),
    ]
    return [Row("recordings", value, kind, "RecordingQuery.refs") for value, kind in found]


def _conn(*others: Row) -> list[Row]:
    name = "meetings_conn_id"
    return [
        *conn_ids(name),
        Row(name, "warehouse", "does not belong to a meeting platform", "feishu or wecom"),
        *others,
    ]


TARGET = [
    *(
        Row("target", value, kind, "file:///data/lake")
        for value, kind in [
            (None, "got NoneType"),
            (7, "got int"),
            (True, "got bool"),
            (b"file:///x", "got bytes"),
            (["file:///x"], "got list"),
            (Path("/x"), "got PosixPath"),
            (ObjectStoragePath("file:///x"), "got ObjectStoragePath"),
            ("", "is empty"),
            ("  ", "is empty"),
            (f"file:///{LONG}", "5008 characters"),
            ("file:///a\0b", "control character"),
            ("/data/lake", "is not a URL"),
            (f"app:{SECRET}@bucket", "is not a URL"),
            ("file://lake/x", "is not absolute"),
        ]
    ),
    Row("target", f"s3://app:{SECRET}@bucket/lake", "contains a password", "s3://conn_id@"),
    Row("target", f"nowhere://bucket/{SECRET}", "nowhere:// is not supported", "Use file://"),
    Row("target", "http://bucket/lake", "http://", "Use file://"),
    Row("target", "memory://bucket/lake", "memory://", "Use file://"),
]
BATCHES_TO = [replace(row, parameter="batches_to") for row in TARGET if row.value is not None]
FROM_LEDGER = WECOM | {"owner_ids": ["a"], "meeting_ids": None, "ledger": "file://{lake}", "start": None, "end": None}
LEDGER = [replace(row, parameter="ledger") for row in BATCHES_TO]

EXCLUDE = [
    *(
        Row("exclude", value, kind, "Write for example {'owner_ids': ['zhangwei']")
        for value, kind in [
            (7, "got int"),
            (True, "got bool"),
            ("", "got str"),
            ("{'title': 'x'}", "got str"),
            (b"x", "got bytes"),
            (["title"], "got list"),
            (Opaque(), "got Opaque"),
        ]
    ),
    *(
        Row("exclude", {"title": value}, kind, "Write for example '(?i)interview|")
        for value, kind in [
            ("(", "'(' is not a regular expression"),
            (7, "7 is not a regular expression"),
            (b"x", "b'x' is not a regular expression"),
            (["x"], "['x'] is not a regular expression"),
            ("", "'' is found in every title"),
            (".*", "'.*' is found in every title"),
        ]
    ),
    *(replace(row, parameter="exclude", value={"owner_ids": row.value}) for row in id_lists("owner_ids")),
    Row("exclude", {"participants": ["a"]}, "feishu does not tell 'participants'", "It tells owner_ids, title"),
    Row("exclude", {"sharing": [1]}, "feishu does not tell 'sharing'", "It tells owner_ids, title"),
    Row("exclude", {7: ["a"]}, "feishu does not tell 7", "It tells owner_ids, title"),
    Row("exclude", {LONG: ["a"]}, "feishu does not tell 'aaaa", "It tells owner_ids, title"),
]

TIMEZONES = [
    Row("timezone", value, f"({type(value).__name__})", "use an IANA name")
    for value in (None, 7, True, b"UTC", ["UTC"], "", "Mars/Olympus", "../../etc/passwd", LONG, "a\0b")
]

# Refused without reading the connection.
NOT_AN_ID = [r for r in conn_ids("meetings_conn_id") if r.value not in ("nowhere", "unreadable", "of_no_type")]
NO_CONN = Row("meetings_conn_id", None, "NoneType", "the id of a connection")
WINDOW = [
    *times("start", WECOM | {"owner_ids": ["a"]}),
    *times("end", WECOM | {"owner_ids": ["a"]}),
    Row("start", None, "give both start and end", "or neither", WECOM | {"owner_ids": ["a"]}),
    Row("end", None, "give both start and end", "or neither", WECOM | {"owner_ids": ["a"]}),
    Row("end", DAY["start"], "is empty", "CronDataIntervalTimetable", WECOM | {"owner_ids": ["a"]}),
    Row("end", "2026-11-11T00:00:00+08:00", "is before start", "Swap them", WECOM | {"owner_ids": ["a"]}),
    Row("start", DAY["start"], "feishu supports start and end only with", "omit them", {"end": DAY["end"]}),
]
FEISHU_OWNERS = Row(
    "owner_ids", ["zhangwei"], "feishu does not support owner_ids", "It supports meeting_ids, meeting_numbers"
)

TABLES: dict[type, Table] = {
    FeishuHook: Table({}, NOT_AN_ID, []),
    WeComHook: Table({}, NOT_AN_ID, []),
    ListRecordingsOperator: Table(
        {"task_id": "list", "meetings_conn_id": "feishu_default", "meeting_ids": [READY_MEETING]},
        [
            Row("batch_size", value, f"got {value!r:.60}", "whole number of at least 1")
            for value in (0, -1, True, 1.5, "5", b"5", [5], Opaque())
        ]
        + [
            Row("revisit", value, f"got {value!r:.60}", "a timedelta of at least one day")
            for value in (None, 7, True, "14d", [7], Opaque(), timedelta(0), timedelta(hours=23), timedelta.max)
        ],
        [
            *_conn(NO_CONN),
            *WINDOW,
            *BATCHES_TO,
            *LEDGER,
            Row("start", None, "has not listed", "Set start", FROM_LEDGER, label="ledger"),
            Row("end", DAY["end"], "end needs start", "window of a backfill", FROM_LEDGER),
            Row("end", "2999-01-01T00:00:00+00:00", "is in the future", "after its end", WECOM | {"owner_ids": ["a"]}),
            Row(
                "start",
                None,
                "wecom lists only within a window",
                "set start and end",
                WECOM | {"end": None, "owner_ids": ["a"]},
            ),
            *EXCLUDE,
            *id_lists("meeting_ids"),
            *id_lists("meeting_numbers"),
            *id_lists("owner_ids"),
            Row("meeting_ids", None, "The query selects nothing", "Give one of meeting_ids"),
            Row("meeting_ids", [], "meeting_ids is empty", "omit it"),
            Row("meeting_ids", ["abc"], "'abc' does not consist of digits", "long number", label="meeting_id"),
            Row("meeting_ids", [READY_MINUTE], "not consist of digits", "long number", label="meeting_id"),
            Row("meeting_ids", ["7" * 33], "not consist of digits", "long number", label="meeting_id"),
            FEISHU_OWNERS,
        ],
    ),
    RecordingReadySensor: Table(
        {
            "task_id": "wait",
            "meetings_conn_id": "feishu_default",
            "meeting_ids": [READY_MEETING],
            "poke_interval": 0,
            "timeout": 0,
        },
        [
            *choices("until", "ready"),
            *_flag("deferrable"),
            *_flag("start_from_trigger"),
            *(
                Row("give_up_after", value, f"got {value!r:.60}", "a timedelta or None")
                for value in (0, 3600, "3600", True, [1], Opaque())
            ),
        ],
        [
            *_conn(NO_CONN),
            *WINDOW,
            Row("recordings", [], "Give either recordings or meeting_ids", "not both"),
            *(replace(row, also={**row.also, **NO_IDS}) for row in RECORDINGS),
            Row("recordings", [{**RECORDING, "recording_id": LONG}], "5000 characters", "at most 256", NO_IDS),
            Row("recordings", [{**RECORDING, "recording_id": "a\n"}], "control character", "without spaces", NO_IDS),
            Row("recordings", [{**RECORDING, "recording_id": ""}], "is empty", "remove empty ones", NO_IDS),
            Row(
                "recordings",
                [{**RECORDING, "recording_id": None, "meeting_id": None}],
                "without any id",
                "cannot be queried",
                NO_IDS,
                label="recording",
            ),
            *id_lists("meeting_ids"),
            *id_lists("meeting_numbers"),
            *id_lists("recording_ids"),
            *id_lists("owner_ids"),
            Row("meeting_ids", None, "The query selects nothing", "Give one of meeting_ids"),
            Row("meeting_ids", ["abc"], "'abc' does not consist of digits", "long number", label="meeting_id"),
            Row(
                "recording_ids",
                [READY_MINUTE, "a" * 23],
                "24 letters and digits",
                "last part of the minute's address",
                label="minute_token",
            ),
            Row("recording_ids", ["a"], "wecom does not support", "It supports meeting_ids, meeting_numbers", WECOM),
            FEISHU_OWNERS,
        ],
    ),
    RecordingsToObjectStorageOperator: Table(
        {"task_id": "land", "meetings_conn_id": "feishu_default", "recordings": [RECORDING], "target": "file://{lake}"},
        [
            *choices("if_present", "verify"),
            *choices("on_refused", "record"),
            *(
                Row(name, value, f"got {value!r:.60}", f"{name} must be a whole number of at least 1")
                for name in ("max_workers", "max_bytes")
                for value in (None, 0, -1, 1.5, "2", True, [2], Opaque())
            ),
            *(
                Row("layout", value, f"got {type(value).__name__}", "such as {platform}/")
                for value in (None, 7, True, b"{file_id}", ["x"], Opaque())
            ),
            Row("layout", "", "is empty", "such as {platform}/"),
            Row("layout", f"{LONG}/{DEFAULT_LAYOUT}", "is too long", "at most 1000"),
            Row("layout", f"{'蓝' * 70}/{DEFAULT_LAYOUT}", "is too long", "at most 200 bytes"),
            Row("layout", f"a\0/{DEFAULT_LAYOUT}", "control character", "such as {platform}/"),
            Row("layout", f"{{title}}/{DEFAULT_LAYOUT}", "{title} is not one of", "platform, tenant, date"),
            Row("layout", "{date}/{file_id}.{kind}.{ext}", "share a name", "a folder needs {platform} or"),
            Row("layout", "{platform}/{file_id}{kind}.{ext}", "is ambiguous", "separate ids by slashes"),
        ],
        [
            *_conn(NO_CONN),
            Row("recordings", [RECORDING], "is from feishu", "type wecom", {"meetings_conn_id": "wecom_default"}),
            *RECORDINGS,
            Row("recordings", None, "got NoneType", "pass the task's .output"),
            *id_lists("kinds"),
            Row("kinds", None, "non-empty list", "video, transcript-txt"),
            Row("kinds", [], "non-empty list", "video, transcript-txt"),
            Row("kinds", ["vidoe"], "'vidoe' is not one of", "video, audio, transcript, ai_transcript, summary"),
            Row("kinds", ["ai-transcript"], "'ai-transcript' is not one of", "video, audio, transcript, ai_transcript"),
            Row("kinds", ["transcript-docx"], "feishu has no 'transcript-docx'", "it has video"),
            *TARGET,
            *BATCHES_TO,
            *TIMEZONES,
        ],
    ),
    SettleOperator: Table(
        {
            "task_id": "settle",
            "ledger": "file://{lake}",
            "recordings": [RECORDING],
            "stored_files": [STORED],
            "summary": {**SUMMARY, "ledger": "e1"},
        },
        [],
        [
            *LEDGER,
            *RECORDINGS,
            Row("recordings", None, "got NoneType", "pass the task's .output"),
            Row("stored_files", 7, "got int", "pass the task's .output"),
            Row("summary", None, "must be that of a listing by this ledger", "Give the listing the same ledger"),
            Row("summary", SUMMARY, "must be that of a listing by this ledger", "Give the listing the same ledger"),
            Row("summary", "{{ x }}", "got str", "pass the task's .output"),
        ],
    ),
    LedgerCheckOperator: Table(
        {"task_id": "check", "ledger": "file://{lake}"},
        [
            Row("older_than", value, f"got {value!r:.60}", "a positive timedelta")
            for value in (None, 7, True, "3d", [7], Opaque(), timedelta(0), timedelta(days=-1))
        ],
        LEDGER,
    ),
    ForgetOperator: Table(
        {
            "task_id": "forget",
            "plan": "file://{lake}",
            "recordings": ["r"],
            "platform": "feishu",
            "tenant": "t",
            "ledger": "file://{lake}",
        },
        [*_flag("everything"), *_flag("apply")],
        [
            *(replace(row, parameter="plan") for row in TARGET),
            *(
                Row(name, True, "got bool", "a list of texts")
                for name in ("recordings", "person", "targets", "sql", "lakes")
            ),
            *(
                Row(name, [7.0], "got float", "Give texts")
                for name in ("recordings", "person", "targets", "sql", "lakes")
            ),
            Row("recordings", [], "Nothing to forget", "no recordings, person or older_than"),
            Row("person", ["a"], "Give one of", "recordings, person, older_than"),
            Row("older_than", 7, "got '7'", "must be ages by kind"),
            Row("older_than", {"videos": timedelta(1)}, "got 'videos'", "must be ages by kind"),
            Row("older_than", {"video": 90}, "got 'video'", "must be ages by kind"),
            Row("older_than", {"video": timedelta(-1)}, "got 'video'", "must be ages by kind"),
            *(Row(name, None, "Give both", "of the recordings or the person") for name in ("platform", "tenant")),
            *(Row(name, b"x", "got bytes", "Give texts") for name in ("platform", "tenant", "asked_by")),
            Row("targets", ["x"], "is not a URL", "file:///data/lake"),
            Row("lakes", ["x"], "is not a URL", "file:///data/lake"),
            Row("sql", ["feishu_default"], "FeishuHook", "postgres, mysql, duckdb or sqlite", label="sql_conn_id"),
            Row("ledger", None, "Give one of", "targets, sql, lakes"),
            Row("ledger", "x", "is not a URL", "file:///data/lake"),
        ],
    ),
    VerifyOperator: Table(
        {"task_id": "verify", "target": f"file://{Path(__file__).parent}", "fail_on": []},
        [
            *_flag("full"),
            *(
                Row("fail_on", value, "fail_on", "missing, changed, unreadable, orphaned")
                for value in (
                    None,
                    7,
                    "missing",
                    b"missing",
                    {"missing": 1},
                    ["lost"],
                    [7],
                    [None],
                    [["missing"]],
                    Opaque(),
                )
            ),
        ],
        TARGET,
    ),
    SweepOperator: Table(
        {"task_id": "sweep", "target": "file://{lake}"},
        [
            *_flag("delete"),
            *(
                Row("older_than", value, f"got {value!r:.60}", "a timedelta of at least one hour")
                for value in (None, 7, True, "24h", b"24h", [7], Opaque(), timedelta(0), timedelta(minutes=59))
            ),
        ],
        TARGET,
    ),
    RecordingsToSqlOperator: Table(
        {
            "task_id": "load",
            "sql_conn_id": "warehouse",
            "recordings": [RECORDING],
            "stored_files": [STORED],
            "summary": SUMMARY,
        },
        [*choices("schema_changes", "add"), *_redact("author_id")],
        [
            *_sql("sql_conn_id"),
            *RECORDINGS,
            Row("recordings", None, "got NoneType", "pass the task's .output"),
            *invalid_items(
                "stored_files",
                "StoredFile",
                STORED,
                [
                    ("platform", 7, "platform is of type int"),
                    ("file_id", "", "file_id is empty"),
                    ("size", "1", "size is of type str"),
                    ("size", True, "size is of type bool"),
                    ("uri", ["x"], "uri is of type list"),
                    ("landed_at", "2026-11-12T00:00:00", "no time zone"),
                ],
            ),
            *(
                Row("summary", value, f"got {type(value).__name__}", "pass the task's .output")
                for value in ("{{ x }}", 7, True, b"{}")
            ),
            *(
                Row("summary", value, "must be the summary of a listing", 'XComArg(listing, key="summary")')
                for value in INVALID_SUMMARIES
            ),
            *LEDGER,
        ],
    ),
    FeishuPostsOperator: Table(
        {"task_id": "read", "post_ids": [NAMED_POST]},
        choices("on_missing", "tombstone"),
        [
            *(row for row in conn_ids("meetings_conn_id") if row.value != "of_no_type"),
            Row("meetings_conn_id", "of_no_type", "is of type carrier_pigeon", "not feishu"),
            Row("meetings_conn_id", "wecom_default", "is of type wecom", "not feishu"),
            *id_lists("post_ids"),
            Row("post_ids", None, "is empty", "name at least one post"),
            Row("post_ids", [], "is empty", "name at least one post"),
            Row("post_ids", [NAMED_POST, "x"], "'x' does not consist of digits", "is in its link", label="post_id"),
            Row("post_ids", ["7" * 33], "not consist of digits", "is in its link", label="post_id"),
        ],
    ),
    PostsToSqlOperator: Table(
        {"task_id": "load", "sql_conn_id": "warehouse", "posts": [POST]},
        [*choices("schema_changes", "add"), *_redact("title")],
        [
            *_sql("sql_conn_id"),
            Row("posts", None, "got NoneType", "pass the task's .output"),
            *invalid_items(
                "posts",
                "Post",
                POST,
                [
                    ("platform", ["feishu"], "platform is of type list"),
                    ("tenant", "", "tenant is empty"),
                    ("post_id", 7, "post_id is of type int"),
                    ("created_at", 1762905600, "got int"),
                    ("deleted", "no", "deleted is of type str"),
                    ("comment_count", "3", "comment_count is of type str"),
                    ("reactions", 7, "int"),
                    ("reactions", ["OK"], "not a list of dicts"),
                    ("category_ids", 7, "int"),
                    ("source", [], "source is of type list"),
                ],
            ),
        ],
    ),
    RecordingQuery: Table(
        {"meeting_ids": ["757"]},
        [
            *(
                r
                for name in ("meeting_ids", "meeting_numbers", "owner_ids", "recording_ids")
                for r in id_lists(name, query=True)
            ),
            *_refs(),
            *times("start", {"end": DAY["end"]}),
            *times("end", {"start": DAY["start"]}),
            Row("start", DAY["end"], "is empty", "CronDataIntervalTimetable", {"end": DAY["end"]}),
            Row("end", DAY["start"], "is before start", "Swap them", {"start": DAY["end"]}),
            Row("start", DAY["start"], "give both start and end", "or neither"),
        ],
        [],
    ),
    RecordingRef: Table(
        {"recording_id": "r", "meeting_id": "m"},
        [
            *(
                Row(name, value, kind, remedy)
                for name in ("recording_id", "meeting_id", "meeting_number", "listed_by")
                for value, kind, remedy in [
                    (7, "int", "in quotes"),
                    (True, "bool", "in quotes"),
                    (b"r", "bytes", "in quotes"),
                    (["r"], "list", "in quotes"),
                    ("", "is empty", "remove empty ones"),
                    (LONG, "5000 characters", "at most 256"),
                    ("a\n", "control character", "without spaces"),
                ]
            ),
            *times("started_at", {}),
        ],
        [],
    ),
    Layout: Table(
        {},
        [
            *(
                Row("template", value, f"got {type(value).__name__}", "such as {platform}/", label="layout")
                for value in (None, 7, True, b"x", ["x"], Opaque())
            ),
            Row("template", "", "is empty", "such as {platform}/", label="layout"),
            Row("template", f"{LONG}/{DEFAULT_LAYOUT}", "is too long", "at most 1000", label="layout"),
            Row("template", f"\ud800/{DEFAULT_LAYOUT}", "control character", "such as {platform}/", label="layout"),
            Row("template", "{file_id}.{kind}", "the last segment needs {ext}", "share a name", label="layout"),
            *TIMEZONES,
        ],
        [],
    ),
}

# The Parquet operators take the arguments of the SQL operators, but a target instead of a connection.
for _lake, _sql_operator in (
    (RecordingsToParquetOperator, RecordingsToSqlOperator),
    (PostsToParquetOperator, PostsToSqlOperator),
):
    _sql_only = {"sql_conn_id", "schema", "table_prefix", "schema_changes"}
    TABLES[_lake] = Table(
        {
            "target": "file://{lake}",
            **{name: value for name, value in TABLES[_sql_operator].valid.items() if name not in _sql_only},
        },
        [row for row in TABLES[_sql_operator].at_init if row.parameter not in _sql_only],
        [*(row for row in TABLES[_sql_operator].at_run if row.parameter not in _sql_only), *TARGET],
    )
