"""What every `EventStore` must do with an event that came as a webhook: its body is kept byte for byte."""

import random
from dataclasses import replace
from typing import Any

import pytest

from tests.contract.test_event_store import add_one, page
from tests.support.clock import FakeClock
from tests.support.consumer import Consumer
from tests.support.sample_events import NOW, event, webhook_event
from triggers_api.core.events import Event
from triggers_api.core.ports import EventStore
from triggers_api.store.dynamodb.items import event_item

KIB = 1024
BODIES = {
    "object": b'{"order":1}',
    "object with white space and odd numbers": b' {\r\n\t"a" : [ 1.50, -0, 1E+2, 1e-400 ],\n "b": "\\/" } ',
    "object of UTF-8": '{"grüße":"世界 😀"}'.encode(),
    "object with a byte order mark": b'\xef\xbb\xbf{"a":1}',
    "object with a name twice": b'{"a":1,"a":2}',
    "object with a number of 5,000 digits": b'{"a":' + b"1" * 5000 + b"}",
    "array": b'[ {"email": "a@example.com"}, 1.0 ]',
    "number": b"10.0",
    "form": b"payload=%7B%22a%22%3A1%7D&name=Zo%C3%AB+x",
    "text with every ASCII character": bytes(range(128)),
    "text with unusual characters": "\ufeff\u2028\ufffe\U0010ffff\ue000".encode(),
    "empty": b"",
    "every byte": bytes(range(256)),
    "surrogate in UTF-8": b'{"a":"\xed\xa0\x80"}',
    "large object": b'{"text": "' + "wort é😀 ".encode() * 20_000 + b'"}',
    "random, 390 KiB": random.Random(1).randbytes(390 * KIB),
    "random letters, 390 KiB": "".join(
        random.Random(2).choices("abcdefghijklmnopqrstuvwxyz0123456789+/", k=390 * KIB)
    ).encode(),
}
"""The bodies of webhooks."""


@pytest.mark.promise(1)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_event_with_a_webhook_is_read_back_unchanged(
    store: EventStore, clock: FakeClock, body: bytes
) -> None:
    added, restored = webhook_event(body), webhook_event(body)
    add_one(store, added)
    assert store.restore([restored]) == [True]
    assert store.get(added.event_id, NOW) == added
    assert store.get_several([restored.event_id], NOW) == [restored]
    assert page(store, limit=1).events == (added,)
    assert page(store).events[-1].event_id == restored.event_id
    assert added.webhook is not None
    claimed, _ = Consumer(store, clock).receive_all()
    assert {one.event_id: one.webhook and one.webhook.body for one in claimed} == {
        added.event_id: body,
        restored.event_id: body,
    }


def test_restored_event_keeps_its_webhook_in_every_state(store: EventStore) -> None:
    at = "2026-01-02T03:04:05.000006Z"
    states: list[dict[str, Any]] = [
        {"acknowledged_at": at},
        {"died_at": at, "reason": "no"},
        {"lease": "t", "deliveries": 2, "hidden_until": NOW * 1000 + 5000},
        {"requeued_at": at},
    ]
    events = [webhook_event(b"\xff", **state) for state in states]
    assert store.restore(events) == [True] * len(events)
    assert [store.get(one.event_id, NOW) for one in events] == events


def test_changes_of_the_state_keep_the_webhook(store: EventStore, clock: FakeClock) -> None:
    consumer = Consumer(store, clock)
    added = webhook_event(b"[1.0]")
    add_one(store, added)

    def seen(**fields: Any) -> Event:
        """Return the event as it is now, which differs from the added one by its state only."""
        found = consumer.see(added)
        state = ("acknowledged_at", "died_at", "reason", "expires_at", "requeued_at")
        leased = ("deliveries", "hidden_until", "lease")
        changed: dict[str, Any] = {name: getattr(found, name) for name in (*state, *leased)}
        assert found == replace(added, **changed)
        assert {name: changed[name] for name in fields} == fields
        return found

    lease = consumer.lease(added)
    seen(deliveries=1, lease=lease)
    consumer.extend(added, lease, seconds=60)
    seen(hidden_until=consumer.now_ms + 60_000)
    consumer.release(added, lease)
    seen(hidden_until=0)
    released = consumer.release(added, consumer.lease(added), dead=True, reason="no")
    assert released == seen(reason="no")
    assert consumer.requeue(released) == [True]
    seen(deliveries=0, died_at=None, requeued_at=consumer.at)
    at = consumer.ack(added, consumer.lease(added))
    acknowledged = seen(acknowledged_at=at)
    clock.advance(seconds=1)
    assert consumer.requeue(acknowledged) == [True]
    seen(acknowledged_at=None)


def test_item_has_the_body_as_it_was_sent_and_the_payload_only_once() -> None:
    assert event_item(webhook_event(b'{ "a": 1 }'))["payload"] == {"S": '{ "a": 1 }'}
    assert event_item(webhook_event(b""))["payload"] == {"S": ""}
    assert event_item(webhook_event(b"\xff"))["payload"].keys() == {"B"}
    assert event_item(webhook_event(b'{"a":"' + b"b" * 2000 + b'"}'))["payload"].keys() == {"B"}
    plain = event(payload='{"a":1}')
    assert event_item(plain)["payload"] == {"S": '{"a":1}'}
    assert "webhook" not in event_item(plain)
