"""Examples of requests and answers, for the OpenAPI document. They are about one event, an invoice."""

from typing import Any

from fastapi.openapi.models import Example

from triggers_api.version import VERSION

_EVENT_ID = "01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"
_REQUEST_ID = {"request_id": "test-request-123"}
_CREATED_AT = "2024-11-27T08:15:30.123456Z"
_METADATA = {"correlation_id": "order-4711", "priority": "high", "idempotency_key": "invoice-2024-0117"}
_LEASE = {"token": "kW3yq0nT5bJ8aXcD", "expires_at": "2024-11-27T08:16:00.500000Z"}
_ACKNOWLEDGED_AT = "2024-11-27T08:16:02.654321Z"
_EVENT = {
    "event_id": _EVENT_ID,
    "created_at": _CREATED_AT,
    "source": "billing",
    "event_type": "invoice.paid",
    "payload": {"invoice": "2024-0117", "amount": 99.5},
    "metadata": _METADATA,
    "status": "pending",
    "deliveries": 0,
}
_REQUEST = {name: _EVENT[name] for name in ("source", "event_type", "payload", "metadata")}
_ENTRY = {"index": 0, "event_id": _EVENT_ID}
_MISSING = {
    "index": 1,
    "event_id": "01936b2e-9d42-7e1a-8c55-0f4b2a6d7e91",
    "status": 404,
    "error": {"code": "NOT_FOUND", "message": "There is no event with this id.", "details": {}},
}
_HELD = [
    {"event_id": _EVENT_ID, "lease": _LEASE["token"]},
    {"event_id": _MISSING["event_id"], "lease": _LEASE["token"]},
]


def answer(**members: Any) -> dict[str, Any]:
    """Return an example of an answer, for the `responses` of an endpoint. The request id is added."""
    return {"content": {"application/json": {"example": {**members, **_REQUEST_ID}}}}


def _request(summary: str, **members: Any) -> Example:
    return {"summary": summary, "value": members}


INGEST_REQUESTS: dict[str, Example] = {
    "minimal": _request("The required members", source="test", event_type="test.created", payload={}),
    "full": _request("Every member", **_REQUEST),
}
INGEST_BATCHES = {
    "full": _request(
        "Two events, the second with the idempotency key of the first",
        events=[_REQUEST, {**_REQUEST, "payload": {}}],
    )
}
ACK_REQUESTS = {
    "minimal": _request("Without a lease"),
    "full": _request("With the token of the lease", lease=_LEASE["token"]),
}
RECEIVE_REQUESTS = {
    "minimal": _request("Up to 10 events, for 30 seconds"),
    "full": _request("Every member", max=25, lease_seconds=60, source="billing", event_type="invoice.paid"),
}
ACK_BATCHES = {"full": _request("Events with the tokens of their leases", events=_HELD)}
EXTEND_BATCHES = {"full": _request("One more minute, from now", events=_HELD, lease_seconds=60)}
RELEASE_BATCHES = {
    "full": _request("Try again in five minutes", events=_HELD, delay_seconds=300),
    "dead": _request("Move to the dead events", events=_HELD, dead=True, reason="unknown invoice"),
}
DELETE_BATCHES = {"full": _request("Two events", event_ids=[_EVENT_ID, _MISSING["event_id"]])}
REQUEUE_REQUESTS = {
    "events": _request("Some events", event_ids=[_EVENT_ID]),
    "full": _request(
        "The dead events of a source", filter={"status": "dead", "source": "billing"}, limit=500
    ),
    "dry_run": _request(
        "How many events were acknowledged since then",
        filter={"status": "acknowledged", "acknowledged_since": "2024-11-27T09:15:30+01:00"},
        dry_run=True,
    ),
}
PURGE_REQUESTS = {
    "full": _request("All events of a source", filter={"status": "any", "source": "billing"}, limit=500),
    "dry_run": _request("How many dead events there are", filter={"status": "dead"}, dry_run=True),
}

HEALTH = answer(status="healthy", timestamp=_CREATED_AT, version=VERSION)
INGESTED = answer(event_id=_EVENT_ID, created_at=_CREATED_AT, status="pending", message="Event stored.") | {
    "headers": {
        "Idempotent-Replayed": {
            "description": "`true` if this repeats the answer to an earlier request.",
            "schema": {"type": "string", "const": "true"},
        }
    }
}
INGEST_RESULTS = answer(
    results=[
        {**_ENTRY, "status": 201, "created_at": _CREATED_AT},
        {
            "index": 1,
            "status": 422,
            "error": {
                "code": "IDEMPOTENCY_KEY_REUSED",
                "message": "This idempotency key was used before, for another request.",
                "details": {},
            },
        },
    ]
)
EVENT = answer(**_EVENT)
INBOX = answer(events=[_EVENT], pagination={"limit": 50})
STATS = answer(
    pending={
        "count": 1,
        "capped": False,
        "leased": 0,
        "oldest_created_at": _CREATED_AT,
        "oldest_age_seconds": 30,
    },
    dead={"count": 0, "capped": False},
)
RECEIVED = answer(
    events=[{**_EVENT, "deliveries": 1, "leased_until": _LEASE["expires_at"], "lease": _LEASE}], more=False
)
ACKNOWLEDGED = answer(
    event_id=_EVENT_ID,
    status="acknowledged",
    acknowledged_at=_ACKNOWLEDGED_AT,
    message="Event acknowledged.",
)
ACK_RESULTS = answer(results=[{**_ENTRY, "status": 200, "acknowledged_at": _ACKNOWLEDGED_AT}, _MISSING])
EXTEND_RESULTS = answer(results=[{**_ENTRY, "status": 200, "expires_at": _LEASE["expires_at"]}, _MISSING])
RELEASE_RESULTS = answer(results=[{**_ENTRY, "status": 200, "event_status": "pending"}, _MISSING])
DELETED = answer(event_id=_EVENT_ID, message="Event deleted.")
DELETE_RESULTS = answer(
    results=[{**_ENTRY, "status": 200}, {"index": 1, "event_id": _MISSING["event_id"], "status": 200}]
)
REQUEUED = answer(requeued=1)
PURGED = answer(deleted=1)
