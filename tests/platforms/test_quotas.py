"""The documentation lists every quota."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

from airflow_provider_meetings.api.http.rate_limit import Quota
from airflow_provider_meetings.platforms.feishu import quotas as feishu
from airflow_provider_meetings.platforms.wecom import quotas as wecom

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "limits.rst").read_text("utf-8")


def limited(module: ModuleType) -> list[Quota]:
    return [value for value in vars(module).values() if isinstance(value, Quota) and value.rates]


@pytest.mark.parametrize("quota", [*limited(feishu), *limited(wecom)], ids=lambda quota: quota.endpoint)
def test_page_lists_quota(quota: Quota) -> None:
    (row,) = re.findall(rf"^``(?:.*``, ``)?{re.escape(quota.endpoint)}``.*", PAGE, re.MULTILINE)
    assert row.endswith("  " + " and ".join(f"{rate.calls:g} in {rate.seconds:g} s" for rate in quota.rates))


@pytest.mark.parametrize("module", [feishu, wecom])
def test_quotas_exist(module: ModuleType) -> None:
    assert len(limited(module)) >= 4
