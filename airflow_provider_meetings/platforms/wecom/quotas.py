"""How often WeCom lets one corp call each endpoint."""

from __future__ import annotations

from airflow_provider_meetings.api.http.rate_limit import Quota, Rate

# https://developer.work.weixin.qq.com/document/path/90454  (for each corp and API; none has a number of its own)
_BASE = (Rate(10_000, 60), Rate(150_000, 3600))

# Few calls are made here, and those who ask too often are blocked by a rule of its own: one token is shared instead.
TOKEN = Quota("gettoken")

RECORD_LIST = Quota("record.list", _BASE)
FILE_LIST = Quota("record.get_file_list", _BASE)
FILE = Quota("record.get_file", _BASE)
TRANSCRIPT = Quota("record.transcript.get_detail", _BASE)
USER_MEETINGS = Quota("get_user_meetingid", _BASE)
