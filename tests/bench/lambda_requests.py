"""The requests that are sent: REST-proxy events, as API Gateway makes them."""

import json
from collections.abc import Iterator
from typing import Any

from tests.api.lambda_events import rest_event
from tests.support.dynamodb_local import npm_package

WEBHOOKS = "@octokit/webhooks-examples@7.6.1"
KILOBYTE = 1024


def body_of(payload: dict[str, Any]) -> bytes:
    """Return the body of an ingest."""
    return compact({"source": "shop", "event_type": "order.paid", "payload": payload})


def compact(value: dict[str, Any]) -> bytes:
    """Return a value as a producer writes it: compact, UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def kilobyte_body() -> bytes:
    """Return a body of 1 KiB: an order of a few lines, with a text that fills it up."""
    payload = {
        "order_id": "ord_20240117_4711",
        "paid": True,
        "amount": 129.95,
        "currency": "EUR",
        "customer": {"id": 90817, "email": "jane@example.com", "country": "NL", "tags": ["new", "vat"]},
        "lines": [
            {"sku": f"SKU-{n:05}", "quantity": n, "price": 9.5 * n, "gift": False} for n in range(1, 9)
        ],
        "note": "",
    }
    payload["note"] = "x" * (KILOBYTE - len(body_of(payload)))
    return body_of(payload)


def github_body() -> bytes:
    """Return an ingest of a real payload of about 10 KB: the published webhook that is nearest to it."""
    return min((body_of(payload) for _, payload in _webhooks()), key=lambda body: abs(len(body) - 10_000))


def github_webhook(size: int) -> tuple[str, bytes]:
    """Return the event and the body of the published webhook whose body is nearest to a size in bytes."""
    found = ((event, compact(payload)) for event, payload in _webhooks())
    return min(found, key=lambda webhook: abs(len(webhook[1]) - size))


def _webhooks() -> Iterator[tuple[str, dict[str, Any]]]:
    samples = json.loads((npm_package(WEBHOOKS) / "api.github.com" / "index.json").read_bytes())
    return ((sample["name"], payload) for sample in samples for payload in sample["examples"])


def ingest(key: str, body: bytes, *, idempotency_key: str | None = None) -> dict[str, Any]:
    """Return the request that posts an event."""
    headers = [("Content-Type", "application/json"), ("X-API-Key", key)]
    if idempotency_key is not None:
        headers.append(("Idempotency-Key", idempotency_key))
    return rest_event("POST", "/v1/events", headers=headers, body=body)


def post(key: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return any other request with a body."""
    headers = [("Content-Type", "application/json"), ("X-API-Key", key)]
    return rest_event("POST", path, headers=headers, body=json.dumps(body).encode())


def call(key: str, method: str, path: str, query: str = "") -> dict[str, Any]:
    """Return any request without a body."""
    return rest_event(method, path, query=query, headers=[("X-API-Key", key)])
