"""What the bench must show: its goals, as data. A goal that is out of reach stays as it is."""

from dataclasses import dataclass

from tests.bench.large_bodies import BODIES
from tests.bench.local_server import CLIENTS, named
from tests.bench.samples import Row
from tests.bench.shard_measures import PAGE


@dataclass(frozen=True, slots=True)
class Goal:
    """`ratio`: at most this, product to what stands beside it. `product`: at most this, in the row's unit."""

    ratio: float | None = None
    product: float | None = None

    def __str__(self) -> str:
        parts = [f"≤ {self.ratio:g}x"] if self.ratio is not None else []
        parts += [f"≤ {self.product:g}"] if self.product is not None else []
        return ", ".join(parts)


GOALS = {
    "cold start": Goal(ratio=0.31),
    "zipped artifact": Goal(ratio=0.34, product=7.0),
    "peak memory": Goal(ratio=0.85),
    "warm ingest": Goal(ratio=0.35),
    "warm ingest without store, to bare": Goal(ratio=3.0),
    **{f"large body: {name}": Goal(product=500) for name in BODIES},
    "calls: ingest": Goal(product=1),
    "calls: get": Goal(product=1),
    "calls: inbox": Goal(product=1),
    "calls: ack": Goal(product=1),
    "calls: delete": Goal(product=1),
    "write units": Goal(ratio=0.40),
    "warm delivery": Goal(ratio=1.25),
    "warm batch ingest of 100": Goal(product=1.2),
    **{f"local server, {clients}, batches": Goal(ratio=0.125) for clients in map(named, CLIENTS)},
    "local server, 1 client, to straightforward": Goal(ratio=1.0),
    "local server, 32 clients, to straightforward": Goal(ratio=0.667),
    "inbox page, SQLite": Goal(ratio=1.5),
    "inbox page, SQLite, middle": Goal(ratio=1.5),
    "inbox page, DynamoDB Local": Goal(ratio=1.5),
    "inbox page, DynamoDB Local, middle": Goal(ratio=1.5),
    f"read units: {PAGE}, 16 shards": Goal(product=26),
    f"time: {PAGE}, 16 shards": Goal(ratio=4),
    # OPERATOR, section 2
    "start-up: --version": Goal(ratio=4),
    "start-up: no AWS": Goal(ratio=8),
    "start-up: --help": Goal(ratio=15),
}
"""By the key of the row. What has no goal is reported only."""


def met(row: Row) -> bool | None:
    """Tell whether a row reaches its goal by the figures of this run; None where it has none."""
    goal = GOALS.get(row.key)
    if goal is None:
        return None
    by_ratio = goal.ratio is None or (row.ratio is not None and row.ratio <= goal.ratio)
    return by_ratio and (goal.product is None or row.product.median <= goal.product)


def not_measured(rows: list[Row]) -> list[str]:
    """Return one line for each goal that no row answers: a goal is never dropped in silence."""
    measured = {row.key for row in rows}
    return [f"{key}: not measured; the goal is {goal}" for key, goal in GOALS.items() if key not in measured]
