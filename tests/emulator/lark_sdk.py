"""Classes of the vendor's SDK that the tests use."""

from __future__ import annotations

import lark_oapi as lark
from lark_oapi.api.auth.v3 import ResendAppTicketRequest, ResendAppTicketRequestBody
from lark_oapi.api.minutes.v1 import (
    ArtifactsMinuteRequest,
    GetMinuteMediaRequest,
    GetMinuteRequest,
    GetMinuteStatisticsRequest,
    GetMinuteTranscriptRequest,
    SearchMinuteRequest,
    SearchMinuteRequestBody,
)
from lark_oapi.api.moments.v1 import GetPostRequest
from lark_oapi.api.vc.v1 import GetMeetingListRequest, GetMeetingRecordingRequest, ListByNoMeetingRequest
from lark_oapi.core.access_token.client import AccessToken
from lark_oapi.core.cache import LocalCache
from lark_oapi.core.exception import AccessTokenException
from lark_oapi.core.model import Config
from lark_oapi.core.token import TokenManager

__all__ = [
    "AccessToken",
    "AccessTokenException",
    "ArtifactsMinuteRequest",
    "Config",
    "GetMeetingListRequest",
    "GetMeetingRecordingRequest",
    "GetMinuteMediaRequest",
    "GetMinuteRequest",
    "GetMinuteStatisticsRequest",
    "GetMinuteTranscriptRequest",
    "GetPostRequest",
    "ListByNoMeetingRequest",
    "LocalCache",
    "ResendAppTicketRequest",
    "ResendAppTicketRequestBody",
    "SearchMinuteRequest",
    "SearchMinuteRequestBody",
    "TokenManager",
    "lark",
]
