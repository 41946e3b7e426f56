"""A scheduled event has a shape that no client can make."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.lambda_events import SCHEDULED, rest_event
from tests.support.clock import FakeClock
from tests.unit.memory_store import MemoryEventStore
from triggers_api.api.factory import Stores, build_service
from triggers_api.api.schedule import is_scheduled, with_schedule
from triggers_api.settings import Settings

TEXT = json.dumps(SCHEDULED)
words = st.sampled_from([*SCHEDULED, *(str(one) for one in SCHEDULED.values()), TEXT]) | st.text()
headers = st.lists(st.tuples(words, words), max_size=5)


def answer(event: Any, capsys: pytest.CaptureFixture[str]) -> tuple[Any, str]:
    """Return what the handler answers, and what it writes."""

    def requests(event: Any, context: Any) -> dict[str, Any]:
        return {"statusCode": 418}

    unused: Any = None
    settings = Settings.from_environment({})
    service = build_service(settings, stores=Stores(MemoryEventStore(), unused, unused), clock=FakeClock())
    return with_schedule(requests, service, settings)(event, None), capsys.readouterr().out


def test_a_scheduled_event_measures_the_backlog(capsys: pytest.CaptureFixture[str]) -> None:
    answered, written = answer(SCHEDULED, capsys)
    assert answered == {}
    assert "_aws" in json.loads(written)


@pytest.mark.parametrize(
    "event",
    [{**SCHEDULED, "source": "aws.scheduler"}, {**SCHEDULED, "detail-type": "AWS Health Event"}],
    ids=["another scheduler", "another event"],
)
def test_other_events_of_eventbridge_are_ignored(event: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(event, capsys) == ({}, "")


@given(words, words, words, headers, words, words, words, st.booleans())
def test_no_value_that_a_client_chooses_makes_a_scheduled_event(
    method: str,
    path: str,
    query: str,
    sent: list[tuple[str, str]],
    body: str,
    host: str,
    base_path: str,
    as_base64: bool,
) -> None:
    event = rest_event(
        method,
        path,
        query=query,
        headers=sent,
        body=body.encode(errors="replace"),
        as_base64=as_base64,
        host=host,
        base_path=base_path,
    )
    assert not is_scheduled(event)


@pytest.mark.parametrize("field", rest_event("POST", "/v1/events"))
def test_no_field_of_a_request_makes_a_scheduled_event(
    field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not even if a client chose a whole field, which it cannot."""
    for value in (SCHEDULED, TEXT, "aws.events", None):
        event = {**rest_event("POST", "/v1/events"), field: value}
        assert answer(event, capsys) == ({"statusCode": 418}, "")


@pytest.mark.parametrize("field", ["httpMethod", "requestContext"])
def test_an_event_with_a_field_of_a_request_is_a_request(field: str) -> None:
    assert is_scheduled(SCHEDULED)
    assert not is_scheduled({**SCHEDULED, field: None})


@pytest.mark.parametrize("event", [None, [], "aws.events", {}, {"source": None}, {"source": ["aws.events"]}])
def test_an_event_of_another_form_is_a_request(event: Any) -> None:
    assert not is_scheduled(event)
