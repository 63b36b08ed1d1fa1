"""The toy's client: a token, a listing by owner, one recording by its id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import requests

from airflow_provider_meetings.api.client import MeetingsClient, Wanted
from airflow_provider_meetings.api.costs import Requests, Volume
from airflow_provider_meetings.api.errors import NotFound
from airflow_provider_meetings.api.http.auth import Token, TokenAuth, TokenStore, token_key
from airflow_provider_meetings.api.http.fields import Answer, Fields
from airflow_provider_meetings.api.http.rate_limit import Quota
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.media.session import MediaSession
from airflow_provider_meetings.api.models import Download, MediaFile, MediaKind, Recording, RecordingState
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.api.sanitize import without_links
from airflow_provider_meetings.api.windows import ListedWindow, Report


@dataclass(frozen=True, slots=True)
class Tape(Answer):
    """A recording of the toy; `phase` 9 is ready."""

    fields: ClassVar[Fields] = Fields("toymeet")

    id: str
    boss: str | None
    phase: int | None


def decode(response: requests.Response) -> Any:
    """Return the JSON of an answer."""
    if response.status_code == 404:
        raise NotFound("toymeet does not know it", platform="toymeet")
    return response.json()


class ToyMeetClient(MeetingsClient):
    """Call the toy."""

    platform: ClassVar[str] = "toymeet"
    selectors: ClassVar[tuple[str, ...]] = ("owner_ids", "recording_ids", "recordings")
    kinds: ClassVar[tuple[str, ...]] = (MediaKind.VIDEO,)

    def __init__(
        self, transport: Transport, media_session: MediaSession, *, account: str, secret: str, tokens: TokenStore
    ) -> None:
        super().__init__(transport, tenant=account, media_session=media_session)
        self._secret = secret
        self._auth = TokenAuth(
            key=token_key(self.platform, transport.base_url, account, secret),
            fetch=self._token,
            place=_in_header,
            store=tokens,
            on_secret=transport.on_secret,
        )

    def requests_of(self, query: RecordingQuery, volume: Volume, kinds: Sequence[str]) -> Iterator[Requests]:
        """Count the listings, and a link for each video."""
        yield Quota("tapes"), len(query.owner_ids) + volume.files, ()

    def whoami(self) -> str:
        """Fetch a token."""
        self._auth.signature()
        return f"account {self.tenant}"

    def _token(self) -> Token:
        params = {"secret": self._secret}
        body = self.transport.call("GET", "/token", decode, quota=Quota("token"), params=params)
        return Token(body["token"], float("inf"), 3600.0)

    def _get(self, path: str, **params: str) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self.transport.call(
            "GET", path, decode, quota=Quota("tapes"), params=params, auth=self._auth
        )
        return answer

    def _list(self, query: RecordingQuery, report: Report, wanted: Wanted) -> Iterator[Recording]:
        for owner in query.owner_ids:
            tapes = self._get("/tapes", boss=owner)["tapes"]
            yield from map(self._recording, tapes)
            report(ListedWindow(endpoint="tapes", selector=owner, start=None, end=None, pages=1, items=len(tapes)))
        for recording_id in (*query.recording_ids, *(ref.recording_id for ref in query.recordings)):
            yield self._recording(self._get(f"/tapes/{recording_id}"))

    def _recording(self, answer: object) -> Recording:
        tape = Tape.parse(answer)
        file = MediaFile(
            platform=self.platform,
            tenant=self.tenant,
            recording_id=tape.id,
            meeting_id=None,
            file_id=tape.id,
            kind=str(MediaKind.VIDEO),
        )
        return Recording(
            platform=self.platform,
            tenant=self.tenant,
            recording_id=tape.id,
            state=RecordingState.READY if tape.phase == 9 else RecordingState.PROCESSING,
            owner_id=tape.boss,
            files=(file,),
            source=without_links(tape.raw),
        )

    def media(self, recording: Recording, kinds: Sequence[str]) -> Iterator[MediaFile]:
        """Name the video."""
        return (replace(file) for file in recording.files if MediaKind.wanted(file.kind, kinds))

    def open(self, media: MediaFile) -> Download:
        """Return the link of the video."""
        return Download(self._get(f"/tapes/{media.file_id}")["video_url"])


def _in_header(request: requests.PreparedRequest, token: str) -> None:
    request.headers["X-Toy-Token"] = token
