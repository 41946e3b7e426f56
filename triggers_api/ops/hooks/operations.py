"""The operations of `triggers hooks` on the hooks of one stage."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from triggers_api.core.hooks import records
from triggers_api.core.hooks.presets import preset_of
from triggers_api.core.hooks.records import HookRecord
from triggers_api.core.times import Clock, format_time, system_clock
from triggers_api.errors import ConfigurationError, CorruptRecordError, HookStateError, value_of
from triggers_api.ops.hooks.new_hook import HookPlan, check_secret
from triggers_api.ops.hooks.references import find_digest, not_found
from triggers_api.ops.hooks.states import check_rotation, secret_needed
from triggers_api.ops.shell_commands import triggers_command

if TYPE_CHECKING:
    from triggers_api.core.ports import HookStore  # its imports would slow down every hooks command


@dataclass(frozen=True, slots=True)
class NewHook:
    """A hook that was just created. This is the only time that `hook_id` and a made secret can be shown.

    `made_secret` is None if the operator gave the secret, or the hook has none.
    """

    hook_id: str = field(repr=False)
    record: HookRecord
    made_secret: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rotation:
    """A hook with its new secret, which can only be shown now if this program made it."""

    record: HookRecord
    made_secret: str | None = field(repr=False)
    had_secret: bool


class Hooks:
    """The hooks of one stage."""

    def __init__(self, store: "HookStore", *, clock: Clock = system_clock) -> None:
        self._store = store
        self._clock = clock

    @property
    def now(self) -> str:
        """The time to compare the expiry of an old secret with."""
        return format_time(self._clock())

    def create(self, plan: HookPlan) -> NewHook:
        """Create a hook with a new id. If the plan has no secret, make one unless the provider does."""
        made = plan.preset.new_secret() if plan.secret is None and plan.preset.makes_secret else None
        hook_id = records.generate()
        record = HookRecord(
            records.hook_digest_of(hook_id),
            is_active=True,
            source=plan.source,
            preset=plan.name,
            scheme=plan.scheme,
            event_type=plan.event_type,
            dedupe=plan.dedupe,
            secret=made or plan.secret,
            created_at=self.now,
            prefix=records.prefix_of(hook_id),
        )
        if not self._store.add(record):
            raise AssertionError("two ids of 256 random bits are the same")
        return NewHook(hook_id, record, made)

    def list(
        self, *, everything: bool, source: str | None
    ) -> tuple[list[HookRecord], list[CorruptRecordError]]:
        """Return the hooks of the stage, oldest first, and an error for each that cannot be read.

        Args:
            everything: Include revoked hooks.
            source: Return only hooks whose events have this source.
        """
        found: list[HookRecord] = []
        damaged: list[CorruptRecordError] = []
        for one in map(_checked, self._store.list()):
            if isinstance(one, CorruptRecordError):
                damaged.append(one)
            elif (everything or one.is_active) and source in (None, one.source):
                found.append(one)
        return sorted(found, key=lambda record: (record.created_at or "", record.digest)), damaged

    def show(self, reference: str) -> HookRecord:
        """Return a hook.

        Raises:
            HookNotFoundError: There is no such hook.
            CorruptRecordError: The hook is damaged.
        """
        digest = find_digest(self._store, reference)
        with self._hinting(digest):
            record = self._store.find(digest)
            if record is None:
                raise not_found()
            return value_of(_checked(record))

    def revoke(self, reference: str) -> str:
        """Permanently revoke a hook, and return its short id. Revoking it again has no effect.

        Raises:
            HookNotFoundError: There is no such hook.
        """
        digest = find_digest(self._store, reference)
        if not self._store.revoke(digest, at=self.now):
            raise not_found()
        return records.short_id_of(digest)

    def rotate(self, reference: str, *, secret: str | None, overlap: int) -> Rotation:
        """Give a hook a new secret, and accept the one that it has until the overlap ends.

        Args:
            reference: The hook.
            secret: The new secret, which the provider made. None: make one.
            overlap: The seconds until the old secret ends.

        Raises:
            HookNotFoundError: There is no such hook.
            HookStateError: The hook is revoked, has no secret by its scheme, or was changed by another user.
            ConfigurationError: The secret is not allowed, or the provider makes it and it is not given.
        """
        old = self.show(reference)
        preset = check_rotation(old)
        if secret is None and not preset.makes_secret:
            raise secret_needed(old, preset)
        if secret is not None:
            check_secret(preset, secret)
        made = preset.new_secret() if secret is None else None
        new = secret or made or ""
        if new == old.secret:
            raise ConfigurationError(
                "This is the secret that the hook has already.",
                hint=f"Give the new one. {preset.title} shows it after it was renewed there.",
            )
        expires_at = _time_after(self._clock(), overlap)
        if not self._store.rotate(old, secret=new, old_secret_expires_at=expires_at):
            raise HookStateError(
                f"Hook {old.id} was changed by another user at the same time. Its secret is not rotated.",
                reason="it differs from the one that the rotation started from",
                hint=f"See it with: {triggers_command('hooks show', old.id)}",
            )
        rotated = replace(old, secret=new, old_secret=old.secret, old_secret_expires_at=expires_at)
        return Rotation(rotated, made, had_secret=old.secret is not None)

    @contextmanager
    def _hinting(self, digest: str) -> Iterator[None]:
        """Add a fix to the error of a damaged hook."""
        try:
            yield
        except CorruptRecordError as error:
            hint = f"Revoke the hook with: {triggers_command('hooks revoke', records.short_id_of(digest))}"
            raise CorruptRecordError(error.message, hint=hint, details=error.details) from error


def _checked(record: HookRecord | CorruptRecordError) -> HookRecord | CorruptRecordError:
    """Return a hook, or the error of one with an unknown preset or a damaged scheme."""
    if isinstance(record, HookRecord):
        try:
            preset_of(record.preset, record.scheme)
        except CorruptRecordError:
            details = {"digest": record.digest}
            return CorruptRecordError(f"Hook {record.id} is damaged: its preset is unknown.", details=details)
    return record


def _time_after(now: int, seconds: int) -> str:
    try:
        return format_time(now + seconds * 1_000_000)
    except OverflowError:
        raise ConfigurationError(
            "The old secret would end after the year 9999.", hint="Give a shorter --overlap."
        ) from None
