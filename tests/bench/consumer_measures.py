"""What a consumer asks of a warm function: polls and acknowledgements. CPU time, of its process only.

As in `function_measures`, with tables of its own: the inbox is polled while it is empty, then while a page of
it is full.
"""

import json
from collections.abc import Callable
from contextlib import ExitStack

from tests.bench.bench import Bench, baseline_subject, product_subject
from tests.bench.inbox_pages import LIMIT
from tests.bench.lambda_requests import call, ingest, kilobyte_body
from tests.bench.processes import Function
from tests.bench.samples import Row, Sample, Tick, interleaved, part
from tests.bench.subjects import Subject

_WARM_UP = 10
_BATCH = 10


def polls_and_acks(bench: Bench, tick: Tick) -> list[Row]:
    """Return the CPU of a poll that finds nothing, of one that finds a full page, and of an ack."""
    url = bench.dynamodb_url
    product = product_subject(bench.product.artifact, url, _tls_url(bench.product), "product-consumer")
    baseline = baseline_subject(bench.baseline.artifact, url, _tls_url(bench.baseline), "baseline-consumer")
    rounds = bench.rounds(15, 3)
    with ExitStack() as stack:
        pairs = [(one, stack.enter_context(Function(one))) for one in (product, baseline)]
        empty = interleaved(rounds, {one.name: _polls(one, to) for one, to in pairs}, part(tick, 0, 3))
        for one, function in pairs:
            function.call(ingest(one.key, kilobyte_body()), expected=201, times=LIMIT)
        full = interleaved(rounds, {one.name: _polls(one, to) for one, to in pairs}, part(tick, 1, 3))
        acks = interleaved(LIMIT - 1, {one.name: _acks(one, to) for one, to in pairs}, part(tick, 2, 3))
    return [
        _row("warm empty poll", "warm poll of an empty inbox, CPU", empty),
        _row("warm poll", f"warm poll of a full page of {LIMIT}, CPU", full),
        _row("warm ack", "warm ack, CPU", acks),
    ]


def _tls_url(subject: Subject) -> str:
    return subject.variables["DYNAMODB_ENDPOINT_URL"]


def _polls(subject: Subject, function: Function) -> Callable[[], float]:
    """Warm the polls up, and return what measures one, in seconds."""
    poll = _poll(subject)
    function.call(poll, expected=200, times=_WARM_UP)
    return lambda: function.call(poll, expected=200, times=_BATCH).cpu_each


def _acks(subject: Subject, function: Function) -> Callable[[], float]:
    """Warm up with the first event of a page, and return what measures the ack of the next one."""
    page = json.loads(function.call(_poll(subject), expected=200).body)
    paths = iter([f"/v1/events/{event['event_id']}/ack" for event in page["events"]])

    def measure() -> float:
        return function.call(call(subject.key, "POST", next(paths)), expected=200).cpu_each

    measure()
    return measure


def _poll(subject: Subject) -> dict[str, object]:
    return call(subject.key, "GET", "/v1/inbox", f"limit={LIMIT}")


def _row(key: str, measure: str, seconds: dict[str, list[float]]) -> Row:
    product, baseline = (Sample.of(seconds[name], scale=1e3) for name in ("product", "baseline"))
    return Row(key, measure, "ms", product, baseline)
