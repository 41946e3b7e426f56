"""API-key authentication with a short-lived in-process cache.

A valid key is cached for `cache_seconds`, which bounds how long a revoked key can still work.

A refused key is remembered for a second, so a client that repeats a wrong key costs one read a second and not
one per request. A key works at once after it was created, or within that second if it was refused before.
Keys are kept as digests, and a flood of different wrong keys evicts no valid key.
"""

import hmac
import logging
from threading import Lock
from typing import NamedTuple

from triggers_api.api.recent_lookups import Reading, RecentLookups
from triggers_api.core.access import ALL_SCOPES
from triggers_api.core.keys import LOCAL_KEY, KeyRecord, digest_of, is_well_formed
from triggers_api.core.ports import KeyStore
from triggers_api.core.times import Clock, format_time, monotonic_clock
from triggers_api.errors import CorruptRecordError, StoreUnavailableError, UnauthorizedError

logger = logging.getLogger("triggers_api.auth")

REFUSED_SECONDS = 1
"""How long a refused key is not looked up again."""


class _Refusal(NamedTuple):
    """Why a key is refused, and the id of a key that has a record."""

    reason: str
    key_id: str | None = None


class Authenticator:
    """Checks API keys against a store. Safe for several threads.

    Args:
        store: The key records.
        accept_local_key: Accept the published test key too.
        cache_seconds: How long a valid key is cached; 0 turns off the memory of refused keys too.
        clock: The wall clock, which also decides whether a key has expired.
        monotonic: A clock that is never set.
    """

    def __init__(
        self,
        store: KeyStore,
        *,
        accept_local_key: bool,
        cache_seconds: int,
        clock: Clock,
        monotonic: Clock = monotonic_clock,
    ) -> None:
        self._store = store
        self._accept_local_key = accept_local_key
        self._clock = clock
        self._monotonic = monotonic
        self._valid: RecentLookups[KeyRecord] = RecentLookups(cache_seconds)
        self._refused: RecentLookups[_Refusal] = RecentLookups(min(REFUSED_SECONDS, cache_seconds))
        self._lock = Lock()

    def cached(self, key: str) -> KeyRecord | None:
        """Return the key's record if it needs no lookup, else None.

        Raises:
            UnauthorizedError: The key is malformed, its cached record has expired, or it was just refused.
        """
        if self._accept_local_key and hmac.compare_digest(key.encode(), LOCAL_KEY.encode()):
            return KeyRecord(digest_of(key), is_active=True, scopes=ALL_SCOPES)
        now, digest = self._now(), digest_of(key)
        with self._lock:
            record = self._valid.get(digest, now)
            refusal = self._refused.get(digest, now) if record is None else None
        if refusal is not None:
            raise invalid_key(*refusal)
        if record is None and not is_well_formed(key):
            raise invalid_key("malformed")
        if record is not None and not record.is_valid_at(format_time(now.wall)):
            raise invalid_key("expired", record.id)
        return record

    def look_up(self, key: str) -> KeyRecord:
        """Return the key's record from the store.

        Raises:
            UnauthorizedError: The key is unknown, revoked or expired. StoreUnavailableError: The key cannot
            be checked (store unreachable, record corrupt). Fails closed.
        """
        now, digest = self._now(), digest_of(key)
        try:
            record = self._store.find(digest)
        except CorruptRecordError as error:
            logger.exception("key cannot be read", extra={"fields": {"reason": error.message}})
            raise StoreUnavailableError("The key cannot be checked right now.") from error
        result = _check(record, format_time(now.wall))
        with self._lock:
            if isinstance(result, KeyRecord):
                self._valid.put(digest, now, result)
                self._refused.discard(digest)
                return result
            self._valid.discard(digest)
            self._refused.put(digest, now, result)
        raise invalid_key(*result)

    def _now(self) -> Reading:
        return Reading.of(self._clock, self._monotonic)


def _check(record: KeyRecord | None, now: str) -> KeyRecord | _Refusal:
    """Return the record of a valid key, or why the key is refused."""
    if record is None:
        return _Refusal("unknown")
    if record.is_valid_at(now):
        return record
    return _Refusal("expired" if record.is_active else "revoked", record.id)


def invalid_key(reason: str, key_id: str | None = None) -> UnauthorizedError:
    """Return the refusal of a key. The client gets the same answer for every reason; the log names it."""
    error = UnauthorizedError("A valid API key is required in the X-API-Key header.", reason=reason)
    error.key_id = key_id
    return error
