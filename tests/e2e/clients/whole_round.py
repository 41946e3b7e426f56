"""What a producer and a consumer do, with a client that openapi-python-client generated."""

import os
from datetime import UTC, datetime, timedelta

from triggers_client import AuthenticatedClient
from triggers_client.api.events import acknowledge_event, delete_event, get_event, ingest_event
from triggers_client.api.health import health
from triggers_client.api.inbox import list_inbox
from triggers_client.models import (
    AcknowledgedEvent,
    DeletedEvent,
    ErrorResponse,
    EventMetadata,
    Health,
    Inbox,
    IngestedEvent,
    IngestRequest,
    IngestRequestPayload,
    SingleEvent,
)
from triggers_client.types import UNSET, Unset

URL, BROKEN_URL, KEY = (os.environ[name] for name in ("API_URL", "BROKEN_API_URL", "API_KEY"))


def client_of(url: str, key: str) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=url, token=key, prefix="", auth_header_name="X-API-Key")


def request(event_type: str, metadata: EventMetadata | Unset = UNSET) -> IngestRequest:
    payload = IngestRequestPayload.from_dict({"n": 1})
    return IngestRequest(source="python", event_type=event_type, payload=payload, metadata=metadata)


def refused(status: int, parsed: object) -> tuple[int, str]:
    assert isinstance(parsed, ErrorResponse)
    assert parsed.error.request_id
    return int(status), parsed.error.code


client = client_of(URL, KEY)
state = health.sync(client=client)
assert isinstance(state, Health)
assert state.status == "healthy"

# Ingest: the members that are required, and one member of the metadata.
minimal = ingest_event.sync(client=client, body=request("minimal"))
assert isinstance(minimal, IngestedEvent)
assert datetime.now(UTC) - minimal.created_at < timedelta(minutes=5)
full = request("full", EventMetadata(correlation_id="c-1"))
stored = ingest_event.sync(client=client, body=full, idempotency_key="python-1")
assert isinstance(stored, IngestedEvent)

# Page.
types: list[str] = []
cursor: str | Unset = UNSET
while True:
    page = list_inbox.sync(client=client, source="python", limit=1, cursor=cursor)
    assert isinstance(page, Inbox)
    types += [event.event_type for event in page.events]
    cursor = page.pagination.next_cursor
    if isinstance(cursor, Unset):
        break
assert types == ["minimal", "full"]

# Get, acknowledge, delete.
event = get_event.sync(minimal.event_id, client=client)
assert isinstance(event, SingleEvent)
assert (event.payload["n"], event.metadata.priority, event.acknowledged_at) == (1, "normal", UNSET)
acknowledged = acknowledge_event.sync(minimal.event_id, client=client)
assert isinstance(acknowledged, AcknowledgedEvent)
assert acknowledged.acknowledged_at > minimal.created_at
twice = acknowledge_event.sync_detailed(minimal.event_id, client=client)
assert refused(twice.status_code, twice.parsed) == (409, "CONFLICT")
deleted = delete_event.sync(minimal.event_id, client=client)
assert isinstance(deleted, DeletedEvent)

# Refusals.
gone = get_event.sync_detailed(minimal.event_id, client=client)
assert refused(gone.status_code, gone.parsed) == (404, "NOT_FOUND")
stranger = list_inbox.sync_detailed(client=client_of(URL, "not-the-key-at-all"))
assert refused(stranger.status_code, stranger.parsed) == (401, "UNAUTHORIZED")
other = ingest_event.sync_detailed(client=client, body=request("other"), idempotency_key="python-1")
assert refused(other.status_code, other.parsed) == (422, "IDEMPOTENCY_KEY_REUSED")
unavailable = ingest_event.sync_detailed(client=client_of(BROKEN_URL, KEY), body=request("minimal"))
assert refused(unavailable.status_code, unavailable.parsed) == (503, "SERVICE_UNAVAILABLE")
assert int(unavailable.headers["Retry-After"]) > 0

print("the whole round was made")
