"""Have a user consent where Airflow has no shell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator, Context
from airflow.sdk.log import mask_secret

from airflow_provider_meetings.hooks.retries import wait_as_told
from airflow_provider_meetings.hooks.usage import used
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook


class FeishuAuthorizeOperator(BaseOperator):
    """Walk a person through a user's consent in two runs; ``airflow meetings authorize`` does it in one.

    The first run, without ``redirected_to``, logs the address at which the user consents, and fails with the next
    step. The second one, within ten minutes, is given the address that the browser was sent to afterwards.

    :param meetings_conn_id: a connection of type ``feishu`` with the extra ``identity`` = ``user``. (templated)
    :param redirected_to: that address, such as ``{{ params.redirected_to }}``; it is masked in logs. The code in it
        serves once, and only together with what this connection has kept since the first run. (templated)
    :returns: until when the consent reaches, and for which user.
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
        wait_as_told(self)
        self.meetings_conn_id = meetings_conn_id
        self.redirected_to = redirected_to

    def execute(self, context: Context) -> dict[str, str]:
        """Begin, or finish."""
        hook = FeishuHook(self.meetings_conn_id)
        with used(hook, self.log):
            return self._finish(hook) if self.redirected_to else self._begin(hook)

    def _begin(self, hook: FeishuHook) -> NoReturn:
        self.log.info("Have the user open this address within ten minutes: %s", hook.begin_consent())
        raise AirflowFailException(
            "The user has not consented yet. Open the address logged above; the browser is then sent to another one. "
            "Run this task again within five minutes with that one as redirected_to"
        )

    def _finish(self, hook: FeishuHook) -> dict[str, str]:
        mask_secret(self.redirected_to)
        standing, _ = hook.finish_consent(self.redirected_to)
        text = hook.reach(standing)
        self.log.info("%s", text)
        if missing := hook.missing_scopes(standing):
            self.log.warning("Not granted, so that calls that need it will be refused: %s", ", ".join(missing))
        return {"user": standing.user, "consent": text}
