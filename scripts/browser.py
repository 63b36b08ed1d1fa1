"""Use Airflow's UI in Chromium: for its test, and for the pictures of the documentation."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

CHROMIUM = ("chromium-headless-shell", "chromium", "google-chrome")
TIMEOUT_MILLISECONDS = 120_000  # on a busy machine the first page takes long


def missing() -> str:
    """Return what is not installed and needed, or an empty text."""
    if importlib.util.find_spec("playwright") is None:
        return "no Playwright is installed (dependency group dev)"
    return "" if _chromium() else "no Chromium is installed (Debian: apt-get install chromium-headless-shell)"


@contextmanager
def open_page(width: int = 1280, height: int = 800) -> Iterator[Page]:
    """Open an empty page of a new browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium())
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(TIMEOUT_MILLISECONDS)
        yield page
        browser.close()


def _chromium() -> str | None:
    return next(filter(None, map(shutil.which, CHROMIUM)), None)


class Connections:
    """The page *Admin, Connections* of Airflow at `url`."""

    def __init__(self, page: Page, url: str) -> None:
        self._page = page
        self._url = url

    def add(self, conn_type: str) -> Locator:
        """Open the form of a new connection.

        :param conn_type: the type's name in the form.
        """
        self._open()
        self._page.get_by_role("button", name="Add Connection").click()
        form = self._page.get_by_role("dialog")
        form.get_by_role("combobox").click()
        self._page.get_by_role("option", name=conn_type).click()
        form.get_by_text("Standard Fields", exact=True).wait_for()
        return form

    def test(self, conn_id: str) -> tuple[int, str]:
        """Press *Test* of a connection; return the status of the answer and what the page shows, when it shows it."""
        self._open()
        button = self._page.get_by_role("row").filter(has_text=conn_id).get_by_role("button", name="Test Connection")
        with self._page.expect_response("**/connections/test") as answered:
            button.click()
        shown = self._page.get_by_role("status")
        shown.get_by_text("Test Connection").wait_for()
        return answered.value.status, shown.inner_text()

    def _open(self) -> None:
        self._page.goto(f"{self._url}/connections")


def fill(form: Locator, fields: dict[str, str]) -> None:
    """Fill fields of a connection's form, by their labels."""
    for label, value in fields.items():
        form.get_by_label(label).fill(value)


def groups(form: Locator) -> dict[str, str]:
    """Return the text of each group of a connection's form, by its title."""
    items = form.locator("[data-scope=accordion][data-part=item]").all()
    return {
        item.locator("[data-part=item-trigger]").inner_text(): item.get_by_role(
            "region", include_hidden=True
        ).inner_text()
        for item in items
    }


def choose(form: Locator, group: str, label: str, value: str) -> list[str]:
    """Choose a value of a drop-down in a group of a connection's form, and return what it offers."""
    title = form.get_by_role("button", name=group)
    if title.get_attribute("aria-expanded") == "false":
        title.click()
    form.get_by_role("combobox", name=label).click()
    offered = form.get_by_role("option")
    texts = offered.all_inner_texts()
    offered.filter(has_text=value).click()
    return texts
