"""A new API key: the checks of its values, its record and its expiry."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from triggers_api.core import keys
from triggers_api.core.access import Scope
from triggers_api.core.keys import KeyRecord
from triggers_api.core.times import format_time
from triggers_api.errors import ConfigurationError, InvalidKeyError

MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just created. This is the only time that `key` can be shown."""

    key: str = field(repr=False)
    record: KeyRecord


def check_new_key(
    *,
    name: str | None = None,
    source: str | None = None,
    scopes: Sequence[str] = (),
    own_key: str | None = None,
    expires_in: int | None = None,
) -> None:
    """Check the values of a new key, before a confirmation is asked for and before anything is changed.

    Raises:
        ConfigurationError: The name, the source, a scope or the expiry is not allowed.
        InvalidKeyError: The operator's own key is not allowed.
    """
    for option, text in (("name", name), ("source", source)):
        if text is not None and (not 1 <= len(text) <= MAX_NAME or not text.isprintable()):
            raise ConfigurationError(
                f"--{option} must be 1 to {MAX_NAME} printable characters.",
                hint="Give another value, or omit the option.",
            )
        if text is not None and keys.mask_keys(text) != text:
            raise ConfigurationError(
                f"--{option} contains an API key.",
                reason="it is stored and printed in clear",
                hint="Give another value. To bring your own key, use --api-key.",
            )
    if not all(scope in list(Scope) for scope in scopes):
        raise ConfigurationError(
            f"--scope must be {', '.join(list(Scope)[:-1])} or {list(Scope)[-1]}.",
            hint="Give one scope, and repeat --scope for more.",
        )
    if own_key is not None and (flaw := keys.flaw_of(own_key)):
        raise InvalidKeyError(
            "This text cannot be an API key.", reason=flaw, hint="Omit --api-key to generate a key."
        )
    if expires_in == 0:
        raise ConfigurationError(
            "--expires-in must be greater than zero.",
            hint="Give a longer duration, or omit the option for a key that does not expire.",
        )


def new_key(
    key: str,
    *,
    now: int,
    name: str | None,
    source: str | None,
    scopes: str | None,
    expires_in: int | None,
) -> NewKey:
    """Return a key with the record to store. `scopes` are as in the record."""
    record = KeyRecord(
        keys.digest_of(key),
        is_active=True,
        created_at=format_time(now),
        source=source,
        name=name,
        expires_at=None if expires_in is None else time_after(now, expires_in),
        prefix=keys.prefix_of(key),
        scopes=scopes,
    )
    return NewKey(key, record)


def time_after(now: int, seconds: int) -> str:
    """Return the time that is some seconds after `now`, which is in microseconds since 1970.

    Raises:
        ConfigurationError: The time is after the year 9999.
    """
    try:
        return format_time(now + seconds * 1_000_000)
    except OverflowError:
        raise ConfigurationError(
            "The key would expire after the year 9999.", hint="Give a shorter duration."
        ) from None
