"""Operators for Feishu only: Moments posts, and the consent of users where Airflow has no shell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NoReturn, get_args

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator, Context
from airflow.sdk.log import mask_secret

from airflow_provider_meetings.api.errors import NotFound
from airflow_provider_meetings.api.models import Post
from airflow_provider_meetings.api.query import check_ids
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.batches import warn_if_large
from airflow_provider_meetings.hooks.metrics import CallingTask, tracked
from airflow_provider_meetings.hooks.retry_policy import set_retry_policy
from airflow_provider_meetings.platforms.feishu.api.ids import check_digits
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from airflow_provider_meetings.platforms.feishu.recordings import FeishuClient

OnMissing = Literal["tombstone", "skip", "fail"]


class FeishuPostsOperator(CallingTask, BaseOperator):
    """Read Moments posts by id; the platform cannot list them.

    :param meetings_conn_id: a connection of type ``feishu``. (templated)
    :param post_ids: ids of posts, from their links or from events; a list, or its JSON. (templated)
    :param on_missing: for an unknown or deleted post: ``tombstone`` returns it with ``deleted`` true, ``skip`` omits it
        and logs it, ``fail`` fails the task.
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
        set_retry_policy(self)
        self.meetings_conn_id = meetings_conn_id
        self.post_ids = post_ids
        self.on_missing = arguments.choice(self, "on_missing", on_missing, get_args(OnMissing))

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Read each post."""
        hook = FeishuHook(self.meetings_conn_id)
        with tracked(hook, self), hook.error_mapping():
            post_ids = check_ids(arguments.ids(self.post_ids, "post_ids"), "post_ids")
            if not post_ids:
                raise AirflowFailException("post_ids is empty: name at least one post")
            for post_id in post_ids:  # before the first request
                check_digits(post_id, "post_id")
            client = hook.get_conn()
            posts = [self._read(client, post_id) for post_id in post_ids]
        self.log.info("Read %d posts; %d unknown or deleted", len(posts), sum(p is None or p.deleted for p in posts))
        found = [post.to_dict() for post in posts if post is not None]
        warn_if_large(self.log, found, "read fewer posts in a task")
        return found

    def _read(self, client: FeishuClient, post_id: str) -> Post | None:
        try:
            return client.read_post(post_id)
        except NotFound:
            if self.on_missing == "fail":
                raise
            if self.on_missing == "skip":
                self.log.warning("Skipping post %s: unknown or deleted", post_id)
                return None
            return Post(platform=client.platform, tenant=client.tenant, post_id=post_id, deleted=True)


class FeishuAuthorizeOperator(CallingTask, BaseOperator):
    """Let a user consent, in two runs of the task; ``airflow meetings authorize`` does it in one.

    The first run, without ``redirected_to``, logs the address at which the user consents, and fails with the next
    step. The second run, within ten minutes, takes the address that the browser was redirected to.

    :param meetings_conn_id: a connection of type ``feishu`` with the extra ``identity`` = ``user``. (templated)
    :param redirected_to: that address, such as ``{{ params.redirected_to }}``; it is masked in logs. The code in it
        works once, and only after a first run with the same connection. (templated)
    :returns: until when the consent is valid, and for which user.
    """

    template_fields: Sequence[str] = ("meetings_conn_id", "redirected_to")

    def __init__(
        self,
        *,
        meetings_conn_id: str = FeishuHook.default_conn_name,
        redirected_to: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        set_retry_policy(self)
        self.meetings_conn_id = meetings_conn_id
        self.redirected_to = redirected_to

    def execute(self, context: Context) -> dict[str, str]:
        """Start or finish the consent."""
        hook = FeishuHook(self.meetings_conn_id)
        with tracked(hook, self):
            return self._finish(hook) if self.redirected_to else self._begin(hook)

    def _begin(self, hook: FeishuHook) -> NoReturn:
        self.log.info("The user must open this address within ten minutes: %s", hook.begin_consent())
        raise AirflowFailException(
            "The user has not consented yet. Open the address in the log; the browser is then redirected. Run this "
            "task again within five minutes with the new address as redirected_to"
        )

    def _finish(self, hook: FeishuHook) -> dict[str, str]:
        mask_secret(self.redirected_to)
        consent_status, _ = hook.finish_consent(self.redirected_to)
        text = hook.describe_consent(consent_status)
        self.log.info("%s", text)
        if missing := hook.missing_scopes(consent_status):
            self.log.warning("Not granted; calls that need it will be refused: %s", ", ".join(missing))
        return {"user": consent_status.user, "consent": text}
