"""The AI artifacts and the statistics of the default company's minutes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from airflow_provider_meetings.emulator.model.company import SHANGHAI
from airflow_provider_meetings.emulator.model.feishu import FeishuArtifacts, FeishuChapter, FeishuStatistics
from airflow_provider_meetings.emulator.seed.feishu import (
    CHEN_YU,
    ENGLISH_MINUTE,
    MIA_WANG,
    PROCESSING_MINUTE,
    READY_MINUTE,
    ZHAO_MIN,
)

ARTIFACTS: Final[Mapping[str, FeishuArtifacts]] = {
    READY_MINUTE: FeishuArtifacts(
        summary="团队评审了第四季度路线图：样机下周二到，仓储线联调在十一月二十号之前。",
        chapters=(
            FeishuChapter("开场", 0, 12_000, "过一遍第四季度的路线图。"),
            FeishuChapter("仓储线联调 / schedule", 12_000, 2_714_000, "联调放在十一月二十号之前。"),
        ),
        todos=(("跟进供应商", ("赵敏",)), ("安排仓储线联调", ("陈宇", "赵敏"))),
        keywords=("路线图", "样机", "仓储线"),
    ),
    ENGLISH_MINUTE: FeishuArtifacts(
        summary="The new gripper firmware halves the calibration time and ships on Friday.",
        chapters=(FeishuChapter("Gripper demo", 0, 1_865_500, "Demo of the new firmware."),),
        # A todo without assignees.
        todos=(("Ship the firmware on Friday", ()),),
        keywords=("gripper", "firmware"),
    ),
    PROCESSING_MINUTE: FeishuArtifacts(summary="发布会彩排。"),
}

STATISTICS: Final[Mapping[str, FeishuStatistics]] = {
    READY_MINUTE: FeishuStatistics(
        page_views=20,
        viewers=(
            (CHEN_YU, datetime(2026, 11, 10, 11, 5, tzinfo=SHANGHAI)),
            (ZHAO_MIN, datetime(2026, 11, 10, 14, 30, 12, 345000, tzinfo=SHANGHAI)),
            (MIA_WANG, datetime(2026, 11, 11, 9, 0, tzinfo=SHANGHAI)),
        ),
    ),
    ENGLISH_MINUTE: FeishuStatistics(
        page_views=5, viewers=((MIA_WANG, datetime(2026, 11, 11, 16, 0, tzinfo=SHANGHAI)),)
    ),
}
