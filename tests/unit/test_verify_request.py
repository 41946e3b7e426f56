"""The one request that `triggers verify` makes, and what it looks for in the logs afterwards."""

import json
import logging
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from tests.support import one_api
from tests.support.dynamodb_local import free_port
from tests.support.one_api import OneApi, Reply, Request, unauthorized
from tests.support.sound_stack import LOG_GROUP, SoundStack, logged
from triggers_api.ops.results import Result
from triggers_api.ops.verify import request as request_module
from triggers_api.ops.verify.verify import verify

REFUSED = "request: an unknown key is refused"
IN_THE_LOGS = "request: its id is in the logs"
NOT_IN_THE_LOGS = "request: key and payload are not in the logs"


THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow"}}, "FilterLogEvents")
BROKEN = ClientError(
    {"Error": {"Code": "Odd", "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 500}},  # type: ignore[typeddict-item]  # what is needed of it
    "FilterLogEvents",
)


class Logs:
    """A log group that gets its lines with time; the time is its own, and sleeping makes it pass."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lines: list[tuple[float, str]] = []
        """Each with when it can be read."""
        self.pages = 1
        self.asked: list[Mapping[str, Any]] = []
        self.throttled_until = 0.0
        self.trouble: Exception = THROTTLED

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def monotonic(self) -> float:
        return self.now

    def filter(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer as CloudWatch does: all but the last page are empty."""
        self.asked.append(asked)
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
def api(logs: Logs) -> Iterator[OneApi]:
    """Give the service, which logs each request after five seconds."""

    def logged(request: Request) -> Reply:
        logs.lines.append((logs.now + 5, access_line(request)))
        return unauthorized(request)

    with one_api.running(logged) as api:
        yield api


def access_line(request: Request) -> str:
    return json.dumps({"message": "request", "request_id": request.headers["x-request-id"], "status": 401})


def key_of(api: OneApi) -> str:
    return api.asked[0].headers["x-api-key"]


def payload_of(api: OneApi) -> str:
    found: str = json.loads(api.asked[0].body)["payload"]["canary"]
    return found


def results_of(url: str, logs: Logs, **parameters: str) -> dict[str, Result]:
    aws = SoundStack(url, **parameters)
    aws.answers["logs.FilterLogEvents"] = logs.filter
    found = list(verify(aws, sleep=logs.sleep, monotonic=logs.monotonic).results)
    return {one.check: one for one in found if one.check.startswith("request: ")}


def passed(results: Mapping[str, Result]) -> set[str]:
    return {name for name, one in results.items() if one.passed}


# --- The request


def test_it_is_one_request_with_a_key_a_payload_and_an_id_of_its_own(api: OneApi, logs: Logs) -> None:
    results = results_of(api.url, logs)
    assert passed(results) == {REFUSED, IN_THE_LOGS, NOT_IN_THE_LOGS}
    (asked,) = api.asked
    assert (asked.method, asked.path) == ("POST", "/v1/events")
    assert {one.request_id for one in results.values()} == {asked.headers["x-request-id"]}
    assert len(key_of(api)) >= 32
    assert len(payload_of(api)) >= 32
    event = json.loads(asked.body)
    assert (event["source"], event["event_type"]) == ("triggers-verify", "verify.canary")


def test_each_time_all_three_are_others(api: OneApi, logs: Logs) -> None:
    results_of(api.url, logs)
    results_of(api.url, logs)
    first, second = api.asked
    for header in ("x-api-key", "x-request-id"):
        assert first.headers[header] != second.headers[header]
    assert first.body != second.body


def test_neither_key_nor_payload_is_told_even_where_they_were_logged(
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
        results = results_of(api.url, logs)
    assert results[NOT_IN_THE_LOGS].saw == "the key and the payload in the log group"
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
        "503 SERVICE_UNAVAILABLE, with another's id",
    ),
    "another request's id": (
        shaped(401, "UNAUTHORIZED", "of-another"),
        "401 UNAUTHORIZED, with another's id",
    ),
    "it is let in": (
        plain(201, b'{"event_id":"x"}', Content_Type="application/json"),
        "201 with application/json, which is no error of this service",
    ),
    "a page": (plain(200, b"<html>", Content_Type="text/html"), "200 with text/html, which is no error"),
    "another API": (plain(403, b'{"message":"Forbidden"}'), "403 with no type, which is no error"),
    "a redirect": (plain(302, b"", Location="/login"), "302 with no type, which is no error"),
    "a list": (plain(401, b"[]"), "401 with no type, which is no error"),
    "an id that is a list": (
        plain(401, b'{"error":{"code":"UNAUTHORIZED","request_id":[]}}'),
        "401 with no type, which is no error",
    ),
    "a code that is none": (
        plain(401, b'{"error":{"code":"<b>","request_id":"x"}}'),
        "401 with no type, which is no error",
    ),
    "JSON without a bottom": (plain(401, b"[" * 200_000), "401 with no type, which is no error"),
    "no UTF-8": (plain(401, b"\xff"), "401 with no type, which is no error"),
}


@pytest.mark.parametrize(("answer", "saw"), ANSWERS.values(), ids=ANSWERS.keys())
def test_any_other_answer_fails_and_is_named(api: OneApi, logs: Logs, answer: Any, saw: str) -> None:
    api.answer = answer
    result = results_of(api.url, logs)[REFUSED]
    assert not result.passed
    assert result.saw.startswith(saw)
    assert result.expected == "401 UNAUTHORIZED, with the request's id"
    assert api.url in result.fix
    assert len(api.asked) == 1, "a redirect was followed, or the request repeated"


def test_where_the_service_did_not_answer_the_logs_are_not_searched_for_long(api: OneApi, logs: Logs) -> None:
    api.answer = plain(503, b"")
    results = results_of(api.url, logs)
    assert passed(results) == set()
    assert logs.now <= 15


def test_an_api_that_is_not_there_fails_and_nothing_is_looked_for(logs: Logs) -> None:
    results = results_of(f"http://127.0.0.1:{free_port()}", logs)
    assert passed(results) == set()
    assert "the connection is refused" in results[REFUSED].saw
    assert "triggers status" in results[REFUSED].fix
    assert "the request was not answered" in results[IN_THE_LOGS].saw
    assert logs.asked == []


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
def test_an_address_that_is_none_fails_in_words(logs: Logs, url: str, saw: str) -> None:
    result = results_of(url, logs)[REFUSED]
    assert not result.passed
    assert f"{url} has not answered. ({saw}" in result.saw
    assert result.fix


def test_a_server_without_tls_is_told_from_one_that_is_not_there(api: OneApi, logs: Logs) -> None:
    result = results_of(api.url.replace("http:", "https:"), logs)[REFUSED]
    assert "TLS failed: " in result.saw
    assert "certificate" in result.fix


def test_an_answer_that_drips_is_not_waited_for(
    api: OneApi, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each read is quick, so only a bound on the whole helps."""
    monkeypatch.setattr(request_module, "ANSWER_SECONDS", 0.5)
    api.answer = lambda _: Reply(200, b"x" * 40, pause=0.05)
    results = results_of(api.url, logs)
    assert "did not answer within 0.5 s" in results[REFUSED].saw
    assert passed(results) == set()


# --- The logs


def test_a_line_that_comes_late_is_waited_for(api: OneApi, logs: Logs) -> None:
    def late(request: Request) -> Reply:
        logs.lines.append((45, access_line(request)))
        return unauthorized(request)

    api.answer = late
    assert passed(results_of(api.url, logs)) == {REFUSED, IN_THE_LOGS, NOT_IN_THE_LOGS}


def test_an_id_that_never_comes_ends_the_search_and_nothing_is_said_of_the_key(
    api: OneApi, logs: Logs
) -> None:
    api.answer = unauthorized
    logs.lines.append((0, "START RequestId: of another"))
    results = results_of(api.url, logs)
    assert passed(results) == {REFUSED}
    assert results[IN_THE_LOGS].saw == "in none of 1 lines since the request"
    assert results[NOT_IN_THE_LOGS].saw.startswith("it cannot be told: ")
    assert 60 <= logs.now <= 65


@pytest.mark.parametrize(("header", "what"), [("x-api-key", "the key"), ("body", "the payload")])
def test_a_secret_in_a_line_that_comes_after_the_ids_is_found(
    api: OneApi, logs: Logs, header: str, what: str
) -> None:
    def leaking(request: Request) -> Reply:
        secret = request.body.decode() if header == "body" else request.headers[header]
        logs.lines.append((0, access_line(request)))
        logs.lines.append((2, f"Traceback: KeyError: 'a{secret}b'"))
        return unauthorized(request)

    api.answer = leaking
    results = results_of(api.url, logs)
    assert passed(results) == {REFUSED, IN_THE_LOGS}
    assert results[NOT_IN_THE_LOGS].saw == f"{what} in the log group"


def test_pages_are_followed_through_empty_ones(api: OneApi, logs: Logs) -> None:
    logs.pages = 7
    assert passed(results_of(api.url, logs)) == {REFUSED, IN_THE_LOGS, NOT_IN_THE_LOGS}
    assert [one.get("nextToken") for one in logs.asked[:7]] == [None, "2", "3", "4", "5", "6", "7"]


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
def test_a_while_of_trouble_is_survived(api: OneApi, logs: Logs, trouble: Exception) -> None:
    logs.throttled_until, logs.trouble = 20, trouble
    assert passed(results_of(api.url, logs)) == {REFUSED, IN_THE_LOGS, NOT_IN_THE_LOGS}


def test_a_token_that_went_stale_begins_the_search_again(api: OneApi, logs: Logs) -> None:
    logs.pages = 3
    stale = ClientError(
        {"Error": {"Code": "InvalidParameterException", "Message": "stale"}}, "FilterLogEvents"
    )

    def once_stale(asked: Mapping[str, Any]) -> Mapping[str, Any]:
        if asked.get("nextToken") == "3" and len(logs.asked) == 2:
            logs.asked.append(asked)
            raise stale
        return logs.filter(asked)

    aws = SoundStack(api.url)
    aws.answers["logs.FilterLogEvents"] = once_stale
    found = {one.check: one for one in verify(aws, sleep=logs.sleep, monotonic=logs.monotonic).results}
    assert passed(found) >= {REFUSED, IN_THE_LOGS, NOT_IN_THE_LOGS}
    assert [one.get("nextToken") for one in logs.asked[:4]] == [None, "2", "3", None]


@pytest.mark.parametrize("is_answered", [True, False])
def test_trouble_that_does_not_pass_is_told_when_the_time_is_up(
    api: OneApi, logs: Logs, is_answered: bool
) -> None:
    if not is_answered:
        api.answer = plain(503, b"")
    logs.throttled_until = 1000
    results = results_of(api.url, logs)
    for name in (IN_THE_LOGS, NOT_IN_THE_LOGS):
        assert not results[name].passed
        assert results[name].saw.startswith("it cannot be told: ")
        assert "ThrottlingException: slow" in results[name].saw
        assert "again" in results[name].fix
    assert logs.now <= 65


def test_a_log_group_that_cannot_be_read_to_its_end_in_time_proves_nothing(api: OneApi, logs: Logs) -> None:
    def endless(asked: Mapping[str, Any]) -> Mapping[str, Any]:
        logs.now += 1
        events = logged(*(access_line(one) for one in api.asked))
        return {"events": events, "nextToken": str(logs.now)}

    aws = SoundStack(api.url)
    aws.answers["logs.FilterLogEvents"] = endless
    results = {one.check: one for one in verify(aws, sleep=logs.sleep, monotonic=logs.monotonic).results}
    assert results[IN_THE_LOGS].passed
    assert not results[NOT_IN_THE_LOGS].passed
    assert "not read to its end" in results[NOT_IN_THE_LOGS].saw


def test_the_search_begins_shortly_before_the_request(api: OneApi, logs: Logs) -> None:
    before = time.time()
    results_of(api.url, logs)
    assert {one["logGroupName"] for one in logs.asked} == {LOG_GROUP}
    (start,) = {one["startTime"] / 1000 for one in logs.asked}
    assert before - 60 < start < before


def test_the_search_goes_by_awss_clock_where_this_machines_is_wrong(api: OneApi, logs: Logs) -> None:
    there = datetime.now(UTC) - timedelta(hours=3)

    def hours_behind(request: Request) -> Reply:
        logs.lines.append((0, access_line(request)))
        reply = unauthorized(request)
        return Reply(reply.status, reply.body, {**reply.headers, "Date": format_datetime(there, usegmt=True)})

    api.answer = hours_behind
    results_of(api.url, logs)
    start = logs.asked[0]["startTime"] / 1000
    assert there.timestamp() - 60 < start < there.timestamp()


def test_where_requests_are_not_logged_lambdas_own_line_is_looked_for(api: OneApi, logs: Logs) -> None:
    def silent(request: Request) -> Reply:
        logs.lines.append((5, "REPORT RequestId: 0d4ac3a5 Duration: 3 ms"))
        return unauthorized(request)

    api.answer = silent
    results = results_of(api.url, logs, LogLevel="WARNING")
    assert "WARNING" in results[IN_THE_LOGS].expected
    assert {REFUSED, IN_THE_LOGS, NOT_IN_THE_LOGS} == passed(results)
