"""The connection form and its Test button in Chromium, on a whole Airflow.

It needs Chromium and Playwright, and takes half a minute to start, so ``make test`` skips it and ``make test-browser``
runs it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import browser
import pytest
from airflow import __version__ as airflow_version
from browser import Connections
from local_airflow import LocalAirflow

from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from airflow_provider_meetings.platforms.feishu import MANIFEST as FEISHU
from airflow_provider_meetings.platforms.wecom import MANIFEST as WECOM
from tests.conftest import connection
from tests.contract.backends import backend_servers

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

MANIFESTS = {"feishu": FEISHU, "wecom": WECOM}
LOGIN = {"feishu": "feishu.tenant_access_token", "wecom": "wecom.gettoken"}
BLANK_PORT_FAILS = ("3.3.1", "3.3.2")
SUCCESS, FAILURE = "Test Connection Successful", "Test Connection Failed"
both = pytest.mark.parametrize("conn_type", list(MANIFESTS))


@dataclass
class Site:
    """An Airflow with its emulator, and a page of the browser."""

    airflow: LocalAirflow
    emulator: str
    state: EmulatorState
    page: Page

    @property
    def connections(self) -> Connections:
        return Connections(self.page, self.airflow.url)

    def store(self, conn_id: str, conn_type: str, **changes: Any) -> None:
        """Store a connection to the emulator."""
        host, _, port = self.emulator.rpartition(":")
        fields = {"port": int(port), **changes}
        self.airflow.store({f"AIRFLOW_CONN_{conn_id.upper()}": connection(conn_type, host, **fields)})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if reason := browser.missing():
        backend_servers.missing(reason)
    folder, state = tmp_path_factory.mktemp("browser"), EmulatorState()
    (folder / "dags").mkdir()
    with serve(state) as emulator, open_airflow(folder, emulator) as airflow, browser.open_page() as page:
        yield Site(airflow, emulator, state, page)


def open_airflow(folder: Path, emulator: str) -> LocalAirflow:
    enabled = {"AIRFLOW__CORE__TEST_CONNECTION": "Enabled"}
    home, dags, lake, warehouse = (folder / name for name in ("home", "dags", "lake", "warehouse.duckdb"))
    return LocalAirflow(home, dags, emulator, lake, warehouse, enabled)


@both
def test_form_shows_its_fields_in_groups(site: Site, conn_type: str) -> None:
    manifest = MANIFESTS[conn_type]["connection-type"]
    fields = manifest["conn-fields"].values()
    groups = browser.groups(site.connections.add(manifest["hook-name"]))
    sections = dict.fromkeys(field["schema"]["section"] for field in fields)
    assert list(groups) == ["Standard Fields", *sections, "Extra Fields JSON"]
    for label in (*manifest["ui-field-behaviour"]["relabeling"].values(), "Port"):
        assert label in groups["Standard Fields"]
    for field in fields:
        assert f"{field['label']} " in groups[field["schema"]["section"]]
        assert field["description"] in groups[field["schema"]["section"]]
    assert "null" not in "".join(groups.values())


@both
def test_right_secret_of_a_connection_typed_into_the_form(site: Site, conn_type: str) -> None:
    manifest = MANIFESTS[conn_type]["connection-type"]
    form = site.connections.add(manifest["hook-name"])
    chosen = {}
    for name, field in manifest["conn-fields"].items():
        if values := field["schema"].get("enum"):
            assert browser.choose(form, field["schema"]["section"], field["label"], values[0]) == values
            chosen[name] = values[0]
    known = json.loads(connection(conn_type, site.emulator))
    host, _, port = site.emulator.rpartition(":")
    labels, conn_id = manifest["ui-field-behaviour"]["relabeling"], f"{conn_type}_typed"
    typed = {"Connection ID": conn_id, labels["login"]: known["login"], labels["password"]: known["password"]}
    if chosen:
        form.get_by_role("button", name="Standard Fields").click()
    browser.fill(form, {**typed, "Base URL": host, "Port": port})
    with site.page.expect_response("**/api/v2/connections") as saved:
        form.get_by_role("button", name="Save").click()
    assert saved.value.status == 201
    extra = json.loads((saved.value.request.post_data_json or {}).get("extra") or "{}")
    assert {name: value for name, value in extra.items() if value is not None} == chosen
    before = site.state.calls[LOGIN[conn_type]]
    for presses in (1, 2):
        status, shown = site.connections.test(conn_id)
        assert status == 200
        assert shown.startswith(SUCCESS), shown
        assert f"got a token for {'app' if conn_type == 'feishu' else 'corp'} {known['login']}" in shown
        assert site.state.calls[LOGIN[conn_type]] == before + presses


@both
@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"password": "a-wrong-secret"}, "Check login"),
        ({"host": "http://127.0.0.1", "port": 9}, "could not be reached at http://127.0.0.1:9"),
    ],
    ids=["wrong secret", "dead host"],
)
def test_failure(site: Site, conn_type: str, changes: dict[str, Any], text: str) -> None:
    site.store(f"{conn_type}_failing", conn_type, **changes)
    status, shown = site.connections.test(f"{conn_type}_failing")
    assert status == 200
    assert shown.startswith(FAILURE)
    assert text in shown
    assert "onnection '" not in shown  # the copy's id, which nobody knows
    assert "a-wrong-secret" not in shown


@both
def test_blank_port(site: Site, conn_type: str) -> None:
    """Airflow's fault, which the documentation names: in its other versions a blank port works."""
    site.store(f"{conn_type}_blank", conn_type, host=site.emulator, port=None)
    _, shown = site.connections.test(f"{conn_type}_blank")
    assert shown.startswith(FAILURE if airflow_version in BLANK_PORT_FAILS else SUCCESS)
