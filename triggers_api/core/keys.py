"""API keys: their form, what is stored of them, and what a store of keys must do.

Only the SHA-256 of a key is ever stored. A generated key is `trg_<stage>_<43 characters>_<checksum>`: 256
random bits, and a CRC-32 in base 62 by which a typing error is told without a look-up and a secret scanner
finds a leaked key. An operator's own key is taken when it is 16 to 128 characters of `[A-Za-z0-9_-]`.
"""

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from triggers_api.core.times import is_time
from triggers_api.errors import CorruptRecordError

LOCAL_KEY = "test-api-key-12345"
"""The well-known key of `AUTH_MODE=local` (requirements, section 1.4); it opens nothing on AWS."""

DEFAULT_AUTH_CACHE_SECONDS = 30
"""How long a warm process trusts a key that it has looked up, unless it is set otherwise."""

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Patterns are texts here: most processes use few of them, and Python keeps those that it has compiled.
_FORM = r"[A-Za-z0-9_-]{16,128}"
_GENERATED = r"(trg_[a-z0-9-]+_[A-Za-z0-9_-]{43})_([0-9A-Za-z]{6})"
_NAME = r"[^\ud800-\udfff]+"  # a text that has a UTF-8
GENERATED_PREFIX = "trg_"
_RANDOM_CHARACTERS = 43
_SHOWN_ONLY = {"created_at", "name", "prefix", "revoked_at"}
_DIGEST = r"sha256:[0-9a-f]{64}"
_MIN_DIFFERENT = 8
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
        """Refuse what would make entry a matter of doubt: `CorruptRecordError`, which never quotes it."""
        if not isinstance(self.digest, str) or not is_digest(self.digest):
            raise CorruptRecordError("The record of a key is damaged: it is not stored under a digest.")
        if not isinstance(self.is_active, bool):
            raise self._damaged("is_active is not a boolean")
        if self.source is not None and not (
            isinstance(self.source, str) and re.fullmatch(_NAME, self.source)
        ):
            raise self._damaged("source is not a name")
        if self.expires_at is not None and not (
            isinstance(self.expires_at, str) and is_time(self.expires_at)
        ):
            raise self._damaged("expires_at is not a time")

    def _damaged(self, why: str) -> CorruptRecordError:
        return CorruptRecordError(
            f"The record of key {self.id} is damaged: {why}.",
            hint=f"Revoke it with: triggers keys revoke {self.digest}",
            details={"digest": self.digest},
        )

    @property
    def id(self) -> str:
        """The short name of the key in lists and logs: from its digest, never from its own characters."""
        return self.digest.removeprefix("sha256:")[:_ID_CHARACTERS]

    def admits(self, now: str) -> bool:
        """Tell whether the key opens the door at the time `now`."""
        return self.is_active and (self.expires_at is None or now < self.expires_at)


def record_of(digest: Any, is_active: Any, texts: Mapping[str, Any]) -> KeyRecord:
    """Return the record of what a store holds. Text that is only shown, and is none, is left out."""
    shown = {name: text for name, text in texts.items() if name not in _SHOWN_ONLY or isinstance(text, str)}
    return KeyRecord(digest, is_active, **shown)


class KeyStore(Protocol):
    """Keeps keys. Every method is atomic and raises `StoreUnavailableError` where the store fails.

    A record that cannot be read is a `CorruptRecordError`; a list gives it in the record's place.
    """

    def find(self, digest: str) -> KeyRecord | None:
        """Return the record of a key, as it is now."""

    def add(self, record: KeyRecord) -> bool:
        """Keep a new key; False, and nothing changed, where that key has a record already."""

    def list(self) -> Iterator[KeyRecord | CorruptRecordError]:
        """Give every key, in no particular order, a page of the store at a time."""

    def revoke(self, digest: str, *, at: str) -> KeyRecord | None:
        """Make a key inactive for good; return its record, with the time of the first revocation.

        A damaged record is revoked too, and its record shows what is sure.
        """

    def rotate(self, old: KeyRecord, new: KeyRecord, *, old_expires_at: str) -> bool:
        """Keep a new key and let the old one expire, both or neither.

        False, and nothing changed, where the old one is not as `old` says any more.
        """


def flaw_of(key: str) -> str | None:
    """Say why a text of the operator's own must not become a key; None where it may.

    What is guessed in a few tries is no key: few different characters, or one short text over and over.
    """
    generated = key.startswith(GENERATED_PREFIX)
    flaws = (
        (not re.fullmatch(_FORM, key), "a key is 16 to 128 characters of A-Z, a-z, 0-9, _ and -"),
        (key.startswith("-"), "it begins with -, and would be taken for an option"),
        (
            generated and not (re.fullmatch(_GENERATED, key) and is_well_formed(key)),
            "it looks like a generated key with a typing error, or with a part missing",
        ),
        (len(set(key)) < _MIN_DIFFERENT, f"it has fewer than {_MIN_DIFFERENT} different characters"),
        (
            any(key[period:] == key[:-period] for period in range(1, len(key) - 3)),
            "it is one text over and over",
        ),
        (key == LOCAL_KEY, "everybody knows it: it is the test key of the documentation"),
    )
    return next((flaw for is_so, flaw in flaws if is_so), None)


def prefix_of(key: str) -> str:
    """Return what may be shown of a key, for its owner to recognise: of what is secret, four characters."""
    generated = re.fullmatch(_GENERATED, key)
    public = len(generated[1]) - _RANDOM_CHARACTERS if generated else 0
    return key[: public + 4]


def digest_of(key: str) -> str:
    """Return what is stored of a key: `sha256:` and 64 hexadecimal digits."""
    import hashlib  # noqa: PLC0415 - it loads OpenSSL, which most commands do without

    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def is_digest(text: str) -> bool:
    """Tell whether a text has the form that `digest_of` gives."""
    return re.fullmatch(_DIGEST, text) is not None


def is_well_formed(key: str) -> bool:
    """Tell whether a text can be a key at all; a generated key's checksum must be right."""
    if not re.fullmatch(_FORM, key):
        return False
    generated = re.fullmatch(_GENERATED, key)
    return generated is None or _checksum(generated[1]) == generated[2]


def generate(stage: str) -> str:
    """Return a new key of 256 random bits for a stage."""
    import secrets  # noqa: PLC0415 - neither the Lambda nor most commands make keys

    body = f"{GENERATED_PREFIX}{stage}_{secrets.token_urlsafe(32)}"
    return f"{body}_{_checksum(body)}"


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits
