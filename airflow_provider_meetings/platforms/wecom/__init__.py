"""WeCom: meeting recordings."""

MANIFEST = {
    "connection-type": "wecom",
    "hook-class-name": "airflow_provider_meetings.platforms.wecom.hook.WeComHook",
    "hook-name": "WeCom meetings",
    "ui-field-behaviour": {
        "hidden-fields": ["port", "schema"],
        "relabeling": {"login": "Corp ID", "password": "App Secret", "host": "Base URL"},
        "placeholders": {"login": "ww…", "host": "https://qyapi.weixin.qq.com (blank)"},
    },
    "conn-fields": {
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
