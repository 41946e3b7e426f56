"""Events: how they are shown, how many fit on a page, and which stored record is none."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError as PydanticError

from triggers_api.api.v1.models import EventMetadata
from triggers_api.core import events
from triggers_api.core.events import Event, load_event
from triggers_api.core.ids import EventIds, created_at
from triggers_api.core.paging import MAX_PAGE_BYTES, Page, PageBuilder, Position
from triggers_api.errors import CorruptRecordError

CANARY = "c4n4ry"
ACKNOWLEDGED_AT = "2026-01-02T03:04:05.000006Z"

new_id = EventIds().new


def event(**changes: Any) -> Event:
    event_id = new_id()
    fields: dict[str, Any] = {
        "event_id": event_id,
        "created_at": created_at(event_id),
        "source": "shop",
        "event_type": "order.paid",
        "payload": "{}",
        "metadata": '{"priority":"normal"}',
        "expires_at": 1_900_000_000,
    }
    return Event(**{**fields, **changes})


def size_in_lambda(one: Event) -> int:
    """Return the bytes of an event in a proxy response as Lambda writes it: a JSON string, in ASCII."""
    return len(json.dumps(one.to_json(), ensure_ascii=True).encode())


def event_of_size(size: int) -> Event:
    """Return an event that takes so many bytes in a proxy response, with hardly a third of them as UTF-8."""
    accents, rest = divmod(size - size_in_lambda(event(payload='{"t":""}')), 6)
    made = event(payload=f'{{"t":"{"é" * accents}{"a" * rest}"}}')
    assert size_in_lambda(made) == size
    assert len(made.to_json().encode()) * 2 < size
    return made


def test_a_pending_event_is_shown_flat_and_without_a_time_of_acknowledgement() -> None:
    made = event(source='quo"te', event_type="été", payload='{"a":[1.50,1e2]}')
    assert json.loads(made.to_json()) == {
        "event_id": made.event_id,
        "created_at": made.created_at,
        "source": 'quo"te',
        "event_type": "été",
        "payload": {"a": [1.5, 100.0]},
        "status": "pending",
        "metadata": {"priority": "normal"},
    }
    assert '"payload":{"a":[1.50,1e2]}' in made.to_json()


def test_an_acknowledged_event_says_when() -> None:
    shown = json.loads(event(acknowledged_at=ACKNOWLEDGED_AT).to_json())
    assert (shown["status"], shown["acknowledged_at"]) == ("acknowledged", ACKNOWLEDGED_AT)


def test_an_events_representation_shows_neither_payload_nor_metadata() -> None:
    made = event(payload=f'{{"secret":"{CANARY}"}}', metadata=f'{{"correlation_id":"{CANARY}"}}')
    assert CANARY not in repr(made)
    assert CANARY not in str(made)
    assert made.event_id in repr(made)


def test_a_page_takes_as_many_events_as_its_limit() -> None:
    page, events = PageBuilder(3), [event() for _ in range(4)]
    assert [page.add(one) for one in events] == [True, True, True, False]
    assert page.full_page() == Page(tuple(events[:3]), Position(events[2].created_at, events[2].event_id))


def test_a_page_says_how_many_more_it_takes() -> None:
    page = PageBuilder(2)
    missing = [page.free_places]
    for _ in range(3):
        page.add(event())
        missing.append(page.free_places)
    assert missing == [2, 1, 0, 0]


def test_a_page_that_stopped_ends_where_the_reader_stopped() -> None:
    page, one = PageBuilder(2), event()
    page.add(one)
    elsewhere = Position(ACKNOWLEDGED_AT, new_id())
    assert page.page_up_to(elsewhere) == Page((one,), elsewhere)
    assert page.page_up_to(None) == Page((one,), None)
    assert PageBuilder(2).page_up_to(None) == Page((), None)


def test_a_page_is_filled_to_the_last_byte_that_lambda_may_write() -> None:
    half = MAX_PAGE_BYTES // 2
    page = PageBuilder(100)
    assert page.add(event_of_size(half))
    assert not page.add(event_of_size(MAX_PAGE_BYTES - half + 1))
    assert page.add(event_of_size(MAX_PAGE_BYTES - half))
    assert not page.add(event())


def test_what_a_page_did_not_take_is_not_on_it() -> None:
    page, first, second = PageBuilder(100), event_of_size(MAX_PAGE_BYTES - 1000), event_of_size(2000)
    assert page.add(first)
    assert not page.add(second)
    assert page.full_page() == Page((first,), Position(first.created_at, first.event_id))


def test_a_page_that_took_its_time_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triggers_api.core.paging.MAX_PAGE_SECONDS", -1)
    page = PageBuilder(100)
    assert [page.add(event()) for _ in range(2)] == [True, False]


def test_an_event_that_is_larger_than_a_page_fits_alone() -> None:
    page, large = PageBuilder(100), event_of_size(MAX_PAGE_BYTES + 1_000_000)
    assert page.add(large)
    assert not page.add(event())
    assert page.full_page().events == (large,)


@pytest.mark.parametrize("acknowledged_at", [None, ACKNOWLEDGED_AT])
def test_a_sound_record_is_an_event(acknowledged_at: str | None) -> None:
    made = event(acknowledged_at=acknowledged_at, source="", payload='{"\\u0000":[{"é":1e308}]}')
    assert load_event(lambda: made) is made


NOT_AN_OBJECT: dict[str, Any] = {
    "nothing": "",
    "no JSON": CANARY,
    "cut": f'{{"a":"{CANARY}',
    "two values": f'{{}}{{"a":"{CANARY}"}}',
    "list": f'["{CANARY}"]',
    "text": f'"{CANARY}"',
    "number": "1",
    "null": "null",
    "too deep": f'{{"a":{"[" * 100_000}{"]" * 100_000}}}',
    "surrogate": f'{{"a":"{CANARY}\ud800"}}',
    "line break": f'{{"a":"{CANARY}\n"}}',
    "byte order mark": "\ufeff{}",
    "not a number of JSON": '{"a":NaN}',
    "bytes": b"{}",
    "None": None,
    "number itself": 5,
    "mapping itself": {},
}
DAMAGE: dict[str, dict[str, Any]] = {
    **{f"payload: {what}": {"payload": value} for what, value in NOT_AN_OBJECT.items()},
    **{f"metadata: {what}": {"metadata": value} for what, value in NOT_AN_OBJECT.items()},
    "another time": {"created_at": ACKNOWLEDGED_AT},
    "no time": {"created_at": None},
    "no id": {"event_id": None},
    "empty id": {"event_id": ""},
    "id that is no UUID": {"event_id": CANARY},
    "id of a number": {"event_id": 5},
    "id of version 4": {"event_id": str(uuid4())},
    "id of version 4 and no time": {"event_id": str(uuid4()), "created_at": None},
    "no expiry": {"expires_at": None},
    "id past the year 9999": {"event_id": str(UUID(int=2**128 - 1 & ~(0b1000 << 76) & ~(1 << 62)))},
    "no source": {"source": None},
    "number as a source": {"source": 5},
    "bytes as a source": {"source": CANARY.encode()},
    "surrogate in the source": {"source": f"{CANARY}\ud800"},
    "no type": {"event_type": None},
    "list as a type": {"event_type": [CANARY]},
    "surrogate in the type": {"event_type": f"{CANARY}\udfff"},
    "acknowledged at nothing": {"acknowledged_at": ""},
    "acknowledged at no time": {"acknowledged_at": CANARY},
    "acknowledged at a number": {"acknowledged_at": 1_800_000_000},
    "acknowledged at bytes": {"acknowledged_at": ACKNOWLEDGED_AT.encode()},
    "acknowledged and more": {"acknowledged_at": ACKNOWLEDGED_AT + '","a":"b'},
}


@pytest.mark.parametrize(
    "write", [str.upper, "{{{}}}".format, "urn:uuid:{}".format, lambda text: "\n" + text[1:]]
)
def test_an_id_in_another_form_is_damaged(write: Callable[[str], str]) -> None:
    made = event()
    with pytest.raises(CorruptRecordError):
        load_event(lambda: replace(made, event_id=write(made.event_id)))


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_record_is_told_and_not_quoted(damage: dict[str, Any]) -> None:
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
def test_a_record_from_which_no_event_can_be_made_is_damaged(error: Exception) -> None:
    with pytest.raises(CorruptRecordError) as caught:
        load_event(raises(error))
    assert CANARY not in caught.value.message
    assert type(error).__name__ in caught.value.message


def test_an_error_that_is_not_about_the_record_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        load_event(raises(ZeroDivisionError()))


def test_a_stored_record_may_hold_the_metadata_that_an_ingest_may_and_no_other() -> None:
    fields = EventMetadata.model_fields
    assert set(fields) == events._METADATA_FIELDS
    assert get_args(fields["priority"].annotation) == events._PRIORITIES
    longest = "x" * events._MAX_METADATA_TEXT
    for name in set(fields) - {"priority"}:
        assert getattr(EventMetadata.model_validate({name: longest}), name) == longest
        with pytest.raises(PydanticError):
            EventMetadata.model_validate({name: f"{longest}x"})
