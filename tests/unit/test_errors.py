"""The error tree, its two tables, and the one shape of an error's answer."""

import inspect
import json
import re
from collections.abc import Iterator
from itertools import pairwise

import pytest

from triggers_api import errors
from triggers_api.api.errors import HTTP_STATUS, error_response
from triggers_api.cli.exit_codes import EXIT_CODE, INTERRUPTED
from triggers_api.errors import Kind, OperatorError, TriggersError

CLASSES = [
    found for _, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, TriggersError)
]
CONTRACT = {
    "VALIDATION_ERROR": {400, 422},
    "UNAUTHORIZED": {401},
    "FORBIDDEN": {403},
    "NOT_FOUND": {404},
    "METHOD_NOT_ALLOWED": {405},
    "CONFLICT": {409},
    "LEASE_LOST": {409},
    "PAYLOAD_TOO_LARGE": {413},
    "UNSUPPORTED_MEDIA_TYPE": {415},
    "MISDIRECTED_REQUEST": {421},
    "IDEMPOTENCY_KEY_REUSED": {422},
    "INTERNAL_ERROR": {500},
    "SERVICE_UNAVAILABLE": {503},
}
HIDDEN = [found for found in CLASSES if HTTP_STATUS[found.kind] == 500 or issubclass(found, OperatorError)]


def drawn() -> Iterator[tuple[str, str]]:
    """Return each class of the drawn tree and its parent: further out and above it, or to its left."""
    branch: list[tuple[int, str]] = []
    tree = (errors.__doc__ or "").splitlines()
    for line in tree[next(n for n, text in enumerate(tree) if text.strip() == "TriggersError") :]:
        names = list(re.finditer(r"\w+Error", line))
        if names:
            column = names[0].start()
            branch = [*((at, name) for at, name in branch if at < column), (column, names[0].group())]
            chain = [branch[-2][1] if len(branch) > 1 else "", *(name.group() for name in names)]
            yield from pairwise(chain)


def make(found: type[TriggersError]) -> TriggersError:
    return found("What happened.", reason="why", hint="What to do.", details={"allowed": ["GET"]})


def test_the_drawn_tree_is_the_tree() -> None:
    real = {(found.__base__.__name__ if found.__base__ else "", found.__name__) for found in CLASSES}
    assert set(drawn()) - {("", "TriggersError")} == real - {("Exception", "TriggersError")}


@pytest.mark.parametrize("found", CLASSES)
def test_every_error_has_a_docstring(found: type[TriggersError]) -> None:
    assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", found.code)
    assert isinstance(found.kind, Kind)
    assert found.__doc__


@pytest.mark.parametrize("found", [found for found in CLASSES if found.__base__ is TriggersError])
def test_every_branch_has_a_code_and_a_kind_of_its_own(found: type[TriggersError]) -> None:
    assert {"code", "kind"} <= vars(found).keys()


def test_every_kind_has_an_http_status() -> None:
    assert set(HTTP_STATUS) == set(Kind)
    assert all(400 <= status <= 599 for status in HTTP_STATUS.values())


def test_every_kind_has_an_exit_code() -> None:
    assert set(EXIT_CODE) == set(Kind)
    assert all(0 < code < 126 for code in EXIT_CODE.values())
    assert INTERRUPTED not in EXIT_CODE.values()


@pytest.mark.parametrize("found", [found for found in CLASSES if found not in HIDDEN])
def test_every_error_of_the_client_has_the_status_of_the_contract(found: type[TriggersError]) -> None:
    assert error_response(make(found), "r").status_code in CONTRACT[found.code]


@pytest.mark.parametrize("found", [found for found in CLASSES if found not in HIDDEN])
def test_an_error_is_answered_in_the_one_shape(found: type[TriggersError]) -> None:
    response = error_response(make(found), "request-1")
    assert response.headers["content-type"] == "application/json"
    assert json.loads(bytes(response.body)) == {
        "error": {
            "code": found.code,
            "message": "What happened. What to do.",
            "details": {"allowed": ["GET"]},
            "request_id": "request-1",
        }
    }


@pytest.mark.parametrize("found", HIDDEN)
def test_an_internal_error_hides_its_cause_from_the_client(found: type[TriggersError]) -> None:
    response = error_response(make(found), "request-1")
    assert json.loads(bytes(response.body)) == {
        "error": {
            "code": "INTERNAL_ERROR",
            "message": "An unexpected error occurred.",
            "details": {},
            "request_id": "request-1",
        }
    }


@pytest.mark.parametrize("found", CLASSES)
def test_only_a_503_has_a_retry_after(found: type[TriggersError]) -> None:
    response = error_response(make(found), "r")
    assert ("retry-after" in response.headers) == (response.status_code == 503)
    assert int(response.headers.get("retry-after", 1)) > 0


@pytest.mark.parametrize("found", CLASSES)
def test_a_401_names_its_scheme_and_a_405_its_methods(found: type[TriggersError]) -> None:
    response = error_response(make(found), "r")
    assert ("www-authenticate" in response.headers) == (response.status_code == 401)
    assert response.headers.get("allow") == ("GET" if response.status_code == 405 else None)


def test_an_error_has_message_reason_hint_and_details() -> None:
    error = errors.NotFoundError("gone", reason="deleted", hint="look elsewhere", details={"a": 1})
    assert str(error) == error.message == "gone"
    assert (error.reason, error.hint, error.details) == ("deleted", "look elsewhere", {"a": 1})
    assert dict(errors.NotFoundError("gone").details) == {}
