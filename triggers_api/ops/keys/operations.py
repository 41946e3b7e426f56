"""What an operator does with API keys, on every stage; a key itself is seen once, when it is made."""

import re
from dataclasses import dataclass, field, replace

from triggers_api.core import keys
from triggers_api.core.keys import KeyRecord, KeyStore
from triggers_api.core.times import Clock, format_time, system_clock
from triggers_api.errors import (
    ConfigurationError,
    CorruptRecordError,
    InvalidKeyError,
    KeyExistsError,
    KeyNotFoundError,
    KeyStateError,
)
from triggers_api.ops.target import LOCAL

MAX_NAME = 100
REFUSED_WITHIN_SECONDS = keys.DEFAULT_AUTH_CACHE_SECONDS
"""How long a warm process may still let a revoked key in, unless the service is set otherwise."""

_DURATION = r"(\d{1,6})([smhdw])"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_ID = r"[0-9a-f]{4,12}"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made: `key` is to be shown now or never."""

    key: str = field(repr=False)
    record: KeyRecord


@dataclass(frozen=True, slots=True)
class Shown:
    """What is known of a key. `verdict` says whether it would be let in now, and why not."""

    record: KeyRecord | None
    verdict: str
    admitted: bool


def seconds_of(duration: str) -> int:
    """Return the seconds of `90d`, `24h`, `30m`, `45s` or `2w`; `ConfigurationError` for another text."""
    match = re.fullmatch(_DURATION, duration, re.ASCII)
    if match is None:
        raise ConfigurationError(
            f"{duration!r} is not a duration.", hint="Write a number and s, m, h, d or w: 45s, 24h, 90d."
        )
    return int(match[1]) * _SECONDS[match[2]]


def check_new(
    *,
    name: str | None = None,
    source: str | None = None,
    own_key: str | None = None,
    expires_in: int | None = None,
) -> None:
    """Refuse what no key can be made of, before anybody is asked and anything is changed."""
    for what, text in (("name", name), ("source", source)):
        if text is not None and (not 1 <= len(text) <= MAX_NAME or not text.isprintable()):
            raise ConfigurationError(
                f"--{what} must be 1 to {MAX_NAME} printable characters.",
                hint="Give another, or leave it out.",
            )
    if own_key is not None and (flaw := keys.flaw_of(own_key)):
        raise InvalidKeyError(
            "This text cannot be an API key.",
            reason=flaw,
            hint="Leave out --api-key, and a good one is made.",
        )
    if expires_in == 0:
        raise ConfigurationError(
            "--expires-in must be more than nothing.",
            hint="Give another, or leave it out for a key without end.",
        )


def state_of(record: KeyRecord, now: str) -> str:
    """Return `active`, `revoked` or `expired`."""
    if not record.is_active:
        return "revoked"
    return "active" if record.admits(now) else "expired"


class Keys:
    """The commands, over one stage's store."""

    def __init__(self, store: KeyStore, *, stage: str, clock: Clock = system_clock) -> None:
        self._store = store
        self._stage = stage
        self._clock = clock

    @property
    def now(self) -> str:
        """The time by which states are told."""
        return format_time(self._clock())

    def create(
        self, *, name: str | None, source: str | None, own_key: str | None, expires_in: int | None
    ) -> NewKey:
        """Make a key, or take the operator's own; `KeyExistsError` where that one has a record already."""
        check_new(name=name, source=source, own_key=own_key, expires_in=expires_in)
        new = self._new(own_key, name=name, source=source, lifetime=expires_in)
        if not self._store.add(new.record):
            raise KeyExistsError(
                f"This key has a record already: its id is {new.record.id}.",
                reason="it was made before, and is left as it is",
                hint=f"See it with: triggers keys show {new.record.id}",
            )
        return new

    def list(
        self, *, everything: bool, source: str | None
    ) -> tuple[list[KeyRecord], list[CorruptRecordError]]:
        """Return the active keys, or all, oldest first, and the records that cannot be read."""
        found: list[KeyRecord] = []
        damaged: list[CorruptRecordError] = []
        now = self.now
        for one in self._store.list():
            if isinstance(one, CorruptRecordError):
                damaged.append(one)
            elif (everything or one.admits(now)) and source in (None, one.source):
                found.append(one)
        return sorted(found, key=lambda record: (record.created_at or "", record.digest)), damaged

    def show(self, named: str) -> Shown:
        """Return what is known of a key, named by itself, its digest or its id."""
        if self._stage == LOCAL and named == keys.LOCAL_KEY:
            return Shown(None, "active: it is the test key of AUTH_MODE=local", admitted=True)
        if flaw := _typing_error(named):
            return Shown(None, f"mistyped: {flaw}", admitted=False)
        try:
            record = self._find(named)
        except KeyNotFoundError:
            if is_id(named):
                raise
            return Shown(None, "unknown: no key with this value was ever made here", admitted=False)
        state = state_of(record, self.now)
        when = {"active": "", "revoked": f" at {record.revoked_at}", "expired": f" at {record.expires_at}"}[
            state
        ]
        return Shown(record, f"{state}{when}", admitted=state == "active")

    def revoke(self, named: str) -> KeyRecord:
        """Shut a key out, for good; a second time changes nothing."""
        record = self._store.revoke(self._digest(named), at=self.now)
        if record is None:
            raise _unknown()
        return record

    def rotate(self, named: str, *, overlap: int, expires_in: int | None) -> tuple[NewKey, KeyRecord]:
        """Make a new key in a key's place, and let the old one expire after the overlap, in seconds.

        The new one has the old one's name and source.
        """
        old = self._find(named)
        now = self._clock()
        if not old.admits(format_time(now)):
            raise KeyStateError(
                f"The key {old.id} is {state_of(old, format_time(now))} and cannot be rotated.",
                reason="it opens nothing any more, so there is nothing to hand over",
                hint="Make a new one with: triggers keys create",
            )
        expires_at = _later(now, overlap)
        if old.expires_at is not None and old.expires_at <= expires_at:
            raise KeyStateError(
                f"The key {old.id} ends at {old.expires_at} already, before the overlap does.",
                reason="it was rotated before, or made to end then",
                hint="Give a shorter --overlap, or make a new key with: triggers keys create",
            )
        if old.expires_at is not None and expires_in is None:
            raise ConfigurationError(
                f"The key {old.id} has an end, so say how long the new one is to work.",
                hint="Add --expires-in 90d.",
            )
        check_new(expires_in=expires_in)
        new = self._new(None, name=old.name, source=old.source, lifetime=expires_in)
        if not self._store.rotate(old, new.record, old_expires_at=expires_at):
            raise KeyStateError(
                f"The key {old.id} was changed by somebody else just now; nothing was done.",
                reason="it is not what it was when the rotation began",
                hint=f"Look at it with: triggers keys show {old.id}",
            )
        return new, replace(old, expires_at=expires_at)

    def ids_of_name(self, name: str) -> tuple[str, ...]:
        """Return the ids of the keys that are called so."""
        found = (one for one in self._store.list() if isinstance(one, KeyRecord))
        return tuple(one.id for one in found if one.name == name)

    def _new(
        self, own_key: str | None, *, name: str | None, source: str | None, lifetime: int | None
    ) -> NewKey:
        key = own_key or keys.generate(self._stage)
        now = self._clock()
        expires_at = None if lifetime is None else _later(now, lifetime)
        record = KeyRecord(
            keys.digest_of(key),
            is_active=True,
            created_at=format_time(now),
            source=source,
            name=name,
            expires_at=expires_at,
            prefix=keys.prefix_of(key),
        )
        return NewKey(key, record)

    def _find(self, named: str) -> KeyRecord:
        """Return the one record that is named so; `KeyNotFoundError` for none or several, which says so."""
        record = self._store.find(self._digest(named))
        if record is None:
            raise _unknown()
        return record

    def _digest(self, named: str) -> str:
        return self._digest_with_id(named) if is_id(named) else _digest_of(named)

    def _digest_with_id(self, named: str) -> str:
        """Return the digest of the one key with this id, readable or damaged."""
        found = [
            digest
            for one in self._store.list()
            for digest in [one.digest if isinstance(one, KeyRecord) else str(one.details.get("digest", ""))]
            if digest.removeprefix("sha256:").startswith(named)
        ]
        if len(found) > 1:
            raise KeyNotFoundError(
                f"The id {named} names {len(found)} keys.",
                reason="they begin alike",
                hint="Give more of its characters: triggers keys list --all",
            )
        if not found:
            raise _unknown()
        return found[0]


def _later(now: int, seconds: int) -> str:
    try:
        return format_time(now + seconds * 1_000_000)
    except OverflowError:
        raise ConfigurationError("That ends after the year 9999.", hint="Give a shorter duration.") from None


def _typing_error(named: str) -> str | None:
    """Say why a text can be no key, id or digest; a key that an operator chose may be as it likes."""
    if is_id(named) or keys.is_digest(named):
        return None
    if re.fullmatch(r"[0-9a-f]{1,3}", named, re.ASCII):
        return "of an id at least 4 characters are needed"
    if keys.is_well_formed(named) and not named.startswith(keys.GENERATED_PREFIX):
        return None
    return keys.flaw_of(named)


def _digest_of(named: str) -> str:
    if flaw := _typing_error(named):
        raise KeyNotFoundError(
            "There is no such key on this stage.",
            reason=flaw,
            hint="List them with: triggers keys list --all",
        )
    return named if keys.is_digest(named) else keys.digest_of(named)


def is_id(named: str) -> bool:
    """Tell whether a text is an id or the beginning of one; keys are longer."""
    return re.fullmatch(_ID, named, re.ASCII) is not None


def _unknown() -> KeyNotFoundError:
    return KeyNotFoundError(
        "There is no such key on this stage.",
        reason="none was made with this value or id, or it was made on another stage",
        hint="List them with: triggers keys list --all",
    )
