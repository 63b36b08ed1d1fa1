"""The meeting platforms, one folder each."""

CONNECTION_FIELDS = {
    "proxy": {
        "label": "Proxy",
        "description": "URL of an HTTP or SOCKS proxy, with its port, for API and media; default: the proxy in the "
        "environment of each worker, if any.",
        "schema": {"type": ["string", "null"], "section": "Network"},
    },
    "ca_bundle": {
        "label": "CA bundle",
        "description": "Path on each worker of a file with the CA certificates to trust; default: the file in "
        "REQUESTS_CA_BUNDLE, else the public CAs.",
        "schema": {"type": ["string", "null"], "section": "Network"},
    },
    "allowed_media_hosts": {
        "label": "Allowed media hosts",
        "description": "Private hosts, *.suffixes, IP addresses and networks from which media may be downloaded, "
        "separated by commas; default: public addresses only, and those of the same kind as the Base URL's.",
        "schema": {"type": ["string", "array", "null"], "items": {"type": "string"}, "section": "Network"},
    },
    "rate_share": {
        "label": "Rate share",
        "description": "Part of the platform's rate limits that all tasks together use, from 0.001 to 1; default: 1, "
        "which leaves nothing to other tools that call as the same app.",
        "schema": {"type": ["number", "null"], "minimum": 0.001, "maximum": 1, "section": "Sharing between tasks"},
    },
    "coordination_conn_id": {
        "label": "Coordination connection",
        "description": "Id of a redis, postgres or mysql connection through which the tasks of all hosts share tokens "
        "and rate limits; default: none, and only the tasks of one host share them.",
        "schema": {"type": ["string", "null"], "section": "Sharing between tasks"},
    },
}
"""The extras that every platform's connection has, after its own first ones."""

PORT_PLACEHOLDER = "443; the Test button of Airflow 3.3.1 and 3.3.2 needs it"
"""The UI sends a blank port as 0, which these versions take for another port than the stored one."""
