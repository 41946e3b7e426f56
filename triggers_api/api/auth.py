"""Who may come in: the key of a request, looked up, and for a short while remembered.

Only found and active keys are remembered, never an absence, so a new key works at once; and the time it was
looked up counts from *before* the look-up, so that `cache_seconds` is the bound on how long a revoked key can
still work. The clock is the wall clock on purpose: Lambda freezes a process between requests, and a monotonic
clock may stand still meanwhile.
"""

import hmac
import logging
from collections import OrderedDict
from threading import Lock

from triggers_api.core.keys import LOCAL_KEY, KeyRecord, KeyStore, digest_of, is_well_formed
from triggers_api.core.times import Clock, format_time
from triggers_api.errors import CorruptRecordError, StoreUnavailableError, UnauthorizedError

logger = logging.getLogger("triggers_api.auth")

_MAX_REMEMBERED = 1024


class Authenticator:
    """Tells the record of a key that opens the door. Safe for several threads."""

    def __init__(self, store: KeyStore, *, accept_local_key: bool, cache_seconds: int, clock: Clock) -> None:
        self._store = store
        self._accept_local_key = accept_local_key
        self._cache_microseconds = cache_seconds * 1_000_000
        self._clock = clock
        self._remembered: OrderedDict[str, tuple[int, KeyRecord]] = OrderedDict()
        self._lock = Lock()

    def recall(self, key: str) -> KeyRecord | None:
        """Return the record of a key that is known to be good without a look-up."""
        if self._accept_local_key and hmac.compare_digest(key.encode(), LOCAL_KEY.encode()):
            return KeyRecord(digest_of(key), is_active=True)
        now = self._clock()
        with self._lock:
            looked_up_at, record = self._remembered.get(digest_of(key), (0, None))
        # A clock that was set back makes the age negative: then it says nothing, and we look again.
        if record is None or not 0 <= now - looked_up_at < self._cache_microseconds:
            if not is_well_formed(key):
                raise refused()
            return None
        if not record.admits(format_time(now)):
            raise refused()
        return record

    def look_up(self, key: str) -> KeyRecord:
        """Return the key's record from the store.

        `UnauthorizedError` where the key does not open the door; `StoreUnavailableError` where that cannot be
        told, be it that the store does not answer or that the record makes no sense: in doubt, never entry.
        """
        now = self._clock()
        digest = digest_of(key)
        try:
            record = self._store.find(digest)
        except CorruptRecordError as error:
            logger.exception("key cannot be read", extra={"fields": {"reason": error.message}})
            raise StoreUnavailableError("The key cannot be checked right now.") from error
        if record is None or not record.admits(format_time(now)):
            with self._lock:
                self._remembered.pop(digest, None)
            raise refused()
        if self._cache_microseconds:
            with self._lock:
                self._remembered[digest] = now, record
                self._remembered.move_to_end(digest)
                while len(self._remembered) > _MAX_REMEMBERED:
                    self._remembered.popitem(last=False)
        return record


def refused() -> UnauthorizedError:
    """Say no, in the same words whatever the reason is."""
    return UnauthorizedError("A valid API key is required in the X-API-Key header.")
