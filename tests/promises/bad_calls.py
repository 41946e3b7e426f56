"""Calls of the queue that are refused as a whole, with nothing done."""

from dataclasses import dataclass

from tests.promises.event_model import ANY, DEAD, PENDING
from tests.promises.model import CONSUME, INGEST, MANAGE

LONGEST = 43_200


@dataclass(frozen=True)
class BadCall:
    """A call that is refused as a whole, for a key with the scope."""

    scope: str
    path: str
    body: object


ID, OTHER_ID = "0193a5b0-0000-7000-8000-00000000000a", "0193a5b0-0000-7000-8000-00000000000b"
ONE = {"event_id": ID, "lease": "t"}
EACH_CHANGE: list[tuple[str, dict[str, object]]] = [
    ("ack", {}),
    ("extend", {"lease_seconds": 5}),
    ("release", {}),
]


BAD_RELEASES: list[dict[str, object]] = [
    {"delay_seconds": -1},
    {"delay_seconds": LONGEST + 1},
    {"delay_seconds": "0"},
    {"delay_seconds": None},
    {"delay_seconds": 0.5},
    {"dead": True, "delay_seconds": 1},
    {"dead": "true"},
    {"reason": "x" * 257},
    {"reason": None},
]


def no_entries(one: object) -> list[object]:
    """Return what is no list of 1 to 100 entries."""
    return [[], [one] * 101, None, {}, "a"]


BAD_CALLS = [
    *(
        BadCall(CONSUME, "inbox/receive", body)
        for body in (
            *({"max": value} for value in (0, 101, -1, 1.5, "1", None, True, 10**30)),
            *({"lease_seconds": value} for value in (0, LONGEST + 1, -1, 10**30, "30")),
            *({"source": ""}, {"event_type": "a\n"}, {"types": ["a"]}, [], "a", {"event_type": ["a"]}),
        )
    ),
    *(
        BadCall(scope, path, {**body, name: entries})
        for scope, path, name, one, body in (
            (INGEST, "events/batch", "events", {"source": "a", "event_type": "b", "payload": {}}, {}),
            (CONSUME, "inbox/ack", "events", ONE, {}),
            (CONSUME, "inbox/extend", "events", ONE, {"lease_seconds": 5}),
            (CONSUME, "inbox/release", "events", ONE, {}),
            (CONSUME, "inbox/delete", "event_ids", ID, {}),
        )
        for entries in no_entries(one)
    ),
    *(
        BadCall(CONSUME, f"inbox/{path}", {"events": [ONE, {**ONE, "event_id": ID.upper()}], **body})
        for path, body in EACH_CHANGE
    ),
    BadCall(CONSUME, "inbox/delete", {"event_ids": [ID, OTHER_ID, ID.upper()]}),
    BadCall(CONSUME, "inbox/ack", {"events": [ONE], "lease_seconds": 5}),
    *(
        BadCall(CONSUME, "inbox/extend", {"events": [ONE], **body})
        for body in ({}, {"lease_seconds": 0}, {"lease_seconds": LONGEST + 1}, {"lease_seconds": None})
    ),
    *(BadCall(CONSUME, "inbox/release", {"events": [ONE], **body}) for body in BAD_RELEASES),
    *(
        BadCall(MANAGE, "inbox/requeue", body)
        for body in (
            *({}, {"event_ids": []}, {"event_ids": [ID] * 2}, {"event_ids": ["no-id"]}),
            *({"filter": {}}, {"filter": {"status": PENDING}}, {"filter": {"status": ANY}}),
            {"event_ids": [ID], "filter": {"status": DEAD}},
            *({"event_ids": [ID], name: value} for name, value in (("limit", 5), ("dry_run", True))),
            {"filter": {"status": DEAD, "acknowledged_since": "2026-01-01T00:00:00Z"}},
            {"filter": {"status": DEAD, "since": "yesterday"}},
            *({"filter": {"status": DEAD}, "limit": limit} for limit in (0, 501, -1)),
            {"filter": {"status": DEAD}, "cursor": "AQ"},
        )
    ),
    *(
        BadCall(MANAGE, "inbox/purge", body)
        for body in (
            *({}, {"filter": {}}, {"event_ids": [ID]}, {"filter": {"status": "gone"}}),
            *({"filter": {"status": ANY}, "limit": limit} for limit in (0, 501)),
            {"filter": {"status": ANY, "acknowledged_until": "2026-01-01T00:00:00Z"}},
            {"filter": {"status": PENDING, "order": "newest"}},
        )
    ),
]
