"""What only Feishu has: Moments posts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator, Context

from airflow_provider_meetings.api.errors import NotFound
from airflow_provider_meetings.api.models import Post
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.retries import wait_as_told
from airflow_provider_meetings.hooks.usage import used
from airflow_provider_meetings.platforms.feishu.arguments import check_digits
from airflow_provider_meetings.platforms.feishu.client import FeishuClient
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook

OnMissing = Literal["tombstone", "skip", "fail"]


class FeishuPostsOperator(BaseOperator):
    """Read Moments posts by their ids; the platform has no listing of them.

    :param meetings_conn_id: a connection of type ``feishu``. (templated)
    :param post_ids: ids of posts, from their links or from events; a list, or its JSON text. (templated)
    :param on_missing: for a post that is unknown or deleted: ``tombstone`` returns it with ``deleted`` true, ``skip``
        leaves it out and counts it in the log, ``fail`` fails the task.
    :returns: list of posts as dicts.
    """

    template_fields: Sequence[str] = ("meetings_conn_id", "post_ids")

    def __init__(
        self,
        *,
        meetings_conn_id: str = FeishuHook.default_conn_name,
        post_ids: Any,
        on_missing: OnMissing = "tombstone",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        wait_as_told(self)
        self.meetings_conn_id = meetings_conn_id
        self.post_ids = post_ids
        self.on_missing = arguments.choice(self, "on_missing", on_missing, get_args(OnMissing))

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Read each post."""
        hook = FeishuHook(self.meetings_conn_id)
        with used(hook, self.log), hook.airflow_errors():
            post_ids = list(dict.fromkeys(arguments.ids(self.post_ids, "post_ids")))
            if not post_ids:
                raise AirflowFailException("post_ids is empty: name at least one post")
            for post_id in post_ids:  # all of them before the first request
                check_digits(post_id, "post_id")
            client = hook.get_conn()
            posts = [self._read(client, post_id) for post_id in post_ids]
        self.log.info("%d posts read, %d of them missing", len(posts), sum(p is None or p.deleted for p in posts))
        return [post.to_dict() for post in posts if post is not None]

    def _read(self, client: FeishuClient, post_id: str) -> Post | None:
        try:
            return client.read_post(post_id)
        except NotFound:
            if self.on_missing == "fail":
                raise
            if self.on_missing == "skip":
                self.log.warning("Post %s is unknown or deleted; left out", post_id)
                return None
            return Post(platform=client.platform, tenant=client.tenant, post_id=post_id, deleted=True)
