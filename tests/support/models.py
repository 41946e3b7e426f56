"""The service as it would be if it did one thing after another: two small models for `orders.explain`.

An event goes by a tag, which the test gives it and its payload carries; the id that the service gave it is
learned from the first answer that tells it, and must be the same in every other. So is `acknowledged_at`.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.support.orders import Told


@dataclass(frozen=True)
class Ingest:
    """`key`: the idempotency key. Two requests with one tag and one key are the same request."""

    tag: str
    key: str | None = None


@dataclass(frozen=True)
class Ack:
    tag: str


@dataclass(frozen=True)
class Delete:
    tag: str


@dataclass(frozen=True)
class Get:
    tag: str


@dataclass(frozen=True)
class Page:
    """All pending events, in however many pages."""


Call = Ingest | Ack | Delete | Get | Page


@dataclass(frozen=True)
class Stored:
    """An event. `id` and `at` are None if it exists but no client has got them."""

    tag: str
    id: str | None
    acknowledged: bool = False
    at: str | None = None


@dataclass(frozen=True)
class Claim:
    """What an idempotency key stands for."""

    key: str
    tag: str
    id: str | None


@dataclass(frozen=True)
class Inbox:
    """A state of the service, as far as the calls can observe it."""

    events: frozenset[Stored] = frozenset()
    claims: frozenset[Claim] = frozenset()

    def find(self, tag: str) -> Stored | None:
        return next((event for event in self.events if event.tag == tag), None)

    def without(self, event: Stored | None) -> "Inbox":
        return replace(self, events=self.events - {event})

    def put(self, old: Stored | None, new: Stored) -> "Inbox":
        return replace(self, events=self.events - {old} | {new})


def inbox_step(state: Inbox, call: Call, answer: Told | None) -> Iterator[Inbox]:
    """Give the states to which a call with this answer may lead; with None for any answer."""
    match call:
        case Ingest():
            yield from _ingest(state, call, answer)
        case Ack():
            yield from _ack(state, state.find(call.tag), answer)
        case Delete():
            if answer is None or answer.status == 200:
                yield state.without(state.find(call.tag))
        case Get():
            yield from _get(state, state.find(call.tag), answer)
        case Page():
            yield from _page(state, answer)


def _ingest(state: Inbox, call: Ingest, answer: Told | None) -> Iterator[Inbox]:
    told = None if answer is None else str(answer.detail)
    held = next((claim for claim in state.claims if claim.key == call.key), None)
    if held is not None:
        if answer is None:
            yield state
        elif held.tag != call.tag:
            if answer.status == 422:
                yield state
        elif answer.status == 201 and held.id in {None, told}:
            known = replace(state, claims=state.claims - {held} | {replace(held, id=told)})
            event = known.find(call.tag)
            yield known if event is None else known.put(event, replace(event, id=told))
    elif answer is None or (answer.status == 201 and told not in {event.id for event in state.events}):
        claims = {Claim(call.key, call.tag, told)} if call.key else set()
        yield Inbox(state.events | {Stored(call.tag, told)}, state.claims | claims)


def _ack(state: Inbox, event: Stored | None, answer: Told | None) -> Iterator[Inbox]:
    if event is None:
        if answer is None or answer.status == 404:
            yield state
    elif event.acknowledged:
        if answer is None or answer.status == 409:
            yield state
    elif answer is None:
        yield state.put(event, replace(event, acknowledged=True))
    elif answer.status == 200:
        yield state.put(event, replace(event, acknowledged=True, at=str(answer.detail)))


def _get(state: Inbox, event: Stored | None, answer: Told | None) -> Iterator[Inbox]:
    if answer is None:
        yield state
    elif event is None:
        if answer.status == 404:
            yield state
    elif answer.status == 200 and isinstance(answer.detail, Stored):
        seen = answer.detail
        if (
            event.id in {None, seen.id}
            and event.acknowledged == seen.acknowledged
            and event.at in {None, seen.at}
        ):
            yield state.put(event, seen)


def _page(state: Inbox, answer: Told | None) -> Iterator[Inbox]:
    if answer is None:
        yield state
    elif answer.status == 200 and isinstance(answer.detail, tuple):
        pending = [event for event in state.events if not event.acknowledged]
        ids = {event.tag: event.id for event in answer.detail}
        if Counter(event.tag for event in pending) == Counter(event.tag for event in answer.detail) and all(
            event.id in {None, ids[event.tag]} for event in pending
        ):
            kept = state.events - frozenset(pending)
            yield replace(state, events=kept | {replace(event, id=ids[event.tag]) for event in pending})


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
