"""What the calls of a queue take: batches, leases, requeue, purge, stats. The baseline has none of them.

Calls and units are measured as in `store_measures`, CPU as in `consumer_measures`. Some events wait besides
those that are handled, so that a receive reads as much as it may.
"""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.bench.bench import Bench, product_subject
from tests.bench.lambda_requests import call, kilobyte_body, post
from tests.bench.processes import Function
from tests.bench.samples import Row, Sample, Tick
from tests.bench.store_measures import Use, counted
from tests.bench.wire import listening

SIZE = 25
SIZES = (10, SIZE, 100)
"""How many events a call has."""

BATCHES = ("batch ingest", "receive", "batch ack")
"""The calls that are measured with each of the sizes, the others with `SIZE`."""
CALLS = (*BATCHES, "extend", "release", "batch delete", "requeue", "requeue by id", "purge")
STATS = "stats"
READS = ("receive", "requeue", "requeue by id", "purge", STATS)

_WAITING = 3 * 100
_WARM_UP = 2

Ask = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Sends the request of a named call, and returns the body of its answer."""


def calls_and_units(bench: Bench, _: Tick) -> list[Row]:
    """Return the calls, and the units that they are billed, of each call with 25 events."""
    uses: dict[str, Use] = {}
    with listening(bench.dynamodb_url) as wire:
        subject = product_subject(bench.product.artifact, bench.dynamodb_url, wire.url, stage="product-queue")
        with Function(subject) as function:
            _fill(function, subject.key)
            wire.taken()
            _work(partial(counted, uses, function, wire, expected=200), subject.key, SIZE)
    names = {name: f"{name} of {SIZE}" for name in CALLS} | {STATS: STATS}
    return [
        *(
            Row(f"calls: {name}", f"calls to DynamoDB: {label}", "", Sample.of([uses[name].calls]))
            for name, label in names.items()
        ),
        *(
            Row(f"write units: {name}", f"write units: {names[name]}", "", Sample.of([uses[name].writes]))
            for name in CALLS
        ),
        *(
            Row(f"read units: {name}", f"read units: {names[name]}", "", Sample.of([uses[name].reads]))
            for name in READS
        ),
    ]


def processor(bench: Bench, tick: Tick) -> list[Row]:
    """Return the CPU of each call on a warm function, for each of its events."""
    through = bench.product.variables["DYNAMODB_ENDPOINT_URL"]
    subject = product_subject(bench.product.artifact, bench.dynamodb_url, through, stage="product-queue-cpu")
    found: dict[str, list[float]] = {}
    rounds = _WARM_UP + bench.rounds(12, 2)
    with Function(subject) as function:
        _fill(function, subject.key)
        for number in range(rounds):
            for size in SIZES:
                _work(_timed(function, found if number >= _WARM_UP else {}, size), subject.key, size)
            tick((number + 1) / rounds)
    stats = Sample.of(found[f"{STATS} of {SIZE}"], scale=1e3 * SIZE)
    each = [f"{name} of {size}" for size in SIZES for name in (CALLS if size == SIZE else BATCHES)]
    return [
        *(
            Row(f"warm {name}", f"warm {name}, CPU for each event", "ms", Sample.of(found[name], scale=1e3))
            for name in each
        ),
        Row(f"warm {STATS}", f"warm {STATS}, CPU", "ms", stats),
    ]


def _timed(function: Function, found: dict[str, list[float]], size: int) -> Ask:
    def ask(name: str, request: dict[str, Any]) -> dict[str, Any]:
        reply = function.call(request, expected=200)
        found.setdefault(f"{name} of {size}", []).append(reply.cpu_each / size)
        body: dict[str, Any] = json.loads(reply.body)
        return body

    return ask


def _fill(function: Function, key: str) -> None:
    """Warm the function up, and store events that wait."""
    for _ in range(_WAITING // 100):
        _ingest(_timed(function, {}, 100), key, 100)


def _work(ask: Ask, key: str, size: int) -> None:
    """Make each call with some events. At the end as many events wait as before."""
    _ingest(ask, key, size)
    held = _receive(ask, key, size)
    ask("extend", post(key, "/v1/inbox/extend", {"events": held, "lease_seconds": 60}))
    ask("release", post(key, "/v1/inbox/release", {"events": held}))
    _ack(ask, key, _receive(ask, key, size))
    # Before any requeue: afterwards it depends on which events a receive has taken.
    ask(STATS, call(key, "GET", "/v1/inbox/stats"))
    acknowledged = {"filter": {"status": "acknowledged"}, "limit": size}
    ask("requeue", post(key, "/v1/inbox/requeue", acknowledged))
    held = _receive(ask, key, size)
    _ack(ask, key, held)
    ask("requeue by id", post(key, "/v1/inbox/requeue", {"event_ids": [one["event_id"] for one in held]}))
    _ack(ask, key, _receive(ask, key, size))
    ask("purge", post(key, "/v1/inbox/purge", acknowledged))
    ask("batch delete", post(key, "/v1/inbox/delete", {"event_ids": _ingest(ask, key, size)}))


def _ingest(ask: Ask, key: str, size: int) -> list[str]:
    body = {"events": [json.loads(kilobyte_body())] * size}
    return [
        result["event_id"] for result in ask("batch ingest", post(key, "/v1/events/batch", body))["results"]
    ]


def _receive(ask: Ask, key: str, size: int) -> list[dict[str, str]]:
    events = ask("receive", post(key, "/v1/inbox/receive", {"max": size, "lease_seconds": 60}))["events"]
    assert len(events) == size
    return [{"event_id": one["event_id"], "lease": one["lease"]["token"]} for one in events]


def _ack(ask: Ask, key: str, held: list[dict[str, str]]) -> None:
    results = ask("batch ack", post(key, "/v1/inbox/ack", {"events": held}))["results"]
    assert {result["status"] for result in results} == {200}
