"""Land the media of recordings in a store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, get_args

from airflow.providers.common.compat.sdk import BaseOperator, Context

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.errors import InvalidRequest, MeetingsApiError
from airflow_provider_meetings.api.landing.batch import Failed, Landed, files_of, land_all
from airflow_provider_meetings.api.landing.landing import IfPresent, Landing
from airflow_provider_meetings.api.landing.layout import DEFAULT_LAYOUT, Layout
from airflow_provider_meetings.api.landing.transfer import Limits
from airflow_provider_meetings.api.models import MediaFile, MediaKind, Recording, RecordingState, StoredFile
from airflow_provider_meetings.api.query import texts
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.hooks.metrics import AirflowMeter, tracked
from airflow_provider_meetings.hooks.retry_policy import set_retry_policy
from airflow_provider_meetings.hooks.stores import store_at
from airflow_provider_meetings.transfers.task_state import LandedFiles


class RecordingsToObjectStorageOperator(BaseOperator):
    """Land the media of ready recordings, each verified and with a receipt beside it.

    A download link is resolved the moment it is used and never leaves the worker. Names are deterministic and
    nothing stands under its final name before it is whole, so that any run may be repeated. Recordings that are not
    ready are passed over and named in the log and in the second XCom, ``summary``; so are ready ones without a single
    file of the wanted kinds.

    :param meetings_conn_id: a connection of the platform the recordings are from. (templated)
    :param recordings: recordings as `ListRecordingsOperator` or `RecordingReadySensor` return them. Resolved from
        XComs, never rendered.
    :param target: where to: a URL that ObjectStoragePath takes, such as ``file:///data/lake``. (templated)
    :param kinds: which files: video, audio, transcript, ai_transcript, summary, chapters, todos, statistics; one
        format of a kind is ``transcript-srt``. What the platform lacks is said once in the log, and is no error.
        (templated)
    :param layout: names of objects below `target`, made of the fields in `api.layout.FIELDS`.
    :param timezone: IANA name of the zone whose days make ``{date}``. (templated)
    :param if_present: for a file that is there: ``verify`` keeps it if receipt and object agree, else lands it again;
        ``skip`` trusts the receipt; ``replace`` lands it again; ``fail`` is an error. What an earlier try of the same
        task has landed is kept under ``replace`` and ``fail`` too (from Airflow 3.3 on).
    :param max_workers: how many files are fetched at once.
    :param max_bytes: no file may be larger.
    :returns: list of stored files as dicts; ``outcome`` is landed, resumed, replaced, skipped, or absent where the
        platform has no such file.
    """

    _give_up: Callable[[], None] | None = None  # while something runs

    template_fields: Sequence[str] = ("meetings_conn_id", "recordings", "target", "kinds", "timezone")

    def __init__(
        self,
        *,
        meetings_conn_id: str,
        recordings: Any,
        target: str,
        kinds: Sequence[str] = (MediaKind.VIDEO.value,),
        layout: str = DEFAULT_LAYOUT,
        timezone: str = "UTC",
        if_present: IfPresent = "verify",
        max_workers: int = 2,
        max_bytes: int = Limits().max_bytes,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        set_retry_policy(self)
        Layout(layout)
        self.meetings_conn_id = meetings_conn_id
        self.recordings = arguments.as_literal(recordings)
        self.target = target
        self.kinds = kinds
        self.layout = layout
        self.timezone = timezone
        self.if_present: IfPresent = arguments.choice(self, "if_present", if_present, get_args(IfPresent))
        self.max_workers = arguments.positive(self, "max_workers", max_workers)
        self.max_bytes = arguments.positive(self, "max_bytes", max_bytes)

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Land each file of each ready recording."""
        try:
            return self._land(context)
        finally:
            self._give_up = None

    def on_kill(self) -> None:
        """End a landing under way: what can be continued stays, and the next try continues it."""
        if give_up := self._give_up:
            give_up()

    def _land(self, context: Context) -> list[dict[str, Any]]:
        hook = MeetingsHook.for_connection(self.meetings_conn_id)
        with tracked(hook, self.log), hook.error_mapping():
            layout = Layout(self.layout, self.timezone)
            client = hook.get_conn()
            limits = Limits(max_bytes=self.max_bytes)

            def give_up() -> None:
                limits.stop.set()
                client.interrupt()

            self._give_up = give_up
            kinds = self._offered(client)
            recordings = list(arguments.recordings(self.recordings, "recordings", context))
            ready = self._ready(client, recordings)
            store = store_at(self.target)
            store.check_writable()
            landing = Landing(
                *(client, store), layout=layout, if_present=self.if_present, limits=limits, meter=AirflowMeter()
            )
            earlier = LandedFiles(context.get("task_state_store") if self.if_present in {"replace", "fail"} else None)

            def land(recording: Recording, media: MediaFile) -> StoredFile:
                key = layout.receipt_key(recording, media)
                stored = landing.land(recording, media, if_present="verify" if key in earlier else None)
                earlier.add(key)
                return stored

            files = files_of(client, ready, kinds)
            with closing(land_all(files, land, workers=self.max_workers, stop=give_up)) as landed:
                results = list(landed)
            stored = [result.stored for result in results if isinstance(result, Landed)]
            failures = [result for result in results if isinstance(result, Failed)]
            named = {result.recording.recording_id for result in results}
            bare = [str(recording.recording_id) for recording in ready if recording.recording_id not in named]
            summary = self._summary(stored, recordings, failures, without_files=bare)
            context["ti"].xcom_push(key="summary", value=summary)
            if failures:
                raise _all_failures(failures, len(stored))
            earlier.forget()
        return [file.to_dict() for file in stored]

    def _offered(self, client: MeetingsClient) -> tuple[str, ...]:
        asked = texts(arguments.ids(self.kinds, "kinds"), "kinds")
        kinds = MediaKind.check(asked, client.kinds, client.platform)
        if lacking := [kind for kind in asked if kind not in kinds]:
            self.log.warning("%s has no %s; it has %s", client.platform, ", ".join(lacking), ", ".join(client.kinds))
        return kinds

    def _ready(self, client: MeetingsClient, recordings: Sequence[Recording]) -> list[Recording]:
        for recording in recordings:
            if recording.platform != client.platform:
                raise InvalidRequest(
                    f"recordings: {recording.label} is from {recording.platform}, but the connection "
                    f"{self.meetings_conn_id!r} is of type {client.platform}"
                )
            if recording.state is not RecordingState.READY:
                self.log.info("Passed over %s: it is %s", recording.label, recording.state)
        return [recording for recording in recordings if recording.state is RecordingState.READY]

    def _summary(
        self,
        stored: Sequence[StoredFile],
        recordings: Sequence[Recording],
        failures: Sequence[Failed],
        *,
        without_files: list[str],
    ) -> dict[str, Any]:
        outcomes = Counter(file.outcome for file in stored) + Counter(failed=len(failures))
        passed_over = [
            {"recording_id": r.recording_id, "meeting_id": r.meeting_id, "state": str(r.state)}
            for r in recordings
            if r.state is not RecordingState.READY
        ]
        written = sum(file.size or 0 for file in stored if file.outcome in {"landed", "resumed", "replaced"})
        self.log.info("%s; %d bytes; %d recordings passed over", dict(outcomes), written, len(passed_over))
        if without_files:
            self.log.warning("No file of the wanted kinds in: %s", ", ".join(without_files))
        failed = [
            {
                "recording_id": failure.recording.recording_id,
                "file_id": failure.media.file_id if failure.media else None,
                "kind": failure.media.kind if failure.media else None,
                "error": type(failure.error).__name__,
            }
            for failure in failures
        ]
        return {
            "outcomes": dict(outcomes),
            "bytes": written,
            "passed_over": passed_over,
            "without_files": without_files,
            "failed": failed,
        }


def _all_failures(failures: Sequence[Failed], stored: int) -> MeetingsApiError:
    """Make one error of all: worth another try if one of them is."""
    telling = next((failure.error for failure in failures if not failure.error.permanent), failures[0].error)
    names = "; ".join(f"{failure.what}: {failure.error}" for failure in failures[:20])
    more = f"; and {len(failures) - 20} more, see the log" if len(failures) > 20 else ""
    return type(telling)(
        f"{len(failures)} files failed, {stored} are in place: {names}{more}",
        platform=telling.platform,
        # A permanent one has said already, further up, what to do.
        next_step="" if telling.permanent else "A retry fetches only what is missing.",
        # One that was told to wait longest must not come back too early.
        retry_after=max((f.error.retry_after or 0.0 for f in failures if not f.error.permanent), default=0.0) or None,
    )
