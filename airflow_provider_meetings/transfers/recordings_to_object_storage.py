"""Land the media of recordings in a store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, get_args

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseOperator, Context
from airflow.sdk import ObjectStoragePath

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.errors import InvalidRequest, MeetingsApiError
from airflow_provider_meetings.api.landing import IfPresent, Landing, Store
from airflow_provider_meetings.api.layout import DEFAULT_LAYOUT, Layout
from airflow_provider_meetings.api.models import MediaKind, Recording, RecordingState, StoredFile
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.storage import store_for


class RecordingsToObjectStorageOperator(BaseOperator):
    """Land the media of ready recordings, each verified and with a receipt beside it.

    A download link is resolved the moment it is used and never leaves the worker. Names are deterministic and
    nothing stands under its final name before it is whole, so that any run may be repeated. Recordings that are not
    ready are passed over and named in the log and in the second XCom, ``summary``.

    :param meetings_conn_id: a connection of the platform the recordings are from. (templated)
    :param recordings: recordings as `ListRecordingsOperator` or `RecordingReadySensor` return them. Resolved from
        XComs, never rendered.
    :param target: where to: a URL that ObjectStoragePath takes, such as ``file:///data/lake``. (templated)
    :param kinds: which files: video, audio, transcript, ai_transcript, summary, chapters, todos; one format of a kind
        is ``transcript-srt``. What the platform lacks is said once in the log, and is no error. (templated)
    :param layout: names of objects below `target`, made of the fields in `api.layout.FIELDS`.
    :param timezone: IANA name of the zone whose days make ``{date}``. (templated)
    :param if_present: for a file that is there: ``verify`` keeps it if receipt and object agree, else lands it again;
        ``skip`` trusts the receipt; ``replace`` lands it again; ``fail`` is an error.
    :returns: list of stored files as dicts; ``outcome`` is landed, replaced, skipped, or absent where the platform
        has no such file.
    """

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
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        Layout(layout)
        self.meetings_conn_id = meetings_conn_id
        self.recordings = arguments.verbatim(recordings)
        self.target = target
        self.kinds = kinds
        self.layout = layout
        self.timezone = timezone
        self.if_present: IfPresent = arguments.choice(self, "if_present", if_present, get_args(IfPresent))

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Land each file of each ready recording."""
        hook = MeetingsHook.for_connection(self.meetings_conn_id)
        with hook.airflow_errors():
            layout = Layout(self.layout, self.timezone)
            client = hook.get_conn()
            kinds = self._offered(client)
            recordings = list(arguments.recordings(self.recordings, "recordings", context))
            ready = self._ready(client, recordings)
            store = self._store()
            store.check_writable()
            landing = Landing(client, store, layout=layout, if_present=self.if_present)
            stored, failures = self._land(client, landing, ready, kinds)
            context["ti"].xcom_push(key="summary", value=self._summary(stored, recordings, len(failures)))
            if failures:
                raise _all_failures(failures, len(stored))
        return [file.to_dict() for file in stored]

    def _land(
        self, client: MeetingsClient, landing: Landing, recordings: Iterable[Recording], kinds: Sequence[str]
    ) -> tuple[list[StoredFile], list[MeetingsApiError]]:
        """Land all that can be landed: what one file suffers must not keep the others out of the lake."""
        stored: list[StoredFile] = []
        failures: list[MeetingsApiError] = []
        for recording in recordings:
            try:
                for media in client.media(recording, kinds):
                    try:
                        stored.append(landing.land(recording, media))
                    except MeetingsApiError as error:
                        self.log.error("%r (%s) of %s failed: %s", media.file_id, media.kind, recording.label, error)
                        failures.append(error)
            except MeetingsApiError as error:
                self.log.error("%s failed: %s", recording.label, error)
                failures.append(error)
        return stored, failures

    def _store(self) -> Store:
        scheme, found, rest = arguments.text(self.target, "target", "file:///data/lake").partition("://")
        user, at, _ = rest.partition("/")[0].rpartition("@")
        if at and ":" in user:
            raise InvalidRequest(
                f"target {scheme}:// holds a password: store it as a connection, and write {scheme}://conn_id@…"
            )
        if not found:
            raise InvalidRequest("target is no URL: write file:///data/lake, or that of a store")
        try:
            path = ObjectStoragePath(self.target)
            file_system = path.fs
        except AirflowNotFoundException:
            raise InvalidRequest(f"target {scheme}:// names a connection that is not defined: {user[:60]!r}") from None
        except (ImportError, ValueError) as error:
            raise InvalidRequest(
                f"target {scheme[:60]}:// is not known here ({type(error).__name__}); what works: file://. Install the "
                "Airflow provider of that store"
            ) from None
        return store_for(file_system, path.path, self.target)

    def _offered(self, client: MeetingsClient) -> tuple[str, ...]:
        asked = arguments.ids(self.kinds, "kinds")
        kinds = MediaKind.check(asked, client.kinds, client.platform)
        if lacking := [kind for kind in asked if kind not in kinds]:
            self.log.warning("%s has no %s; it has %s", client.platform, ", ".join(lacking), ", ".join(client.kinds))
        return kinds

    def _ready(self, client: MeetingsClient, recordings: Sequence[Recording]) -> Iterator[Recording]:
        for recording in recordings:
            if recording.platform != client.platform:
                raise InvalidRequest(
                    f"recordings: {recording.label} is from {recording.platform}, but the connection "
                    f"{self.meetings_conn_id!r} is of type {client.platform}"
                )
            if recording.state is not RecordingState.READY:
                self.log.info("Passed over %s: it is %s", recording.label, recording.state)
        return (recording for recording in recordings if recording.state is RecordingState.READY)

    def _summary(self, stored: Sequence[StoredFile], recordings: Sequence[Recording], failed: int) -> dict[str, Any]:
        outcomes = Counter(file.outcome for file in stored) + Counter(failed=failed)
        passed_over = [
            {"recording_id": r.recording_id, "meeting_id": r.meeting_id, "state": str(r.state)}
            for r in recordings
            if r.state is not RecordingState.READY
        ]
        written = sum(file.size or 0 for file in stored if file.outcome in {"landed", "replaced"})
        self.log.info("%s; %d bytes; %d recordings passed over", dict(outcomes), written, len(passed_over))
        return {"outcomes": dict(outcomes), "bytes": written, "passed_over": passed_over}


def _all_failures(failures: Sequence[MeetingsApiError], stored: int) -> MeetingsApiError:
    """Make one error of all: worth another try if one of them is."""
    telling = next((error for error in failures if not error.permanent), failures[0])
    names = "; ".join(str(error) for error in failures[:5]) + ("; …" if len(failures) > 5 else "")
    return type(telling)(
        f"{len(failures)} files failed, {stored} are in place: {names}",
        platform=telling.platform,
        next_step="A retry fetches only what is missing.",
        retry_after=telling.retry_after,
    )
