"""Idempotency claims: how a store recognises that an ingest was sent before.

An idempotency key belongs to the API key that sends it. A claim holds neither of them, only digests: claims
are stored, and both keys are secrets of a client.
"""

import hashlib
import logging
from dataclasses import dataclass

from triggers_api.core import canonical_json, fingerprint_v1, ids
from triggers_api.core.events import Event
from triggers_api.errors import CorruptRecordError, IdempotencyKeyReusedError

IDEMPOTENCY_SECONDS = 24 * 3600

_VERSION = "2:"
"""The start of a fingerprint. Version 0.1.0 stored the digest alone."""

_NOT_COMPARED = {"idempotency_key", "correlation_id"}
"""Metadata that does not make another request: a retry may be sent under another trace."""


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IdempotencyClaim:
    """What an idempotency key stands for, until `expires_at` (seconds since 1970).

    `name` identifies the pair of API key and idempotency key, `fingerprint` the request. With `first_wins`
    another request of that name is a repeat too.
    """

    name: str
    fingerprint: str
    event_id: str
    expires_at: int
    first_wins: bool = False


def make_claim(event: Event, *, key_digest: str, idempotency_key: str, now: int) -> IdempotencyClaim:
    """Return the claim of a request for a new event. `now` is in seconds since 1970."""
    return IdempotencyClaim(
        name=_sha256(f"{key_digest}\n{idempotency_key}"),
        fingerprint=_fingerprint(event),
        event_id=event.event_id,
        expires_at=now + IDEMPOTENCY_SECONDS,
    )


def delivery_claim(
    event: Event, *, hook_digest: str, delivery: str, body: bytes, expires_at: int
) -> IdempotencyClaim:
    """Return the claim of a delivery to a hook. A provider gets no error that it could not understand.

    Args:
        event: The event of the delivery.
        hook_digest: The digest of the hook.
        delivery: What its repeats have in common: the provider's id, or a digest of the body.
        body: The body.
        expires_at: In seconds since 1970.
    """
    name = _sha256(f"{hook_digest}\n{delivery}")
    fingerprint = _VERSION + hashlib.sha256(body).hexdigest()
    return IdempotencyClaim(name, fingerprint, event.event_id, expires_at, first_wins=True)


def check_repeat(event: Event, claim: IdempotencyClaim, *, stored_fingerprint: str, first_id: str) -> None:
    """Check that a request is the one that was stored as `first_id`.

    Raises:
        CorruptRecordError: `first_id` is no id of an event.
        IdempotencyKeyReusedError: It is another request, and the first one does not win.
    """
    if ids.parse_event_id(first_id) != first_id or ids.created_at(first_id) is None:
        raise CorruptRecordError("An idempotency record does not name an event.")
    if is_repeat(event, claim, stored_fingerprint=stored_fingerprint):
        return
    if not claim.first_wins:
        raise IdempotencyKeyReusedError("This idempotency key was used before, for another request.")
    fields = {"event_id": first_id, "source": event.source}
    logger.warning("delivery differs from the first with its id", extra={"fields": fields})


def is_repeat(event: Event, claim: IdempotencyClaim, *, stored_fingerprint: str) -> bool:
    """Return whether a request, given by its new event and claim, is the one that was stored."""
    if stored_fingerprint.startswith(_VERSION):
        return stored_fingerprint == claim.fingerprint
    return stored_fingerprint == fingerprint_v1.fingerprint(event)


def _fingerprint(event: Event) -> str:
    """Return a digest of what a request asks for. Requests of equal values have equal fingerprints."""
    metadata = canonical_json.read(event.metadata)
    compared = {name: value for name, value in metadata.items() if name not in _NOT_COMPARED}
    request = [event.source, event.event_type, canonical_json.read(event.payload), compared]
    return _VERSION + _sha256(canonical_json.dump(request))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
