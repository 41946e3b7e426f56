"""The calls of consumers that lease, and batches, in any order, compared with the model."""

from operator import attrgetter
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import MultipleResults, multiple, rule

from tests.api.driver import Answer
from tests.promises.client_rules import (
    NAMES,
    REQUESTS,
    SOURCE_FILTERS,
    TYPE_FILTERS,
    ClientRules,
    acknowledged,
)
from tests.promises.event_model import DEAD, Sent, View
from tests.promises.machine import ANY_KEY, EVENTS, LEASES, Lease, check, strict
from tests.promises.model import (
    CONSUME,
    FORBIDDEN,
    INGEST,
    INVALID,
    Key,
    Refusal,
)
from triggers_api.core.times import format_time

SECONDS = st.sampled_from([1, 5, 30, 3600])
NO_ID = "no-id"
NO_EVENT: tuple[int, str] = (422, "VALIDATION_ERROR")

HELD = st.one_of(
    LEASES, LEASES, LEASES, st.builds(Lease, EVENTS, st.sampled_from(["", "no token", "é" * 256]))
)
SEVERAL_HELD = st.lists(HELD, min_size=1, max_size=4)
NAMED_REQUESTS = st.lists(st.tuples(REQUESTS, st.none() | NAMES), min_size=1, max_size=5)
SEVERAL = st.lists(st.one_of(EVENTS, LEASES.map(attrgetter("event_id"))), min_size=1, max_size=4)

Results = list[Refusal | dict[str, Any]]


class QueueRules(ClientRules):
    """Receive, and the batches."""

    @rule(target=EVENTS, key=ANY_KEY, several=NAMED_REQUESTS, flawed=st.booleans())
    def a_batch_is_sent(
        self, key: Key, several: list[tuple[Sent, str | None]], flawed: bool
    ) -> MultipleResults[str]:
        bodies: list[dict[str, Any]] = [
            {
                "source": sent.source,
                "event_type": sent.event_type,
                "payload": sent.payload,
                "metadata": {**sent.metadata, **({"idempotency_key": name} if name else {})},
            }
            for sent, name in several
        ]
        entries = [*bodies, {"source": "shop"}] if flawed else bodies
        answer = self._call(key, "POST", "/v1/events/batch", json_body={"events": entries})
        if not self._admitted(key, INGEST, answer):
            return multiple()
        expected, known = Results(), list[str]()
        for (sent, name), body, result in zip(several, bodies, answer.json["results"], strict=False):
            event = self.model.ingest(key, sent, name)
            if isinstance(event, tuple):
                expected.append(event)
                continue
            replayed = {} if event is None else {"idempotent_replayed": True}
            if event is None:
                assert result["status"] == 201, result
                event = self._new_event(result, sent, {"priority": "normal", **body["metadata"]})
                self.model.keep(key, sent, name, event)
            known.append(event.event_id)
            fields = {"event_id": event.event_id, "created_at": event.created_at}
            expected.append({**fields, "status": 201, **replayed})
        check_results(answer, [*expected, INVALID] if flawed else expected)
        return multiple(*known)

    @rule(
        target=LEASES,
        key=ANY_KEY,
        limit=st.sampled_from([1, 2, 5, 100]),
        seconds=SECONDS,
        source=SOURCE_FILTERS,
        event_type=TYPE_FILTERS,
    )
    def events_are_received(
        self, key: Key, limit: int, seconds: int, source: str | None, event_type: str | None
    ) -> MultipleResults[Lease]:
        view = View(source=source, event_types=(event_type,) if event_type else ())
        return multiple(*self._receive(key, limit, seconds, view))

    def _receive(self, key: Key, limit: int, seconds: int, view: View) -> list[Lease]:
        body: dict[str, Any] = {"max": limit, "lease_seconds": seconds}
        body |= {"source": view.source} if view.source else {}
        body |= {"event_type": view.event_types[0]} if view.event_types else {}
        answer = self._call(key, "POST", "/v1/inbox/receive", json_body=body)
        if not self._admitted(key, CONSUME, answer):
            return []
        if view.source and not key.sees(view.source):
            check(answer, FORBIDDEN)
            return []
        free = {event.event_id: event for event in self.model.free(key, view)}
        doomed = [event for event in free.values() if self.model.is_worn_out(event)]
        found, leases = answer.json["events"], list[Lease]()
        assert len({event["event_id"] for event in found}) == len(found) <= limit
        expires_at = format_time(self.model.after(seconds))
        for shown in found:
            event = free.pop(shown["event_id"])  # promise 13: it was free, for this key and filter
            assert event not in doomed
            token = shown["lease"]["token"]
            self.model.claim(event, token, seconds)
            lease = {"token": token, "expires_at": expires_at}
            assert strict(shown) == strict({**event.shown(self.clock()), "lease": lease})
            leases.append(Lease(event.event_id, token))
        assert len({lease.token for lease in leases}) <= 1
        for event in doomed:
            # The answer does not tell which of them it met. They have died, or are as they were.
            path = f"/v1/events/{event.event_id}"
            if self._call(self.all_seeing, "GET", path).json["status"] == DEAD:
                self.model.die(event, None, by_count=True)
                del free[event.event_id]
            self._read(self.all_seeing, event.event_id, event.event_id)
        check(answer, {"events": found, "more": answer.json["more"]})
        assert answer.json["more"] or not free, "there is more"
        return leases

    @rule(held=HELD, by=st.lists(ANY_KEY, min_size=1, max_size=2))
    def an_event_is_acknowledged_under_a_lease(self, held: Lease, by: list[Key]) -> None:
        for key in by:
            path = f"/v1/events/{held.event_id}/ack"
            answer = self._call(key, "POST", path, json_body={"lease": held.token})
            if self._admitted(key, CONSUME, answer):
                expected = self.model.acknowledge(key, held.event_id, held.token)
                check(answer, acknowledged(held.event_id, expected))

    @rule(key=ANY_KEY, several=SEVERAL_HELD, with_tokens=st.booleans())
    def several_are_acknowledged(self, key: Key, several: list[Lease], with_tokens: bool) -> None:
        self._ack(key, several, with_tokens=with_tokens)

    def _ack(self, key: Key, several: list[Lease], *, with_tokens: bool) -> None:
        held = without_repeats(several)
        entries = [{"event_id": one.event_id, "lease": one.token} for one in held]
        if not with_tokens:
            entries = [{"event_id": one.event_id} for one in held]
        body = {"events": [*entries, {"event_id": NO_ID}]}
        answer = self._call(key, "POST", "/v1/inbox/ack", json_body=body)
        if self._admitted(key, CONSUME, answer):
            outcomes = [
                self.model.acknowledge(key, one.event_id, one.token if with_tokens else None) for one in held
            ]
            check_results(answer, [*results_of(held, outcomes, "acknowledged_at"), NO_EVENT])

    @rule(key=ANY_KEY, several=SEVERAL_HELD, seconds=SECONDS)
    def several_leases_are_extended(self, key: Key, several: list[Lease], seconds: int) -> None:
        self._extend(key, several, seconds)

    def _extend(self, key: Key, several: list[Lease], seconds: int) -> None:
        held = without_repeats(several)
        body = {"events": [{"event_id": one.event_id, "lease": one.token} for one in held]}
        answer = self._call(key, "POST", "/v1/inbox/extend", json_body={**body, "lease_seconds": seconds})
        if self._admitted(key, CONSUME, answer):
            outcomes = [self.model.extend(key, one.event_id, one.token, seconds) for one in held]
            check_results(answer, results_of(held, outcomes, "expires_at"))

    @rule(
        key=ANY_KEY,
        several=SEVERAL_HELD,
        delay=st.sampled_from([0, 0, 5, 3600]),
        dead=st.booleans(),
        reason=st.sampled_from([None, "", 'é "no"']),
    )
    def several_are_released(
        self, key: Key, several: list[Lease], delay: int, dead: bool, reason: str | None
    ) -> None:
        self._release(key, several, delay=0 if dead else delay, dead=dead, reason=reason)

    def _release(self, key: Key, several: list[Lease], *, delay: int, dead: bool, reason: str | None) -> None:
        held = without_repeats(several)
        body: dict[str, Any] = {
            "events": [{"event_id": one.event_id, "lease": one.token} for one in held],
            "delay_seconds": delay,
            "dead": dead,
        }
        body |= {} if reason is None else {"reason": reason}
        answer = self._call(key, "POST", "/v1/inbox/release", json_body=body)
        if self._admitted(key, CONSUME, answer):
            outcomes = [
                self.model.release(key, one.event_id, one.token, delay=delay, dead=dead, reason=reason)
                for one in held
            ]
            check_results(answer, results_of(held, outcomes, "event_status"))

    @rule(key=ANY_KEY, several=SEVERAL)
    def several_are_deleted(self, key: Key, several: list[str]) -> None:
        self._delete(key, several)

    def _delete(self, key: Key, several: list[str]) -> None:
        ids = list(dict.fromkeys(several))
        answer = self._call(key, "POST", "/v1/inbox/delete", json_body={"event_ids": [*ids, NO_ID]})
        if self._admitted(key, CONSUME, answer):
            for event_id in ids:
                self.model.delete(key, event_id)
            expected: Results = [{"event_id": event_id, "status": 200} for event_id in ids]
            check_results(answer, [*expected, NO_EVENT])


def results_of(held: list[Lease], outcomes: list[Refusal | str], name: str) -> Results:
    """Return the result of each event; `name` is the field that a success has."""
    return [
        outcome if isinstance(outcome, tuple) else {"event_id": one.event_id, "status": 200, name: outcome}
        for one, outcome in zip(held, outcomes, strict=True)
    ]


def without_repeats(several: list[Lease]) -> list[Lease]:
    """Return the first of each event. One event twice is a 400, which `BAD_CALLS` has."""
    return list({one.event_id: one for one in reversed(several)}.values())


def check_results(answer: Answer, expected: Results) -> None:
    """Fail unless each entry has this result, in order."""
    assert answer.status == 200, answer.body
    results = answer.json["results"]
    check(answer, {"results": results})
    assert [result.pop("index") for result in results] == list(range(len(expected)))
    for result, one in zip(results, expected, strict=True):
        if isinstance(one, tuple):
            assert (result["status"], result["error"]["code"]) == one, (result, one)
            assert result["error"].keys() == {"code", "message", "details"}
        else:
            assert strict(result) == strict(one), (result, one)
