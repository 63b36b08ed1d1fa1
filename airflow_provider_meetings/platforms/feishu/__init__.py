"""Feishu and Lark: minutes, meeting recordings, Moments posts."""

MANIFEST = {
    "connection-type": "feishu",
    "hook-class-name": "airflow_provider_meetings.platforms.feishu.hook.FeishuHook",
    "hook-name": "Feishu / Lark meetings",
    "ui-field-behaviour": {
        "hidden-fields": ["port", "schema"],
        "relabeling": {"login": "App ID", "password": "App Secret", "host": "Base URL"},
        "placeholders": {
            "login": "cli_…",
            "host": "https://open.feishu.cn (blank), or https://open.larksuite.com",
        },
    },
    "conn-fields": {
        "tenant": {
            "label": "Tenant",
            "description": "Your name for the tenant, as it stands in every row; blank: the App ID.",
            "schema": {"type": ["string", "null"]},
        },
        "user_id_type": {
            "label": "User ID type",
            "description": "Which id of a person the answers give. open_id differs from app to app.",
            "schema": {"type": ["string", "null"], "enum": ["open_id", "union_id", "user_id", None]},
        },
        "identity": {
            "label": "Identity",
            "description": "app (blank): ask as the app. user: ask as a user who has consented, once, by airflow "
            "meetings authorize.",
            "schema": {"type": ["string", "null"], "enum": ["app", "user", None]},
        },
        "redirect_uri": {
            "label": "Redirect URI",
            "description": "For identity user: one of the redirect URLs of the app's security settings.",
            "schema": {"type": ["string", "null"]},
        },
        "scopes": {
            "label": "Scopes",
            "description": "For identity user: what to ask the user for, with spaces between; blank: what reading "
            "and searching minutes needs.",
            "schema": {"type": ["string", "null"]},
        },
        "app_type": {
            "label": "App type",
            "description": "self-built (blank), or store for an app from the store.",
            "schema": {"type": ["string", "null"], "enum": ["self-built", "store", None]},
        },
        "app_ticket": {
            "label": "App ticket",
            "description": "For app type store: the newest ticket that was pushed to the app's webhook.",
            "schema": {"type": ["string", "null"], "format": "password"},
        },
        "tenant_key": {
            "label": "Tenant key",
            "description": "For app type store: the tenant that has installed the app.",
            "schema": {"type": ["string", "null"]},
        },
        "rate_share": {
            "label": "Rate share",
            "description": "The part of the platform's limits that all tasks together use, such as 0.4 where the "
            "company's other tools need the rest; blank: 1, all but 2 %.",
            "schema": {"type": ["number", "null"], "minimum": 0.001, "maximum": 1},
        },
        "proxy": {
            "label": "Proxy",
            "description": "URL of an HTTP proxy for API and media; blank: the environment's.",
            "schema": {"type": ["string", "null"]},
        },
        "ca_bundle": {
            "label": "CA bundle",
            "description": "Path of a file with certificates to trust; blank: the usual ones.",
            "schema": {"type": ["string", "null"]},
        },
        "allowed_media_hosts": {
            "label": "Allowed media hosts",
            "description": "Hosts, *.suffixes, IP addresses and networks in private address space that media may come "
            "from, with commas between; blank: only public addresses, and those of the Base URL's own kind.",
            "schema": {"type": ["string", "null"]},
        },
        "coordination_conn_id": {
            "label": "Coordination connection",
            "description": "Id of a redis, postgres or mysql connection through which the processes of all hosts share "
            "tokens and quotas; blank: those of each host share for themselves.",
            "schema": {"type": ["string", "null"]},
        },
    },
}
