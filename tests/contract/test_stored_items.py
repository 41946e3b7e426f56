"""Items that an earlier version wrote to DynamoDB are still read: a new field needs a default for them."""

import zlib

from triggers_api.store.dynamodb.items import load_item, readable_events

EVENT_ID = "01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"
PENDING = {
    "event_id": {"S": EVENT_ID},
    "created_at": {"S": "2024-11-27T01:13:53.722766Z"},
    "source": {"S": "shop"},
    "event_type": {"S": "order.paid"},
    "payload": {"S": '{"order":1}'},
    "metadata": {"S": '{"priority":"normal"}'},
    "status": {"S": "pending"},
    "ttl": {"N": "1900000000"},
}
"""As version 0.1.0 writes it (commit 49e0142)."""

ACKNOWLEDGED = {
    **PENDING,
    "payload": {"B": zlib.compress(b'{"order":2}')},
    "status": {"S": "acknowledged"},
    "acknowledged_at": {"S": "2024-11-27T02:06:00.000000Z"},
    "ack_nonce": {"S": "0123456789abcdef"},
}


def test_items_of_version_0_1_0_are_read() -> None:
    pending, acknowledged = load_item(PENDING), load_item(ACKNOWLEDGED)
    assert (pending.payload, pending.acknowledged_at) == ('{"order":1}', None)
    assert (acknowledged.payload, acknowledged.acknowledged_at) == (
        '{"order":2}',
        "2024-11-27T02:06:00.000000Z",
    )
    assert (pending.webhook, acknowledged.webhook) == (None, None)
    assert list(readable_events([PENDING, ACKNOWLEDGED])) == [pending, acknowledged]
