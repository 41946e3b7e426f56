"""What a delivery to a hook takes: webhooks of GitHub of 1 KB and of 10 KB, repeats, and refused ones.

Calls and units are measured as in `store_measures`, CPU as in `function_measures`. The baseline has no hooks,
so a delivery is measured beside an ingest of the same payload with an idempotency key, by the same function.
"""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

from tests.api.lambda_events import rest_event
from tests.bench.bench import Bench, product_subject
from tests.bench.lambda_requests import KILOBYTE, body_of, github_webhook, ingest
from tests.bench.processes import Function
from tests.bench.samples import Row, Sample, Tick, interleaved, part
from tests.bench.store_measures import Use, counted
from tests.bench.subjects import Subject
from tests.bench.wire import listening
from tests.support.rehearsal import REGION
from triggers_api.core.hooks.presets import PRESETS
from triggers_api.core.hooks.records import HookRecord, generate, hook_digest_of, prefix_of
from triggers_api.core.hooks.schemes import sign
from triggers_api.store.dynamodb.client import DynamoDB
from triggers_api.store.dynamodb.hooks import DynamoHookStore

FIRST, SMALL, LARGE = "first delivery", "delivery", "large delivery"
REPEATED, REFUSED = "repeated delivery", "refused delivery"
DELIVERIES = (FIRST, SMALL, LARGE, REPEATED, REFUSED)
WRITES = (SMALL, LARGE, REFUSED)
"""Of a repeat DynamoDB Local does not count any: it cancels the transaction."""
READS = (FIRST, SMALL, REFUSED)

_SIZES = {SMALL: KILOBYTE, LARGE: 10_000}
_SECRET = "the-secret-of-a-hook"
_LOOKUP_SECONDS = 1.1
"""After this time a hook is looked up again for a signature that is wrong."""
_BATCH = 20
_PROCESSES = 3


class Deliveries:
    """The requests of GitHub to a hook, which is stored in the tables of a subject."""

    def __init__(self, bench: Bench, subject: Subject) -> None:
        hook_id = generate()
        store = DynamoHookStore(
            DynamoDB(region=REGION, endpoint_url=bench.dynamodb_url),
            subject.variables["DYNAMODB_TABLE_KEYS"],
        )
        digest = hook_digest_of(hook_id)
        store.add(HookRecord(digest, True, "github", "github", secret=_SECRET, prefix=prefix_of(hook_id)))
        self._path = f"/v1/hooks/{hook_id}"
        self._webhooks = {name: github_webhook(size) for name, size in _SIZES.items()}

    def kilobytes(self, name: str) -> str:
        """Return the size of a webhook as it is shown."""
        return f"{len(self._webhooks[name][1]) / 1000:.1f} KB"

    def as_ingest(self, key: str) -> dict[str, Any]:
        """Return an ingest of the smaller payload, with a new idempotency key."""
        return ingest(key, body_of(json.loads(self._webhooks[SMALL][1])), idempotency_key=str(uuid4()))

    def request(
        self, name: str = SMALL, *, delivery_id: str | None = None, secret: str = _SECRET
    ) -> dict[str, Any]:
        """Return a delivery of one of the webhooks, with a new id unless one is given."""
        event, body = self._webhooks[name]
        delivery_id = delivery_id or str(uuid4())
        signed, _ = sign(PRESETS["github"].scheme, secret, body, now=0, delivery_id=delivery_id)
        headers = [
            ("Content-Type", "application/json"),
            ("X-GitHub-Event", event),
            ("X-GitHub-Delivery", delivery_id),
            ("X-GitHub-Hook-ID", "292430182"),
            ("X-GitHub-Hook-Installation-Target-ID", "79929171"),
            ("X-GitHub-Hook-Installation-Target-Type", "repository"),
            *signed.items(),
        ]
        return rest_event("POST", self._path, headers=headers, body=body)


def calls_and_units(bench: Bench, _: Tick) -> list[Row]:
    """Return the calls and units of the first delivery of a process, and of others with a warm hook."""
    uses: dict[str, Use] = {}
    with listening(bench.dynamodb_url) as wire:
        subject = product_subject(bench.product.artifact, bench.dynamodb_url, wire.url, stage="product-hooks")
        deliveries = Deliveries(bench, subject)
        with Function(subject) as function:
            ask = partial(counted, uses, function, wire)
            ask(FIRST, deliveries.request(), 200)
            ask(SMALL, first := deliveries.request(), 200)
            ask(LARGE, deliveries.request(LARGE), 200)
            ask(REPEATED, first, 200)
            time.sleep(_LOOKUP_SECONDS)
            ask(REFUSED, deliveries.request(secret="another"), 401)
    kinds: dict[str, tuple[tuple[str, ...], Callable[[Use], float]]] = {
        "calls": (DELIVERIES, lambda use: use.calls),
        "write units": (WRITES, lambda use: use.writes),
        "read units": (READS, lambda use: use.reads),
    }
    return [
        Row(
            f"{kind}: {name}",
            f"{'calls to DynamoDB' if kind == 'calls' else kind}: {name}",
            "",
            Sample.of([count(uses[name])]),
        )
        for kind, (names, count) in kinds.items()
        for name in names
    ]


def times(bench: Bench, tick: Tick) -> list[Row]:
    """Return the CPU of the first delivery of a process, and of others on a warm function."""
    through = bench.product.variables["DYNAMODB_ENDPOINT_URL"]
    subject = product_subject(bench.product.artifact, bench.dynamodb_url, through, stage="product-hooks-cpu")
    deliveries = Deliveries(bench, subject)
    first = interleaved(
        bench.rounds(21, 3),
        {
            FIRST: lambda: _first(subject, deliveries.request(), 200),
            "ingest": lambda: _first(subject, deliveries.as_ingest(subject.key), 201),
        },
        part(tick, 0, 2),
    )
    warm = _warm(bench, subject, deliveries, part(tick, 1, 2))
    return [
        _row(FIRST, "first delivery of a process, after the import, CPU, beside an ingest", first),
        _row(SMALL, f"warm {SMALL} of {deliveries.kilobytes(SMALL)}, CPU, beside an ingest with a key", warm),
        _row(LARGE, f"warm {LARGE} of {deliveries.kilobytes(LARGE)}, CPU", warm),
        _row(REPEATED, f"warm {REPEATED} of {deliveries.kilobytes(SMALL)}, CPU", warm),
        _row(REFUSED, f"warm {REFUSED} of {deliveries.kilobytes(SMALL)}, CPU", warm),
    ]


def _first(subject: Subject, request: dict[str, Any], expected: int) -> float:
    """Return the CPU in seconds of the first request of a process."""
    with Function(subject) as function:
        reply = function.call(request, expected=expected)
    return reply.cpu_so_far - reply.cpu_imported


def _warm(bench: Bench, subject: Subject, deliveries: Deliveries, tick: Tick) -> dict[str, list[float]]:
    repeated = str(uuid4())
    requests: dict[str, tuple[Callable[[], dict[str, Any]], int]] = {
        SMALL: (deliveries.request, 200),
        LARGE: (partial(deliveries.request, LARGE), 200),
        REPEATED: (partial(deliveries.request, delivery_id=repeated), 200),
        REFUSED: (partial(deliveries.request, secret="another"), 401),
        "ingest": (partial(deliveries.as_ingest, subject.key), 201),
    }
    found: dict[str, list[float]] = {name: [] for name in requests}
    processes = bench.rounds(_PROCESSES, 1)
    for number in range(processes):
        with Function(subject) as function:
            measures = {name: _batches(function, *request) for name, request in requests.items()}
            some = interleaved(bench.rounds(12, 3), measures, part(tick, number, processes))
            for name, values in some.items():
                found[name] += values
    return found


def _batches(function: Function, make: Callable[[], dict[str, Any]], expected: int) -> Callable[[], float]:
    """Warm a function up, and return what measures a request of it, in seconds. Each has an id of its own."""
    for _ in range(_BATCH):
        function.call(make(), expected=expected)
    return lambda: sum(function.call(make(), expected=expected).cpu_each for _ in range(_BATCH)) / _BATCH


def _row(name: str, measure: str, seconds: dict[str, list[float]]) -> Row:
    beside = Sample.of(seconds["ingest"], scale=1e3) if name in {FIRST, SMALL} else None
    key = name if name == FIRST else f"warm {name}"
    return Row(key, measure, "ms", Sample.of(seconds[name], scale=1e3), beside)
