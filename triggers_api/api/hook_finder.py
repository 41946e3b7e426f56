"""Find hooks by their ids, with a short-lived in-process cache.

A hook is cached as keys are, so a revoked one may accept deliveries for `cache_seconds`. A new secret works
sooner: a delivery that a cached hook refuses is checked again with the hook as it is stored. A hook is not
looked up more than once a second for that, nor is an unknown id.
"""

import logging
from threading import Lock

from triggers_api.api.recent_lookups import Reading, RecentLookups
from triggers_api.core.hooks.presets import preset_of
from triggers_api.core.hooks.records import HookRecord, hook_digest_of, is_hook_id
from triggers_api.core.ports import HookStore
from triggers_api.core.times import Clock, monotonic_clock
from triggers_api.errors import CorruptRecordError, HookUnusableError, NotFoundError

logger = logging.getLogger("triggers_api.auth")

_AGAIN_SECONDS = 1
_UNKNOWN, _REVOKED, _DAMAGED = "unknown", "revoked", "damaged"


class HookFinder:
    """Finds hooks in a store. Safe for several threads.

    Args:
        store: The hooks.
        cache_seconds: How long a hook is cached; 0 turns off the memory of unknown ids too.
        clock: The wall clock.
        monotonic: A clock that is never set.
    """

    def __init__(
        self, store: HookStore, *, cache_seconds: int, clock: Clock, monotonic: Clock = monotonic_clock
    ) -> None:
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._known: RecentLookups[HookRecord] = RecentLookups(cache_seconds)
        self._latest: RecentLookups[HookRecord | str] = RecentLookups(min(_AGAIN_SECONDS, cache_seconds))
        self._lock = Lock()

    def find(self, hook_id: str, *, again: bool = False) -> HookRecord:
        """Return an active hook, with `again` as it was stored within the last second.

        Raises:
            NotFoundError: There is none with this id, or it is revoked. `reason` names which, for the log.
            HookUnusableError: It is damaged.
            StoreUnavailableError: The store fails.
        """
        if not is_hook_id(hook_id):
            raise _refused(_UNKNOWN)
        now, digest = Reading.of(self._clock, self._monotonic), hook_digest_of(hook_id)
        with self._lock:
            known = None if again else self._known.get(digest, now)
            found = known or self._latest.get(digest, now)
        if found is None:
            found = self._look_up(digest, now)
        if isinstance(found, str):
            raise _refused(found)
        return found

    def _look_up(self, digest: str, now: Reading) -> HookRecord | str:
        result: HookRecord | str
        try:
            record = self._store.find(digest)
            if record is not None:
                preset_of(record.preset, record.scheme)  # raises if that is damaged
            result = _UNKNOWN if record is None else record if record.is_active else _REVOKED
        except CorruptRecordError as error:
            logger.exception("hook cannot be read", extra={"fields": {"reason": error.message}})
            result = _DAMAGED
        with self._lock:
            self._latest.put(digest, now, result)
            if isinstance(result, str):
                self._known.discard(digest)
            else:
                self._known.put(digest, now, result)
        return result


def _refused(reason: str) -> NotFoundError | HookUnusableError:
    if reason == _DAMAGED:
        return HookUnusableError("This hook cannot be used right now.", reason=reason)
    return NotFoundError("There is no hook with this id.", reason=reason)
