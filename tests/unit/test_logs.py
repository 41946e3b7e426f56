"""Logs: one line each, which nobody's input can break, and in which no input is quoted."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from triggers_api.api import logs
from triggers_api.api.context import RequestContext, current

CANARY = "c4n4ry"
Capture = pytest.CaptureFixture[str]

logger = logging.getLogger("triggers_api.unit")

pytestmark = pytest.mark.usefixtures("logging_as_before")


@pytest.fixture
def request_context() -> Iterator[Callable[[RequestContext], None]]:
    def enter(context: RequestContext) -> None:
        current.set(context)

    token = current.set(None)
    yield enter
    current.reset(token)


def log(message: str = "request", **fields: Any) -> None:
    logger.info(message, extra={"fields": fields})


def json_lines(capture: Capture) -> list[dict[str, Any]]:
    captured = capture.readouterr()
    assert captured.err == ""
    return [json.loads(line) for line in captured.out.splitlines()]


def fail() -> None:
    """Raise an error with a cause, which has a context; each of them quotes input."""
    try:
        try:
            dict[str, str]().pop(f"{CANARY} in the context")
        except KeyError:
            int(f"{CANARY} in the cause")
    except ValueError as error:
        raise RuntimeError(f"{CANARY} in the message") from error


def log_failure() -> None:
    try:
        fail()
    except RuntimeError:
        logger.exception("bug", extra={"fields": {"error": "RuntimeError"}})


def test_in_lambda_a_line_is_one_json_object_on_stdout(capsys: Capture) -> None:
    logs.configure("INFO", in_lambda=True)
    log(status=201, source="shop")
    (line,) = json_lines(capsys)
    assert line.pop("timestamp")[-1] == "Z"
    assert line == {"level": "INFO", "message": "request", "status": 201, "source": "shop"}


@pytest.mark.parametrize(
    "value", ["a\nb", "\r\n{}", '"}\n{"level":"ERROR"}', "\u2028", "\x85", "\x1b[31m", "\ud800"]
)
def test_in_lambda_no_value_breaks_a_line(capsys: Capture, value: str) -> None:
    logs.configure("INFO", in_lambda=True)
    log(source=value)
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 1
    assert out.isascii()
    assert out.removesuffix("\n").isprintable()
    assert json.loads(out)["source"] == value


def test_in_lambda_no_message_breaks_a_line(capsys: Capture) -> None:
    logs.configure("INFO", in_lambda=True)
    logger.warning("%s", "one\ntwo")
    (line,) = json_lines(capsys)
    assert (line["level"], line["message"]) == ("WARNING", "one\ntwo")


def test_in_lambda_a_value_that_json_does_not_know_is_written_as_text(capsys: Capture) -> None:
    logs.configure("INFO", in_lambda=True)
    log(status=ValueError)
    assert json_lines(capsys)[0]["status"] == "<class 'ValueError'>"


def test_elsewhere_a_line_is_readable_text_on_stderr(capsys: Capture) -> None:
    logs.configure("INFO", in_lambda=False)
    log(status=201, source="shop", route="/v1/events/{event_id}", capacity=None)
    captured = capsys.readouterr()
    time, _, rest = captured.err.partition(" ")
    assert time[-1] == "Z"
    assert rest == "INFO    request status=201 source=shop route=/v1/events/{event_id} capacity=None\n"
    assert captured.out == ""


def test_a_text_line_without_fields_ends_after_its_message(capsys: Capture) -> None:
    logs.configure("INFO", in_lambda=False)
    logger.info("started")
    assert capsys.readouterr().err.endswith(" INFO    started\n")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a b", '"a b"'),
        ("a\nb", '"a\\nb"'),
        (
            "x\r\n2026-01-01T00:00:00.000000Z ERROR forged",
            '"x\\r\\n2026-01-01T00:00:00.000000Z ERROR forged"',
        ),
        ("\x1b[31mred", '"\\u001b[31mred"'),
        ("\x9b31m", '"\\u009b31m"'),
        ("a\x00b", '"a\\u0000b"'),
        ("\u202eright to left", '"\\u202eright to left"'),
        ("\u2028", '"\\u2028"'),
        ("été", '"\\u00e9t\\u00e9"'),
        ("\ud800", '"\\ud800"'),
        ("status=200 level=INFO", '"status=200 level=INFO"'),
    ],
)
def test_a_text_line_quotes_ambiguous_values(capsys: Capture, value: str, written: str) -> None:
    logs.configure("INFO", in_lambda=False)
    log(source=value, status=1)
    assert capsys.readouterr().err.endswith(f" INFO    request source={written} status=1\n")


@pytest.mark.parametrize("in_lambda", [True, False])
@pytest.mark.promise(11)
def test_a_traceback_names_types_and_places_and_quotes_nothing(capsys: Capture, in_lambda: bool) -> None:
    logs.configure("INFO", in_lambda=in_lambda)
    log_failure()
    captured = capsys.readouterr()
    written = captured.out + captured.err
    assert CANARY not in written
    for raised in ("RuntimeError", "ValueError", "KeyError"):
        assert f"raised builtins.{raised}" in written
    for function in ("log_failure", "fail"):
        assert f" in {function}" in written
    assert f"{__file__}:" in written


def test_a_traceback_is_a_list_in_json_and_indented_lines_in_text(capsys: Capture) -> None:
    logs.configure("INFO", in_lambda=True)
    log_failure()
    (line,) = json_lines(capsys)
    frames = line["traceback"]
    logs.configure("INFO", in_lambda=False)
    log_failure()
    first, *rest = capsys.readouterr().err.splitlines()
    assert first.endswith("ERROR   bug error=RuntimeError")
    assert rest == [f"  {frame}" for frame in frames]


@pytest.mark.parametrize("in_lambda", [True, False])
@pytest.mark.promise(11)
def test_a_group_of_exceptions_is_not_quoted(capsys: Capture, in_lambda: bool) -> None:
    logs.configure("INFO", in_lambda=in_lambda)
    logger.error("bug", exc_info=ExceptionGroup(CANARY, [ValueError(CANARY), KeyError(CANARY)]))
    captured = capsys.readouterr()
    assert "ExceptionGroup" in captured.out + captured.err
    assert CANARY not in captured.out + captured.err


def test_a_cycle_of_causes_is_logged_once(capsys: Capture) -> None:
    logs.configure("INFO", in_lambda=True)
    one, other = ValueError("one"), TypeError("other")
    one.__cause__, other.__cause__ = other, one
    logger.error("bug", exc_info=one)
    (line,) = json_lines(capsys)
    assert line["traceback"] == ["raised builtins.ValueError", "raised builtins.TypeError"]


def test_a_line_without_an_exception_has_no_traceback(capsys: Capture) -> None:
    logs.configure("INFO", in_lambda=True)
    logger.error("failed", exc_info=(None, None, None))
    assert "traceback" not in json_lines(capsys)[0]


def test_a_line_carries_the_ids_of_its_request(
    capsys: Capture, request_context: Callable[[RequestContext], None]
) -> None:
    logs.configure("INFO", in_lambda=True)
    request_context(RequestContext("request-1"))
    log()
    request_context(RequestContext("request-2", lambda_request_id="lambda-2"))
    log()
    first, second = json_lines(capsys)
    assert first["request_id"] == "request-1"
    assert "lambda_request_id" not in first
    assert (second["request_id"], second["lambda_request_id"]) == ("request-2", "lambda-2")


def test_outside_a_request_a_line_carries_no_id(
    capsys: Capture, request_context: Callable[[RequestContext], None]
) -> None:
    logs.configure("INFO", in_lambda=True)
    log()
    assert "request_id" not in json_lines(capsys)[0]


def test_lines_below_the_level_are_not_logged(capsys: Capture) -> None:
    logs.configure("WARNING", in_lambda=True)
    log()
    logger.warning("seen")
    assert [line["message"] for line in json_lines(capsys)] == ["seen"]


@pytest.mark.promise(11)
def test_the_libraries_are_not_logged_at_debug(capsys: Capture) -> None:
    logs.configure("DEBUG", in_lambda=True)
    logging.getLogger("botocore.endpoint").debug("a request with its %s", CANARY)
    logger.debug("seen")
    assert [line["message"] for line in json_lines(capsys)] == ["seen"]


def test_configuring_twice_writes_each_line_once(capsys: Capture) -> None:
    logs.configure("INFO", in_lambda=True)
    logs.configure("INFO", in_lambda=True)
    log()
    assert len(json_lines(capsys)) == 1
