"""What deliveries to hooks cost, and how long they take: arithmetic on figures, and Markdown tables."""

from dataclasses import dataclass

from tests.bench.cost_model import MILLION, Kept, Service, Size
from tests.bench.cost_tables import MEMORY_MB, SECONDS_PER_DAY, dollars, milliseconds, table
from tests.bench.hook_measures import FIRST, LARGE, REFUSED, REPEATED, SMALL


@dataclass(frozen=True, slots=True)
class Kind:
    """Deliveries of a kind, by the names of their figures.

    `written`: the delivery whose writes are billed, if any. A repeat cancels its transaction. DynamoDB
    Local does not report what that is billed, so it is taken to be as much as the first delivery was.
    """

    name: str
    written: str | None
    read: str | None = None


KINDS = {
    "1 KB": Kind(SMALL, SMALL),
    "10 KB": Kind(LARGE, LARGE),
    "1 KB, repeated": Kind(REPEATED, SMALL),
    "1 KB, refused": Kind(REFUSED, None, REFUSED),
}


def million(service: Service, kind: Kind, size: Size, kept: Kept) -> dict[str, float]:
    """Return what a million deliveries cost, by service. The events are not stored for long, nor consumed."""
    prices, figures = service.prices, service.figures
    warm = service.request_ms(f"warm {kind.name}", f"calls: {kind.name}", size)
    reads = figures[f"read units: {kind.read}"] if kind.read else 0
    return {
        "API Gateway, requests": prices.api_gateway_rest_per_million_requests,
        "Lambda, requests": prices.lambda_per_million_requests,
        "Lambda, time": MILLION * service.time_price(warm, size),
        "DynamoDB, writes": service.writes(f"write units: {kind.written}") if kind.written else 0,
        "DynamoDB, reads": reads * prices.dynamodb_per_million_read_units,
        "CloudWatch Logs": service.logs(MILLION, kept),
    }


def first_ms(service: Service, size: Size) -> float:
    """Return how long it is from the start of the import to the end of the first request, a delivery."""
    return service.import_ms() + service.request_ms(FIRST, f"calls: {FIRST}", size)


def webhooks(service: Service, size: Size, kept: Kept, rate: int) -> str:
    """Return what a million deliveries cost, and a flood of refused ones at the throttle of hooks."""
    costs = {title: million(service, kind, size, kept) for title, kind in KINDS.items()}
    in_all = {title: sum(one.values()) for title, one in costs.items()}
    rows = [
        *((name, *(dollars(one[name]) for one in costs.values())) for name in costs["1 KB"]),
        ("**in all**", *(f"**{dollars(amount)}**" for amount in in_all.values())),
    ]
    day = rate * SECONDS_PER_DAY / MILLION * in_all["1 KB, refused"]
    return (
        f"{table(('a million webhooks', *KINDS), rows)}\n"
        f"Refused webhooks at the throttle of {rate} a second cost {dollars(day)} a day.\n"
    )


def answers(service: Service) -> str:
    """Return how long the answers to deliveries take at several sizes."""
    rows = []
    for memory_mb in MEMORY_MB:
        size = Size(memory_mb)
        warm = (service.request_ms(f"warm {name}", f"calls: {name}", size) for name in (SMALL, LARGE))
        times = (first_ms(service, size), *warm)
        rows.append((f"{memory_mb:,} MB", *map(milliseconds, times)))
    return table(("until the answer, ms", "after a cold start", "1 KB, warm", "10 KB, warm"), rows)
