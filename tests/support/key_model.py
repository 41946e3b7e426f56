"""Keys as they would be if the service did one thing after another: a small model for `orders.explain`."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.support.orders import Told


@dataclass(frozen=True)
class Use:
    """A request with a key."""

    key: str


@dataclass(frozen=True)
class Revoke:
    key: str


@dataclass(frozen=True)
class Rotate:
    """`new` takes the place of `old`, which gets an end."""

    old: str
    new: str


@dataclass(frozen=True)
class Keys:
    """The keys, and what was done to them."""

    known: frozenset[str]
    revoked: frozenset[str] = frozenset()
    rotated: frozenset[str] = frozenset()


def keys_step(state: Keys, call: Use | Revoke | Rotate, answer: Told | None) -> Iterator[Keys]:
    """Give the states to which a call with this answer may lead. Refused: 401 of a use, 409 of a rotation."""
    match call:
        case Use():
            admitted = call.key in state.known - state.revoked
            if answer is None or answer.status == (200 if admitted else 401):
                yield state
        case Revoke():
            yield replace(state, revoked=state.revoked | {call.key})
        case Rotate():
            possible = call.old in state.known - state.revoked - state.rotated
            if possible and (answer is None or answer.status == 200):
                yield replace(state, known=state.known | {call.new}, rotated=state.rotated | {call.old})
            elif not possible and (answer is None or answer.status == 409):
                yield state
