"""Events: their JSON form, how many fit on a page, and which stored records are corrupt."""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError as PydanticError

from tests.support.sample_events import NOW, event, new_id, webhook_event
from triggers_api.api.v1 import models
from triggers_api.api.v1.models import EventMetadata
from triggers_api.core import events, fingerprint_v1
from triggers_api.core.events import HORIZON_MS, MAX_HIDDEN_SECONDS, Event, load_event
from triggers_api.core.hooks.webhook import Webhook
from triggers_api.core.idempotency import is_repeat, make_claim
from triggers_api.core.paging import MAX_PAGE_BYTES, Page, PageBuilder, Position
from triggers_api.errors import CorruptRecordError

CANARY = "c4n4ry"
ACKNOWLEDGED_AT = "2026-01-02T03:04:05.000006Z"

NOW_MS = NOW * 1000


def size_in_lambda(one: Event) -> int:
    """Return the bytes of an event in a proxy response as Lambda writes it: a JSON string, in ASCII."""
    return len(json.dumps(one.to_json(NOW_MS), ensure_ascii=True).encode())


def event_of_size(size: int) -> Event:
    """Return an event that takes this many bytes in a proxy response, but less than half of them as UTF-8."""
    accents, rest = divmod(size - size_in_lambda(event(payload='{"t":""}')), 6)
    made = event(payload=f'{{"t":"{"é" * accents}{"a" * rest}"}}')
    assert size_in_lambda(made) == size
    assert len(made.to_json(NOW_MS).encode()) * 2 < size
    return made


def page_of(limit: int) -> PageBuilder:
    return PageBuilder(limit, NOW_MS)


def test_json_of_pending_event_has_no_acknowledged_at() -> None:
    made = event(source='quo"te', event_type="été", payload='{"a":[1.50,1e2]}')
    assert json.loads(made.to_json(NOW_MS)) == {
        "event_id": made.event_id,
        "created_at": made.created_at,
        "source": 'quo"te',
        "event_type": "été",
        "payload": {"a": [1.5, 100.0]},
        "status": "pending",
        "deliveries": 0,
        "metadata": {"priority": "normal"},
    }
    assert '"payload":{"a":[1.50,1e2]}' in made.to_json(NOW_MS)


def test_json_of_acknowledged_event_has_acknowledged_at() -> None:
    shown = json.loads(event(acknowledged_at=ACKNOWLEDGED_AT).to_json(NOW_MS))
    assert (shown["status"], shown["acknowledged_at"]) == ("acknowledged", ACKNOWLEDGED_AT)


def test_json_of_dead_event_has_died_at_and_reason() -> None:
    made = event(died_at=ACKNOWLEDGED_AT, reason='quo"te é\n', deliveries=3)
    shown = json.loads(made.to_json(NOW_MS))
    assert (shown["status"], shown["died_at"], shown["reason"]) == ("dead", ACKNOWLEDGED_AT, 'quo"te é\n')
    assert shown["deliveries"] == 3
    assert "reason" not in json.loads(event(died_at=ACKNOWLEDGED_AT).to_json(NOW_MS))


@pytest.mark.promise(13)
@pytest.mark.parametrize(
    ("hidden_until", "shown"),
    [
        (0, None),
        (NOW_MS - 1, None),
        (NOW_MS, None),
        (NOW_MS + 1, "2027-01-15T08:00:00.001000Z"),
        (NOW_MS + MAX_HIDDEN_SECONDS * 1000, "2027-01-15T20:00:00.000000Z"),
        (NOW_MS + HORIZON_MS, "2027-01-15T20:01:00.000000Z"),
        (NOW_MS + HORIZON_MS + 1, None),
    ],
)
def test_end_of_a_lease_is_shown_while_it_lies_ahead_and_is_possible(
    hidden_until: int, shown: str | None
) -> None:
    made = event(hidden_until=hidden_until, lease="t", deliveries=1)
    assert made.is_hidden(NOW_MS) is (shown is not None)
    assert json.loads(made.to_json(NOW_MS)).get("leased_until") == shown
    for ended in (replace(made, acknowledged_at=ACKNOWLEDGED_AT), replace(made, died_at=ACKNOWLEDGED_AT)):
        assert "leased_until" not in ended.to_json(NOW_MS), "only a pending event is leased"


def test_token_of_a_lease_is_never_shown() -> None:
    made = event(lease=CANARY, hidden_until=NOW_MS + 1000, deliveries=1)
    assert CANARY not in made.to_json(NOW_MS)
    assert CANARY not in repr(made)


def test_repr_shows_neither_payload_nor_metadata() -> None:
    made = event(payload=f'{{"secret":"{CANARY}"}}', metadata=f'{{"correlation_id":"{CANARY}"}}')
    assert CANARY not in repr(made)
    assert CANARY not in str(made)
    assert made.event_id in repr(made)


def test_webhook_is_shown_in_the_metadata_and_its_body_is_not() -> None:
    made = webhook_event(b'[ "\xc3\xa9" ]', details={"headers": None}, metadata='{"priority":"low" }')
    shown = json.loads(made.to_json(NOW_MS))
    assert shown["payload"] == {"body": ["é"], "encoding": "json"}
    assert shown["metadata"] == {
        "priority": "low",
        "webhook": {
            "hook": "hook_abcd",
            "content_type": "application/json",
            "delivery_id": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        },
    }
    assert "webhook" not in json.loads(event().to_json(NOW_MS))["metadata"]


def test_repr_shows_nothing_of_a_webhook() -> None:
    made = webhook_event(f'{{"secret":"{CANARY}"}}'.encode(), details={"delivery_id": CANARY})
    assert CANARY not in repr(made)


def test_page_takes_events_up_to_its_limit() -> None:
    page, events = page_of(3), [event() for _ in range(4)]
    assert [page.add(one) for one in events] == [True, True, True, False]
    assert page.full_page() == Page(tuple(events[:3]), Position(events[2].created_at, events[2].event_id))


def test_free_places_count_down_to_zero() -> None:
    page = page_of(2)
    missing = [page.free_places]
    for _ in range(3):
        page.add(event())
        missing.append(page.free_places)
    assert missing == [2, 1, 0, 0]


def test_page_up_to_a_position_continues_there() -> None:
    page, one = page_of(2), event()
    page.add(one)
    elsewhere = Position(ACKNOWLEDGED_AT, new_id())
    assert page.page_up_to(elsewhere) == Page((one,), elsewhere)
    assert page.page_up_to(None) == Page((one,), None)
    assert page_of(2).page_up_to(None) == Page((), None)


def test_page_is_filled_to_the_last_byte_of_a_lambda_response() -> None:
    half = MAX_PAGE_BYTES // 2
    page = page_of(100)
    assert page.add(event_of_size(half))
    assert not page.add(event_of_size(MAX_PAGE_BYTES - half + 1))
    assert page.add(event_of_size(MAX_PAGE_BYTES - half))
    assert not page.add(event())


def test_refused_event_is_not_on_the_page() -> None:
    page, first, second = page_of(100), event_of_size(MAX_PAGE_BYTES - 1000), event_of_size(2000)
    assert page.add(first)
    assert not page.add(second)
    assert page.full_page() == Page((first,), Position(first.created_at, first.event_id))


def test_page_is_full_after_its_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triggers_api.core.paging.MAX_PAGE_SECONDS", -1)
    page = page_of(100)
    assert [page.add(event()) for _ in range(2)] == [True, False]


def test_event_larger_than_a_page_fits_alone() -> None:
    page, large = page_of(100), event_of_size(MAX_PAGE_BYTES + 1_000_000)
    assert page.add(large)
    assert not page.add(event())
    assert page.full_page().events == (large,)


VALID: list[dict[str, Any]] = [
    {},
    {"acknowledged_at": ACKNOWLEDGED_AT},
    {"source": "", "payload": '{"\\u0000":[{"é":1e308}]}'},
    {"deliveries": 1, "hidden_until": NOW_MS, "lease": "t"},
    {"died_at": ACKNOWLEDGED_AT, "reason": "é", "deliveries": 10, "lease": "t"},
    {"acknowledged_at": ACKNOWLEDGED_AT, "deliveries": 1, "hidden_until": NOW_MS, "lease": "t"},
    {"requeued_at": ACKNOWLEDGED_AT},
    {"webhook": Webhook('{"hook":"hook_abcd"}', b"\xff")},
    {"webhook": webhook_event().webhook},
]


@pytest.mark.parametrize("fields", VALID, ids=str)
def test_valid_record_is_loaded(fields: dict[str, Any]) -> None:
    made = event(**fields)
    assert load_event(lambda: made) is made


NOT_AN_OBJECT: dict[str, Any] = {
    "empty": "",
    "not JSON": CANARY,
    "truncated": f'{{"a":"{CANARY}',
    "two values": f'{{}}{{"a":"{CANARY}"}}',
    "list": f'["{CANARY}"]',
    "text": f'"{CANARY}"',
    "number": "1",
    "null": "null",
    "too deep": f'{{"a":{"[" * 100_000}{"]" * 100_000}}}',
    "surrogate": f'{{"a":"{CANARY}\ud800"}}',
    "line break": f'{{"a":"{CANARY}\n"}}',
    "byte order mark": "\ufeff{}",
    "NaN": '{"a":NaN}',
    "bytes": b"{}",
    "None": None,
    "a number": 5,
    "a mapping": {},
}


def with_details(details: Any) -> dict[str, Any]:
    return {"webhook": Webhook(details, b"{}")}


DAMAGE: dict[str, dict[str, Any]] = {
    **{f"payload: {what}": {"payload": value} for what, value in NOT_AN_OBJECT.items()},
    **{f"metadata: {what}": {"metadata": value} for what, value in NOT_AN_OBJECT.items()},
    "created_at of another time": {"created_at": ACKNOWLEDGED_AT},
    "created_at is None": {"created_at": None},
    "id is None": {"event_id": None},
    "empty id": {"event_id": ""},
    "id is not a UUID": {"event_id": CANARY},
    "id is a number": {"event_id": 5},
    "id of version 4": {"event_id": str(uuid4())},
    "id of version 4, created_at is None": {"event_id": str(uuid4()), "created_at": None},
    "expiry is None": {"expires_at": None},
    "id past the year 9999": {"event_id": str(UUID(int=2**128 - 1 & ~(0b1000 << 76) & ~(1 << 62)))},
    "source is None": {"source": None},
    "source is a number": {"source": 5},
    "source is bytes": {"source": CANARY.encode()},
    "surrogate in the source": {"source": f"{CANARY}\ud800"},
    "type is None": {"event_type": None},
    "type is a list": {"event_type": [CANARY]},
    "surrogate in the type": {"event_type": f"{CANARY}\udfff"},
    "acknowledged_at is empty": {"acknowledged_at": ""},
    "acknowledged_at is not a time": {"acknowledged_at": CANARY},
    "acknowledged_at is a number": {"acknowledged_at": 1_800_000_000},
    "acknowledged_at is bytes": {"acknowledged_at": ACKNOWLEDGED_AT.encode()},
    "acknowledged_at with more text": {"acknowledged_at": ACKNOWLEDGED_AT + '","a":"b'},
    "died_at is not a time": {"died_at": CANARY},
    "died_at with more text": {"died_at": ACKNOWLEDGED_AT + '","a":"b'},
    "acknowledged and dead": {"acknowledged_at": ACKNOWLEDGED_AT, "died_at": ACKNOWLEDGED_AT},
    "requeued_at is not a time": {"requeued_at": CANARY},
    "reason is a number": {"died_at": ACKNOWLEDGED_AT, "reason": 5},
    "surrogate in the reason": {"died_at": ACKNOWLEDGED_AT, "reason": f"{CANARY}\ud800"},
    "deliveries is a text": {"deliveries": CANARY},
    "deliveries is None": {"deliveries": None},
    "deliveries is negative": {"deliveries": -1},
    "end of the lease is a text": {"hidden_until": CANARY},
    "end of the lease is None": {"hidden_until": None},
    "token is a number": {"lease": 5},
    "token is bytes": {"lease": CANARY.encode()},
    "webhook is a text": {"webhook": CANARY},
    **{f"webhook: {what}": with_details(value) for what, value in NOT_AN_OBJECT.items()},
    "webhook with a line break": with_details(f'{{"hook":"h","content_type":"a\\r\\n{CANARY}"}}'),
    "webhook with a header that is not ASCII": with_details(f'{{"hook":"h","headers":{{"a":"é{CANARY}"}}}}'),
    "webhook without a hook": with_details(f'{{"content_type":"{CANARY}"}}'),
    "hook is a number": with_details('{"hook":5}'),
    "webhook has an unknown member": with_details(f'{{"hook":"h","{CANARY}":"x"}}'),
    "content type is null": with_details('{"hook":"h","content_type":null}'),
    "delivery id is a number": with_details('{"hook":"h","delivery_id":5}'),
    "headers are a list": with_details(f'{{"hook":"h","headers":["{CANARY}"]}}'),
    "header is a list": with_details(f'{{"hook":"h","headers":{{"a":["{CANARY}"]}}}}'),
    "hook is there twice": with_details(f'{{"hook":"{CANARY}","hook":"h"}}'),
}


@pytest.mark.parametrize(
    "write", [str.upper, "{{{}}}".format, "urn:uuid:{}".format, lambda text: "\n" + text[1:]]
)
def test_id_in_another_form_is_corrupt(write: Callable[[str], str]) -> None:
    made = event()
    with pytest.raises(CorruptRecordError):
        load_event(lambda: replace(made, event_id=write(made.event_id)))


def test_damage_of_every_field_is_tried() -> None:
    """A new field needs a check in `load_event`, and a row of `DAMAGE` that shows it."""
    tried = {name for damage in DAMAGE.values() for name in damage}
    assert tried == {one.name for one in dataclasses.fields(Event)}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_record_is_corrupt_and_not_quoted(damage: dict[str, Any]) -> None:
    with pytest.raises(CorruptRecordError) as caught:
        load_event(lambda: event(**damage))
    assert CANARY not in caught.value.message
    assert CANARY not in repr(caught.value)


def raises(error: Exception) -> Callable[[], Event]:
    def make() -> Event:
        raise error

    return make


@pytest.mark.parametrize(
    "error",
    [KeyError(CANARY), IndexError(CANARY), TypeError(CANARY), ValueError(CANARY), AttributeError(CANARY)],
    ids=lambda error: type(error).__name__,
)
def test_record_that_cannot_be_decoded_is_corrupt(error: Exception) -> None:
    with pytest.raises(CorruptRecordError) as caught:
        load_event(raises(error))
    assert CANARY not in caught.value.message
    assert type(error).__name__ in caught.value.message


def test_unrelated_error_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        load_event(raises(ZeroDivisionError()))


def test_stored_metadata_allows_the_same_fields_as_an_ingest() -> None:
    fields = EventMetadata.model_fields
    assert set(fields) == events._METADATA_FIELDS
    priorities, _ = get_args(fields["priority"].annotation)  # or null
    assert get_args(priorities) == events._PRIORITIES
    longest = "x" * events._MAX_METADATA_TEXT
    for name in set(fields) - {"priority"}:
        assert getattr(EventMetadata.model_validate({name: longest}), name) == longest
        with pytest.raises(PydanticError):
            EventMetadata.model_validate({name: f"{longest}x"})


def test_an_event_shows_every_field_of_its_record_and_of_the_documented_answer() -> None:
    made = [
        event(hidden_until=NOW_MS + 1, lease="t"),
        event(acknowledged_at=ACKNOWLEDGED_AT),
        event(died_at=ACKNOWLEDGED_AT, reason="no"),
    ]
    shown = {name for one in made for name in json.loads(one.to_json(NOW_MS))}
    hidden = {"expires_at", "hidden_until", "lease", "requeued_at", "webhook"}  # that is in the metadata
    assert shown == {one.name for one in dataclasses.fields(Event)} - hidden | {"status", "leased_until"}
    assert shown == set(models.Event.model_fields)


OF_THE_SERVICE = {
    "event_id",
    "created_at",
    "expires_at",
    "acknowledged_at",
    "died_at",
    "reason",
    "deliveries",
    "hidden_until",
    "leased_until",
    "lease",
    "requeued_at",
    "status",
    "webhook",
}
"""The fields that no producer sends."""


def test_producer_can_send_every_field_of_an_event_that_the_service_does_not_set() -> None:
    assert set(models.IngestRequest.model_fields) == set(models.Event.model_fields) - OF_THE_SERVICE


@pytest.mark.parametrize(
    "name", [one.name for one in dataclasses.fields(Event) if one.name not in OF_THE_SERVICE]
)
def test_requests_that_differ_in_one_field_are_no_repeats(name: str) -> None:
    """Those of an earlier version included: its claims lack a field that was added later."""
    texts = {"payload": '{"other":1}', "metadata": '{"priority":"high"}'}
    plain, other = event(), event(**{name: texts.get(name, "other")})
    stored, claim = (make_claim(made, key_digest="", idempotency_key="", now=0) for made in (plain, other))
    assert not is_repeat(other, claim, stored_fingerprint=stored.fingerprint)
    assert not is_repeat(other, claim, stored_fingerprint=fingerprint_v1.fingerprint(plain))
    assert is_repeat(plain, stored, stored_fingerprint=fingerprint_v1.fingerprint(plain))
