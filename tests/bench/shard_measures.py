"""What shards cost: an ingest, a page and a receive with 1, 4 and 16 of them, each beside one shard.

Each number has tables of its own with the same events. Times are wall times of a warm function that reaches
DynamoDB Local without TLS: a page over several shards waits for several answers at once.
"""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from tests.bench.bench import Bench, product_subject
from tests.bench.inbox_pages import LIMIT
from tests.bench.lambda_requests import call, ingest, kilobyte_body, post
from tests.bench.processes import Function
from tests.bench.queue_measures import SIZE
from tests.bench.samples import Row, Sample, Tick
from tests.bench.store_measures import Use, counted
from tests.bench.wire import listening

SHARDS = (1, 4, 16)
PAGE, RECEIVE, INGEST = f"page of {LIMIT}", f"receive of {SIZE}", "ingest"
CALLS = (INGEST, PAGE, RECEIVE)
COUNTED: dict[str, tuple[str, Callable[[Use], float]]] = {
    "calls": ("calls to DynamoDB", lambda use: use.calls),
    "read units": ("read units", lambda use: use.reads),
    "write units": ("write units", lambda use: use.writes),
}

_WAITING = 1000
_BATCH = 100
_WARM_UP = 3

Ask = Callable[[str, dict[str, Any], int], dict[str, Any]]
"""Sends the request of a named call, and returns the body of the answer, which has the given status."""


def calls_and_units(bench: Bench, _: Tick) -> list[Row]:
    """Return the calls, and the units that they are billed."""
    found: dict[int, dict[str, Use]] = {}
    for number in SHARDS:
        uses: dict[str, Use] = found.setdefault(number, {})
        with listening(bench.dynamodb_url) as wire:
            stage = f"product-{number}-shards"
            subject = product_subject(
                bench.product.artifact, bench.dynamodb_url, wire.url, stage, shards=number
            )
            with Function(subject) as function:
                ask = partial(counted, uses, function, wire)
                _fill(ask, subject.key)
                wire.taken()
                for name in CALLS:
                    _make(name, ask, subject.key)
    return [
        Row(
            f"{kind}: {name}, {number} shards",
            f"{words}: {name} of 1 KB, {number} shards",
            "",
            Sample.of([count(found[number][name])]),
            Sample.of([count(found[1][name])]),
        )
        for name in CALLS
        for kind, (words, count) in COUNTED.items()
        for number in SHARDS[1:]
    ]


def times(bench: Bench, tick: Tick) -> list[Row]:
    """Return the time and the CPU of each call."""
    rounds = bench.rounds(60, 5)
    with ExitStack() as stack:
        timed: dict[int, tuple[_Timed, str]] = {}
        for number in SHARDS:
            stage, url = f"product-{number}-shards-timed", bench.dynamodb_url
            subject = product_subject(bench.product.artifact, url, url, stage, shards=number)
            timed[number] = _Timed(stack.enter_context(Function(subject))), subject.key
            _fill(timed[number][0].ask, subject.key)
        for done in range(_WARM_UP + rounds):
            for one, key in timed.values():
                if done == _WARM_UP:
                    one.forget()
                for name in CALLS:
                    _make(name, one.ask, key)
            tick((done + 1) / (_WARM_UP + rounds))
    first, _ = timed[1]
    return [
        Row(
            f"{kind}: {name}, {number} shards",
            f"{name} of 1 KB, {number} shards, {words}",
            "ms",
            mine,
            beside,
        )
        for name in CALLS
        for number in SHARDS[1:]
        for kind, words, mine, beside in (
            ("time", "time", timed[number][0].wall(name), first.wall(name)),
            ("cpu", "CPU", timed[number][0].cpu(name), first.cpu(name)),
        )
    ]


class _Timed:
    """Calls of a warm function, with how long each took in seconds."""

    def __init__(self, function: Function) -> None:
        self._function = function
        self._times: dict[str, list[tuple[float, float]]] = {}

    def ask(self, name: str, request: dict[str, Any], expected: int) -> dict[str, Any]:
        began = time.perf_counter()
        reply = self._function.call(request, expected=expected)
        self._times.setdefault(name, []).append((time.perf_counter() - began, reply.cpu_each))
        body: dict[str, Any] = json.loads(reply.body)
        return body

    def forget(self) -> None:
        """Forget the calls that warmed the function up."""
        self._times.clear()

    def wall(self, name: str) -> Sample:
        return Sample.of([wall for wall, _ in self._times[name]], scale=1e3)

    def cpu(self, name: str) -> Sample:
        return Sample.of([cpu for _, cpu in self._times[name]], scale=1e3)


def _fill(ask: Ask, key: str) -> None:
    """Store the events that wait."""
    body = {"events": [json.loads(kilobyte_body())] * _BATCH}
    for _ in range(_WAITING // _BATCH):
        ask("fill", post(key, "/v1/events/batch", body), 200)


def _make(name: str, ask: Ask, key: str) -> None:
    """Make a call. What it leased is released."""
    if name == INGEST:
        ask(name, ingest(key, kilobyte_body()), 201)
    elif name == PAGE:
        assert len(ask(name, call(key, "GET", "/v1/inbox", f"limit={LIMIT}"), 200)["events"]) == LIMIT
    else:
        receive = post(key, "/v1/inbox/receive", {"max": SIZE, "lease_seconds": 60})
        events = ask(name, receive, 200)["events"]
        assert len(events) == SIZE
        held = [{"event_id": one["event_id"], "lease": one["lease"]["token"]} for one in events]
        ask("release", post(key, "/v1/inbox/release", {"events": held}), 200)
