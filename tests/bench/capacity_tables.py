"""How many events a second a stage takes, as Markdown tables: arithmetic on figures and AWS's limits.

The limit is that of one partition of the index. An event's ingest, its lease and its acknowledgement each
write once to the partition of the pending events; the acknowledgement also writes once to another one. The
table has a partition key that spreads, so it is no limit.
"""

import math

from tests.bench.cost_model import MILLION, Batches, Kept, Service, Size
from tests.bench.cost_tables import SECONDS_PER_DAY, dollars, table
from tests.bench.inbox_pages import LIMIT
from tests.bench.local_server import CLIENTS, named
from tests.bench.queue_measures import SIZE
from tests.bench.shard_measures import PAGE, RECEIVE, SHARDS
from tests.bench.wrk import BATCH

RATES = (100, 500, 2_000, 8_000)
"""Events a second that are shown."""

_TABLE_UNITS = 1
"""Of each write of an event of 1 KB; the other units are those of the index."""


def sustained(service: Service) -> str:
    """Return the rates that a stage sustains, and what its reads take, by the number of shards."""

    def units(name: str, shards: int, unsharded: str) -> str:
        key = unsharded if shards == 1 else f"read units: {name}, {shards} shards"
        return f"{service.figures[key]:g}"

    head = (
        "shards",
        "events a second, listed",
        "events a second, leased",
        f"read units of a page of {LIMIT}",
        f"read units of a receive of {SIZE}",
    )
    rows = [
        (
            str(shards),
            f"{_rate(service, shards, leased=False):,.0f}",
            f"{_rate(service, shards, leased=True):,.0f}",
            units(PAGE, shards, "read units: inbox"),
            units(RECEIVE, shards, "read units: receive"),
        )
        for shards in SHARDS
    ]
    return table(head, rows)


def rates(service: Service, size: Size, kept: Kept) -> str:
    """Return what some rates need, one by one and in batches."""
    head = (
        "events a second",
        "shards",
        "requests a second",
        f"in batches of {SIZE}",
        "functions busy",
        f"in batches of {SIZE}",
        "a day",
        f"in batches of {SIZE}",
    )
    by_one = service.ingest_ms(size) + service.request_ms("warm ack", "calls: ack", size)
    batches = Batches(SIZE)
    by_batch = sum(service.batch_ms(call, SIZE, size) for call in batches.calls) / SIZE
    one = sum(service.million_events(size, kept).values())
    batched = sum(service.million_in_batches(batches, size, kept).values())
    rows = [
        (
            f"{rate:,}",
            str(math.ceil(rate / _rate(service, 1, leased=False))),
            f"{2 * rate:,}",
            f"{2 * rate / SIZE:,.0f}",
            f"{math.ceil(rate * by_one / 1000):,}",
            f"{math.ceil(rate * by_batch / 1000):,}",
            dollars(rate * SECONDS_PER_DAY / MILLION * one),
            dollars(rate * SECONDS_PER_DAY / MILLION * batched),
        )
        for rate in RATES
    ]
    return table(head, rows)


def local(product: Service, baseline: Service) -> str:
    """Return how many events a second `triggers dev` takes, and the straightforward server beside it."""
    head = ("clients", "one by one", f"in batches of {BATCH}", "FastAPI over SQLite, one by one")
    rows = []
    for clients in map(named, CLIENTS):
        one_by_one, batches = (f"local server, {clients}, {key}" for key in ("to straightforward", "batches"))
        figures = (product.figures[one_by_one], product.figures[batches], baseline.figures[one_by_one])
        rows.append((clients, *(f"{1000 / milliseconds:,.0f}" for milliseconds in figures)))
    return f"{table(head, rows)}\nThe disk synced {product.figures['disk syncs']:,.0f} times a second.\n"


def _rate(service: Service, shards: int, *, leased: bool) -> float:
    """Return how many events a second that many partitions take."""
    figures = service.figures
    ingest, ack = figures["write units: ingest"], figures["write units: ack"]
    units = ingest - _TABLE_UNITS + (ack - _TABLE_UNITS) / 2
    if leased:
        units += figures["write units: receive"] / SIZE - _TABLE_UNITS
    return shards * service.assumptions.write_units_of_a_partition_per_second / units
