from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from airflow_provider_meetings.api import errors
from airflow_provider_meetings.api.errors import MeetingsApiError
from airflow_provider_meetings.platforms.feishu.codes import CODES, ENDPOINTS
from airflow_provider_meetings.platforms.feishu.errors import decode
from tests.contract.media.origin import Origin, json_body, serve_origin

INTERNAL = (1500, 1503, 1642, 1663, 1668, 10101, 10105, 10500)
# The documented codes: status, code, class, and part of the next step.
DOCUMENTED = [
    (400, 2091001, "InvalidRequest", "24 characters"),
    (404, 2091002, "NotFound", "minute token"),
    (400, 2091003, "NotReady", "transcribed"),
    (400, 2091004, "Gone", "deleted"),
    (403, 2091005, "PermissionDenied", "or ask with the other identity (app or user)"),
    (500, 2091006, "ServerError", "later"),
    (500, 121001, "ServerError", "later"),
    (400, 121002, "InvalidRequest", "not support"),
    (400, 121003, "InvalidRequest", "long id"),
    (404, 121004, "NotReady", "never recorded"),
    (403, 121005, "PermissionDenied", "vc:record:readonly"),
    (400, 122001, "NotReady", "still running"),
    (404, 122002, "NotFound", "meeting id"),
    (400, 124002, "NotReady", "being made"),
    (400, 1420001, "InvalidRequest", "post id"),
    (403, 1420002, "PermissionDenied", "moments:moments:readonly"),
    (404, 1420004, "NotFound", "deleted"),
    (429, 1420003, "RateLimited", "fewer calls"),
    (400, 99991661, "AuthenticationError", "had no token"),
    (400, 99991663, "AuthenticationError", "refreshed and rejected again"),
    (400, 99991664, "AuthenticationError", "refreshed and rejected again"),
    (400, 99991665, "AuthenticationError", "refreshed and rejected again"),
    (401, 99991668, "AuthenticationError", "refreshed and rejected again"),
    (400, 99991671, "AuthenticationError", "refreshed and rejected again"),
    (400, 99991677, "AuthenticationError", "refreshed and rejected again"),
    (403, 99991672, "PermissionDenied", "scope"),
    (403, 99991676, "PermissionDenied", "scope"),
    (403, 99991679, "PermissionDenied", "consent"),
    (403, 99991662, "PermissionDenied", "disabled"),
    (403, 99991673, "PermissionDenied", "not available"),
    (200, 10003, "AuthenticationError", "login"),
    (200, 10012, "AuthenticationError", "login"),
    (200, 10013, "AuthenticationError", "tenant_key"),
    (200, 10016, "InvalidRequest", "app directory"),
    (200, 10014, "AuthenticationError", "login"),
    (200, 10015, "AuthenticationError", "password"),
    (200, 20002, "AuthenticationError", "login"),
    (400, 99991543, "AuthenticationError", "password"),
    (403, 99991401, "PermissionDenied", "allow-list"),
    (400, 99991403, "QuotaExhausted", "month"),
    (429, 99991400, "RateLimited", "limit"),
    (400, 99991400, "RateLimited", "limit"),
    (400, 99992402, "InvalidRequest", "ids"),
    # generic texts of a failing server
    (500, 2200, "ServerError", "fewer calls"),
    (500, 5000, "ServerError", "fewer calls"),
    *((status, code, "ServerError", "later") for code in INTERNAL for status in (200, 400, 500)),
    # generic codes
    (400, 10005, "AuthenticationError", "login"),
    (401, 20005, "AuthenticationError", "refreshed and rejected again"),
    (400, 20006, "AuthenticationError", "refreshed and rejected again"),
    (400, 20013, "AuthenticationError", "refreshed and rejected again"),
    (400, 20014, "AuthenticationError", "refreshed and rejected again"),
    *((200, code, "AuthenticationError", "account") for code in (20021, 20022, 20023)),
    (400, 21000, "PermissionDenied", "confirm"),
    (400, 21001, "PermissionDenied", "administrator"),
    (404, 99991201, "InvalidRequest", "host"),
    (400, 99991301, "InvalidRequest", "method"),
    (400, 99991674, "InvalidRequest", "other identity"),
    (400, 99991675, "InvalidRequest", "user_id_type"),
    *((400, code, "NotFound", "user_id_type") for code in range(99992351, 99992382)),
    # user tokens
    (400, 99991669, "ConsentEnded", "consent"),
    (400, 20001, "InvalidRequest", "extras"),
    (400, 20009, "PermissionDenied", "not installed"),
    (400, 20036, "InvalidRequest", "host"),
    (400, 20063, "InvalidRequest", "extras"),
    (400, 20003, "AuthenticationError", "five minutes"),
    (400, 20004, "AuthenticationError", "five minutes"),
    (400, 20008, "AuthenticationError", "account"),
    (400, 20010, "PermissionDenied", "available range"),
    (400, 20024, "ConsentEnded", "another app"),
    (400, 20026, "ConsentEnded", "consent"),
    (400, 20037, "ConsentEnded", "consent"),
    (400, 20048, "AuthenticationError", "login"),
    (400, 20049, "AuthenticationError", "Start again"),
    (500, 20050, "ServerError", "later"),
    (400, 20064, "ConsentEnded", "consent"),
    (400, 20065, "AuthenticationError", "works once"),
    (400, 20066, "AuthenticationError", "account"),
    (400, 20067, "InvalidRequest", "extra scopes"),
    (400, 20068, "PermissionDenied", "consent again"),
    (403, 20069, "PermissionDenied", "disabled"),
    (400, 20070, "InvalidRequest", "twice"),
    (400, 20071, "InvalidRequest", "redirect_uri"),
    (503, 20072, "ServerError", "later"),
    (400, 20073, "ConsentEnded", "works once"),
    (400, 20074, "PermissionDenied", "switch"),
    # the search for minutes
    (400, 2094005, "InvalidRequest", "start the search again"),
    (400, 2094007, "InvalidRequest", "shorter windows"),
    (401, 2094011, "AuthenticationError", "user's token"),
    (401, 2094012, "AuthenticationError", "user's token"),
    (500, 2095001, "ServerError", "later"),
    (500, 2095002, "ServerError", "later"),
    (500, 2095101, "ServerError", "later"),
    # reports
    (400, 126003, "InvalidRequest", "9 digits"),
    (400, 126004, "InvalidRequest", "9 digits"),
    (400, 126005, "InvalidRequest", "future"),
    (400, 126006, "InvalidRequest", "year"),
    # a limit of another product, as reported
    (400, 230020, "RateLimited", "fewer calls"),
]
RENEWS = {20005, 20006, 20013, 20014, 99991663, 99991664, 99991665, 99991668, 99991671, 99991677}


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with serve_origin() as origin:
        yield origin


def refusal(origin: Origin, path: str = "/open-apis/x") -> MeetingsApiError:
    with (
        requests.get(origin.url + path, params={"secret": "S3CRET"}, timeout=5) as response,
        pytest.raises(MeetingsApiError) as caught,
    ):
        decode(response)
    return caught.value


@pytest.mark.parametrize(("status", "code", "kind", "step"), DOCUMENTED)
def test_every_documented_code(origin: Origin, status: int, code: int, kind: str, step: str) -> None:
    body = {"code": code, "msg": "the vendor's text", "error": {"log_id": "L0G"}}
    origin.on("/open-apis/x", json_body(body, status))
    error = refusal(origin)
    assert type(error) is getattr(errors, kind)
    assert error.permanent == (kind not in {"NotReady", "RateLimited", "ServerError"})
    assert (error.platform, error.code, error.log_id) == ("feishu", code, "L0G")
    assert step in error.next_step
    text = str(error)
    assert text.startswith("feishu refused /open-apis/x. ")
    assert text.endswith(f'[feishu, code {code}, "the vendor\'s text", log id L0G]')
    assert "S3CRET" not in text
    assert getattr(error, "token_rejected", False) == (code in RENEWS)
    assert error.retry_after is None


def test_codes_are_covered() -> None:
    assert {code for _, code, _, _ in DOCUMENTED} == set(CODES)


BY_NUMBER = "/open-apis/vc/v1/meetings/list_by_no"
REPORT = "/open-apis/vc/v1/meeting_list"
APP_TOKEN = "/open-apis/auth/v3/app_access_token"
TRANSCRIPT = "/open-apis/minutes/v1/minutes/obcnq3b9jl72l83w4f14xxxx/transcript"

# endpoint, status, code, class, part of the next step
EXCEPTIONS = [
    (APP_TOKEN, 200, 10012, "AuthenticationError", "app_ticket/resend"),
    (TRANSCRIPT, 403, 2091005, "PermissionDenied", "transcript:export"),
    (TRANSCRIPT, 403, 2091005, "PermissionDenied", "or ask with the other identity (app or user)"),
    (BY_NUMBER, 400, 121003, "InvalidRequest", "window"),
    (BY_NUMBER, 404, 121004, "NotFound", "meeting number"),
    (BY_NUMBER, 403, 121005, "PermissionDenied", "read meetings"),
    (BY_NUMBER, 400, 122001, "InvalidRequest", "window"),
    (BY_NUMBER, 404, 122002, "NotFound", "meeting number"),
    (REPORT, 400, 121003, "InvalidRequest", "window"),
    (REPORT, 404, 121004, "NotFound", "meeting number"),
    (REPORT, 403, 121005, "PermissionDenied", "user's token"),
    (REPORT, 400, 99991672, "PermissionDenied", "identity = user"),
    (REPORT, 400, 99991676, "PermissionDenied", "identity = user"),
    (REPORT, 400, 122001, "InvalidRequest", "window"),
    (REPORT, 404, 122002, "NotFound", "meeting number"),
]


@pytest.mark.parametrize("prefix", ["", "/behind/a/proxy"])
@pytest.mark.parametrize(("path", "status", "code", "kind", "step"), EXCEPTIONS)
def test_code_with_endpoint_specific_meaning(
    origin: Origin, prefix: str, path: str, status: int, code: int, kind: str, step: str
) -> None:
    origin.on(prefix + path, json_body({"code": code, "msg": "m"}, status))
    error = refusal(origin, prefix + path)
    assert (type(error), error.code) == (getattr(errors, kind), code)
    assert step in error.next_step


def test_every_exception_is_covered() -> None:
    listed = {(path.replace("obcnq3b9jl72l83w4f14xxxx", ":minute_token"), code) for path, _, code, *_ in EXCEPTIONS}
    assert listed == {(endpoint.path, code) for endpoint in ENDPOINTS for code in endpoint.rules}


@pytest.mark.parametrize("code", [121003, 124002, 2091006, 99991663])
def test_other_codes_have_same_meaning_everywhere(origin: Origin, code: int) -> None:
    origin.on(TRANSCRIPT, json_body({"code": code, "msg": "m"}, 500))
    assert type(refusal(origin, TRANSCRIPT)) is CODES[code].error


@pytest.mark.parametrize(
    "path", [BY_NUMBER + "/x", "/open-apis/vc/v1/meetings/5/recording", "/search", TRANSCRIPT + "s"]
)
def test_other_endpoint_has_general_meaning(origin: Origin, path: str) -> None:
    origin.on(path, json_body({"code": 121001, "msg": "m"}, 500))
    assert type(refusal(origin, path)) is errors.ServerError


def test_unknown_code_at_endpoint_with_status_500(origin: Origin) -> None:
    origin.on(REPORT, json_body({"code": 4711, "msg": "new"}, 500, {"X-Tt-Logid": "L0G"}))
    error = refusal(origin, REPORT)
    assert type(error) is errors.ServerError
    assert "code 4711" in str(error)
    assert "'new'" in str(error)
    assert "log id L0G" in str(error)
