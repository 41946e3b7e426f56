"""Create, list, show, revoke and rotate the API keys of a stage, on any store.

Only `create` and `rotate` return a key. Everything else works with its record, which holds its digest.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from triggers_api.core import keys
from triggers_api.core.keys import KeyRecord
from triggers_api.core.times import Clock, format_time, system_clock
from triggers_api.errors import (
    ConfigurationError,
    CorruptRecordError,
    KeyExistsError,
    KeyNotFoundError,
    KeyStateError,
    StoreUnavailableError,
)
from triggers_api.ops.keys.new_key import NewKey, check_new_key, new_key, time_after
from triggers_api.ops.keys.references import find_digest, is_key_id, not_found, typing_error
from triggers_api.ops.shell_commands import triggers_command
from triggers_api.ops.target import LOCAL

if TYPE_CHECKING:
    from triggers_api.core.ports import KeyStore  # its imports would slow down every keys command

REFUSED_WITHIN_SECONDS = keys.DEFAULT_AUTH_CACHE_SECONDS
"""How long a running process may still accept a key that was revoked or whose expiry was changed, with the
service's default setting."""


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """What is known of a key. `verdict` is its state, or the reason why there is no record.

    `may_be_cached`: the key was revoked, or expired, a moment ago. After a revocation, or a rotation that
    changed the expiry, a running process may still accept it.
    """

    record: KeyRecord | None
    verdict: str
    is_valid: bool
    may_be_cached: bool = False


def key_state(record: KeyRecord, now: str) -> str:
    """Return `active`, `revoked` or `expired`."""
    if not record.is_active:
        return "revoked"
    return "active" if record.is_valid_at(now) else "expired"


class Keys:
    """The API keys of one stage."""

    def __init__(self, store: "KeyStore", *, stage: str, clock: Clock = system_clock) -> None:
        self._store = store
        self._stage = stage
        self._clock = clock

    @property
    def now(self) -> str:
        """The time to compare expiries with."""
        return format_time(self._clock())

    def create(
        self, *, name: str | None, source: str | None, own_key: str | None, expires_in: int | None
    ) -> NewKey:
        """Create a key, or store the operator's own.

        Args:
            name: What the key is for.
            source: The only source that the key may access.
            own_key: The operator's own key, instead of a generated one.
            expires_in: The lifetime of the key, in seconds.

        Raises:
            ConfigurationError: The name, the source or the expiry is not allowed.
            InvalidKeyError: The operator's own key is not allowed.
            KeyExistsError: The operator's own key exists already.
        """
        check_new_key(name=name, source=source, own_key=own_key, expires_in=expires_in)
        key = own_key or keys.generate(self._stage)
        new = new_key(key, now=self._clock(), name=name, source=source, expires_in=expires_in)
        if not self._store.add(new.record):
            raise KeyExistsError(
                f"This key exists already. Its id is {new.record.id}.",
                reason="it was created before; its record was not changed",
                hint=f"See it with: {triggers_command('keys show', new.record.id)}",
            )
        return new

    def list(
        self, *, everything: bool, source: str | None
    ) -> tuple[list[KeyRecord], list[CorruptRecordError]]:
        """Return the keys of the stage, oldest first, and an error for each record that cannot be read.

        Args:
            everything: Include revoked and expired keys.
            source: Return only keys that are bound to this source.
        """
        records: list[KeyRecord] = []
        damaged: list[CorruptRecordError] = []
        now = self.now
        for one in self._store.list():
            if isinstance(one, CorruptRecordError):
                damaged.append(one)
            elif (everything or one.is_valid_at(now)) and source in (None, one.source):
                records.append(one)
        return sorted(records, key=lambda record: (record.created_at or "", record.digest)), damaged

    def show(self, reference: str) -> KeyStatus:
        """Return the status of a key. A key that is mistyped or unknown has no record.

        Raises:
            KeyNotFoundError: The reference is an id that no key or several keys have.
        """
        if self._stage == LOCAL and reference == keys.LOCAL_KEY:
            return KeyStatus(None, "active: the test key of AUTH_MODE=local", is_valid=True)
        if flaw := typing_error(reference):
            return self._without_record(reference, f"mistyped: {flaw}")
        try:
            record = self._find(reference)
        except KeyNotFoundError:
            if is_key_id(reference):
                raise
            return self._without_record(reference, "unknown: no key with this value was created here")
        state = key_state(record, self.now)
        times = {"active": "", "revoked": f" at {record.revoked_at}", "expired": f" at {record.expires_at}"}
        bound = format_time(self._clock() - REFUSED_WITHIN_SECONDS * 1_000_000)
        return KeyStatus(
            record,
            f"{state}{times[state]}",
            is_valid=state == "active",
            may_be_cached=state != "active" and (record.revoked_at or record.expires_at or "") > bound,
        )

    def revoke(self, reference: str) -> KeyRecord:
        """Permanently revoke a key, and return its record. Revoking it again has no effect.

        Raises:
            KeyNotFoundError: There is no such key.
        """
        record = self._store.revoke(find_digest(self._store, reference), at=self.now)
        if record is None:
            raise not_found()
        return record

    def rotate(self, reference: str, *, overlap: int, expires_in: int | None) -> tuple[NewKey, KeyRecord]:
        """Replace a key with a new one that has its name and source, and let the old one expire.

        Args:
            reference: The old key.
            overlap: The seconds until the old key expires.
            expires_in: The lifetime of the new key, in seconds.

        Returns:
            The new key, and the record of the old one.

        Raises:
            KeyNotFoundError: There is no such key.
            KeyStateError: The old key is not valid, expires before the overlap ends, or was changed by
                another user.
            ConfigurationError: The old key expires and no expiry is given for the new one, or an expiry is
                not allowed.
        """
        old = self._find(reference)
        now = self._clock()
        if not old.is_valid_at(format_time(now)):
            raise KeyStateError(
                f"Key {old.id} is {key_state(old, format_time(now))} and cannot be rotated.",
                reason="only a valid key can be replaced without an interruption",
                hint=f"Create a new key with: {triggers_command('keys create')}",
            )
        expires_at = time_after(now, overlap)
        if old.expires_at is not None and old.expires_at <= expires_at:
            raise KeyStateError(
                f"Key {old.id} already expires at {old.expires_at}, before the overlap ends.",
                reason="it was rotated before, or created with this expiry",
                hint="Give a shorter --overlap, or create a new key with: " + triggers_command("keys create"),
            )
        if old.expires_at is not None and expires_in is None:
            raise ConfigurationError(
                f"Key {old.id} expires, so its replacement needs an expiry.", hint="Add --expires-in 90d."
            )
        check_new_key(expires_in=expires_in)
        key = keys.generate(self._stage)
        new = new_key(key, now=now, name=old.name, source=old.source, expires_in=expires_in)
        if not self._store.rotate(old, new.record, old_expires_at=expires_at):
            raise KeyStateError(
                f"Key {old.id} was changed by another user at the same time. Nothing was rotated.",
                reason="its record differs from the one that the rotation started from",
                hint=f"See it with: {triggers_command('keys show', old.id)}",
            )
        return new, replace(old, expires_at=expires_at)

    @contextmanager
    def suggest_ids(self, reference: str) -> Iterator[None]:
        """Suggest ids if a key is not found because its name was given.

        Raises:
            KeyNotFoundError: There is no such key, but there are keys with this name.
        """
        try:
            yield
        except KeyNotFoundError as error:
            if not (ids := self._ids_of_name(reference)):
                raise
            raise KeyNotFoundError(
                "A key is identified by its id or its value, not by its name.",
                reason="several keys can have the same name",
                hint=f"Give the id instead: {' or '.join(ids)}.",
            ) from error

    def _without_record(self, reference: str, verdict: str) -> KeyStatus:
        if ids := self._ids_of_name(reference):
            verdict = f"this is a name; give the id instead: {' or '.join(ids)}"
        return KeyStatus(None, verdict, is_valid=False)

    def _ids_of_name(self, name: str) -> tuple[str, ...]:
        """Return the ids of the keys with a name; none if the store cannot list them: it is only a hint."""
        try:
            records = [one for one in self._store.list() if isinstance(one, KeyRecord)]
        except StoreUnavailableError:
            return ()
        return tuple(record.id for record in records if record.name == name)

    def _find(self, reference: str) -> KeyRecord:
        digest = find_digest(self._store, reference)
        try:
            record = self._store.find(digest)
        except CorruptRecordError as error:
            hint = f"Revoke the key with: {triggers_command('keys revoke', digest)}"
            raise CorruptRecordError(error.message, hint=hint, details=error.details) from error
        if record is None:
            raise not_found()
        return record
