"""Addresses that lead to media, and who answers them."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from airflow_provider_meetings.emulator.faults import MediaFault
from airflow_provider_meetings.emulator.feishu_answers import log_id
from airflow_provider_meetings.emulator.media import Media
from airflow_provider_meetings.emulator.media_answers import HTML, JSON, media_response
from airflow_provider_meetings.emulator.state import EmulatorState, Link

_FEISHU_PATH = "/space/api/box/stream/download/authcode/"
_WECOM_PATH = "/wecom-media"


def feishu_address(request: Request, state: EmulatorState, media: Media, filename: str, object_id: str) -> str:
    """Return an address on this very server whose code is the only credential."""
    return f"{_server(request)}{_FEISHU_PATH}?code={state.issue_link('feishu', media, filename, object_id)}"


def wecom_address(request: Request, state: EmulatorState, media: Media, filename: str, object_id: str) -> str:
    """Return an address on this very server, signed in the query as object stores do."""
    sign = state.issue_link("wecom", media, filename, object_id)
    return f"{_server(request)}{_WECOM_PATH}/{quote(filename)}?sign={sign}"


class Downloads:
    """Serve the addresses of both vendors."""

    def __init__(self, state: EmulatorState) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        """Return the two routes; a GET route answers HEAD too."""
        return [
            Route(_FEISHU_PATH, self.feishu_media),
            Route(_WECOM_PATH + "/{filename}", self.wecom_media),
        ]

    # https://open.feishu.cn/document/minutes-v1/minute-media/get
    async def feishu_media(self, request: Request) -> Response:
        """Answer with the media. Undocumented and assumed: Range, the headers, and 403 once the code has expired."""
        link = self.state.open_link(request.query_params.get("code", ""))
        headers = {"X-Tt-Logid": log_id(self.state.now())}
        denied = Response("403 Forbidden", 403, headers, "text/plain")
        if link is None:
            return self._expired(denied)
        headers["Content-Disposition"] = attachment(link.filename)
        return self._answer(request, link, headers, denied)

    # https://developer.work.weixin.qq.com/document/path/98196
    async def wecom_media(self, request: Request) -> Response:
        """Answer with the media. Undocumented and assumed: all but the six hours, after an object store's habits."""
        link = self.state.open_link(request.query_params.get("sign", ""))
        text = "<?xml version='1.0' encoding='utf-8' ?><Error><Code>AccessDenied</Code></Error>"
        denied = Response(text, 403, media_type="application/xml")
        if link is None or link.filename != request.path_params["filename"]:
            return self._expired(denied)
        return self._answer(request, link, {}, denied)

    def _answer(self, request: Request, link: Link, headers: dict[str, str], denied: Response) -> Response:
        hops = _hops(request)
        role: Literal["new", "head", "redirected"] = "redirected" if hops else "new"
        if request.method == "HEAD":
            role = "head"
        faults = self.state.media_faults.take((link.object_id, link.filename), role)
        if "expired" in faults:
            return self._expired(denied)
        if "html" in faults:
            return Response(HTML, media_type="text/html")
        if "json" in faults:
            return Response(JSON, media_type="application/json")
        if "redirect" in faults and hops < faults["redirect"].n:
            return RedirectResponse(_next_hop(request, hops, faults["redirect"]), 302)
        return media_response(request, link.media, headers, faults)

    def _expired(self, denied: Response) -> Response:
        """Answer for a link that leads nowhere any more; no page says how, so that the knob chooses."""
        if self.state.expired_link == "html":
            return Response(HTML, media_type="text/html")
        if self.state.expired_link == "json":
            return Response(JSON, media_type="application/json")
        return denied


def attachment(filename: str) -> str:
    """Return a Content-Disposition that names ``filename`` twice: in ASCII, and whole (RFC 6266)."""
    plain = re.sub(r'[^ -~]|["\\/%]', "_", filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def _hops(request: Request) -> int:
    text = request.query_params.get("redirected", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0


def _next_hop(request: Request, hops: int, redirect: MediaFault) -> str:
    if redirect.location:
        return redirect.location
    query = {**request.query_params, "redirected": str(hops + 1)}
    return f"{_server(request)}{quote(request.url.path)}?{urlencode(query)}"


def _server(request: Request) -> str:
    return str(request.base_url).rstrip("/")
