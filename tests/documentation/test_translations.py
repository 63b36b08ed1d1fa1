"""A Chinese page has the commands, the code and the error codes of the English one."""

from __future__ import annotations

import re

import pytest

from tests.documentation.blocks import ROOT, blocks, commands

PAGES = {
    "README.md": "README.zh.md",
    "docs/start/quickstart.rst": "docs/zh/quickstart.rst",
    "docs/guides/connect_feishu.rst": "docs/zh/connect_feishu.rst",
    "docs/guides/connect_wecom.rst": "docs/zh/connect_wecom.rst",
}


def code_of(page: str) -> list[str]:
    """Return the commands and Python blocks of a page, without comments and regions."""
    found = [re.sub(r" +#.*", "", one) for b in blocks("bash", "console") if b.page == page for one in commands(b)]
    found += [block.code for block in blocks("python") if block.page == page]
    return [re.sub(r'"region_name": "[^"]+"', "", one) for one in found]


@pytest.mark.parametrize(("english", "chinese"), PAGES.items(), ids=PAGES)
def test_commands_are_the_same(english: str, chinese: str) -> None:
    written = code_of(chinese)
    assert written
    assert [one for one in code_of(english) if one not in written and "AIRFLOW_CONN_LARK" not in one] == []


@pytest.mark.parametrize("platform", ["feishu", "wecom"])
def test_refusals_are_the_same(platform: str) -> None:
    texts = [(ROOT / "docs" / folder / f"connect_{platform}.rst").read_text() for folder in ("guides", "zh")]
    english, chinese = (set(re.findall(r"(?<![\w/-])-?\d{4,8}(?![\w/-])", text)) for text in texts)
    assert len(english) > 20
    assert {code for code in english if code not in chinese} <= {"2026"}
