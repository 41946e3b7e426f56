"""Receive webhooks: a delivery to a hook is verified, and stored as an event unless it is a repeat."""

import hashlib
import re
from dataclasses import dataclass

from triggers_api.core import ids
from triggers_api.core.hooks.presets import Preset, preset_of
from triggers_api.core.hooks.records import BY_NOTHING, HookRecord
from triggers_api.core.hooks.schemes import HookRequest, OpenScheme
from triggers_api.core.hooks.webhook import Webhook, fits, read_body
from triggers_api.core.idempotency import IdempotencyClaim, delivery_claim
from triggers_api.core.intake import Receipt, pending_event, receipt
from triggers_api.core.ports import EventStore, NewEvent
from triggers_api.core.retention import Retention
from triggers_api.core.strict_json import MAX_BODY_BYTES, dump
from triggers_api.core.times import Clock, format_time, seconds
from triggers_api.errors import PayloadTooLargeError, value_of

DELIVERY_ID_SECONDS = 7 * 24 * 3600
"""How long the id of a delivery is remembered. Stripe and Paddle repeat one for three days."""

BODY_SECONDS = 3600
"""How long a body is remembered whose provider sends no id."""

DEFAULT_EVENT_TYPE = "webhook"
"""The type of an event whose provider names none, for a hook without a type."""

SECRET_MISSING = "secret missing"  # noqa: S105 - a reason, no secret

_METADATA = dump({"priority": "normal"})
_SHOWN = re.compile(r"[\x20-\x7e]{0,1024}")
_MAX_HEADER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a delivery: a receipt, or the challenge of a handshake, which is sent back."""

    receipt: Receipt | None
    challenge: str | None = None


class HookIntake:
    """Verifies deliveries, and stores them as events."""

    def __init__(self, store: EventStore, *, ids: ids.EventIds, clock: Clock, retention: Retention) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._retention = retention

    def refusal(self, hook: HookRecord, request: HookRequest) -> str | None:
        """Return why a delivery is refused, None if the hook accepts it.

        Raises:
            CorruptRecordError: The hook is damaged.
        """
        preset = preset_of(hook.preset, hook.scheme)
        now = self._clock()
        live = hook.secrets_at(format_time(now))
        if not live and not isinstance(preset.scheme, OpenScheme):
            return SECRET_MISSING
        return preset.refusal(request, live, now=seconds(now))

    def receive(self, hook: HookRecord, request: HookRequest) -> Answer:
        """Store a verified delivery, once. It is durable when this returns.

        Raises:
            CorruptRecordError: The hook is damaged.
            PayloadTooLargeError: The body does not fit into an item of DynamoDB.
            StoreUnavailableError: The outcome is unknown; the provider's repeat settles it.
        """
        preset = preset_of(hook.preset, hook.scheme)
        payload, value = read_body(request.body)
        if value is not None and (challenge := preset.challenge(value)) is not None:
            return Answer(None, challenge)
        delivery_id = preset.delivery_id(request, value)
        webhook = Webhook(_details(hook, preset, request, delivery_id), request.body)
        event_type = preset.event_type(request, value) or hook.event_type or DEFAULT_EVENT_TYPE
        if not fits(webhook, other_bytes=len(f"{hook.source}{event_type}".encode())):
            raise PayloadTooLargeError(
                "The body of this delivery does not fit into an event, even compressed.",
                hint="Send less, or send a reference to the data.",
                details={"limit_bytes": MAX_BODY_BYTES},
            )
        now = seconds(self._clock())
        event = pending_event(
            self._ids.new(),
            source=hook.source,
            event_type=event_type,
            payload=payload,
            metadata=_METADATA,
            expires_at=self._retention.expiry(now),
            webhook=webhook,
        )
        claim: IdempotencyClaim | None = None
        if hook.dedupe != BY_NOTHING:
            by_body = f"body\n{hashlib.sha256(request.body).hexdigest()}"
            claim = delivery_claim(
                event,
                hook_digest=hook.digest,
                delivery=by_body if delivery_id is None else f"id\n{delivery_id}",
                body=request.body,
                expires_at=now + (BODY_SECONDS if delivery_id is None else DELIVERY_ID_SECONDS),
            )
        entry = NewEvent(event, claim)
        (outcome,) = self._store.add([entry], now=now)
        return Answer(value_of(receipt(entry, outcome)))


def _details(hook: HookRecord, preset: Preset, request: HookRequest, delivery_id: str | None) -> str:
    """Return what an event shows of its delivery. What no header of a request could hold is left out."""
    texts = {"content_type": request.headers.get("content-type"), "delivery_id": delivery_id}
    shown = {name: text for name, text in texts.items() if text and _SHOWN.fullmatch(text)}
    details: dict[str, object] = {"hook": hook.prefix or hook.id, **shown}
    headers: dict[str, str] = {}
    room = _MAX_HEADER_BYTES
    for name in preset.kept_headers:
        value = request.headers.get(name)
        if value and _SHOWN.fullmatch(value) and len(name) + len(value) <= room:
            headers[name] = value
            room -= len(name) + len(value)
    if headers:
        details["headers"] = headers
    return dump(details)
