"""Links of the Markdown files lead to files of the repository. Those of the pages are checked by Sphinx."""

from __future__ import annotations

import re

import pytest

from tests.documentation.blocks import ROOT

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
LINKS = [(page.name, link) for page in sorted(ROOT.glob("*.md")) for link in LINK.findall(page.read_text("utf-8"))]


@pytest.mark.parametrize(("page", "link"), [(page, link) for page, link in LINKS if "://" not in link])
def test_link_leads_to_a_file(page: str, link: str) -> None:
    assert (ROOT / link).is_file(), f"{page} links to {link}"


def test_links_are_found() -> None:
    assert len(LINKS) >= 20
