"""Sample deliveries, one for each preset, in the form of the provider's own and with a new id each time."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from triggers_api.core.hooks.generic import scheme_from_text
from triggers_api.core.hooks.presets import Preset
from triggers_api.core.hooks.records import HookRecord
from triggers_api.core.hooks.schemes import sign

EVENT_TYPE = "triggers.test"

Parts = tuple[Mapping[str, Any], Mapping[str, str]]
"""The members of a body, and headers."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A signed delivery. Its headers and its query may hold a secret."""

    delivery_id: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str] = field(repr=False)


def signed_sample(record: HookRecord, preset: Preset, *, now: int) -> Sample:
    """Return a delivery that a hook accepts.

    Args:
        record: The hook. It has a secret, if its scheme has one.
        preset: Its preset.
        now: The time, in microseconds since 1970.
    """
    delivery_id = f"test-{uuid4()}"
    make = _SAMPLES.get(preset.name, _generic)
    members, headers = make(delivery_id, now)
    id_header = None if record.scheme is None else scheme_from_text(record.scheme)[1]
    if id_header is not None:
        headers = {id_header.lower(): delivery_id}  # `sign` writes the same name
    body = json.dumps(members).encode()
    secret = record.secret or ""
    signed, query = sign(
        preset.scheme_for(secret), secret, body, now=now // 1_000_000, delivery_id=delivery_id
    )
    return Sample(delivery_id, body, {"content-type": "application/json", **headers, **signed}, query)


def _github(delivery_id: str, _now: int) -> Parts:
    members = {"zen": "Test what you deploy.", "delivery": delivery_id}
    return members, {"x-github-event": "ping", "x-github-delivery": delivery_id}


def _stripe(delivery_id: str, now: int) -> Parts:
    members = {
        "id": delivery_id,
        "object": "event",
        "created": now // 1_000_000,
        "livemode": False,
        "type": EVENT_TYPE,
        "data": {"object": {}},
    }
    return members, {}


def _shopify(delivery_id: str, _now: int) -> Parts:
    headers = {
        "x-shopify-topic": "triggers/test",
        "x-shopify-test": "true",
        "x-shopify-webhook-id": delivery_id,
    }
    return {"id": delivery_id, "test": True}, headers


def _slack(delivery_id: str, now: int) -> Parts:
    members = {
        "type": "event_callback",
        "event_id": delivery_id,
        "event_time": now // 1_000_000,
        "event": {"type": EVENT_TYPE},
    }
    return members, {}


def _linear(delivery_id: str, now: int) -> Parts:
    members = {"type": "Test", "action": "create", "data": {}, "webhookTimestamp": now // 1000}
    return {**members, "webhookId": delivery_id}, {"linear-delivery": delivery_id, "linear-event": "Test"}


def _gitlab(delivery_id: str, _now: int) -> Parts:
    headers = {
        "x-gitlab-event": "Test Hook",
        "idempotency-key": delivery_id,
        "x-gitlab-webhook-uuid": delivery_id,
    }
    return {"object_kind": "test", "delivery": delivery_id}, headers


def _paddle(delivery_id: str, _now: int) -> Parts:
    return {"event_id": delivery_id, "event_type": EVENT_TYPE, "data": {}}, {}


def _generic(delivery_id: str, _now: int) -> Parts:
    return {"type": EVENT_TYPE, "id": delivery_id, "data": {}}, {}


_SAMPLES: Mapping[str, Callable[[str, int], Parts]] = {
    "github": _github,
    "gitlab": _gitlab,
    "linear": _linear,
    "paddle": _paddle,
    "shopify": _shopify,
    "slack": _slack,
    "stripe": _stripe,
}
