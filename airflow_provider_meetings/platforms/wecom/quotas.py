"""Rate limits of WeCom's endpoints, for one corp."""

from __future__ import annotations

from airflow_provider_meetings.api.http.rate_limit import Quota, Rate

# https://developer.work.weixin.qq.com/document/path/90454  (the same limit for each API)
_BASE = (Rate(10_000, 60), Rate(150_000, 3600))

# It has other limits, which are not reached: all processes share one token.
TOKEN = Quota("gettoken")

RECORD_LIST = Quota("record.list", _BASE)
FILE_LIST = Quota("record.get_file_list", _BASE)
FILE = Quota("record.get_file", _BASE)
TRANSCRIPT = Quota("record.transcript.get_detail", _BASE)
