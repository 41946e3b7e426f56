"""The fingerprints of version 0.1.0, which idempotency claims of its last 24 hours hold.

Version 0.1.0 compared numbers as Python does: 1 and 1.0 differ, 0.1 and 0.1000000000000000055 do not. The
correlation id counted. Remove this module one release after 0.2.0.
"""

import hashlib
import json

from triggers_api.core.events import Event
from triggers_api.core.strict_json import dump_canonical


def fingerprint(event: Event) -> str:
    """Return the fingerprint that version 0.1.0 would have stored for the request for a new event."""
    metadata = json.loads(event.metadata)
    metadata.pop("idempotency_key", None)
    request = [event.source, event.event_type, json.loads(event.payload), metadata]
    return hashlib.sha256(dump_canonical(request).encode()).hexdigest()
