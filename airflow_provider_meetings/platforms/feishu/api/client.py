"""All endpoints of Feishu and Lark in one class, one method each."""

from __future__ import annotations

from airflow_provider_meetings.api.http.oauth import TokenPair
from airflow_provider_meetings.platforms.feishu import quotas
from airflow_provider_meetings.platforms.feishu.api.ids import check_digits
from airflow_provider_meetings.platforms.feishu.api.meetings import MeetingsEndpoints
from airflow_provider_meetings.platforms.feishu.api.minutes import MinutesEndpoints
from airflow_provider_meetings.platforms.feishu.api.models import UserInfo
from airflow_provider_meetings.platforms.feishu.api.models_posts import MomentsPost
from airflow_provider_meetings.platforms.feishu.api.search import SearchEndpoints

DEFAULT_BASE_URL = "https://open.feishu.cn"


class FeishuEndpoints(MinutesEndpoints, SearchEndpoints, MeetingsEndpoints):
    """Call Feishu or Lark as an app or as a user; the arguments are those of `FeishuSession`."""

    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/authen-v1/user_info/get
    def get_user_info(self, tokens: TokenPair | None = None) -> UserInfo:
        """Return the user of this connection's token, or of a token pair that is not stored yet.

        :raises InvalidRequest: before the request, for a connection that calls as the app.
        """
        self._need_user("The user info endpoint")
        return UserInfo.parse(self._get("/open-apis/authen/v1/user_info", quotas.USER_INFO, tokens=tokens))

    # https://open.feishu.cn/document/moments-v1/post/get
    def get_post(self, post_id: str) -> MomentsPost:
        """Return a Moments post.

        :raises NotFound: 1420004, unknown or deleted; `PermissionDenied` 1420002; `RateLimited` 1420003.
        :raises InvalidRequest: before the request, for a connection that calls as a user.
        """
        path = f"/open-apis/moments/v1/posts/{check_digits(post_id, 'post_id')}"
        self._need_app("The endpoint of posts")
        return MomentsPost.parse(self._get(path, quotas.POST, self._people()), "post")
