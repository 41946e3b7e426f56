"""Costs as they are shown: Markdown tables, most with the baseline beside the product."""

import math
from collections.abc import Iterable, Sequence

from tests.bench.cost_model import DAYS_PER_MONTH, MILLION, Batches, Kept, Service, Size
from tests.bench.queue_measures import SIZES

SECONDS_PER_DAY = 24 * 3600

MEMORY_MB = (256, 512, 1024, 1769)
"""Sizes that are shown; at the last one a function has a whole vCPU."""


def million_events(product: Service, baseline: Service, size: Size, kept: Kept) -> str:
    """Return what a million events cost, by service, and what the writes of other events would."""
    mine, beside = (one.million_events(size, kept) for one in (product, baseline))
    mine_in_all, beside_in_all = sum(mine.values()), sum(beside.values())
    large = ("write units", "write units: large ack")
    with_key = product.writes("write units: ingest with key", "write units: ack")
    rows = [
        *((name, dollars(mine[name]), dollars(beside[name])) for name in mine),
        ("**in all**", f"**{dollars(mine_in_all)}**", f"**{dollars(beside_in_all)}**"),
        ("DynamoDB, writes, with idempotency keys", dollars(with_key), ""),
        (
            "DynamoDB, writes, of the GitHub event",
            dollars(product.writes(*large)),
            dollars(baseline.writes(*large)),
        ),
    ]
    largest = max(mine, key=lambda name: mine[name])

    def shares(name: str) -> str:
        share, share_beside = mine[name] / mine_in_all, beside[name] / beside_in_all
        return f"{share:.0%} of the product's bill, {share_beside:.0%} of the baseline's"

    return (
        f"{table(('a million events', 'product', 'baseline'), rows)}\n"
        f"The largest line is {largest}: {shares(largest)}.\n"
        f"Lambda's time is {shares('Lambda, time')}.\n"
    )


def batches(product: Service, size: Size, kept: Kept) -> str:
    """Return what a million events cost one by one, in batches, and in batches under leases."""
    ways = {"one by one": product.million_events(size, kept)}
    for leased, how in ((False, "ingested and acknowledged"), (True, "ingested, received and acknowledged")):
        for number in SIZES:
            ways[f"{how} in batches of {number}"] = product.million_in_batches(
                Batches(number, leased), size, kept
            )
    rows = [
        (
            way,
            dollars(costs["API Gateway, requests"]),
            dollars(costs["DynamoDB, writes"]),
            dollars(costs["Lambda, time"]),
            f"**{dollars(sum(costs.values()))}**",
        )
        for way, costs in ways.items()
    ]
    head = ("API Gateway, requests", "DynamoDB, writes", "Lambda, time", "**in all**")
    return table(("a million events", *head), rows)


def time(product: Service, baseline: Service) -> str:
    """Return a cold start and a warm ingest at several sizes: how long they take, and what Lambda asks."""
    services = (product, baseline)
    rows = []
    for memory_mb in MEMORY_MB:
        x86_64, arm64 = Size(memory_mb, "x86_64"), Size(memory_mb, "arm64")
        cells = [f"{memory_mb:,} MB"]
        for number, time_at in ((1_000, Service.cold_start_ms), (1_000_000, Service.ingest_ms)):
            times = [(one, time_at(one, x86_64)) for one in services]
            cells.append(_both(milliseconds(taken) for _, taken in times))
            cells += [
                _both(dollars(number * one.time_price(taken, size)) for one, taken in times)
                for size in (x86_64, arm64)
            ]
        rows.append(cells)
    head = ("cold start, ms", "1,000 cold starts, x86_64", "the same, arm64", "warm ingest, ms")
    return table(("product / baseline", *head, "a million, x86_64", "a million, arm64"), rows)


def choices(product: Service, size: Size, kept: Kept) -> str:
    """Return what the ways out of a cold start cost, and what another processor saves."""
    imported = product.time_price(product.import_ms(), size)
    idle, busy = product.provisioned_idle(size), product.provisioned_pays_when_busy()
    million = sum(product.million_events(size, kept).values())
    arm = sum(product.million_events(Size(size.memory_mb, "arm64"), kept).values())
    return table(
        (f"at {size.memory_mb:,} MB", "product"),
        [
            ("a cold start's import", f"{milliseconds(product.import_ms())} ms"),
            ("the imports of 1,000 cold starts", dollars(1_000 * imported)),
            ("SnapStart: 1,000 restores in their place", dollars(1_000 * product.snapstart_restore(size))),
            ("SnapStart: the cache of one version, a month", dollars(product.snapstart_cache(size))),
            ("provisioned concurrency: one environment, a month", dollars(idle)),
            ("that is as much as the imports of", f"{idle / imported:,.0f} cold starts"),
            ("its cheaper seconds pay for it", f"busy over {busy:.0%} of the time" if busy else "never"),
            ("arm64: off a million events", f"{dollars(million - arm)} of {dollars(million)}"),
        ],
    )


def wrong_keys(product: Service, size: Size, kept: Kept, rate: int) -> str:
    """Return what a flood of wrong keys costs, at the rate at which the gateway throttles."""
    million = product.million_refused(size, kept)
    day = rate * SECONDS_PER_DAY / MILLION * million
    return table(
        ("requests with wrong keys", "product"),
        [
            ("a million", dollars(million)),
            (f"a day at the throttle, {rate} a second", dollars(day)),
            ("a month of that", dollars(day * DAYS_PER_MONTH)),
        ],
    )


def backlog(product: Service, size: Size, kept: Kept) -> str:
    """Return what the measurement of the backlog costs a month."""
    parts = product.backlog_month(size, kept)
    return table(
        ("measuring the backlog, a month", "product"),
        [
            *((name, dollars(amount)) for name, amount in parts.items()),
            ("**in all**", f"**{dollars(sum(parts.values()))}**"),
            (
                "DynamoDB, reads, with a backlog that is not counted to its end",
                dollars(product.backlog_reads_at_most()),
            ),
        ],
    )


def dollars(amount: float) -> str:
    """Return an amount with its cents, or with two digits where these would not show it."""
    decimals = max(2, 1 - math.floor(math.log10(amount))) if amount > 0 else 2
    return f"${amount:,.{decimals}f}"


def milliseconds(amount: float) -> str:
    """Return a time without what a machine's noise makes of it."""
    return f"{amount:,.0f}"


def _both(cells: Iterable[str]) -> str:
    return " / ".join(cells)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column are names and whose others are numbers."""
    rule = f"|---|{'--:|' * (len(head) - 1)}\n"
    first, *others = (f"| {' | '.join(cells)} |\n" for cells in (head, *rows))
    return "".join((first, rule, *others)).replace("|  |", "| |")
