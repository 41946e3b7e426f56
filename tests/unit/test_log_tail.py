"""Follow a log of a CloudWatch in memory: each line once, in spite of late lines and failures."""

import json
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

import pytest
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.fake_logs import GROUP, NOW, FakeLogs, FakeLogsAws, refusal
from triggers_api.cli.exit_codes import EXIT_CODE
from triggers_api.core.hooks.records import generate as generate_hook
from triggers_api.core.keys import generate
from triggers_api.errors import (
    AwsUnavailableError,
    ConfigurationError,
    CredentialsError,
    LogGroupMissingError,
    PermissionDeniedError,
    TriggersError,
)
from triggers_api.ops.logs.group import PATIENCE, Notice
from triggers_api.ops.logs.lines import LogLine
from triggers_api.ops.logs.request_lines import RequestLines
from triggers_api.ops.logs.tail import (
    POLL_SECONDS,
    TailOptions,
    parse_options,
    parse_since,
    parse_status,
    read_log,
)
from triggers_api.ops.logs.window import (
    OVERLAP_SECONDS,
    REACH_SECONDS,
    SWEEP_EVERY_SECONDS,
    SWEEP_SECONDS,
    Window,
)

MINUTE = 60_000
EXPIRED = refusal("ExpiredTokenException", "The security token included in the request is expired")
NO_NETWORK = EndpointConnectionError(endpoint_url="https://logs")
BUSY = refusal("ThrottlingException", "Rate exceeded")


@pytest.fixture
def logs() -> FakeLogs:
    return FakeLogs()


def following(logs: FakeLogs, aws: FakeLogsAws | None = None, **chosen: Any) -> Iterator[LogLine | Notice]:
    options = TailOptions(**{"since": NOW - 10 * MINUTE, **chosen})
    return read_log(aws or FakeLogsAws(logs), options, clock=logs.clock, sleep=logs.sleep)


def messages(found: Iterator[LogLine | Notice]) -> list[str]:
    return [one.raw for one in found if isinstance(one, LogLine)]


def shown(logs: FakeLogs, **chosen: Any) -> list[str]:
    """Return the lines that are there."""
    return messages(following(logs, follow=False, **chosen))


def until(logs: FakeLogs, end: int, **chosen: Any) -> list[LogLine | Notice]:
    """Follow until a time, and return all that was told."""

    class TimeIsUpError(Exception):
        pass

    def look() -> None:
        if logs.now > end:
            raise TimeIsUpError

    logs.before_sleep = look
    told = []
    with suppress(TimeIsUpError):
        for one in following(logs, **chosen):
            told.append(one)  # noqa: PERF402 - what came before the end is to be kept
    return told


def notices(told: list[LogLine | Notice]) -> list[str]:
    return [one.message for one in told if isinstance(one, Notice)]


def failing(logs: FakeLogs, *failures: Exception | None, **chosen: Any) -> list[LogLine | Notice]:
    """Follow a log with three lines through failures, and return what was told up to the third line."""
    logs.failures.extend(failures)
    for number in range(3):
        logs.write(f"line {number}", at=NOW - 1, late=number * MINUTE)
    found, told = 0, []
    for one in following(logs, **chosen):
        told.append(one)
        found += isinstance(one, LogLine)
        if found == 3:
            break
    return told


# Each line once


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 8 * MINUTE) | st.just(7 * MINUTE),
            st.integers(0, SWEEP_SECONDS * 1000) | st.just(0),
        ),
        max_size=80,
    ),
    st.integers(1, 30),
    st.integers(0, 2),
    st.booleans(),
)
def test_each_line_is_shown_once_however_late_it_arrives(
    lines: list[tuple[int, int]], page: int, empty_pages: int, with_ids: bool
) -> None:
    logs = FakeLogs(page=page, empty_pages=empty_pages, with_ids=with_ids)
    for number, (after, late) in enumerate(lines):
        logs.write(str(number), at=NOW + after, late=late)
    told = until(logs, NOW + 15 * MINUTE)
    assert sorted(messages(iter(told)), key=int) == [str(number) for number in range(len(lines))]


@pytest.mark.slow("shows 5000 lines")
@pytest.mark.parametrize("order", ["in order", "out of order", "late", "equal timestamps"])
def test_5000_lines_are_each_shown_once(logs: FakeLogs, order: str) -> None:
    logs.page = 700
    for number in range(5000):
        at = {
            "in order": number * 100,
            "out of order": (number * 7919) % 5000 * 100,
            "late": number * 100,
            "equal timestamps": number // 1000,
        }[order]
        late = (number * 37) % (SWEEP_SECONDS * 1000) if order == "late" else 0
        logs.write(str(number), at=NOW + at, late=late, stream=f"stream {number % 7}")
    told = messages(iter(until(logs, NOW + 15 * MINUTE)))
    assert len(told) == 5000
    assert set(told) == {str(number) for number in range(5000)}


def test_lines_of_a_poll_are_ordered_by_time_then_ingestion(logs: FakeLogs) -> None:
    logs.write("third", at=NOW - 5, late=2)
    logs.write("second", at=NOW - 5, late=1)
    logs.write("fourth", at=NOW - 5, late=2)
    logs.write("first", at=NOW - 9, late=9)
    assert shown(logs) == ["first", "second", "third", "fourth"]


def test_late_line_is_shown_when_it_arrives(logs: FakeLogs) -> None:
    logs.write("late", at=NOW - 2000, late=MINUTE)
    logs.write("at once", at=NOW - 1000)
    told = [line for line in until(logs, NOW + 2 * MINUTE) if isinstance(line, LogLine)]
    assert [line.raw for line in told] == ["at once", "late"]


def test_since_is_inclusive_to_the_millisecond(logs: FakeLogs) -> None:
    for before in (1001, 1000, 999):
        logs.write(str(before), at=NOW - before)
    assert shown(logs, since=NOW - 1000) == ["1000", "999"]
    logs.write("old, and late", at=NOW - 1001, late=10_000)
    assert "old, and late" not in messages(iter(until(logs, NOW + MINUTE, since=NOW - 1000)))


@pytest.mark.parametrize("skew", [-20 * MINUTE, 20 * MINUTE], ids=["slow", "fast"])
def test_wrong_clock_hides_no_line(logs: FakeLogs, skew: int) -> None:
    for number in range(100):
        logs.write(str(number), at=NOW + number * 10_000, late=(number * 7919) % (SWEEP_SECONDS * 1000))
    clock, logs.before_sleep = logs.clock, None
    found = read_log(
        FakeLogsAws(logs),
        TailOptions(since=NOW - 30 * MINUTE),
        clock=lambda: clock() + skew * 1000,
        sleep=logs.sleep,
    )
    assert len(set(messages(islice(found, 100)))) == 100


def test_line_from_the_future_hides_no_other_line(logs: FakeLogs) -> None:
    logs.write("ahead", at=NOW + 60 * MINUTE, late=-60 * MINUTE)
    logs.write("now", at=NOW + MINUTE)
    assert messages(iter(until(logs, NOW + 2 * MINUTE))) == ["ahead", "now"]


def test_identical_lines_are_all_shown_with_or_without_ids(logs: FakeLogs) -> None:
    logs.with_ids = False
    for _ in range(3):
        logs.write("the same")
    logs.write("the same", late=1)
    assert len(messages(iter(until(logs, NOW + MINUTE)))) == 4


def test_tail_ends_after_the_last_page_without_follow(logs: FakeLogs) -> None:
    logs.page, logs.empty_pages = 2, 3
    for number in range(5):
        logs.write(str(number))
    assert shown(logs) == ["0", "1", "2", "3", "4"]
    assert logs.slept == []


def test_polls_respect_the_quota(logs: FakeLogs) -> None:
    until(logs, NOW + MINUTE)
    assert set(logs.slept) == {POLL_SECONDS}
    assert POLL_SECONDS >= 1


def test_unordered_page_is_sorted() -> None:
    events = [{"eventId": str(at), "timestamp": NOW + at, "message": ""} for at in (2, 3, 1)]
    assert [one["eventId"] for one in Window(NOW).new_events(events)] == ["1", "2", "3"]


def test_window_moves_on_and_remembers_only_its_events() -> None:
    window = Window(NOW)
    most = 0
    for second in range(3600):
        now = NOW + second * 1000
        window.start_scan(now)
        event = {"eventId": str(second), "timestamp": now, "message": "", "ingestionTime": now}
        assert window.new_events([event, event]) == [event]
        window.finish_scan()
        most = max(most, window.remembered)
    assert most <= SWEEP_SECONDS + SWEEP_EVERY_SECONDS + 1
    window.start_scan(NOW + 3600 * 1000)
    assert window.start >= NOW + (3600 - SWEEP_SECONDS - SWEEP_EVERY_SECONDS) * 1000
    window.finish_scan()
    window.start_scan(NOW + 3601 * 1000)
    assert window.start == NOW + (3599 - OVERLAP_SECONDS) * 1000


@pytest.mark.parametrize("late", [5, 29, 31, 120, 299])
def test_late_line_is_shown_within_a_minute_of_its_arrival(logs: FakeLogs, late: int) -> None:
    """Other lines come all the time, so that the window moves on."""
    for second in range(900):
        logs.write("in time", at=NOW + second * 1000)
    logs.write("late", at=NOW + 400_000, late=late * 1000)
    arrived = NOW + 400_000 + late * 1000
    soon = 2 if late < OVERLAP_SECONDS else SWEEP_EVERY_SECONDS + 2
    told = until(logs, arrived + (soon + 1) * 1000)
    assert messages(iter(told)).count("late") == 1


def test_poll_rereads_the_overlap_and_once_a_minute_the_sweep(logs: FakeLogs) -> None:
    for second in range(20 * 60):
        logs.write(str(second), at=NOW + second * 1000)
    assert len(messages(iter(until(logs, NOW + 20 * MINUTE)))) == 20 * 60
    polls = [NOW + POLL_SECONDS * 1000 * number for number in range(len(logs.asked))]
    back = [(at - one["startTime"]) / 1000 for at, one in zip(polls, logs.asked, strict=True)]
    back = back[len(back) // 2 :]  # at first all there is was asked for
    far = [seconds for seconds in back if seconds > OVERLAP_SECONDS + 5]
    assert min(far) >= SWEEP_SECONDS
    assert max(far) <= SWEEP_SECONDS + SWEEP_EVERY_SECONDS + 5
    assert len(far) <= len(back) * POLL_SECONDS / SWEEP_EVERY_SECONDS + 1


def test_sweeps_continue_when_the_clock_is_set_back() -> None:
    window = Window(NOW)
    for now in (NOW + 100_000, NOW - 60 * MINUTE, NOW - 60 * MINUTE + 2000):
        window.start_scan(now)
        window.new_events([{"eventId": str(now), "timestamp": NOW + 400_000, "message": ""}])
        window.finish_scan()
    started = set()
    for second in range(0, 120, 2):
        window.start_scan(NOW - 59 * MINUTE + second * 1000)
        started.add(window.start)
        window.finish_scan()
    assert len(started) == 2


# What goes wrong


def test_following_survives_any_amount_of_throttling(logs: FakeLogs) -> None:
    told = failing(logs, None, *[BUSY] * 50)
    assert messages(iter(told)) == ["line 0", "line 1", "line 2"]
    busy, well = notices(told)
    assert "Rate exceeded" in busy
    assert well == "CloudWatch Logs is available again."
    assert max(logs.slept) == 30
    assert logs.slept[:5] == [POLL_SECONDS, 1, 2, 4, 8]


@pytest.mark.parametrize(
    "error", [BUSY, refusal("ServiceUnavailableException", status=503), refusal("Odd", status=500)]
)
def test_retries_are_limited_without_follow(logs: FakeLogs, error: Exception) -> None:
    logs.write("there")
    logs.failures.extend([error] * PATIENCE)
    assert shown(logs) == ["there"]
    logs.failures.extend([error] * (PATIENCE + 1))
    with pytest.raises(AwsUnavailableError):
        shown(logs)


@pytest.mark.parametrize(
    "error",
    [
        NO_NETWORK,
        ConnectTimeoutError(endpoint_url="https://logs"),
        ReadTimeoutError(endpoint_url="https://logs"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_network_outage_is_survived_and_reported_once(logs: FakeLogs, error: Exception) -> None:
    told = failing(logs, None, *[error] * 20)
    assert messages(iter(told)) == ["line 0", "line 1", "line 2"]
    gone, back = notices(told)
    assert gone.startswith("AWS cannot be reached in eu-west-1")
    assert back == "CloudWatch Logs is available again."


@pytest.mark.parametrize("follow", [True, False])
def test_network_failure_before_the_first_answer_is_raised(logs: FakeLogs, follow: bool) -> None:
    with pytest.raises(AwsUnavailableError):
        failing(logs, NO_NETWORK, follow=follow)


def test_expired_credentials_are_read_again(logs: FakeLogs) -> None:
    aws = FakeLogsAws(logs)
    logs.failures.extend([None, EXPIRED, None, None, EXPIRED])
    logs.write("one", at=NOW - 1)
    logs.write("two", at=NOW - 1, late=MINUTE)
    assert messages(islice(following(logs, aws), 2)) == ["one", "two"]
    assert aws.renewals == 2


def test_credentials_that_stay_expired_are_raised_with_a_fix(logs: FakeLogs) -> None:
    with pytest.raises(CredentialsError) as caught:
        failing(logs, None, EXPIRED, EXPIRED)
    assert EXIT_CODE[caught.value.kind] == 4
    assert caught.value.message == "The AWS credentials have expired."
    assert "new temporary credentials" in caught.value.hint


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (
            refusal("AccessDeniedException", "not authorized to perform: logs:FilterLogEvents"),
            PermissionDeniedError,
        ),
        (NoCredentialsError(), CredentialsError),
        (refusal("InvalidParameterException"), AwsUnavailableError),
    ],
    ids=str,
)
def test_error_that_waiting_cannot_fix_is_raised(
    logs: FakeLogs, error: Exception, kind: type[TriggersError]
) -> None:
    with pytest.raises(kind):
        failing(logs, None, error)


@pytest.mark.parametrize("with_ids", [True, False])
def test_expired_page_token_restarts_the_scan_without_duplicates(logs: FakeLogs, with_ids: bool) -> None:
    logs.page, logs.with_ids = 1, with_ids
    for _ in range(4):
        logs.write("the same")
    found = following(logs, follow=False)
    first = messages(islice(found, 2))
    logs.forget_tokens()
    assert len(first + messages(found)) == 4


def test_page_token_that_is_always_refused_is_raised(logs: FakeLogs) -> None:
    logs.page = 1
    logs.write("a")
    logs.write("b")
    stale = refusal("InvalidParameterException", "The specified nextToken is invalid.")
    logs.failures.extend([None, stale] * 9)
    with pytest.raises(AwsUnavailableError, match="AWS request failed"):
        shown(logs)


def test_missing_log_group_is_raised_with_a_fix_without_follow(logs: FakeLogs) -> None:
    logs.exists = False
    with pytest.raises(LogGroupMissingError) as caught:
        shown(logs)
    assert EXIT_CODE[caught.value.kind] == 1
    assert GROUP in caught.value.message
    assert "deploy the stage" in caught.value.hint


def test_missing_log_group_is_awaited_and_reported_once_with_follow(logs: FakeLogs) -> None:
    logs.exists = False
    logs.write("the first", at=NOW + 3 * MINUTE)
    found = following(logs)
    waiting = next(found)

    def deploy() -> None:
        logs.exists = logs.now > NOW + 2 * MINUTE

    logs.before_sleep = deploy
    there, line = next(found), next(found)
    assert isinstance(waiting, Notice)
    assert waiting.message.endswith("Waiting for it.")
    assert there == Notice(f"The log group {GROUP} exists now.")
    assert isinstance(line, LogLine)
    assert line.raw == "the first"


# What is shown


def test_level_selects_that_level_and_above(logs: FakeLogs) -> None:
    for level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        logs.write(json.dumps({"level": level, "message": level.lower()}))
    logs.write("START RequestId: 1 Version: $LATEST")
    logs.write(
        "2026-11-22T10:30:00.123Z f8428571-4756-4386-aea1-ec8d9f69a2db Task timed out after 30.03 seconds"
    )
    assert len(shown(logs, level="WARNING")) == 4
    assert [json.loads(one)["level"] for one in shown(logs, level="CRITICAL")] == ["CRITICAL"]
    assert len(shown(logs, level="DEBUG", lambda_lines=True)) == 7


REFUSED = {
    "timestamp": "2026-11-22T10:30:00.000000Z",
    "level": "INFO",
    "message": "request",
    "request_id": "mine.1",
    "method": "GET",
    "route": "/v1/inbox",
    "status": 401,
    "duration_ms": 0.5,
    "key_id": "2a0e43d37952",
    "reason": "two words",
}
"""Shown as: `INFO     mine.1 GET /v1/inbox 401 0.5ms request key_id=2a0e43d37952 reason="two words"`."""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "inbox 401",
        "GET /V1/INBOX 401 0.5MS REQUEST",
        "info mine.1",
        "INFO     mine.1 GET",
        "  key_id=2a0e43d37952   reason=",
        'reason="two words"',
        "raised builtins.KEYERROR",
        "forged\\nline",
    ],
)
def test_filter_finds_what_is_shown_in_any_case(logs: FakeLogs, text: str) -> None:
    frames = ["/var/task/a.py:1 in f", "raised builtins.KeyError"]
    logs.write(line := json.dumps({**REFUSED, "error": "forged\nline", "traceback": frames}))
    logs.write("another line")
    assert shown(logs, text=text) == ([line, "another line"] if not text else [line])


@pytest.mark.parametrize("text", ['"status": 401', "timestamp", "route", "10:30:00", "th.*", "forged\nline"])
def test_filter_does_not_find_what_is_not_shown(logs: FakeLogs, text: str) -> None:
    logs.write(json.dumps({**REFUSED, "error": "forged\nline"}))
    assert shown(logs, text=text) == []


def test_status_selects_requests_by_status_or_class(logs: FakeLogs) -> None:
    lines = {status: json.dumps({"message": "request", "status": status}) for status in (200, 400, 401, 499)}
    for one in (*lines.values(), '{"status":"401"}', '{"message":"event died"}', "HTTP 401"):
        logs.write(one)
    assert shown(logs, statuses=parse_status("401")) == [lines[401]]
    assert shown(logs, statuses=parse_status("4xx")) == [lines[400], lines[401], lines[499]]
    assert shown(logs, statuses=parse_status("2XX")) == [lines[200]]
    assert shown(logs, statuses=parse_status("503")) == []


def test_key_selects_requests_by_the_start_of_the_key_id(logs: FakeLogs) -> None:
    logs.write(line := json.dumps(REFUSED))
    for one in ({"key_id": "02a0e43d3795"}, {"key_id": 5}, {"request_id": "2a0e43d37952"}):
        logs.write(json.dumps(one))
    assert shown(logs, key_id="2a0e43d37952") == shown(logs, key_id="2a0e") == [line]


def test_hook_selects_deliveries_by_the_start_of_the_hook_id(logs: FakeLogs) -> None:
    delivery = {**REFUSED, "route": "/v1/hooks/{hook_id}", "hook_id": "0b1c2d3e4f5a", "reason": "signature"}
    logs.write(line := json.dumps(delivery))
    for one in (REFUSED, {"hook_id": "1b1c2d3e4f5a"}, {"hook_id": 5}, {"key_id": "0b1c2d3e4f5a"}):
        logs.write(json.dumps(one))
    assert shown(logs, hook_id="0b1c2d3e4f5a") == shown(logs, hook_id="0b1c") == [line]


QUIET = (
    "INIT_START Runtime Version: python:3.11.v50",
    "START RequestId: 1 Version: $LATEST",
    "END RequestId: 1",
    "REPORT RequestId: 1\tDuration: 1.00 ms\tMemory Size: 512 MB\tMax Memory Used: 96 MB",
)
TROUBLED = (
    "REPORT RequestId: 1\tDuration: 30000.00 ms\tStatus: timeout",
    "REPORT RequestId: 1\tDuration: 3.00 ms\tStatus: error\tError Type: Runtime.OutOfMemory",
    "REPORT RequestId: 1\tDuration: 3.00 ms\tMemory Size: 512 MB\tMax Memory Used: 512 MB",
    "INIT_REPORT Init Duration: 9999.00 ms\tPhase: init\tStatus: timeout",
)


def test_lambdas_own_lines_are_shown_on_request_and_those_of_a_failure_always(logs: FakeLogs) -> None:
    for one in (*QUIET, *TROUBLED, "a print"):
        logs.write(one)
    assert shown(logs) == [*TROUBLED, "a print"]
    assert shown(logs, lambda_lines=True) == [*QUIET, *TROUBLED, "a print"]


# One request


def ours(request_id: str, lambda_id: str, message: str = "request") -> str:
    document = {"level": "INFO", "message": message, "request_id": request_id, "lambda_request_id": lambda_id}
    return json.dumps(document)


def test_end_without_a_start_is_ignored(logs: FakeLogs) -> None:
    logs.write('{"type":"platform.report","record":{"requestId":""}}')
    logs.write(ours("x", "L-x"))
    assert shown(logs, request_id="x") == [ours("x", "L-x")]


def invoke(logs: FakeLogs, request_id: str, lambda_id: str, stream: str, at: int, late: int = 0) -> list[str]:
    """Write what an invocation writes, and return it."""
    lines = [
        f"START RequestId: {lambda_id} Version: $LATEST",
        ours(request_id, lambda_id, "store failed"),
        f"a print during {lambda_id}",
        ours(request_id, lambda_id),
        f"END RequestId: {lambda_id}",
        f"REPORT RequestId: {lambda_id}\tDuration: 1.00 ms",
    ]
    for number, line in enumerate(lines):
        logs.write(line, at=at + number * 10, late=late, stream=stream)
    return lines


@pytest.fixture
def interleaved(logs: FakeLogs) -> dict[str, list[str]]:
    """Write three requests at the same time in three streams, and before and after them two others."""
    logs.write("INIT_START Runtime Version: python:3.11", at=NOW - 1, stream="a")
    invoke(logs, "before", "L-before", "a", NOW - 100)
    found = {name: invoke(logs, name, f"L-{name}", name, NOW) for name in ("a", "b", "c")}
    invoke(logs, "after", "L-after", "a", NOW + 100)
    logs.now = NOW + MINUTE
    return found


@pytest.mark.parametrize("page", [1, 2, 5, 100])
@pytest.mark.parametrize("wanted", ["b", "L-b"], ids=["the client's id", "Lambda's id"])
def test_request_id_selects_all_lines_of_the_request(
    logs: FakeLogs, interleaved: dict[str, list[str]], wanted: str, page: int
) -> None:
    logs.page = page
    assert shown(logs, request_id=wanted) == interleaved["b"]


def test_line_without_an_id_belongs_to_the_running_invocation(
    logs: FakeLogs, interleaved: dict[str, list[str]]
) -> None:
    logs.write("between two invocations", at=NOW + 70, stream="a")
    assert shown(logs, request_id="a") == interleaved["a"]


def test_line_without_an_id_before_an_invocation_is_not_selected(logs: FakeLogs) -> None:
    logs.write("START RequestId: L-x Version: $LATEST")
    logs.write("before it, and late", at=NOW - 50, late=3000)
    logs.write("during it, and late", at=NOW + 50, late=3000)
    logs.write(ours("x", "L-x"), at=NOW + 9000)
    told = messages(iter(until(logs, NOW + MINUTE, request_id="x")))
    assert told == ["START RequestId: L-x Version: $LATEST", "during it, and late", ours("x", "L-x")]


def test_service_line_without_lambdas_id_is_selected_by_request_id(logs: FakeLogs) -> None:
    logs.write('{"message":"bug","request_id":"x"}')
    logs.write('{"message":"bug","request_id":"y"}')
    assert shown(logs, request_id="x") == ['{"message":"bug","request_id":"x"}']


@pytest.mark.parametrize("late", [0, 5_000, SWEEP_SECONDS * 1000 - 1000])
def test_start_line_is_shown_however_late_its_request_is_known(logs: FakeLogs, late: int) -> None:
    start, report = "START RequestId: L-x Version: $LATEST", "REPORT RequestId: L-x\tDuration: 1.00 ms"
    logs.write(start)
    invoke(logs, "another", "L-another", "b", NOW)
    logs.write(ours("x", "L-x"), at=NOW + 1, late=late)
    logs.write(report, at=NOW + 2)
    told = messages(iter(until(logs, NOW + 10 * MINUTE, request_id="x")))
    assert told == ([start, ours("x", "L-x"), report] if not late else [start, report, ours("x", "L-x")])


def test_start_line_is_held_back_as_long_as_a_late_line_can_arrive(logs: FakeLogs) -> None:
    for second in range(400):
        logs.write(ours("another", "L-another"), at=NOW + second * 1000, stream="b")
    for late in range(200, SWEEP_SECONDS):  # whenever the next look at all five minutes is
        at = NOW + 30_000
        logs.write(f"START RequestId: L-{late} Version: $LATEST", at=at, stream=str(late))
        logs.write(ours("x", f"L-{late}"), at=at + 1, late=late * 1000, stream=str(late))
    told = messages(iter(until(logs, NOW + 8 * MINUTE, request_id="x")))
    assert len(told) == 2 * (SWEEP_SECONDS - 200)


def test_requests_that_share_an_id_are_all_shown(logs: FakeLogs) -> None:
    again = invoke(logs, "again", "L-1", "a", NOW - 1000)
    invoke(logs, "other", "L-2", "a", NOW - 500)
    again += invoke(logs, "again", "L-3", "a", NOW - 100)
    assert shown(logs, request_id="again") == again


def test_request_id_that_is_part_of_another_is_distinguished(logs: FakeLogs) -> None:
    invoke(logs, "id-10", "L-10", "a", NOW - 1000)
    expected = invoke(logs, "id-1", "L-1", "a", NOW - 500)
    assert shown(logs, request_id="id-1") == expected
    assert shown(logs, request_id="id") == []


def test_level_and_filter_apply_to_the_lines_of_a_request(
    logs: FakeLogs, interleaved: dict[str, list[str]]
) -> None:
    assert shown(logs, request_id="b", text="report") == [interleaved["b"][-1]]
    assert shown(logs, request_id="b", level="ERROR") == []


def test_held_back_lines_are_forgotten() -> None:
    requests, most = RequestLines("wanted"), 0
    for second in range(3600):
        at, stream = NOW + second * 1000, str(second)
        start = LogLine(at, stream, "", "START", lambda_request_id=f"a{second}", phase="start")
        other = LogLine(at, stream, "", "", request_id="x", lambda_request_id=f"b{second}")
        end = LogLine(at, stream, "", "END", lambda_request_id=f"b{second}", phase="end")
        same = LogLine(at, stream, "", "", request_id="wanted", lambda_request_id=f"c{second}")
        assert list(requests.select([start, other, end, same])) == [same]
        most = max(most, requests.remembered)
    assert most <= 4 * (REACH_SECONDS + 1)


# What is asked for


@pytest.mark.parametrize(
    ("since", "before"),
    [("30s", 30_000), ("10m", 10 * MINUTE), ("2h", 120 * MINUTE), ("3d", 72 * 60 * MINUTE), ("0s", 0)],
)
def test_since_duration_is_counted_from_now(logs: FakeLogs, since: str, before: int) -> None:
    assert parse_since(since, clock=logs.clock) == NOW - before


@pytest.mark.parametrize("since", ["2026-11-01T08:00:00Z", "2026-11-01T10:00:00+02:00", "2026-11-01T08:00Z"])
def test_since_accepts_a_time(logs: FakeLogs, since: str) -> None:
    assert parse_since(since, clock=logs.clock) == 1_793_520_000_000


def test_since_before_1970_is_zero(logs: FakeLogs) -> None:
    assert (
        parse_since("999999w", clock=logs.clock) == parse_since("1960-01-01T00:00:00Z", clock=logs.clock) == 0
    )


@pytest.mark.parametrize(
    ("chosen", "named"),
    [
        ({"since": "soon"}, ("--since", "10m", "2h")),
        ({"since": ""}, ("--since", "10m")),
        ({"since": "10"}, ("--since", "10m")),
        ({"since": "2026-11-01T08:00:00"}, ("--since", "UTC")),
        ({"since": "2999-01-01T00:00:00Z"}, ("--since", "in the future")),
        ({"level": "LOUD"}, ("--level", "DEBUG, INFO, WARNING, ERROR, CRITICAL")),
        ({"request_id": ""}, ("--request-id", "128")),
        ({"request_id": "two words"}, ("--request-id", "128")),
        ({"request_id": "x" * 129}, ("--request-id", "128")),
        *(({"status": one}, ("--status", "401", "4xx")) for one in ("", "40", "4011", "600", "4x", "no")),
        *(
            ({"key_id": one}, ("--key", "4 to 12", "keys list --all"))
            for one in ("", "2a0", "2A0E", "a" * 13)
        ),
        *(
            ({"hook_id": one}, ("--hook", "4 to 12", "hooks list --all"))
            for one in ("", "2a0", "hook_abcd", "a" * 13)
        ),
    ],
    ids=str,
)
def test_invalid_option_is_refused_with_valid_values(
    logs: FakeLogs, chosen: dict[str, str], named: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_options(**{"since": "10m", "follow": True, "clock": logs.clock, **chosen})  # type: ignore[arg-type]  # that is the point
    said = f"{caught.value.message} {caught.value.reason} {caught.value.hint}"
    assert all(one in said for one in named)
    assert EXIT_CODE[caught.value.kind] == 2


def test_key_in_place_of_its_id_is_not_shown(logs: FakeLogs) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_options(since="10m", follow=True, key_id=(key := generate("prod")), clock=logs.clock)
    assert key not in f"{caught.value.message} {caught.value.reason} {caught.value.hint}"


def test_hook_in_place_of_its_id_is_not_shown(logs: FakeLogs) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_options(since="10m", follow=True, hook_id=(hook := generate_hook()), clock=logs.clock)
    assert hook not in f"{caught.value.message} {caught.value.reason} {caught.value.hint}"


def test_level_may_be_lower_case(logs: FakeLogs) -> None:
    assert parse_options(since="10m", follow=True, level="warning", clock=logs.clock).level == "WARNING"
