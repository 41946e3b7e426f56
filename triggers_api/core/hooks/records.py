"""Hooks: their ids, and the stored record of a hook.

A hook is a URL that a provider posts webhooks to. The id in it is `hook_` and 43 characters: 256 random bits.
Only its digest is stored, under `hook:sha256:`, so an API key never finds a hook, nor a hook a key, although
both are in one table of DynamoDB. Unlike a key, the signing secret of a hook is stored as it is: a signature
can only be checked with the secret itself.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from triggers_api.core.keys import HOOK_PREFIX, digest_of
from triggers_api.core.times import is_time
from triggers_api.errors import CorruptRecordError

DIGEST_PREFIX = "hook:"
"""The start of the digests of hooks, in front of `sha256:`."""

BY_DELIVERY, BY_NOTHING = "id", "none"
DEDUPE = (BY_DELIVERY, BY_NOTHING)
"""How a repeated delivery is recognised: by the provider's id, or not at all."""

_HOOK_ID = re.compile(r"hook_[A-Za-z0-9_-]{43}")
_DIGEST = re.compile(r"hook:sha256:[0-9a-f]{64}")
_SHOWN_CHARACTERS = 4
_ID_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class HookRecord:
    """A stored hook. Times are texts in UTC.

    Attributes:
        digest: `hook:sha256:` and 64 hexadecimal digits.
        is_active: Whether it accepts deliveries.
        source: The source of its events.
        preset: How its provider signs, see `presets`.
        scheme: The JSON text of the scheme, for the preset `generic` only.
        event_type: The type of events if the provider names none.
        dedupe: One of `DEDUPE`.
        secret: The signing secret. None: the hook has none, because its scheme needs none.
        old_secret: The secret before a rotation, which is valid until `old_secret_expires_at`.
        old_secret_expires_at: A time.
        created_at: A time.
        revoked_at: A time.
        prefix: The start of the id, by which its owner recognises it.
    """

    digest: str
    is_active: bool
    source: str
    preset: str
    scheme: str | None = None
    event_type: str | None = None
    dedupe: str = BY_DELIVERY
    secret: str | None = field(default=None, repr=False)
    old_secret: str | None = field(default=None, repr=False)
    old_secret_expires_at: str | None = None
    created_at: str | None = None
    revoked_at: str | None = None
    prefix: str | None = None

    @property
    def id(self) -> str:
        """The short name of the hook in lists and logs, which comes from its digest."""
        return short_id_of(self.digest)

    def secrets_at(self, now: str) -> list[str]:
        """Return the secrets that are valid at a time."""
        old_is_valid = self.old_secret_expires_at is not None and now < self.old_secret_expires_at
        secrets = [self.secret, self.old_secret if old_is_valid else None]
        return [secret for secret in secrets if secret]


def load_hook_record(values: Mapping[str, Any]) -> HookRecord:
    """Build a hook from stored values, by the names of the fields.

    Raises:
        CorruptRecordError: A value is missing or damaged. The message quotes none of them.
    """
    digest = values.get("digest")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise CorruptRecordError("A hook is damaged: it is not stored under a digest.")
    damaged = CorruptRecordError(f"Hook {short_id_of(digest)} is damaged.", details={"digest": digest})
    texts = {name: value for name, value in values.items() if name != "is_active" and value is not None}
    if not isinstance(values.get("is_active"), bool) or not all(
        isinstance(text, str) and _is_unicode(text) for text in texts.values()
    ):
        raise damaged
    times = [texts.get(name) for name in ("old_secret_expires_at", "created_at", "revoked_at")]
    if not all(time is None or is_time(time) for time in times):
        raise damaged
    try:
        record = HookRecord(is_active=values["is_active"], **texts)
    except TypeError:  # a field without a default is missing
        raise damaged from None
    if record.dedupe not in DEDUPE or not record.source:
        raise damaged
    return record


def hook_digest_of(hook_id: str) -> str:
    """Return the stored form of a hook's id."""
    return DIGEST_PREFIX + digest_of(hook_id)


def short_id_of(digest: str) -> str:
    """Return the short name of a hook, 12 characters of its digest."""
    return digest.removeprefix(f"{DIGEST_PREFIX}sha256:")[:_ID_CHARACTERS]


def prefix_of(hook_id: str) -> str:
    """Return the start of an id, by which its owner recognises it. It shows four secret characters."""
    return hook_id[: len(HOOK_PREFIX) + _SHOWN_CHARACTERS]


def is_hook_id(text: str) -> bool:
    """Return whether a text has the form of a hook's id."""
    return _HOOK_ID.fullmatch(text) is not None


def generate() -> str:
    """Return a new id of 256 random bits."""
    import secrets  # noqa: PLC0415 - neither the Lambda nor most commands generate ids

    return HOOK_PREFIX + secrets.token_urlsafe(32)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
