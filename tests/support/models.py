"""The inbox as it would be if the service did one thing after another: a small model for `orders.explain`.

An event goes by a tag, which the test gives it and its payload carries; the id that the service gave it is
learned from the first answer that tells it, and must be the same in every other. So is `acknowledged_at`.
A lease goes by the name of its receive. No lease ends by itself: the clock of these tests stands still.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, combinations
from typing import Any

from tests.support.calls import (
    Ack,
    Delete,
    Extend,
    Get,
    Ingest,
    Page,
    Purge,
    Receive,
    Release,
    Requeue,
    Single,
)
from tests.support.orders import Told

PENDING, ACKNOWLEDGED, DEAD = "pending", "acknowledged", "dead"
CONFLICT, LEASE_LOST = "CONFLICT", "LEASE_LOST"


@dataclass(frozen=True)
class Stored:
    """An event. `id` and `at` are None if it exists but no client has got them.

    `lease` is the name of the receive whose token is good, as no answer shows it.
    """

    tag: str
    id: str | None
    status: str = PENDING
    at: str | None = None
    deliveries: int = 0
    hidden: bool = False
    lease: str | None = None

    @property
    def shown(self) -> tuple[str, int, bool]:
        return self.status, self.deliveries, self.hidden and self.status == PENDING


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


def inbox_step(state: Inbox, call: Single, answer: Told | None) -> Iterator[Inbox]:
    """Give the states to which a call with this answer may lead; with None for any answer."""
    return _STEPS[type(call)](state, call, answer)


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


def _ack(state: Inbox, call: Ack, answer: Told | None) -> Iterator[Inbox]:
    event = state.find(call.tag)
    if (refusal := _refusal(event, call.lease)) is not None:
        yield from _unchanged(state, answer, refusal)
    elif event is None:
        return
    elif event.status == ACKNOWLEDGED:
        if call.lease is None:
            yield from _unchanged(state, answer, Told(409, CONFLICT))
        elif answer is None:
            yield state
        elif answer.status == 200 and event.at in {None, answer.detail}:
            yield state.put(event, replace(event, at=str(answer.detail)))
    elif answer is None:
        yield state.put(event, replace(event, status=ACKNOWLEDGED))
    elif answer.status == 200:
        yield state.put(event, replace(event, status=ACKNOWLEDGED, at=str(answer.detail)))


def _hold(state: Inbox, call: Extend | Release, answer: Told | None) -> Iterator[Inbox]:
    event = state.find(call.tag)
    if (refusal := _refusal(event, call.lease)) is not None:
        yield from _unchanged(state, answer, refusal)
    elif event is None:
        return
    elif isinstance(call, Extend):
        if event.status != PENDING:
            yield from _unchanged(state, answer, Told(409, CONFLICT))
        elif answer in {None, Told(200)}:
            yield state.put(event, replace(event, hidden=True))
    elif event.status == ACKNOWLEDGED:
        yield from _unchanged(state, answer, Told(409, CONFLICT))
    else:
        dead = call.dead or event.status == DEAD
        if answer in {None, Told(200, DEAD if dead else PENDING)}:
            yield state.put(event, replace(event, status=DEAD if dead else PENDING, hidden=call.delay))


def _refusal(event: Stored | None, lease: str | None) -> Told | None:
    """Return the refusal of a call that names this event and lease."""
    if event is None:
        return Told(404)
    return Told(409, LEASE_LOST) if lease not in {None, event.lease} else None


def _unchanged(state: Inbox, answer: Told | None, expected: Told) -> Iterator[Inbox]:
    if answer in {None, expected}:
        yield state


def _receive(state: Inbox, call: Receive, answer: Told | None) -> Iterator[Inbox]:
    """Claim some of the available events: a receive may find fewer than there are."""
    free = [event for event in state.events if event.status == PENDING and not event.hidden]
    if answer is None:
        for some in chain.from_iterable(combinations(free, number) for number in range(len(free) + 1)):
            yield _leased(state, call, some)
    elif answer.status == 200 and isinstance(answer.detail, tuple):
        seen = {event.tag: event for event in answer.detail}
        claimed = [event for event in free if event.tag in seen]
        if len(claimed) == len(answer.detail) and all(
            one.id in {None, seen[one.tag].id} and one.deliveries + 1 == seen[one.tag].deliveries
            for one in claimed
        ):
            yield _leased(state, call, claimed)


def _leased(state: Inbox, call: Receive, claimed: Iterable[Stored]) -> Inbox:
    for one in claimed:
        leased = replace(one, deliveries=one.deliveries + 1, hidden=True, lease=call.name)
        state = state.put(one, leased)
    return state


def _requeue(state: Inbox, call: Requeue, answer: Told | None) -> Iterator[Inbox]:
    event = state.find(call.tag)
    if event is None or event.status == PENDING:
        yield from _unchanged(state, answer, Told(200, 0))
    elif answer in {None, Told(200, 1)}:
        yield state.put(event, Stored(event.tag, event.id))


def _purge(state: Inbox, call: Purge, answer: Told | None) -> Iterator[Inbox]:
    matching = [event for event in state.events if event.status == call.status]
    assert len(matching) <= 1, "see Purge"
    if answer in {None, Told(200, len(matching))}:
        yield replace(state, events=state.events - frozenset(matching))


def _delete(state: Inbox, call: Delete, answer: Told | None) -> Iterator[Inbox]:
    if answer is None or answer.status == 200:
        yield state.without(state.find(call.tag))


def _get(state: Inbox, call: Get, answer: Told | None) -> Iterator[Inbox]:
    event = state.find(call.tag)
    if answer is None:
        yield state
    elif event is None:
        if answer.status == 404:
            yield state
    elif answer.status == 200 and isinstance(answer.detail, Stored):
        seen = answer.detail
        if event.id in {None, seen.id} and event.shown == seen.shown and event.at in {None, seen.at}:
            yield state.put(event, replace(event, id=seen.id, at=seen.at))


def _page(state: Inbox, call: Page, answer: Told | None) -> Iterator[Inbox]:
    if answer is None:
        yield state
    elif answer.status == 200 and isinstance(answer.detail, tuple):
        pending = [
            event for event in state.events if event.status == PENDING and call.tag in {None, event.tag}
        ]
        ids = {event.tag: event.id for event in answer.detail}
        if Counter((event.tag, event.shown) for event in pending) == Counter(
            (event.tag, event.shown) for event in answer.detail
        ) and all(event.id in {None, ids[event.tag]} for event in pending):
            kept = state.events - frozenset(pending)
            yield replace(state, events=kept | {replace(event, id=ids[event.tag]) for event in pending})


_STEPS: dict[type[Single], Callable[[Inbox, Any, Told | None], Iterator[Inbox]]] = {
    Ingest: _ingest,
    Ack: _ack,
    Delete: _delete,
    Get: _get,
    Page: _page,
    Receive: _receive,
    Extend: _hold,
    Release: _hold,
    Requeue: _requeue,
    Purge: _purge,
}
