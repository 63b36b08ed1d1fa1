"""The Feishu/Lark endpoints, one method each."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, Literal, get_args

import requests

from airflow_provider_meetings.api.auth import Token, TokenAuth, TokenStore, token_key
from airflow_provider_meetings.api.errors import InvalidRequest, ServerError
from airflow_provider_meetings.api.models import Download
from airflow_provider_meetings.api.transport import Transport
from airflow_provider_meetings.platforms.feishu.errors import PLATFORM, decode
from airflow_provider_meetings.platforms.feishu.wire import (
    MeetingRecording,
    Minute,
    MomentsPost,
    TranscriptFormat,
    is_minute_token,
    parse_download_url,
    parse_token,
)

DEFAULT_BASE_URL = "https://open.feishu.cn"
UserIdType = Literal["open_id", "union_id", "user_id"]

_DIGITS = re.compile(r"[0-9]{1,32}\Z")


class FeishuEndpoints:
    """Call Feishu or Lark as one self-built app.

    :param transport: bound to ``https://open.feishu.cn`` or ``https://open.larksuite.com``.
    :param app_id: the app's id, ``cli_…``.
    :param app_secret: its secret.
    :param user_id_type: which id of a person the answers give.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        app_id: str,
        app_secret: str,
        tokens: TokenStore,
        user_id_type: UserIdType = "open_id",
        clock: Callable[[], float] = time.time,
    ) -> None:
        if user_id_type not in get_args(UserIdType):
            raise InvalidRequest(f"user_id_type must be one of {get_args(UserIdType)}, got {user_id_type!r}")
        self.transport = transport
        self._app_id = app_id
        self._app_secret = app_secret
        self._user_id_type = user_id_type
        self._clock = clock
        self._auth = TokenAuth(
            key=token_key(PLATFORM, transport.base_url, app_id, app_secret),
            fetch=self._fetch_token,
            place=_bearer,
            store=tokens,
            on_secret=transport.on_secret,
        )

    def whoami(self) -> str:
        """Fetch a token; tell the app and the host."""
        self._auth.signature()
        return f"app {self._app_id} at {self.transport.base_url}"

    # https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/tenant_access_token_internal
    def _fetch_token(self) -> Token:
        body = self.transport.call(
            "POST",
            "/open-apis/auth/v3/tenant_access_token/internal",
            decode,
            json={"app_id": self._app_id, "app_secret": self._app_secret},
            max_attempts=1,  # the call that needs the token is the one that is retried
        )
        value, seconds = parse_token(body)
        return Token(value, self._clock() + seconds, seconds)

    # https://open.feishu.cn/document/server-docs/minutes-v1/minute/get
    def get_minute(self, minute_token: str, *, user_id_type: UserIdType | None = None) -> Minute:
        """Return a minute's basic facts.

        :raises NotReady: 2091003, while it is transcribed; `Gone` 2091004; `PermissionDenied` 2091005;
            `NotFound` 2091002; `InvalidRequest` for a token that is not 24 characters.
        """
        path = f"/open-apis/minutes/v1/minutes/{check_minute_token(minute_token)}"
        return Minute.parse(self._get(path, {"user_id_type": user_id_type or self._user_id_type}))

    # https://open.feishu.cn/document/minutes-v1/minute-media/get
    def get_minute_media_url(self, minute_token: str) -> Download:
        """Return a link to the minute's video or audio; the platform keeps it valid for one day.

        :raises MeetingsApiError: as `get_minute`.
        """
        path = f"/open-apis/minutes/v1/minutes/{check_minute_token(minute_token)}/media"
        return Download(parse_download_url(self._get(path)))

    # https://open.feishu.cn/document/minutes-v1/minute-transcript/get
    def get_minute_transcript(
        self,
        minute_token: str,
        *,
        file_format: TranscriptFormat = "txt",
        need_speaker: bool = True,
        need_timestamp: bool = True,
    ) -> bytes:
        """Return the transcript as the file that the platform makes; empty where the minute has none.

        :raises MeetingsApiError: as `get_minute`; `PermissionDenied` also means: may be read, not exported.
        """
        if file_format not in get_args(TranscriptFormat):
            raise InvalidRequest(f"file_format must be one of {get_args(TranscriptFormat)}, got {file_format!r}")
        path = f"/open-apis/minutes/v1/minutes/{check_minute_token(minute_token)}/transcript"
        # The defaults are not documented: always send all three.
        params = {
            "need_speaker": str(need_speaker).lower(),
            "need_timestamp": str(need_timestamp).lower(),
            "file_format": file_format,
        }
        content: bytes = self.transport.call("GET", path, _decode_file, params=params, auth=self._auth)
        return content

    # https://open.feishu.cn/document/server-docs/vc-v1/meeting-recording/get
    def get_meeting_recording(self, meeting_id: str) -> MeetingRecording:
        """Return where a meeting's recording is.

        :param meeting_id: the long id that exists once the meeting has begun, not the 9-digit number.
        :raises NotReady: 124002 while it is made, 122001 while the meeting runs, 121004 while there is none
            (a recording under 5 seconds never comes); `PermissionDenied` 121005; `NotFound` 122002.
        """
        path = f"/open-apis/vc/v1/meetings/{check_digits(meeting_id, 'meeting id')}/recording"
        return MeetingRecording.parse(self._get(path))

    # https://open.feishu.cn/document/moments-v1/post/get
    def get_post(self, post_id: str, *, user_id_type: UserIdType | None = None) -> MomentsPost:
        """Return a Moments post.

        :raises NotFound: 1420004, unknown or deleted; `PermissionDenied` 1420002; `RateLimited` 1420003.
        """
        path = f"/open-apis/moments/v1/posts/{check_digits(post_id, 'post id')}"
        return MomentsPost.parse(self._get(path, {"user_id_type": user_id_type or self._user_id_type}))

    def _get(self, path: str, params: dict[str, str] | None = None) -> Any:
        return self.transport.call("GET", path, decode, params=params, auth=self._auth).get("data")


def _bearer(request: requests.PreparedRequest, token: str) -> None:
    request.headers["Authorization"] = f"Bearer {token}"


# https://open.feishu.cn/document/minutes-v1/minute-transcript/get
def _decode_file(response: requests.Response) -> bytes:
    # Success is the file itself; a failure is JSON, under whatever status.
    content = response.content
    if response.status_code == 200 and not (content[:1] == b"{" and b'"code"' in content[:200]):
        return content
    decode(response)
    raise ServerError("feishu answered a transcript with an empty envelope instead of a file", platform="feishu")


def check_minute_token(value: str) -> str:
    """Return a minute token if it has the documented form.

    :raises InvalidRequest: else, saying where to find one.
    """
    if not is_minute_token(value):
        raise InvalidRequest(
            f"The minute token {value[:40]!r} has {len(value)} characters of another form than 24 letters and digits",
            next_step="Take the last part of the minute's address, https://…/minutes/<token>.",
        )
    return value


def check_digits(value: str, name: str) -> str:
    """Return an id if it is digits only, as the ids of meetings and posts are.

    :raises InvalidRequest: else; `name` says what the id is of.
    """
    if not isinstance(value, str) or not _DIGITS.match(value):
        raise InvalidRequest(
            f"The {name} {value!r:.60} is not a row of digits",
            next_step="A meeting id is the long number that a meeting gets when it begins; a post id is in its link.",
        )
    return value
