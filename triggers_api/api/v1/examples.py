"""Examples of requests and answers, for the OpenAPI document. They are about one event, an invoice."""

from typing import Any

from fastapi.openapi.models import Example

from triggers_api.version import VERSION

_EVENT_ID = "01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"
_REQUEST_ID = {"request_id": "test-request-123"}
_CREATED_AT = "2024-11-27T08:15:30.123456Z"
_METADATA = {"correlation_id": "order-4711", "priority": "high", "idempotency_key": "invoice-2024-0117"}
_EVENT = {
    "event_id": _EVENT_ID,
    "created_at": _CREATED_AT,
    "source": "billing",
    "event_type": "invoice.paid",
    "payload": {"invoice": "2024-0117", "amount": 99.5},
    "status": "pending",
    "metadata": _METADATA,
}

INGEST_REQUESTS: dict[str, Example] = {
    "minimal": {
        "summary": "The required members",
        "value": {"source": "test", "event_type": "test.created", "payload": {}},
    },
    "full": {
        "summary": "Every member",
        "value": {name: _EVENT[name] for name in ("source", "event_type", "payload", "metadata")},
    },
}


def answer(**members: Any) -> dict[str, Any]:
    """Return an example of an answer, for the `responses` of an endpoint. The request id is added."""
    return {"content": {"application/json": {"example": {**members, **_REQUEST_ID}}}}


HEALTH = answer(status="healthy", timestamp=_CREATED_AT, version=VERSION)
INGESTED = answer(event_id=_EVENT_ID, created_at=_CREATED_AT, status="pending", message="Event stored.") | {
    "headers": {
        "Idempotent-Replayed": {
            "description": "`true` if this repeats the answer to an earlier request.",
            "schema": {"type": "string", "const": "true"},
        }
    }
}
EVENT = answer(**_EVENT)
INBOX = answer(events=[_EVENT], pagination={"limit": 50})
ACKNOWLEDGED = answer(
    event_id=_EVENT_ID,
    status="acknowledged",
    acknowledged_at="2024-11-27T08:16:02.654321Z",
    message="Event acknowledged.",
)
DELETED = answer(event_id=_EVENT_ID, message="Event deleted.")
