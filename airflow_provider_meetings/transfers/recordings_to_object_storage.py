"""Land the media of recordings in object storage."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any, Literal, get_args

from airflow.providers.common.compat.sdk import BaseOperator, Context

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.errors import InvalidRequest, MeetingsApiError
from airflow_provider_meetings.api.exclude import Exclude
from airflow_provider_meetings.api.landing.batch import Failed, Landed, files_of, land_all
from airflow_provider_meetings.api.landing.landing import IfPresent, Landing
from airflow_provider_meetings.api.landing.layout import DEFAULT_LAYOUT, Layout
from airflow_provider_meetings.api.landing.receipt import without_object
from airflow_provider_meetings.api.landing.transfer import Limits
from airflow_provider_meetings.api.ledger.marks import FORGOTTEN, Marks
from airflow_provider_meetings.api.models import MediaFile, MediaKind, Recording, RecordingState, StoredFile
from airflow_provider_meetings.api.query import check_ids
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.batches import BatchWriter, warn_if_large
from airflow_provider_meetings.hooks.connections import SUPERVISOR_LOCK
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.hooks.metrics import AirflowMeter, CallingTask, tracked
from airflow_provider_meetings.hooks.redact_key import redact_key
from airflow_provider_meetings.hooks.retry_policy import set_retry_policy
from airflow_provider_meetings.hooks.stores import store_at

log = logging.getLogger(__name__)

OnRefused = Literal["record", "fail"]
LISTED = 200
"""The number of items of each kind in the summary; the log has all."""


class RecordingsToObjectStorageOperator(CallingTask, BaseOperator):
    """Land the media of ready recordings; each file is verified and gets a receipt.

    Download links are resolved immediately before use and never leave the worker. Object names are deterministic, and
    an object gets its final name only when it is complete, so any run can be repeated. Recordings that are not ready,
    or were forgotten, are skipped; they are listed in the log and in the second XCom, ``summary``, as are ready
    recordings without a file of the requested kinds. If files fail, the task pushes its result with those that did not,
    and then fails.

    :param meetings_conn_id: a connection of the recordings' platform. (templated)
    :param recordings: the output of `ListRecordingsOperator` or `RecordingReadySensor`, or URIs of NDJSON files with
        the same. Resolved from XComs, never rendered.
    :param target: URL of a folder, as ObjectStoragePath takes it, such as ``file:///data/lake``. (templated)
    :param kinds: kinds of files: video, audio, transcript, ai_transcript, summary, chapters, todos, keywords,
        statistics; or one format of a kind, such as ``transcript-srt``. A kind that the platform does not have is
        logged as a warning. (templated)
    :param layout: template of the object names below `target`, with the fields of `api.landing.layout.FIELDS`.
    :param timezone: IANA name of the time zone of ``{date}``. (templated)
    :param if_present: for an existing file: ``verify`` keeps it if its receipt matches the object, otherwise lands it
        again; ``skip`` trusts the receipt; ``replace`` lands it again; ``fail`` is an error. Since Airflow 3.3,
        ``replace`` and ``fail`` keep files that an earlier try of the same task has landed. For a recording with
        ``revisit``, ``verify`` and ``skip`` also fetch the content again and replace what has changed, except video and
        audio. Otherwise a format that the platform adds after all others have landed is found with ``replace``.
    :param on_refused: for a single file that is deleted, forbidden or unknown: ``record`` returns it with the outcome
        ``refused`` and the platform's reason; ``fail`` fails the task. A permission that the app lacks for all files
        always fails it.
    :param max_workers: number of files to land concurrently.
    :param max_bytes: maximum size of a file.
    :param batches_to: URL of a folder: write the stored files there as NDJSON, and return the URIs, as
        `ListRecordingsOperator` does. (templated)
    :returns: list of stored files as dicts; ``outcome`` is landed, resumed, replaced, skipped, absent if the platform
        has no such file, refused, or failed; the last three have a ``reason`` and no ``uri``. With `batches_to`, a list
        of URIs.
    """

    template_fields: Sequence[str] = ("meetings_conn_id", "recordings", "target", "kinds", "timezone", "batches_to")

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
        on_refused: OnRefused = "record",
        max_workers: int = 2,
        max_bytes: int = Limits().max_bytes,
        batches_to: str | None = None,
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
        self.on_refused: OnRefused = arguments.choice(self, "on_refused", on_refused, get_args(OnRefused))
        self.max_workers = arguments.positive(self, "max_workers", max_workers)
        self.max_bytes = arguments.positive(self, "max_bytes", max_bytes)
        self.batches_to = batches_to

    def execute(self, context: Context) -> list[Any]:
        """Land all files of all ready recordings."""
        hook = MeetingsHook.for_connection(self.meetings_conn_id)
        with tracked(hook, self), hook.error_mapping():
            layout = Layout(self.layout, self.timezone)
            client = hook.get_conn()
            # A killed task stops its landings; partial uploads stay, and the next try resumes them.
            limits = Limits(max_bytes=self.max_bytes, stop=hook.interrupted)
            kinds = self._available_kinds(client)
            store = store_at(self.target)
            marks = Marks(store, redact_key)
            exclude = Exclude({}, marks)
            values = arguments.values(Recording, self.recordings, "recordings", context)
            recordings = [exclude.apply(one)[0] for one in values]
            ready = self._ready(client, recordings)
            batches = BatchWriter(self.batches_to, context, "stored_files") if self.batches_to is not None else None
            store.check_writable()
            landing = Landing(
                client, store, layout=layout, if_present=self.if_present, limits=limits, meter=AirflowMeter()
            )
            earlier = LandedFiles(context.get("task_state_store") if self.if_present in {"replace", "fail"} else None)

            def land(recording: Recording, media: MediaFile) -> StoredFile:
                if marks.has_file(media):
                    self.log.info("Skipping %r (%s) of %s: %s", media.file_id, media.kind, recording.label, FORGOTTEN)
                    return without_object(media, "refused", FORGOTTEN)
                key = layout.receipt_key(recording, media)
                stored = landing.land(recording, media, if_present="verify" if key in earlier else None)
                if stored.outcome != "skipped" and (marks.refresh().mark_of(recording) or marks.has_file(media)):
                    landing.remove(recording, media)  # forgotten since this task began
                    return without_object(media, "refused", FORGOTTEN)
                earlier.add(key)
                return stored

            receipt = landing.receipt if self.if_present in {"verify", "skip"} else None
            files = files_of(client, ready, kinds, receipt)
            stored: list[dict[str, Any]] = []
            with closing(land_all(files, land, workers=self.max_workers, stop=hook.interrupt)) as results:
                add = batches.add if batches else stored.append
                summary, failures = self._collect(results, recordings, client, add)
            context["ti"].xcom_push(key="summary", value=summary)
            result = batches.finish() if batches else stored
            warn_if_large(self.log, result, "set batches_to to a URL, and the result is a list of URIs")
            if failures:
                # Each file has its outcome: a load can tell which recordings are complete.
                if self.do_xcom_push:
                    context["ti"].xcom_push(key="return_value", value=result)
                raise _combined(failures, summary["outcomes"])
            earlier.clear()
        return result

    def _available_kinds(self, client: MeetingsClient) -> tuple[str, ...]:
        requested = check_ids(arguments.ids(self.kinds, "kinds"), "kinds")
        kinds = MediaKind.check(requested, client.kinds, client.platform)
        if missing := [kind for kind in requested if kind not in kinds]:
            available = ", ".join(client.kinds)
            self.log.warning("%s does not have %s; available: %s", client.platform, ", ".join(missing), available)
        return kinds

    def _ready(self, client: MeetingsClient, recordings: Sequence[Recording]) -> list[Recording]:
        for recording in recordings:
            if recording.platform != client.platform:
                raise InvalidRequest(
                    f"recordings: {recording.label} is from {recording.platform}, but the connection "
                    f"{self.meetings_conn_id!r} is of type {client.platform}"
                )
            if recording.state is not RecordingState.READY:
                why = f" ({recording.reason})" if recording.state is RecordingState.EXCLUDED else ""
                self.log.info("Skipping %s: state is %s%s", recording.label, recording.state, why)
        return [recording for recording in recordings if recording.state is RecordingState.READY]

    def _collect(
        self,
        results: Iterable[Landed | Failed],
        recordings: Sequence[Recording],
        client: MeetingsClient,
        add: Callable[[dict[str, Any]], None],
    ) -> tuple[dict[str, Any], list[Failed]]:
        """Pass the stored files to `add`, and return the summary and the failures."""
        outcomes: Counter[str] = Counter()
        written, failures, named = 0, list[Failed](), set[str | None]()
        lists: dict[str, list[Any]] = {"not_ready": [], "without_files": [], "refused": [], "failed": []}
        for result in results:
            media = result.media
            ids = {"recording_id": media.recording_id, "file_id": media.file_id, "kind": media.kind}
            named.add(result.recording.recording_id)
            if isinstance(result, Landed):
                stored = result.stored
            elif self.on_refused == "record" and client.refuses(result.error):
                stored = result.stored_file("refused")
                lists["refused"].append({**ids, "reason": stored.reason})
                self.log.warning("%s is refused: %s", result.what, result.error)
            else:
                stored = result.stored_file("failed")
                failures.append(result)
                lists["failed"].append({**ids, "error": type(result.error).__name__})
                self.log.error("Landing %s failed: %s", result.what, result.error)
            outcomes[stored.outcome] += 1
            if stored.outcome in {"landed", "resumed", "replaced"}:
                written += stored.size or 0
            add(stored.to_dict())
        for r in recordings:
            if r.state is not RecordingState.READY:
                not_ready = {"recording_id": r.recording_id, "meeting_id": r.meeting_id, "state": str(r.state)}
                lists["not_ready"].append(not_ready)
            elif r.recording_id not in named:
                lists["without_files"].append(str(r.recording_id))
        summary: dict[str, Any] = {"outcomes": dict(outcomes), "bytes": written}
        summary |= {name: found[:LISTED] for name, found in lists.items()}
        summary["counts"] = counts = {name: len(found) for name, found in lists.items()}
        self.log.info(
            "%d files of %d recordings: %s; %d bytes written; %d recordings not ready",
            outcomes.total(),
            len(named),
            ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items()) or "none",
            written,
            counts["not_ready"],
        )
        if without_files := lists["without_files"]:
            self.log.warning("No file of the requested kinds in: %s", ", ".join(without_files))
        return summary, failures


class LandedFiles:
    """Remember in Airflow's task state store the files that the tries of a task have landed; threads may share it.

    With ``replace`` or ``fail``, a receipt alone does not show whether this task or an older one landed the file.

    :param store: the context's ``task_state_store``; None, as before Airflow 3.3, remembers nothing.
    """

    def __init__(self, store: Any) -> None:
        self._store = store

    def __contains__(self, key: str) -> bool:
        with SUPERVISOR_LOCK:
            return self._store is not None and self._store.get(_landed(key)) is not None

    def add(self, key: str) -> None:
        if self._store is None:
            return
        try:
            with SUPERVISOR_LOCK:
                self._store.set(_landed(key), True)
        except Exception as error:  # Airflow raises various types; the file has landed nevertheless
            log.warning(
                "Airflow's task state store failed (%s): if this try fails, the next one takes %s for another's",
                type(error).__name__,
                key,
            )

    def clear(self) -> None:
        """Forget all files, so that a cleared task starts from nothing."""
        if self._store is not None:
            self._store.clear()


def _landed(key: str) -> str:
    return f"landed_{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()[:32]}"


def _combined(failures: Sequence[Failed], outcomes: Mapping[str, int]) -> MeetingsApiError:
    """Combine the errors into one, which is temporary if one of them is."""
    first = next((failure.error for failure in failures if not failure.error.permanent), failures[0].error)
    details = "; ".join(f"{failure.what}: {failure.error}" for failure in failures[:20])
    stored = sum(outcomes.values()) - len(failures) - outcomes.get("refused", 0)
    more = f"; and {len(failures) - 20} more, see the log" if len(failures) > 20 else ""
    return type(first)(
        f"{len(failures)} files failed, {stored} landed or present: {details}{more}",
        platform=first.platform,
        # A permanent error's text already names the next step.
        next_step="" if first.permanent else "A retry lands only the missing files.",
        # The longest wait that the platform requested for any of them.
        retry_after=max((f.error.retry_after or 0.0 for f in failures if not f.error.permanent), default=0.0) or None,
    )
