"""API keys: their form, what is stored of them, and what a store of keys must do.

Only the SHA-256 of a key is ever stored. A generated key is `trg_<stage>_<43 characters>_<checksum>`: 256
random bits, and a CRC-32 in base 62 by which a typing error is told without a look-up and a secret scanner
finds a leaked key. An operator's own key is taken when it is 16 to 128 characters of `[A-Za-z0-9_-]`.
"""

import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass
from typing import Protocol

from triggers_api.core.times import is_time
from triggers_api.errors import CorruptRecordError

LOCAL_KEY = "test-api-key-12345"
"""The well-known key of `AUTH_MODE=local` (requirements, section 1.4); it opens nothing on AWS."""

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORM = re.compile(r"[A-Za-z0-9_-]{16,128}", re.ASCII)
_GENERATED = re.compile(r"(trg_[a-z0-9-]+_[A-Za-z0-9_-]{43})_([0-9A-Za-z]{6})", re.ASCII)
_NAME = re.compile(r"[^\ud800-\udfff]+", re.DOTALL)  # a text that has a UTF-8
_ID_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is stored of a key. A record needs `digest` and `is_active` only; times are texts in UTC."""

    digest: str
    is_active: bool
    created_at: str | None = None
    source: str | None = None
    name: str | None = None
    expires_at: str | None = None
    revoked_at: str | None = None
    prefix: str | None = None

    def __post_init__(self) -> None:
        """Refuse what would make entry a matter of doubt: `CorruptRecordError`."""
        if not isinstance(self.is_active, bool):
            raise self._damaged("is_active is not a boolean")
        if self.source is not None and not (isinstance(self.source, str) and _NAME.fullmatch(self.source)):
            raise self._damaged("source is not a name")
        if self.expires_at is not None and not (
            isinstance(self.expires_at, str) and is_time(self.expires_at)
        ):
            raise self._damaged("expires_at is not a time")

    def _damaged(self, why: str) -> CorruptRecordError:
        return CorruptRecordError(f"The record of key {self.id} is damaged: {why}.")

    @property
    def id(self) -> str:
        """The short name of the key in lists and logs: from its digest, never from its own characters."""
        return self.digest.removeprefix("sha256:")[:_ID_CHARACTERS]

    def admits(self, now: str) -> bool:
        """Tell whether the key opens the door at the time `now`."""
        return self.is_active and (self.expires_at is None or now < self.expires_at)


class KeyStore(Protocol):
    """Keeps keys. Every method is atomic and raises `StoreUnavailableError` where the store fails."""

    def find(self, digest: str) -> KeyRecord | None:
        """Return the record of a key, as it is now."""

    def add(self, record: KeyRecord) -> bool:
        """Keep a new key; False, and nothing changed, where that key has a record already."""


def digest_of(key: str) -> str:
    """Return what is stored of a key: `sha256:` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def is_well_formed(key: str) -> bool:
    """Tell whether a text can be a key at all; a generated key's checksum must be right."""
    if not _FORM.fullmatch(key):
        return False
    generated = _GENERATED.fullmatch(key)
    return generated is None or _checksum(generated[1]) == generated[2]


def generate(stage: str) -> str:
    """Return a new key of 256 random bits for a stage."""
    body = f"trg_{stage}_{secrets.token_urlsafe(32)}"
    return f"{body}_{_checksum(body)}"


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits
