"""What each operation asks of DynamoDB, calls and the units they are billed, and what an event takes there.

All are what AWS's own engine answers, DynamoDB Local: it bills a write for the table and for the index. The
tables are new ones: what other steps leave behind changes no figure.
"""

import json
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.bench.bench import Bench, baseline_subject, client, product_subject
from tests.bench.inbox_pages import LIMIT
from tests.bench.lambda_requests import call, github_body, ingest, kilobyte_body
from tests.bench.processes import Function
from tests.bench.samples import Row, Sample, Tick
from tests.bench.subjects import Subject
from tests.bench.wire import Wire, listening

OPERATIONS = ("ingest", "get", "inbox", "ack", "delete")
FIRST = "first ingest"
WRITES = {
    "ingest": "an ingest of 1 KB",
    "ingest with key": "an ingest of 1 KB with an idempotency key",
    "ack": "its ack",
    "delete": "its delete",
    "large ack": "the ack of the GitHub event",
}
READS = {
    "ingest": "an ingest",
    "get": "a get of 1 KB",
    "inbox": f"a full page of {LIMIT} events of 1 KB",
    "ack": "an ack",
    "delete": "a delete",
}
PLACES = ("table", "index")


@dataclass(frozen=True, slots=True)
class Use:
    """What an operation took of DynamoDB."""

    calls: int
    writes: float
    reads: float


@dataclass(frozen=True, slots=True)
class Walk:
    """What each operation took, by its name, and the bytes of a stored event of 1 KB, by their place."""

    uses: dict[str, Use]
    stored: dict[str, float]


def calls_and_units(bench: Bench, _: Tick) -> list[Row]:
    """Return the calls and units of each operation with a warm key, and the bytes of a stored event."""
    url = bench.dynamodb_url
    with listening(url) as wire:
        product, baseline = (
            _walk(subject, wire, url)
            for subject in (
                product_subject(bench.product.artifact, url, wire.url, stage="product-walk"),
                baseline_subject(bench.baseline.artifact, url, wire.url, stage="baseline-walk"),
            )
        )

    def row(key: str, measure: str, name: str, kind: str) -> Row:
        mine, beside = (_figure(walk.uses.get(name), kind) for walk in (product, baseline))
        assert mine is not None
        return Row(key, measure, "", mine, beside)

    size = len(github_body())
    return [
        *(row(f"calls: {name}", f"calls to DynamoDB: {name}", name, "calls") for name in OPERATIONS),
        row(f"calls: {FIRST}", "calls to DynamoDB: first ingest of a process", FIRST, "calls"),
        row(
            "write units", f"write units of a GitHub event of {size / 1000:.1f} KB", "large ingest", "writes"
        ),
        *(
            row(f"write units: {name}", f"write units of {what}", name, "writes")
            for name, what in WRITES.items()
        ),
        *(row(f"read units: {name}", f"read units of {what}", name, "reads") for name, what in READS.items()),
        *(
            Row(
                f"stored bytes: {place}",
                f"bytes of an event of 1 KB in the {place}",
                "",
                Sample.of([product.stored[place]]),
                Sample.of([baseline.stored[place]]),
            )
            for place in PLACES
        ),
    ]


def _figure(use: Use | None, kind: str) -> Sample | None:
    return None if use is None else Sample.of([getattr(use, kind)])


def _walk(subject: Subject, wire: Wire, url: str) -> Walk:
    """Do each operation once."""
    event, large = ingest(subject.key, kilobyte_body()), ingest(subject.key, github_body())
    page = call(subject.key, "GET", "/v1/inbox", f"limit={LIMIT}")
    uses: dict[str, Use] = {}
    with Function(subject) as function:
        ask = partial(counted, uses, function, wire)
        ask(FIRST, event, 201)  # the key is warm now
        path = _path(ask("ingest", event, 201))
        function.call(event, expected=201, times=LIMIT)  # so there are more than a page takes
        wire.taken()
        stored = _stored(url, subject.variables["DYNAMODB_TABLE_EVENTS"])
        ask("get", call(subject.key, "GET", path), 200)
        listed = ask("inbox", page, 200)["events"]
        assert len(listed) == LIMIT
        ask("ack", call(subject.key, "POST", f"{path}/ack"), 200)
        ask("delete", call(subject.key, "DELETE", path), 200)
        path = _path(ask("large ingest", large, 201))
        ask("large ack", call(subject.key, "POST", f"{path}/ack"), 200)
        if subject.name == "product":  # the baseline does not know these keys
            ask("ingest with key", ingest(subject.key, kilobyte_body(), idempotency_key="order-4711"), 201)
    return Walk(uses, stored)


def _path(receipt: dict[str, Any]) -> str:
    return f"/v1/events/{receipt['event_id']}"


def counted(
    uses: dict[str, Use], function: Function, wire: Wire, name: str, request: dict[str, Any], expected: int
) -> dict[str, Any]:
    """Note what an operation takes, and return its answer's body; the answer to a delivery has none."""
    body: dict[str, Any] = json.loads(function.call(request, expected=expected).body or "{}")
    calls = wire.taken()
    reads = sum(one.units for one in calls if one.operation in {"GetItem", "Query"})
    uses[name] = Use(len(calls), sum(one.units for one in calls) - reads, reads)
    return body


def _stored(url: str, table: str) -> dict[str, float]:
    """Return the bytes of an event: names and values, as DynamoDB counts them, without its own overhead."""
    dynamodb = client(url)
    found = dynamodb.describe_table(TableName=table)["Table"]
    dynamodb.close()
    (index,) = found["GlobalSecondaryIndexes"]
    return {
        "table": found["TableSizeBytes"] / found["ItemCount"],
        "index": index["IndexSizeBytes"] / index["ItemCount"],
    }
