"""Parse log lines: the service's own, Lambda's in both of their forms, and unexpected ones."""

import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggers_api.api.context import RequestContext, current
from triggers_api.api.logs import JsonFormatter
from triggers_api.ops.logs.lines import LEVELS, LogLine, parse

LAMBDA_ID = "f8428571-4756-4386-aea1-ec8d9f69a2db"
REPORTED = (
    "REPORT Duration: 20.45 ms Billed Duration: 21 ms Memory Size: 512 MB Max Memory Used: 96 MB "
    "Init Duration: 870.12 ms"
)
TIMED_OUT = (
    '{"time":"2026-11-22T10:30:00.123Z","type":"platform.report","record":'
    f'{{"requestId":"{LAMBDA_ID}","metrics":{{"durationMs":30000.0}},"status":"timeout"}}}}'
)
REPORT = (
    f"REPORT RequestId: {LAMBDA_ID}\tDuration: 20.45 ms\tBilled Duration: 21 ms\tMemory Size: 512 MB\t"
    "Max Memory Used: 96 MB\tInit Duration: 870.12 ms\t\n"
)


def line(message: str) -> LogLine:
    return parse(
        {"timestamp": 1_795_000_000_000, "logStreamName": "a", "message": message, "eventId": "1"},
    )


def ours(error: Exception | None = None, **fields: Any) -> str:
    """Return a line as the service writes it."""
    record = logging.LogRecord("triggers_api.access", logging.INFO, "", 0, "request", (), None)
    record.fields = fields
    if error:
        with pytest.raises(type(error)) as caught:
            raise error
        record.exc_info = caught.type, caught.value, caught.tb
    token = current.set(RequestContext("mine.1", LAMBDA_ID))
    try:
        return JsonFormatter().format(record)
    finally:
        current.reset(token)


def test_access_line_is_parsed() -> None:
    found = line(ours(method="POST", route="/v1/events", status=201, duration_ms=16.36, key_id="2a0e"))
    assert found == LogLine(
        time=1_795_000_000_000,
        stream="a",
        raw=found.raw,
        message="request",
        level="INFO",
        request_id="mine.1",
        lambda_request_id=LAMBDA_ID,
        method="POST",
        path="/v1/events",
        status=201,
        duration_ms=16.36,
        fields={"key_id": "2a0e"},
    )


def test_traceback_is_separated_from_the_message() -> None:
    found = line(ours(ValueError("no")))
    assert found.message == "request"
    assert found.traceback[-1] == "raised builtins.ValueError"
    assert found.traceback[0].endswith(" in ours")


@pytest.mark.parametrize(
    ("text", "message", "phase"),
    [
        (f"START RequestId: {LAMBDA_ID} Version: $LATEST\n", "START Version: $LATEST", "start"),
        (f"END RequestId: {LAMBDA_ID}\n", "END", "end"),
        (REPORT, REPORTED, "end"),
    ],
)
def test_lambda_lines_have_lambdas_id_and_level_info(text: str, message: str, phase: str) -> None:
    found = line(text)
    assert (found.lambda_request_id, found.request_id) == (LAMBDA_ID, None)
    assert (found.message, found.phase, found.level) == (message, phase, "INFO")
    assert found.raw == text.rstrip("\n")


OWN = (
    f"START RequestId: {LAMBDA_ID} Version: $LATEST",
    f"END RequestId: {LAMBDA_ID}",
    REPORT,
    "INIT_START Runtime Version: python:3.11.v50\tRuntime Version ARN: arn:aws:lambda:eu-west-1::r:1",
    "INIT_REPORT Init Duration: 870.12 ms\tPhase: init\tStatus: success",
    '{"type":"platform.initStart","record":{"phase":"init"}}',
    '{"type":"platform.report","record":{"metrics":{"memorySizeMB":512,"maxMemoryUsedMB":96}}}',
)
OTHERS = (
    "START of a print",
    "REPORT written by the service",
    f"RequestId: {LAMBDA_ID} Error: Runtime exited with error: signal: killed",
    f"2026-11-22T10:30:00.123Z {LAMBDA_ID} Task timed out after 30.03 seconds",
    '{"level":"INFO","message":"START RequestId: 1"}',
)


@pytest.mark.parametrize(("text", "own"), [*((one, True) for one in OWN), *((one, False) for one in OTHERS)])
def test_lambdas_own_lines_are_recognised(text: str, own: bool) -> None:
    assert line(text).is_lambdas_own == own
    assert not own or line(text).level == "INFO"


@pytest.mark.parametrize(
    "text",
    [
        f"REPORT RequestId: {LAMBDA_ID}\tDuration: 3.00 ms\tMemory Size: 128 MB\tMax Memory Used: 128 MB\t",
        '{"type":"platform.report","record":{"metrics":{"memorySizeMB":128,"maxMemoryUsedMB":129}}}',
    ],
)
def test_report_of_all_memory_used_is_a_warning(text: str) -> None:
    assert line(text).level == "WARNING"


@pytest.mark.parametrize("metrics", ['{"memorySizeMB":"x","maxMemoryUsedMB":9}', '{"memorySizeMB":0}', "[1]"])
def test_metrics_of_another_form_are_accepted(metrics: str) -> None:
    assert line(f'{{"type":"platform.report","record":{{"metrics":{metrics}}}}}').level == "INFO"


def test_tabs_in_a_message_become_spaces() -> None:
    assert line("INIT_START Runtime Version: 1\tARN: 2\n").message == "INIT_START Runtime Version: 1 ARN: 2"


def test_report_has_the_duration_of_the_invocation() -> None:
    assert line(REPORT).duration_ms == 20.45


@pytest.mark.parametrize(
    "text",
    [
        f"2026-11-22T10:30:00.123Z {LAMBDA_ID} Task timed out after 30.03 seconds\n\n",
        f"RequestId: {LAMBDA_ID} Error: Runtime exited with error: signal: killed",
        f"RequestId: {LAMBDA_ID} Process exited before completing request",
        f"REPORT RequestId: {LAMBDA_ID}\tDuration: 30000.00 ms\tBilled Duration: 30000 ms\tStatus: timeout",
        f"REPORT RequestId: {LAMBDA_ID}\tDuration: 3.00 ms\tStatus: error\tError Type: Runtime.ExitError",
        f"[ERROR]\t2026-11-22T10:30:00.123Z\t{LAMBDA_ID}\tsomething broke",
        TIMED_OUT,
        f'{{"timestamp":"2026-11-22T10:30:00Z","log_level":"ERROR","errorMessage":"x","requestId":"{LAMBDA_ID}"}}',
    ],
)
def test_failure_reported_by_lambda_is_an_error_with_lambdas_id(text: str) -> None:
    found = line(text)
    assert (found.level, found.lambda_request_id) == ("ERROR", LAMBDA_ID)


@pytest.mark.parametrize(
    "text",
    [
        "INIT_REPORT Init Duration: 9999.00 ms\tPhase: init\tStatus: timeout",
        "INIT_REPORT Init Duration: 870.12 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.Unknown",
        "[ERROR] Runtime.ImportModuleError: Unable to import module 'triggers_api.main': No module named 'x'",
        '{"type":"platform.initReport","record":{"status":"failure"}}',
        '{"type":"platform.fault","record":"RequestId: 1 Error: Runtime exited"}',
    ],
)
def test_failed_initialisation_is_an_error(text: str) -> None:
    assert line(text).level == "ERROR"


@pytest.mark.parametrize(
    ("text", "level"),
    [
        (
            "INIT_START Runtime Version: python:3.11.v50\tRuntime Version ARN: arn:aws:lambda:eu-west-1::r:1",
            "INFO",
        ),
        (
            "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code.",
            "WARNING",
        ),
        ("[WARNING]\tslow", "WARNING"),
        ("somebody printed this", "INFO"),
        ('{"level":"warn","message":"x"}', "WARNING"),
        ('{"level":"loud","message":"x"}', "INFO"),
        ('{"level":7,"message":"x"}', "INFO"),
        ('{"type":"platform.start","record":{"requestId":"a"}}', "INFO"),
        ("", "INFO"),
    ],
)
def test_level_is_parsed_or_defaults_to_info(text: str, level: str) -> None:
    assert line(text).level == level


def test_levels_are_ordered() -> None:
    warning = line('{"level":"WARNING"}')
    assert [level for level in LEVELS if warning.is_at_least(level)] == ["DEBUG", "INFO", "WARNING"]


def test_platform_json_lines_equal_their_text_lines() -> None:
    start = line(f'{{"type":"platform.start","record":{{"requestId":"{LAMBDA_ID}","version":"$LATEST"}}}}')
    assert (start.lambda_request_id, start.phase, start.message) == (LAMBDA_ID, "start", "platform.start")
    assert start.fields == {"version": "$LATEST"}
    report = line(
        f'{{"type":"platform.report","record":{{"requestId":"{LAMBDA_ID}","metrics":{{"durationMs":20.4}},'
        '"status":"success"}}'
    )
    assert (report.lambda_request_id, report.phase, report.level) == (LAMBDA_ID, "end", "INFO")
    assert report.duration_ms == 20.4


@pytest.mark.parametrize("status", ['{"a":1}', '["timeout"]', "null", "1"])
def test_platform_status_of_another_type_is_accepted(status: str) -> None:
    found = line(f'{{"type":"platform.report","record":{{"status":{status}}}}}')
    assert (found.message, found.level) == ("platform.report", "INFO")


def test_traceback_of_the_python_runtime_follows_its_first_line() -> None:
    found = line("[ERROR] KeyError: 'x'\nTraceback (most recent call last):\n  File \"/var/a.py\", line 1\n")
    assert (found.level, found.message) == ("ERROR", "[ERROR] KeyError: 'x'")
    assert found.traceback == ("Traceback (most recent call last):", '  File "/var/a.py", line 1')


def test_member_of_an_unexpected_type_stays_in_fields() -> None:
    found = line('{"message":"x","status":"odd","duration_ms":true,"method":1,"route":null,"request_id":5}')
    assert (found.status, found.duration_ms, found.method, found.path, found.request_id) == (None,) * 5
    assert found.fields == {"status": "odd", "duration_ms": True, "method": 1, "request_id": 5}


@pytest.mark.parametrize("text", ["[1]", "{", "{}x", '"a"', "{" * 100_000, '{"a":' * 100_000])
def test_text_that_is_not_a_json_object_is_a_plain_line(text: str) -> None:
    assert line(text).message == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
NAMES = [
    "level",
    "message",
    "request_id",
    "lambda_request_id",
    "method",
    "route",
    "status",
    "traceback",
    "type",
]


@given(
    st.text()
    | st.dictionaries(st.sampled_from(NAMES) | st.text(), JSON).map(json.dumps)
    | st.text().map(lambda rest: f"REPORT RequestId: {rest}")
    | st.just('{"a":1e999}')
)
def test_any_line_can_be_parsed_and_written_as_json(text: str) -> None:
    found = line(text)
    assert found.level in LEVELS
    json.dumps([dict(found.fields), found.status, found.duration_ms, found.traceback], allow_nan=False)


def test_metric_line_is_shown_without_the_directive_of_its_format() -> None:
    raw = '{"_aws":{"Timestamp":1},"level":"INFO","message":"backlog","Stage":"prod","Pending":3,"Dead":0}'
    found = line(raw)
    assert (found.level, found.message, found.raw) == ("INFO", "backlog", raw)
    assert found.fields == {"Stage": "prod", "Pending": 3, "Dead": 0}
