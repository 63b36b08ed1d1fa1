"""Call the emulator with the vendor's own SDK."""

from __future__ import annotations

import importlib
import json
import warnings
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from airflow_provider_meetings.emulator.seed import feishu as seed
from airflow_provider_meetings.emulator.seed.credentials import (
    FEISHU_APP_ID,
    FEISHU_APP_SECRET,
    FEISHU_REDIRECT_URIS,
    FEISHU_STORE_APP_ID,
    FEISHU_STORE_APP_SECRET,
    FEISHU_TENANT_KEY,
    FEISHU_USER_TOKEN,
)

# Later modules take precedence where two define the same name.
MODULES = (
    "lark_oapi.api.auth.v3", "lark_oapi.api.minutes.v1", "lark_oapi.api.moments.v1", "lark_oapi.api.vc.v1",
    "lark_oapi.core.access_token.client", "lark_oapi.core.cache", "lark_oapi.core.exception", "lark_oapi.core.model",
    "lark_oapi.core.token",
)  # fmt: skip


@pytest.fixture(scope="module")
def sdk() -> Any:
    """Import the SDK only where its tests run: it has 13,000 modules."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lark = importlib.import_module("lark_oapi")
        names = {name: value for module in MODULES for name, value in vars(importlib.import_module(module)).items()}
    return SimpleNamespace(**names, lark=lark)


@pytest.fixture
def client(sdk: Any, emulator: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    # The SDK caches tokens per app id, not per domain, as long as the process runs.
    monkeypatch.setattr(sdk.TokenManager, "cache", sdk.LocalCache())
    return sdk.lark.Client.builder().app_id(FEISHU_APP_ID).app_secret(FEISHU_APP_SECRET).domain(emulator.url).build()


def test_minute(sdk: Any, client: Any) -> None:
    request = sdk.GetMinuteRequest.builder().minute_token(seed.READY_MINUTE).user_id_type("union_id").build()
    response = client.minutes.v1.minute.get(request)
    assert response.success()
    assert response.data.minute.title == "Q4 路线图 / roadmap 评审"
    assert response.data.minute.owner_id == seed.CHEN_YU.union_id
    assert response.get_log_id()


def test_media_link(sdk: Any, client: Any) -> None:
    request = sdk.GetMinuteMediaRequest.builder().minute_token(seed.READY_MINUTE).build()
    response = client.minutes.v1.minute_media.get(request)
    assert response.success()
    expected = {minute.token: minute for minute in seed.MINUTES}[seed.READY_MINUTE].media
    assert requests.get(response.data.download_url).content == expected.read()


def test_transcript(sdk: Any, client: Any) -> None:
    request = sdk.GetMinuteTranscriptRequest.builder().minute_token(seed.ENGLISH_MINUTE)
    request = request.need_speaker(True).need_timestamp(True).file_format("srt").build()
    response = client.minutes.v1.minute_transcript.get(request)
    assert response.success()
    assert response.file_name.endswith(".srt")
    assert response.file.read().decode().splitlines()[2].startswith("Mia Wang: Welcome")


def test_recording(sdk: Any, client: Any) -> None:
    request = sdk.GetMeetingRecordingRequest.builder().meeting_id(seed.READY_MEETING).build()
    response = client.vc.v1.meeting_recording.get(request)
    assert response.success()
    assert response.data.recording.url.endswith(seed.READY_MINUTE)


def test_post(sdk: Any, client: Any) -> None:
    request = sdk.GetPostRequest.builder().post_id(seed.NAMED_POST).user_id_type("open_id").build()
    response = client.moments.v1.post.get(request)
    assert response.success()
    assert response.data.post.user_id == seed.CHEN_YU.open_id
    assert response.data.post.reaction_set.total_count == 17
    assert json.loads(response.data.post.content)[0][0]["tag"] == "hashtag"


def test_error(sdk: Any, client: Any) -> None:
    request = sdk.GetMeetingRecordingRequest.builder().meeting_id(seed.RUNNING_MEETING).build()
    response = client.vc.v1.meeting_recording.get(request)
    assert (response.code, response.raw.status_code) == (122001, 400)
    assert response.error["log_id"] == response.get_log_id()


def test_statistics_and_artifacts(sdk: Any, client: Any) -> None:
    request = sdk.GetMinuteStatisticsRequest.builder().minute_token(seed.READY_MINUTE).user_id_type("open_id").build()
    statistics = client.minutes.v1.minute_statistics.get(request).data.statistics
    assert (statistics.user_view_count, statistics.user_view_list[0].user_id) == ("3", seed.CHEN_YU.open_id)
    request = sdk.ArtifactsMinuteRequest.builder().minute_token(seed.READY_MINUTE).build()
    artifacts = client.minutes.v1.minute.artifacts(request).data
    # A number in the SDK's model, text in the answer.
    assert int(artifacts.minute_chapters[1].stop_ms) == 2_714_000
    assert artifacts.minute_todos[0].assignees == ["赵敏"]


def test_meeting_lists(sdk: Any, client: Any) -> None:
    request = sdk.ListByNoMeetingRequest.builder().meeting_no(seed.RECURRING_NUMBER)
    request = request.start_time(1790784000).end_time(1794585600).page_size(50).build()
    briefs = client.vc.v1.meeting.list_by_no(request).data.meeting_briefs
    assert [int(brief.id) for brief in briefs][-1] == int(seed.ENGLISH_MEETING)
    request = sdk.GetMeetingListRequest.builder().start_time(1790784000).end_time(1794585600).page_size(20).build()
    response = client.vc.v1.meeting_list.get(request)
    assert len(response.data.meeting_list) == 10
    assert response.data.meeting_list[0].meeting_instance_id


def test_search_with_user_token(sdk: Any, emulator: Any, client: Any) -> None:
    assert client.minutes.v1.minute.search(sdk.SearchMinuteRequest.builder().build()).code == 99991663
    body = sdk.SearchMinuteRequestBody.builder().build()
    request = sdk.SearchMinuteRequest.builder().page_size(30).request_body(body).build()
    option = sdk.lark.RequestOption.builder().user_access_token(FEISHU_USER_TOKEN).build()
    # Without enable_set_token the SDK ignores the option and uses the app's token.
    builder = sdk.lark.Client.builder().app_id(FEISHU_APP_ID).app_secret(FEISHU_APP_SECRET).domain(emulator.url)
    response = builder.enable_set_token(True).build().minutes.v1.minute.search(request, option)
    assert seed.ENGLISH_MINUTE in [item.token for item in response.data.items]


def test_consent_and_refresh(sdk: Any, emulator: Any) -> None:
    query = {"client_id": FEISHU_APP_ID, "redirect_uri": FEISHU_REDIRECT_URIS[0], "scope": "offline_access"}
    page = requests.get(f"{emulator.url}/open-apis/authen/v1/authorize", params=query, allow_redirects=False)
    code = page.headers["Location"].partition("code=")[2]
    config = sdk.Config()
    config.app_id, config.app_secret = FEISHU_APP_ID, FEISHU_APP_SECRET
    config.domain = config.oauth_base_url = emulator.url
    # It uses v3.
    access_token = sdk.AccessToken(config)
    first = access_token.retrieve_by_authorization_code(code, FEISHU_REDIRECT_URIS[0])
    assert (first.expires_in, first.refresh_token_expires_in, first.scope) == (7200, 604800, "offline_access")
    assert access_token.refresh(first.refresh_token).access_token != first.access_token
    with pytest.raises(sdk.AccessTokenException) as caught:
        access_token.refresh(first.refresh_token)
    assert (caught.value.status_code, caught.value.code, caught.value.error) == (400, 20073, "invalid_grant")


def test_store_app(sdk: Any, emulator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdk.TokenManager, "cache", sdk.LocalCache())
    builder = sdk.lark.Client.builder().app_id(FEISHU_STORE_APP_ID).app_secret(FEISHU_STORE_APP_SECRET)
    client = builder.app_type(sdk.lark.AppType.ISV).domain(emulator.url).build()
    body = (
        sdk.ResendAppTicketRequestBody.builder().app_id(FEISHU_STORE_APP_ID).app_secret(FEISHU_STORE_APP_SECRET).build()
    )
    assert client.auth.v3.app_ticket.resend(sdk.ResendAppTicketRequest.builder().request_body(body).build()).success()
    ticket = emulator.state.app_tickets.pushed[-1]
    option = sdk.lark.RequestOption.builder().app_ticket(ticket).tenant_key(FEISHU_TENANT_KEY).build()
    request = sdk.GetMinuteRequest.builder().minute_token(seed.READY_MINUTE).build()
    response = client.minutes.v1.minute.get(request, option)
    assert response.data.minute.token == seed.READY_MINUTE
    artifacts = client.minutes.v1.minute.artifacts(
        sdk.ArtifactsMinuteRequest.builder().minute_token(seed.READY_MINUTE).build(), option
    )
    assert artifacts.code == 99991672
