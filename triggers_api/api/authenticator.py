"""API-key authentication with a short-lived in-process cache.

Only valid keys are cached, never an absence, so a new key works at once. The age of an entry counts from
*before* its lookup, so `cache_seconds` bounds how long a revoked key can still work. The clock is the wall
clock on purpose: Lambda freezes a process between requests, and a monotonic clock may stand still while the
process is frozen.
"""

import hmac
import logging
from collections import OrderedDict
from threading import Lock

from triggers_api.core.keys import LOCAL_KEY, KeyRecord, digest_of, is_well_formed
from triggers_api.core.ports import KeyStore
from triggers_api.core.times import Clock, format_time
from triggers_api.errors import CorruptRecordError, StoreUnavailableError, UnauthorizedError

logger = logging.getLogger("triggers_api.auth")

_MAX_CACHED_KEYS = 1024


class Authenticator:
    """Checks API keys against a store. Safe for several threads."""

    def __init__(self, store: KeyStore, *, accept_local_key: bool, cache_seconds: int, clock: Clock) -> None:
        self._store = store
        self._accept_local_key = accept_local_key
        self._cache_microseconds = cache_seconds * 1_000_000
        self._clock = clock
        self._cache: OrderedDict[str, tuple[int, KeyRecord]] = OrderedDict()
        self._lock = Lock()

    def cached(self, key: str) -> KeyRecord | None:
        """Return the key's record if it needs no lookup, else None.

        Raises:
            UnauthorizedError: The key is malformed, or its cached record has expired.
        """
        if self._accept_local_key and hmac.compare_digest(key.encode(), LOCAL_KEY.encode()):
            return KeyRecord(digest_of(key), is_active=True)
        now = self._clock()
        with self._lock:
            looked_up_at, record = self._cache.get(digest_of(key), (0, None))
        # If the clock was set back, the age is negative and means nothing: look the key up again.
        if record is None or not 0 <= now - looked_up_at < self._cache_microseconds:
            if not is_well_formed(key):
                raise invalid_key()
            return None
        if not record.is_valid_at(format_time(now)):
            raise invalid_key()
        return record

    def look_up(self, key: str) -> KeyRecord:
        """Return the key's record from the store.

        Raises:
            UnauthorizedError: The key is unknown, revoked or expired. StoreUnavailableError: The key cannot
            be checked (store unreachable, record corrupt). Fails closed.
        """
        now = self._clock()
        digest = digest_of(key)
        try:
            record = self._store.find(digest)
        except CorruptRecordError as error:
            logger.exception("key cannot be read", extra={"fields": {"reason": error.message}})
            raise StoreUnavailableError("The key cannot be checked right now.") from error
        if record is None or not record.is_valid_at(format_time(now)):
            with self._lock:
                self._cache.pop(digest, None)
            raise invalid_key()
        if self._cache_microseconds:
            with self._lock:
                self._cache[digest] = now, record
                self._cache.move_to_end(digest)
                while len(self._cache) > _MAX_CACHED_KEYS:
                    self._cache.popitem(last=False)
        return record


def invalid_key() -> UnauthorizedError:
    """Return the one refusal for a missing, unknown, revoked or expired key."""
    return UnauthorizedError("A valid API key is required in the X-API-Key header.")
