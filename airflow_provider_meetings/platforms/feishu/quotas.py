"""Rate limits of Feishu's and Lark's endpoints, for one app in one tenant."""

from __future__ import annotations

from airflow_provider_meetings.api.http.rate_limit import Quota, Rate

# https://open.feishu.cn/document/ukTMukTMukTM/uUzN04SN3QjL1cDN  (the tiers; each endpoint's page names its own)
_TIER_3 = (Rate(100, 60),)
_TIER_4 = (Rate(50, 1), Rate(1000, 60))
_TIER_6 = (Rate(5, 1),)
_TIER_8 = (Rate(20, 1),)

# The pages of these endpoints name no limit.
TENANT_TOKEN = Quota("auth.tenant_access_token")
STORE_APP_TOKEN = Quota("auth.app_access_token")
STORE_TENANT_TOKEN = Quota("auth.store_tenant_access_token")

# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/get-user-access-token
USER_TOKEN = Quota("authen.oauth_token", _TIER_4)
# The page of this endpoint names no limit.
USER_INFO = Quota("authen.user_info")

MINUTE = Quota("minutes.get", _TIER_6)
MINUTE_MEDIA = Quota("minutes.media", _TIER_6)
MINUTE_TRANSCRIPT = Quota("minutes.transcript", _TIER_6)
MINUTE_STATISTICS = Quota("minutes.statistics", _TIER_6)
MINUTE_ARTIFACTS = Quota("minutes.artifacts", _TIER_6)
MEETING_RECORDING = Quota("meetings.recording", _TIER_4)
MEETING_LIST = Quota("meeting_list", _TIER_3)
MEETINGS_BY_NUMBER = Quota("meetings.list_by_no", _TIER_3)
MINUTES_SEARCH = Quota("minutes.search", _TIER_3)
POST = Quota("moments.posts", _TIER_8)
