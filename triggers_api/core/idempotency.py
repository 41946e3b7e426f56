"""Idempotency claims: how a store recognises that an ingest was sent before.

An idempotency key belongs to the API key that sends it. A claim holds neither of them, only digests: claims
are stored, and both keys are secrets of a client.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from triggers_api.core.strict_json import dump_canonical

IDEMPOTENCY_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class IdempotencyClaim:
    """What an idempotency key stands for, until `expires_at` (seconds since 1970).

    `name` identifies the pair of API key and idempotency key, `fingerprint` the request.
    """

    name: str
    fingerprint: str
    event_id: str
    expires_at: int


def make_claim(
    *, key_digest: str, idempotency_key: str, fingerprint: str, event_id: str, now: int
) -> IdempotencyClaim:
    """Return the claim of a new request. `now` is in seconds since 1970."""
    return IdempotencyClaim(
        name=_sha256(f"{key_digest}\n{idempotency_key}"),
        fingerprint=fingerprint,
        event_id=event_id,
        expires_at=now + IDEMPOTENCY_SECONDS,
    )


def fingerprint_request(
    source: str, event_type: str, payload: Mapping[str, Any], metadata: Mapping[str, Any]
) -> str:
    """Return a digest of what a request asks for. Equal requests have equal fingerprints.

    The order of names makes no difference, nor does whether the idempotency key stands in the metadata.
    """
    others = {name: value for name, value in metadata.items() if name != "idempotency_key"}
    return _sha256(dump_canonical([source, event_type, payload, others]))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
