"""What the caller of a request may do: the one place that decides it.

A key record is how a key is stored. A `Principal` is what the rest of the service asks: which source the
key is bound to, and which scopes it has. A key that is bound to a source sees and changes events of that
source only; to that key, the events of other sources do not exist.
"""

from dataclasses import dataclass
from enum import StrEnum

from triggers_api.core.keys import KeyRecord
from triggers_api.errors import ForbiddenError


class Scope(StrEnum):
    """A group of calls that a key may make."""

    INGEST = "ingest"
    CONSUME = "consume"
    MANAGE = "manage"


DEFAULT_SCOPES = frozenset({Scope.INGEST, Scope.CONSUME})
"""The scopes of a key whose record names none, as those of version 0.1.0."""

ALL_SCOPES = " ".join(Scope)
"""Every scope, as a key record has them."""


def scopes_of(record: KeyRecord) -> list[str]:
    """Return the scopes of a key, in the order to show them."""
    if record.scopes is None:
        return [scope for scope in Scope if scope in DEFAULT_SCOPES]
    return record.scopes.split()


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. `key_digest` identifies its key; `source` is None for a key of any source."""

    key_id: str
    key_digest: str
    source: str | None = None
    scopes: frozenset[str] = DEFAULT_SCOPES

    @classmethod
    def from_key(cls, record: KeyRecord) -> "Principal":
        """Return the principal of a valid key."""
        return cls(record.id, record.digest, record.source, frozenset(scopes_of(record)))

    def require_scopes(self, scopes: list[str]) -> None:
        """Raise unless the caller has all of `scopes`.

        Raises:
            ForbiddenError: A scope is missing; `details.scope` names it.
        """
        for scope in scopes:
            if scope not in self.scopes:
                raise ForbiddenError(
                    f"This key does not have the scope {scope}.",
                    hint=f"Use a key that was created with --scope {scope}.",
                    details={"scope": scope},
                )

    def require_source(self, source: str) -> None:
        """Raise unless the caller may ingest events of `source`.

        Raises:
            ForbiddenError: The key is bound to another source.
        """
        if not self.owns(source):
            raise ForbiddenError("This key is bound to another source than the event's.")

    def narrow(self, source: str | None) -> str | None:
        """Return the source filter to apply: the requested one, or the one that the key is bound to.

        Raises:
            ForbiddenError: The key is bound to another source than the requested one.
        """
        if source is not None and not self.owns(source):
            raise ForbiddenError("This key is bound to another source than the filter's.")
        return source if self.source is None else self.source

    def owns(self, source: str) -> bool:
        """Return whether the caller may see and change events of `source`."""
        return self.source in (None, source)
