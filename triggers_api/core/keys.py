"""API keys: their format, the stored key record, and how a key is generated.

Only the SHA-256 of a key is ever stored. A generated key is `trg_<stage>_<43 characters>_<checksum>`: 256
random bits, and a CRC-32 in base 62 that detects a typo without a look-up and lets a secret scanner recognise
a leaked key. An operator may also choose a key, of 16 to 128 characters of `[A-Za-z0-9_-]`.
"""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from triggers_api.core.times import is_time
from triggers_api.errors import CorruptRecordError

LOCAL_KEY = "test-api-key-12345"
"""The well-known key of `AUTH_MODE=local` (requirements, section 1.4). It is not valid on AWS."""

DEFAULT_AUTH_CACHE_SECONDS = 30
"""How long a warm process trusts a key that it has looked up, unless configured otherwise."""

GENERATED_PREFIX = "trg_"

HOOK_PREFIX = "hook_"
"""The start of the id of a hook, see `hooks.records`."""

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_KEY = re.compile(r"[A-Za-z0-9_-]{16,128}")
_GENERATED_KEY = re.compile(r"(trg_[a-z0-9-]+_[A-Za-z0-9_-]{43})_([0-9A-Za-z]{6})")
_KEY_IN_TEXT = re.compile(
    rf"{GENERATED_PREFIX}[a-z0-9-]+_[A-Za-z0-9_-]{{16,}}|{LOCAL_KEY}|{HOOK_PREFIX}[A-Za-z0-9_-]{{43,}}"
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NAME = re.compile(r"[^\ud800-\udfff]+")  # a text that can be encoded as UTF-8
_MASK = "***"
_RANDOM_CHARACTERS = 43
_SHOWN_CHARACTERS = 4
_MIN_DIFFERENT = 8
_ID_CHARACTERS = 12
_DISPLAY_FIELDS = {"created_at", "name", "prefix", "revoked_at"}


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A stored key record. Only `digest` and `is_active` are required; times are texts in UTC.

    `scopes` are separated by spaces, as in RFC 6749, 3.3; None for a record of version 0.1.0.
    """

    digest: str
    is_active: bool
    created_at: str | None = None
    source: str | None = None
    name: str | None = None
    expires_at: str | None = None
    revoked_at: str | None = None
    prefix: str | None = None
    scopes: str | None = None

    def __post_init__(self) -> None:
        """Check the fields that decide about access.

        Raises:
            CorruptRecordError: One of them is damaged. The message never quotes it.
        """
        if not isinstance(self.digest, str) or not is_digest(self.digest):
            raise CorruptRecordError("A key record is damaged: it is not stored under a digest.")
        if not isinstance(self.is_active, bool):
            raise self._damaged("is_active is not a boolean")
        if self.source is not None and not (isinstance(self.source, str) and _NAME.fullmatch(self.source)):
            raise self._damaged("source is not a name")
        if self.expires_at is not None and not (
            isinstance(self.expires_at, str) and is_time(self.expires_at)
        ):
            raise self._damaged("expires_at is not a time")
        if not isinstance(self.scopes, str | None):
            raise self._damaged("scopes is not a text")

    def _damaged(self, reason: str) -> CorruptRecordError:
        return CorruptRecordError(
            f"Key record {self.id} is damaged: {reason}.",
            details={"digest": self.digest},
        )

    @property
    def id(self) -> str:
        """The short name of the key in lists and logs."""
        return id_of(self.digest)

    def is_valid_at(self, now: str) -> bool:
        """Return whether the key is active and has not expired by `now`."""
        return self.is_active and (self.expires_at is None or now < self.expires_at)


def load_key_record(digest: Any, is_active: Any, others: Mapping[str, Any]) -> KeyRecord:
    """Build a key record from stored values. A damaged field that is only displayed is left out.

    Raises:
        CorruptRecordError: A field that decides about access is damaged.
    """
    usable = {
        name: value for name, value in others.items() if name not in _DISPLAY_FIELDS or isinstance(value, str)
    }
    return KeyRecord(digest, is_active, **usable)


def flaw_of(key: str) -> str | None:
    """Return why a text that an operator chose must not become a key, None if it may.

    A key that is guessed in a few tries is refused: few different characters, or one short text repeated.
    """
    generated = key.startswith(GENERATED_PREFIX)
    flaws = (
        (not _KEY.fullmatch(key), "a key is 16 to 128 characters of A-Z, a-z, 0-9, _ and -"),
        (key.startswith("-"), "it starts with -, so a command line would read it as an option"),
        (
            generated and not (_GENERATED_KEY.fullmatch(key) and is_well_formed(key)),
            "it looks like a generated key with a typo or a missing part",
        ),
        (len(set(key)) < _MIN_DIFFERENT, f"it has fewer than {_MIN_DIFFERENT} different characters"),
        (
            any(key[period:] == key[:-period] for period in range(1, len(key) - 3)),
            "it repeats one short text",
        ),
        (key == LOCAL_KEY, "it is the public test key of the documentation"),
    )
    return next((flaw for applies, flaw in flaws if applies), None)


def prefix_of(key: str) -> str:
    """Return the start of a key, by which its owner recognises it. It shows four secret characters."""
    generated = _GENERATED_KEY.fullmatch(key)
    public = len(generated[1]) - _RANDOM_CHARACTERS if generated else 0
    return key[: public + _SHOWN_CHARACTERS]


def digest_of(key: str) -> str:
    """Return the stored form of a key: `sha256:` and 64 hexadecimal digits."""
    import hashlib  # noqa: PLC0415 - it loads OpenSSL, which most commands do not need

    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def id_of(digest: str) -> str:
    """Return the short name of a key, which comes from its digest and never from the key itself."""
    return digest.removeprefix("sha256:")[:_ID_CHARACTERS]


def is_digest(text: str) -> bool:
    """Return whether a text has the form that `digest_of` returns."""
    return _DIGEST.fullmatch(text) is not None


def is_well_formed(key: str) -> bool:
    """Return whether a text has the format of a key. The checksum of a generated key must be right."""
    if not _KEY.fullmatch(key):
        return False
    generated = _GENERATED_KEY.fullmatch(key)
    return generated is None or _checksum(generated[1]) == generated[2]


def is_own_key(text: str) -> bool:
    """Return whether a text has the form of a key that an operator chose."""
    return not text.startswith(GENERATED_PREFIX) and _KEY.fullmatch(text) is not None


def mask_keys(text: str, own_key: str | None = None) -> str:
    """Return a text with `***` in place of generated keys (also in part), of `own_key`, and of ids of hooks.

    A key that an operator chose has no form by which it can be recognised, so the caller names it.
    """
    if own_key is not None:
        text = text.replace(own_key, _MASK)
    if GENERATED_PREFIX in text or HOOK_PREFIX in text or LOCAL_KEY in text:  # nearly no text holds one
        text = _KEY_IN_TEXT.sub(_MASK, text)
    return text


def generate(stage: str) -> str:
    """Return a new key of 256 random bits for a stage."""
    import secrets  # noqa: PLC0415 - neither the Lambda nor most commands generate keys

    body = f"{GENERATED_PREFIX}{stage}_{secrets.token_urlsafe(32)}"
    return f"{body}_{_checksum(body)}"


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits
