"""The one request that `triggers verify` sends, and what it searches for in the logs."""

import json
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from tests.support import one_api
from tests.support.dynamodb_local import free_port
from tests.support.one_api import OneApi, Reply, Request, unauthorized
from tests.support.sound_stack import LOG_GROUP, SoundStack, logged
from triggers_api.ops.findings import Finding
from triggers_api.ops.verify import canary
from triggers_api.ops.verify.verification import verify

REFUSED = "request: an unknown key is refused"
IN_THE_LOGS = "request: its id is in the logs"
NOT_IN_THE_LOGS = "request: key and payload are not in the logs"


THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow"}}, "FilterLogEvents")
BROKEN = ClientError(
    {"Error": {"Code": "Odd", "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 500}},  # type: ignore[typeddict-item]  # only what is read of it
    "FilterLogEvents",
)


class Logs:
    """A log group whose lines appear with time. It has its own clock, which `sleep` moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lines: list[tuple[float, str]] = []
        """Each line, and from when on it can be read."""
        self.pages = 1
        self.calls: list[Mapping[str, Any]] = []
        self.throttled_until = 0.0
        self.trouble: Exception = THROTTLED

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def monotonic(self) -> float:
        return self.now

    def filter(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer as CloudWatch does: every page but the last is empty."""
        self.calls.append(asked)
        if self.now < self.throttled_until:
            raise self.trouble
        page = int(asked.get("nextToken", "1"))
        if page < self.pages:
            return {"events": [], "nextToken": str(page + 1)}
        return {"events": logged(*(line for at, line in self.lines if at <= self.now))}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def logs() -> Logs:
    return Logs()


@pytest.fixture
def api(logs: Logs) -> OneApi:
    """The service, whose log shows each request after five seconds."""

    def logged(request: Request) -> Reply:
        logs.lines.append((logs.now + 5, access_line(request)))
        return unauthorized(request)

    return OneApi(logged)


def access_line(request: Request) -> str:
    return json.dumps({"message": "request", "request_id": request.headers["x-request-id"], "status": 401})


def key_of(api: OneApi) -> str:
    return api.requests[0].headers["x-api-key"]


def payload_of(api: OneApi) -> str:
    found: str = json.loads(api.requests[0].body)["payload"]["canary"]
    return found


def findings_of(api: OneApi, logs: Logs, **parameters: str) -> dict[str, Finding]:
    aws = SoundStack(api, **parameters)
    aws.answers["logs.FilterLogEvents"] = logs.filter
    return verified(aws, logs, api.transport)


def findings_at(url: str, logs: Logs) -> dict[str, Finding]:
    """Verify a stack whose API has this URL, over the network."""
    aws = SoundStack(OneApi(url=url))
    aws.answers["logs.FilterLogEvents"] = logs.filter
    return verified(aws, logs)


def verified(aws: SoundStack, logs: Logs, transport: httpx.BaseTransport | None = None) -> dict[str, Finding]:
    """Return the findings about the request."""
    found = verify(aws, sleep=logs.sleep, monotonic=logs.monotonic, transport=transport).findings
    return {one.check: one for one in found if one.check.startswith("request: ")}


def passed(findings: Mapping[str, Finding]) -> set[str]:
    return {name for name, one in findings.items() if one.passed}


# --- The request


def test_one_request_is_sent_with_a_random_key_payload_and_id(api: OneApi, logs: Logs) -> None:
    results = findings_of(api, logs)
    assert passed(results) == {REFUSED, IN_THE_LOGS, NOT_IN_THE_LOGS}
    (asked,) = api.requests
    assert (asked.method, asked.path) == ("POST", "/v1/events")
    assert {one.request_id for one in results.values()} == {asked.headers["x-request-id"]}
    assert len(key_of(api)) >= 32
    assert len(payload_of(api)) >= 32
    event = json.loads(asked.body)
    assert (event["source"], event["event_type"]) == ("triggers-verify", "verify.canary")


def test_key_payload_and_id_differ_in_each_run(api: OneApi, logs: Logs) -> None:
    findings_of(api, logs)
    findings_of(api, logs)
    first, second = api.requests
    for header in ("x-api-key", "x-request-id"):
        assert first.headers[header] != second.headers[header]
    assert first.body != second.body


def test_key_and_payload_are_not_shown_even_if_they_were_logged(
    api: OneApi, logs: Logs, caplog: pytest.LogCaptureFixture
) -> None:
    def leaking(request: Request) -> Reply:
        logs.lines.append((0, access_line(request)))
        logs.lines.append((0, f"{request.headers} {request.body.decode()}"))
        return Reply(
            500, request.headers["x-api-key"].encode() + request.body, {"Content-Type": "text/plain"}
        )

    api.answer = leaking
    with caplog.at_level(logging.DEBUG, "triggers_api"):
        results = findings_of(api, logs)
    assert results[NOT_IN_THE_LOGS].message == "the key and the payload in the log group"
    for secret in (key_of(api), payload_of(api)):
        assert secret not in str(results)
        assert secret not in caplog.text


def shaped(status: int, code: str, request_id: str | None = None) -> Any:
    """Return an answer in our shape, with the request's id unless another is given."""

    def answer(request: Request) -> Reply:
        found = request_id or request.headers["x-request-id"]
        error = {"code": code, "message": "no", "details": {}, "request_id": found}
        return Reply(status, json.dumps({"error": error}).encode(), {"X-Request-ID": found})

    return answer


def plain(status: int, body: bytes, **headers: str) -> Any:
    return lambda _: Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


ANSWERS: dict[str, tuple[Any, str]] = {
    "the store is out of reach": (shaped(503, "SERVICE_UNAVAILABLE"), "503 SERVICE_UNAVAILABLE, with the"),
    "the gateway's own": (
        shaped(503, "SERVICE_UNAVAILABLE", "of-the-gateway"),
        "503 SERVICE_UNAVAILABLE, with another id",
    ),
    "another request's id": (
        shaped(401, "UNAUTHORIZED", "of-another"),
        "401 UNAUTHORIZED, with another id",
    ),
    "it is accepted": (
        plain(201, b'{"event_id":"x"}', Content_Type="application/json"),
        "201 with application/json, which is not an error of this service",
    ),
    "a page": (plain(200, b"<html>", Content_Type="text/html"), "200 with text/html, which is not an error"),
    "another API": (plain(403, b'{"message":"Forbidden"}'), "403 with no type, which is not an error"),
    "a redirect": (plain(302, b"", Location="/login"), "302 with no type, which is not an error"),
    "a list": (plain(401, b"[]"), "401 with no type, which is not an error"),
    "an id that is a list": (
        plain(401, b'{"error":{"code":"UNAUTHORIZED","request_id":[]}}'),
        "401 with no type, which is not an error",
    ),
    "a code that is none": (
        plain(401, b'{"error":{"code":"<b>","request_id":"x"}}'),
        "401 with no type, which is not an error",
    ),
    "JSON without a bottom": (plain(401, b"[" * 200_000), "401 with no type, which is not an error"),
    "no UTF-8": (plain(401, b"\xff"), "401 with no type, which is not an error"),
}


@pytest.mark.parametrize(("answer", "saw"), ANSWERS.values(), ids=ANSWERS.keys())
def test_another_response_fails_and_is_described(api: OneApi, logs: Logs, answer: Any, saw: str) -> None:
    api.answer = answer
    result = findings_of(api, logs)[REFUSED]
    assert not result.passed
    assert result.message.startswith(saw)
    assert result.expected == "401 UNAUTHORIZED, with the request's id"
    assert api.url in result.fix
    assert len(api.requests) == 1, "a redirect was followed, or the request repeated"


def test_the_search_is_short_if_the_service_did_not_answer(api: OneApi, logs: Logs) -> None:
    api.answer = plain(503, b"")
    results = findings_of(api, logs)
    assert passed(results) == set()
    assert logs.now <= 15


def test_an_unreachable_api_fails_and_the_logs_are_not_searched(logs: Logs) -> None:
    results = findings_at(f"http://127.0.0.1:{free_port()}", logs)
    assert passed(results) == set()
    assert "the connection is refused" in results[REFUSED].message
    assert "triggers status" in results[REFUSED].fix
    assert "the request was not answered" in results[IN_THE_LOGS].message
    assert logs.calls == []


@pytest.mark.parametrize(
    ("url", "saw"),
    [
        ("http://", "the connection broke (UnsupportedProtocol)"),
        ("http://host.invalid", "the host is unknown"),
        (f"http://{'x' * 64}.example", "the host is unknown"),
        ("https://127.0.0.1:1", "the connection is refused"),
        ("::", "the connection broke ("),
    ],
)
def test_an_impossible_url_fails_with_the_reason(logs: Logs, url: str, saw: str) -> None:
    result = findings_at(url, logs)[REFUSED]
    assert not result.passed
    assert f"{url} did not answer. ({saw}" in result.message
    assert result.fix


def test_a_server_without_tls_is_reported(logs: Logs) -> None:
    with one_api.running() as api:
        result = findings_at(api.url.replace("http:", "https:"), logs)[REFUSED]
    assert "TLS failed: " in result.message
    assert "certificate" in result.fix


def test_a_dripping_response_is_abandoned(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each read is quick, so that only a bound on the whole helps."""
    monkeypatch.setattr(canary, "RESPONSE_SECONDS", 0.2)
    with one_api.running(lambda _: Reply(200, b"x" * 10, pause=0.05)) as api:
        results = findings_at(api.url, logs)
    assert "did not answer within 0.2 s" in results[REFUSED].message
    assert passed(results) == set()


# --- The logs


def test_a_late_line_is_waited_for(api: OneApi, logs: Logs) -> None:
    def late(request: Request) -> Reply:
        logs.lines.append((45, access_line(request)))
        return unauthorized(request)

    api.answer = late
    assert passed(findings_of(api, logs)) == {REFUSED, IN_THE_LOGS, NOT_IN_THE_LOGS}


def test_a_search_without_the_id_ends_and_says_nothing_about_the_key(api: OneApi, logs: Logs) -> None:
    api.answer = unauthorized
    logs.lines.append((0, "START RequestId: of another"))
    results = findings_of(api, logs)
    assert passed(results) == {REFUSED}
    assert results[IN_THE_LOGS].message == "in none of 1 lines since the request"
    assert results[NOT_IN_THE_LOGS].message.startswith("could not check: ")
    assert 60 <= logs.now <= 65


@pytest.mark.parametrize(("header", "what"), [("x-api-key", "the key"), ("body", "the payload")])
def test_a_secret_in_a_line_after_that_of_the_id_is_found(
    api: OneApi, logs: Logs, header: str, what: str
) -> None:
    def leaking(request: Request) -> Reply:
        secret = request.body.decode() if header == "body" else request.headers[header]
        logs.lines.append((0, access_line(request)))
        logs.lines.append((2, f"Traceback: KeyError: 'a{secret}b'"))
        return unauthorized(request)

    api.answer = leaking
    results = findings_of(api, logs)
    assert passed(results) == {REFUSED, IN_THE_LOGS}
    assert results[NOT_IN_THE_LOGS].message == f"{what} in the log group"


def test_pages_are_followed_through_empty_ones(api: OneApi, logs: Logs) -> None:
    logs.pages = 7
    assert passed(findings_of(api, logs)) == {REFUSED, IN_THE_LOGS, NOT_IN_THE_LOGS}
    assert [one.get("nextToken") for one in logs.calls[:7]] == [None, "2", "3", "4", "5", "6", "7"]


@pytest.mark.parametrize(
    "trouble",
    [
        THROTTLED,
        BROKEN,
        ReadTimeoutError(endpoint_url="https://logs"),
        ConnectionClosedError(endpoint_url="https://logs"),
    ],
    ids=["throttling", "5xx", "time-out", "dropped connection"],
)
def test_temporary_errors_are_survived(api: OneApi, logs: Logs, trouble: Exception) -> None:
    logs.throttled_until, logs.trouble = 20, trouble
    assert passed(findings_of(api, logs)) == {REFUSED, IN_THE_LOGS, NOT_IN_THE_LOGS}


def test_a_stale_token_restarts_the_search(api: OneApi, logs: Logs) -> None:
    logs.pages = 3
    stale = ClientError(
        {"Error": {"Code": "InvalidParameterException", "Message": "stale"}}, "FilterLogEvents"
    )

    def once_stale(asked: Mapping[str, Any]) -> Mapping[str, Any]:
        if asked.get("nextToken") == "3" and len(logs.calls) == 2:
            logs.calls.append(asked)
            raise stale
        return logs.filter(asked)

    aws = SoundStack(api)
    aws.answers["logs.FilterLogEvents"] = once_stale
    found = verified(aws, logs, api.transport)
    assert passed(found) >= {REFUSED, IN_THE_LOGS, NOT_IN_THE_LOGS}
    assert [one.get("nextToken") for one in logs.calls[:4]] == [None, "2", "3", None]


@pytest.mark.parametrize("is_answered", [True, False])
def test_a_lasting_error_is_reported_when_the_time_is_up(api: OneApi, logs: Logs, is_answered: bool) -> None:
    if not is_answered:
        api.answer = plain(503, b"")
    logs.throttled_until = 1000
    results = findings_of(api, logs)
    for name in (IN_THE_LOGS, NOT_IN_THE_LOGS):
        assert not results[name].passed
        assert results[name].message.startswith("could not check: ")
        assert "ThrottlingException: slow" in results[name].message
        assert "again" in results[name].fix
    assert logs.now <= 65


def test_a_log_group_that_was_not_read_to_its_end_proves_nothing(api: OneApi, logs: Logs) -> None:
    def endless(asked: Mapping[str, Any]) -> Mapping[str, Any]:
        logs.now += 1
        events = logged(*(access_line(one) for one in api.requests))
        return {"events": events, "nextToken": str(logs.now)}

    aws = SoundStack(api)
    aws.answers["logs.FilterLogEvents"] = endless
    results = verified(aws, logs, api.transport)
    assert results[IN_THE_LOGS].passed
    assert not results[NOT_IN_THE_LOGS].passed
    assert "not read to its end" in results[NOT_IN_THE_LOGS].message


def test_the_search_starts_shortly_before_the_request(api: OneApi, logs: Logs) -> None:
    before = time.time()
    findings_of(api, logs)
    assert {one["logGroupName"] for one in logs.calls} == {LOG_GROUP}
    (start,) = {one["startTime"] / 1000 for one in logs.calls}
    assert before - 60 < start < before


def test_the_search_uses_the_clock_of_aws_if_ours_is_wrong(api: OneApi, logs: Logs) -> None:
    there = datetime.now(UTC) - timedelta(hours=3)

    def hours_behind(request: Request) -> Reply:
        logs.lines.append((0, access_line(request)))
        reply = unauthorized(request)
        return Reply(reply.status, reply.body, {**reply.headers, "Date": format_datetime(there, usegmt=True)})

    api.answer = hours_behind
    findings_of(api, logs)
    start = logs.calls[0]["startTime"] / 1000
    assert there.timestamp() - 60 < start < there.timestamp()


def test_the_search_is_for_lambdas_own_line_if_requests_are_not_logged(api: OneApi, logs: Logs) -> None:
    def silent(request: Request) -> Reply:
        logs.lines.append((5, "REPORT RequestId: 0d4ac3a5 Duration: 3 ms"))
        return unauthorized(request)

    api.answer = silent
    results = findings_of(api, logs, LogLevel="WARNING")
    assert "WARNING" in results[IN_THE_LOGS].expected
    assert {REFUSED, IN_THE_LOGS, NOT_IN_THE_LOGS} == passed(results)
