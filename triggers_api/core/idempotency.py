"""Idempotency claims: how a store recognises that an ingest was sent before.

An idempotency key belongs to the API key that sends it. A claim holds neither of them, only digests: claims
are stored, and both keys are secrets of a client.
"""

import hashlib
from dataclasses import dataclass

from triggers_api.core import canonical_json, fingerprint_v1
from triggers_api.core.events import Event

IDEMPOTENCY_SECONDS = 24 * 3600

_VERSION = "2:"
"""The start of a fingerprint. Version 0.1.0 stored the digest alone."""

_NOT_COMPARED = {"idempotency_key", "correlation_id"}
"""Metadata that does not make another request: a retry may be sent under another trace."""


@dataclass(frozen=True, slots=True)
class IdempotencyClaim:
    """What an idempotency key stands for, until `expires_at` (seconds since 1970).

    `name` identifies the pair of API key and idempotency key, `fingerprint` the request.
    """

    name: str
    fingerprint: str
    event_id: str
    expires_at: int


def make_claim(event: Event, *, key_digest: str, idempotency_key: str, now: int) -> IdempotencyClaim:
    """Return the claim of a request for a new event. `now` is in seconds since 1970."""
    return IdempotencyClaim(
        name=_sha256(f"{key_digest}\n{idempotency_key}"),
        fingerprint=_fingerprint(event),
        event_id=event.event_id,
        expires_at=now + IDEMPOTENCY_SECONDS,
    )


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
