"""The identity of a connection: invalid combinations of extras, store apps, apps of the other cloud."""

from __future__ import annotations

import logging
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_meetings.api.errors import AuthenticationError, InvalidRequest, MeetingsApiError
from airflow_provider_meetings.api.http.auth import token_key
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from airflow_provider_meetings.emulator.seed.credentials import (
    FEISHU_APP_ID,
    FEISHU_APP_SECRET,
    FEISHU_APP_TICKET,
    FEISHU_STORE_APP_ID,
    FEISHU_STORE_APP_SECRET,
    FEISHU_TENANT_KEY,
    LARK_APP_ID,
    LARK_APP_SECRET,
)
from airflow_provider_meetings.emulator.seed.feishu import READY_MINUTE
from airflow_provider_meetings.platforms.feishu import MANIFEST
from airflow_provider_meetings.platforms.feishu.auth.identity import Credentials, read_identity
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from airflow_provider_meetings.platforms.feishu.recordings import FeishuClient
from tests.conftest import Emulated

STORE = {"app_type": "store", "app_ticket": FEISHU_APP_TICKET, "tenant_key": FEISHU_TENANT_KEY}
URI = "http://localhost:8080/callback"
NO_EXTRAS = dict.fromkeys(MANIFEST["connection-type"]["conn-fields"])


@pytest.mark.parametrize(
    ("extra", "error"),
    [
        ({"identity": "user"}, "extra redirect_uri is missing.*security settings"),
        ({"identity": "user", "redirect_uri": "localhost:8080"}, "not an http or https URL"),
        ({"identity": "user", "redirect_uri": URI + "#x"}, "not an http or https URL"),
        ({"identity": "user", "redirect_uri": "http://["}, "not an http or https URL.*security settings"),
        ({"identity": "user", "redirect_uri": "http://a:99999999/x"}, "not an http or https URL"),
        ({"redirect_uri": URI}, "has an effect only if identity is user"),
        ({"scopes": "a"}, "has an effect only if identity is user"),
        ({"app_type": "store"}, "extra app_ticket is missing.*every hour"),
        ({"app_type": "store", "app_ticket": "S3CRET"}, "extra tenant_key is missing"),
        ({"app_ticket": "S3CRET"}, "has an effect only if app_type is store"),
        ({"tenant_key": "k"}, "has an effect only if app_type is store"),
        ({**STORE, "identity": "user", "redirect_uri": URI}, "only self-built apps"),
    ],
)
def test_invalid_combination_of_extras_is_refused(emulated: Emulated, extra: dict[str, str], error: str) -> None:
    with pytest.raises(InvalidRequest, match=error) as caught:
        read_identity(NO_EXTRAS | extra)
    assert "S3CRET" not in str(caught.value)
    emulated.connect("feishu", extra=extra)
    with pytest.raises(AirflowFailException, match="connection 'feishu_default'"):
        FeishuHook().get_conn()
    assert emulated.state.requests == []


def test_blank_identity_is_app(emulated: Emulated) -> None:
    blank: dict[str, Any] = dict.fromkeys(("identity", "app_type", "app_ticket", "tenant_key", "redirect_uri"), "")
    emulated.connect("feishu", extra=blank)
    assert FeishuHook().get_conn().get_minute(READY_MINUTE)


class TestStoreApp:
    """A store app: its ticket gets the app token, which gets the tenant token."""

    @pytest.fixture
    def store(self, emulated: Emulated) -> Emulated:
        self.connect(emulated)
        return emulated

    def connect(self, emulated: Emulated, **changes: str) -> None:
        extra = {**STORE, **changes}
        emulated.connect("feishu", login=FEISHU_STORE_APP_ID, password=FEISHU_STORE_APP_SECRET, extra=extra)

    def read(self) -> None:
        hook = FeishuHook()
        with hook.error_mapping():
            assert hook.get_conn().get_minute(READY_MINUTE)

    def test_both_tokens_are_fetched_once(self, store: Emulated) -> None:
        for _ in range(3):
            self.read()
        assert store.state.calls["feishu.app_access_token"] == 1
        assert store.state.calls["feishu.store_tenant_access_token"] == 1
        assert store.state.calls["feishu.tenant_access_token"] == 0

    def test_rate_limits_per_tenant(self, store: Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
        store.state.fail("feishu.minute", 99991400, times=1, reset=300)
        for message in ("request trigger frequency limit", "the next call of minutes.get is"):
            with pytest.raises(AirflowException, match=message):
                self.read()
        # The block does not apply to another tenant that has installed the app.
        monkeypatch.setattr("airflow_provider_meetings.emulator.feishu.tokens.FEISHU_TENANT_KEY", "another-tenant")
        self.connect(store, tenant_key="another-tenant")
        self.read()
        self.connect(store)
        with pytest.raises(AirflowException, match=r"the next call of minutes\.get is"):
            self.read()

    def test_revoked_tokens_are_refreshed(self, store: Emulated) -> None:
        self.read()
        # Both tokens: the refresh of the tenant token finds the app token rejected.
        store.state.revoke_tokens()
        self.read()
        assert store.state.calls["feishu.app_access_token"] == 2

    def test_expired_and_next_ticket(self, store: Emulated) -> None:
        self.connect(store, app_ticket="ticket-of-yesterday")
        for _ in range(3):
            with pytest.raises(AirflowFailException, match=r"set the extra app_ticket to the latest one") as caught:
                self.read()
            assert "ticket-of-yesterday" not in str(caught.value)
        # The failure is cached for a minute; a new ticket is tried immediately.
        assert store.state.calls["feishu.app_access_token"] == 1
        self.connect(store, app_ticket=store.state.app_tickets.push())
        self.read()

    def test_tenant_without_app(self, store: Emulated) -> None:
        self.connect(store, tenant_key="another-tenant")
        with pytest.raises(AirflowFailException, match="Check the extra tenant_key"):
            self.read()
        # Each tenant has its own token.
        self.connect(store)
        self.read()

    def test_ticket_and_tokens_are_masked(self, store: Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
        masked: list[str] = []
        monkeypatch.setattr("airflow_provider_meetings.hooks.meetings.mask_secret", masked.append)
        self.read()
        assert FEISHU_APP_TICKET in masked
        assert [value for value in masked if value.startswith("a-")]
        assert [value for value in masked if value.startswith("t-")]


class TestOtherCloud:
    """Feishu and Lark: each does not know the other's apps, and no secret is sent to the other cloud."""

    @pytest.mark.parametrize(
        ("host", "elsewhere"),
        [("open.feishu.cn", "If it belongs to Lark, set the host to https://open.larksuite.com"),
         ("open.larksuite.com", "If it belongs to Feishu, set the host to https://open.feishu.cn"),
         ("api.example.com", "")],
    )  # fmt: skip
    def test_unknown_app_or_object(
        self, emulated: Emulated, monkeypatch: pytest.MonkeyPatch, host: str, elsewhere: str
    ) -> None:
        resolved: set[str] = set()
        resolve = socket.getaddrinfo

        def resolve_locally(name: str, *arguments: Any) -> Any:
            resolved.add(name)
            return resolve("127.0.0.1", *arguments)

        monkeypatch.setattr(socket, "getaddrinfo", resolve_locally)
        port = urlsplit(emulated.url).port
        transport = Transport(base_url=f"http://{host}:{port}", platform="feishu", max_attempts=1)
        wrong = FeishuClient(transport, Credentials(LARK_APP_ID, LARK_APP_SECRET, ProcessTokenStore()))
        with pytest.raises(AuthenticationError) as unknown:
            wrong.whoami()
        right = FeishuClient(transport, Credentials(FEISHU_APP_ID, FEISHU_APP_SECRET, ProcessTokenStore()))
        with pytest.raises(MeetingsApiError) as missing:
            right.get_minute("x" * 24)
        transport.close()
        for error in (unknown.value, missing.value):
            assert elsewhere in str(error)
            assert ("If it belongs to" in str(error)) == bool(elsewhere)
        assert resolved == {host}

    def test_app_is_known_on_its_cloud(self, emulated: Emulated) -> None:
        emulated.state.cloud = "lark"
        emulated.connect("feishu", login=LARK_APP_ID, password=LARK_APP_SECRET)
        assert FeishuHook().test_connection()[0]


def test_token_keys_contain_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        key = token_key("feishu", "https://open.feishu.cn", "cli_x", "S3CRET\nticket", "tenant:k")
    assert "S3CRET" not in key
    assert "ticket" not in key
