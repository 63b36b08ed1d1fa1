"""All of Feishu's and Lark's endpoints in one class, one method each."""

from __future__ import annotations

from airflow_provider_meetings.platforms.feishu import quotas
from airflow_provider_meetings.platforms.feishu.arguments import UserIdType, check_digits
from airflow_provider_meetings.platforms.feishu.endpoints_meetings import MeetingsEndpoints
from airflow_provider_meetings.platforms.feishu.endpoints_minutes import MinutesEndpoints
from airflow_provider_meetings.platforms.feishu.wire import MomentsPost

DEFAULT_BASE_URL = "https://open.feishu.cn"


class FeishuEndpoints(MinutesEndpoints, MeetingsEndpoints):
    """Call Feishu or Lark as one self-built app; the arguments are those of `FeishuSession`."""

    # https://open.feishu.cn/document/moments-v1/post/get
    def get_post(self, post_id: str, *, user_id_type: UserIdType | None = None) -> MomentsPost:
        """Return a Moments post.

        :raises NotFound: 1420004, unknown or deleted; `PermissionDenied` 1420002; `RateLimited` 1420003.
        """
        path = f"/open-apis/moments/v1/posts/{check_digits(post_id, 'post_id')}"
        return MomentsPost.parse(self._get(path, quotas.POST, self._people(user_id_type)))
