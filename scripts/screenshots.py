"""Take the documentation's pictures of Airflow's UI in Chromium, from the example DAGs on an Airflow with the emulator.

They are written to ``docs/images``, and committed. What differs from one start to the next is in them: ports, times.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from browser import Connections, fill, missing, open_page
from local_airflow import LocalAirflow, settings

from airflow_provider_meetings.emulator.seed.feishu import NAMED_POST, READY_MEETING
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from airflow_provider_meetings.manifests import manifests

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
MAX_BYTES = 200_000
RUN = "first_run"
RUN_SECONDS = 300
RUNS: dict[str, dict[str, Any]] = {
    "feishu_recordings": {"logical_date": "2026-11-13T18:00:00Z", "conf": {"meeting_ids": [READY_MEETING]}},
    "feishu_moments": {"logical_date": "2026-11-13T18:00:00Z", "conf": {"post_ids": [NAMED_POST]}},
    "wecom_recordings_daily": {"logical_date": "2026-11-12T18:00:00Z"},
}
EXAMPLES = {
    "feishu": {"Connection ID": "feishu_default", "App ID": "cli_a1b2c3d4e5f6g7h8", "App Secret": "x" * 32},
    "wecom": {"Connection ID": "wecom_default", "Corp ID": "ww1a2b3c4d5e6f7a8b", "App Secret": "x" * 43},
}


def take_forms(page: Page, url: str) -> None:
    """Take the form of both types, filled in as a user would, and not saved."""
    page.set_viewport_size({"width": 1000, "height": 1100})
    for conn_type, fields in EXAMPLES.items():
        form = Connections(page, url).add(manifests()[conn_type]["connection-type"]["hook-name"])
        fill(form, {**fields, "Port": "443"})
        form.get_by_text("Add Connection").click()  # takes the focus out of the last field
        form.screenshot(path=path(f"form_{conn_type}"), animations="disabled")


def take_test(page: Page, url: str) -> None:
    """Take the page of connections after a press of *Test*."""
    page.set_viewport_size({"width": 1000, "height": 520})
    Connections(page, url).test("feishu_default")
    page.screenshot(path=path("connection_test"), animations="disabled")


def take_runs(page: Page, url: str) -> None:
    """Take the list of DAGs, the log of a task, and the graph of a run."""
    page.set_viewport_size({"width": 960, "height": 1060})
    page.goto(f"{url}/dags")
    page.get_by_text("wecom_recordings_daily").wait_for()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=path("dags"), animations="disabled")
    run = f"{url}/dags/feishu_recordings/runs/{RUN}"
    page.set_viewport_size({"width": 1180, "height": 680})
    page.goto(f"{run}/tasks/land")
    page.get_by_text("recordings not ready").wait_for()
    page.screenshot(path=path("log"), animations="disabled")
    page.set_viewport_size({"width": 1000, "height": 580})
    page.goto(run)
    page.get_by_role("button", name="Show Graph").click()
    page.get_by_role("button", name="Collapse Details Panel").click()
    page.locator(".react-flow__node").filter(has_text="fail_run").wait_for()
    page.get_by_role("button", name="Fit View").click()
    page.screenshot(path=path("graph"), animations="disabled")


def path(name: str) -> Path:
    """Return the file of a picture."""
    return IMAGES / f"{name}.png"


def main() -> None:
    """Start everything, run the DAGs, and take all pictures."""
    if reason := missing():
        raise SystemExit(f"Cannot take screenshots: {reason}")
    extra = {"AIRFLOW__CORE__TEST_CONNECTION": "Enabled", "AIRFLOW__API__DEFAULT_WRAP": "True"}
    with tempfile.TemporaryDirectory(prefix="meetings-") as folder, serve(EmulatorState()) as emulator:
        home, lake, warehouse = (Path(folder) / name for name in ("airflow", "lake", "warehouse.duckdb"))
        with LocalAirflow(home, ROOT / "dags", emulator, lake, warehouse, extra) as airflow:
            airflow.store(settings(emulator, lake, warehouse))
            for dag_id, body in RUNS.items():
                airflow.trigger(dag_id, RUN, body)
            airflow.follow(list(RUNS), RUN, print, RUN_SECONDS)
            with open_page() as page:
                for take in (take_forms, take_test, take_runs):
                    take(page, airflow.url)
    for picture in sorted(IMAGES.glob("*.png")):
        size = picture.stat().st_size
        print(f"{picture.relative_to(ROOT)}: {size} bytes")
        if size > MAX_BYTES:
            sys.exit(f"{picture.name} has more than {MAX_BYTES} bytes")


if __name__ == "__main__":
    main()
