"""The meeting platforms, one folder each."""

CONNECTION_FIELDS = {
    "rate_share": {
        "label": "Rate share",
        "description": "The part of the platform's rate limits that all tasks together use, such as 0.4 if other tools "
        "of the company need the rest; blank: 1, all but 2 %.",
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
        "from, separated by commas; blank: only public addresses, and private ones if the Base URL is private.",
        "schema": {"type": ["string", "array", "null"], "items": {"type": "string"}},
    },
    "coordination_conn_id": {
        "label": "Coordination connection",
        "description": "Id of a redis, postgres or mysql connection through which the processes of all hosts share "
        "tokens and rate limits; blank: the processes of each host share among themselves.",
        "schema": {"type": ["string", "null"]},
    },
}
"""The extras that every platform's connection has; a manifest puts them behind its own."""
