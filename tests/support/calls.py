"""The calls of producers, consumers and managers in a history that `orders` explains."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Ingest:
    """`key`: the idempotency key. Two requests with one tag and one key are the same request."""

    tag: str
    key: str | None = None


@dataclass(frozen=True)
class Ack:
    """`lease`: the name of a receive, None for an ack without a token."""

    tag: str
    lease: str | None = None


@dataclass(frozen=True)
class Delete:
    tag: str


@dataclass(frozen=True)
class Get:
    tag: str


@dataclass(frozen=True)
class Receive:
    """Each receive of a history has a name of its own, which is that of its lease."""

    name: str


@dataclass(frozen=True)
class Extend:
    tag: str
    lease: str


@dataclass(frozen=True)
class Release:
    tag: str
    lease: str
    delay: bool = False
    dead: bool = False


@dataclass(frozen=True)
class Requeue:
    """By id. Do not race it with the ack of a dead event: it may find that event changed, and move none."""

    tag: str


@dataclass(frozen=True)
class Purge:
    """Of one status. At most one event of it may be there: the call is one step for one event.

    Do not race two of them: both count an event that is gone, whoever deleted it.
    """

    status: str


@dataclass(frozen=True)
class Page:
    """All pending events, in however many pages. With `tag`: what these pages say of that event alone."""

    tag: str | None = None


Entry = Ingest | Ack | Delete | Extend | Release
Single = Ingest | Ack | Delete | Get | Receive | Extend | Release | Requeue | Purge | Page


@dataclass(frozen=True)
class Batch:
    """Entries of one kind in one request. Each is recorded as a call of its own, at the same time."""

    entries: Sequence[Entry]


Call = Single | Batch
