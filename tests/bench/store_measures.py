"""What each operation asks of DynamoDB: calls, and the write units of a real event.

Both are what AWS's own engine answers, DynamoDB Local: it bills a write for the table and for the index.
"""

import json
from dataclasses import replace
from functools import partial
from typing import Any

from tests.bench.bench import Bench
from tests.bench.lambda_requests import call, github_body, ingest, kilobyte_body
from tests.bench.processes import Function
from tests.bench.samples import Row, Sample, Tick
from tests.bench.subjects import Subject
from tests.bench.wire import Wire, listening

OPERATIONS = ("ingest", "get", "inbox", "ack", "delete")


def calls_and_units(bench: Bench, _: Tick) -> list[Row]:
    """Return the calls of each operation with a warm key, and the units of the real event's ingest."""
    with listening(bench.dynamodb_url) as wire:
        (product, product_units), (baseline, baseline_units) = (
            _walk(_through(wire, subject), wire) for subject in (bench.product, bench.baseline)
        )
    size = len(github_body())
    return [
        *(
            Row(
                f"calls: {name}",
                f"calls to DynamoDB: {name}",
                "",
                Sample.of([product[name]]),
                Sample.of([baseline[name]]),
            )
            for name in OPERATIONS
        ),
        Row(
            "write units",
            f"write units of a GitHub event of {size / 1000:.1f} KB",
            "",
            Sample.of([product_units]),
            Sample.of([baseline_units]),
        ),
    ]


def _through(wire: Wire, subject: Subject) -> Subject:
    return replace(subject, variables={**subject.variables, "DYNAMODB_ENDPOINT_URL": wire.url})


def _walk(subject: Subject, wire: Wire) -> tuple[dict[str, int], float]:
    """Do each operation once; return its calls by name, and the write units of the large event."""
    with Function(subject) as function:
        ask = partial(_counted, function, wire)
        function.call(ingest(subject.key, kilobyte_body()), expected=201)  # the key is warm now
        wire.taken()
        body, calls, _ = ask(ingest(subject.key, kilobyte_body()), 201)
        event = f"/v1/events/{body['event_id']}"
        found = {"ingest": calls}
        found["get"] = ask(call(subject.key, "GET", event), 200)[1]
        found["inbox"] = ask(call(subject.key, "GET", "/v1/inbox", "limit=50"), 200)[1]
        found["ack"] = ask(call(subject.key, "POST", f"{event}/ack"), 200)[1]
        found["delete"] = ask(call(subject.key, "DELETE", event), 200)[1]
        return found, ask(ingest(subject.key, github_body()), 201)[2]


def _counted(
    function: Function, wire: Wire, request: dict[str, Any], expected: int
) -> tuple[dict[str, Any], int, float]:
    """Return an answer's body, the number of its calls, and the units of those that write."""
    body = json.loads(function.call(request, expected=expected).body)
    calls = wire.taken()
    writes = [one.units for one in calls if one.operation not in {"GetItem", "Query"}]
    return body, len(calls), sum(writes)
