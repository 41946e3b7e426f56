"""What a service costs on AWS: arithmetic on figures of the bench, at given prices. Nothing is measured here.

Lambda bills memory times time, and gives below 1,769 MB a share of a vCPU in proportion to memory. So CPU
costs the same at any size below that, and only takes longer; waiting takes as long at any size, and costs
more at a larger one. The import of a cold start is billed like the rest (since August 2025), but runs on a
whole vCPU at any size: that was observed, AWS does not promise it.
"""

import math
from dataclasses import dataclass

from tests.bench.cost_inputs import Assumptions, Figures, Prices
from tests.bench.inbox_pages import LIMIT
from tests.bench.queue_measures import SIZE
from triggers_api.store.dynamodb.index import MAX_READS

MILLION = 1_000_000
SECONDS_PER_MONTH = 730 * 3600
DAYS_PER_MONTH = 730 / 24

MEASUREMENTS_PER_MONTH = 730 * 12
"""The schedule of the template measures the backlog every five minutes."""

BACKLOG_METRICS, BACKLOG_ALARMS = 3, 2
BACKLOG_COUNTS = 3
"""Pending events, those that are available, and dead events."""

READ_UNITS_PER_MB = 128
"""Of an eventually consistent query: half a unit for 4 KB."""

_GB = 1024**3
_MB_PER_GB = 1024


@dataclass(frozen=True, slots=True)
class Size:
    """What a function is given."""

    memory_mb: int
    architecture: str = "x86_64"

    @property
    def gb(self) -> float:
        return self.memory_mb / _MB_PER_GB


@dataclass(frozen=True, slots=True)
class Kept:
    """For how many days events and logs are kept."""

    events_days: float
    logs_days: float


@dataclass(frozen=True, slots=True)
class Requests:
    """How many requests there are of each kind."""

    ingests: float
    acks: float
    polls: float
    empty_polls: float

    @property
    def total(self) -> float:
        return self.ingests + self.acks + self.polls + self.empty_polls


@dataclass(frozen=True, slots=True)
class Batches:
    """How a million events are handled: ingested and acknowledged so many at a time.

    `leased`: received under leases, as many at a time. Otherwise they are fetched in full pages.
    """

    size: int
    leased: bool = False

    @property
    def calls(self) -> tuple[str, ...]:
        """The calls that are made for each batch."""
        return ("batch ingest", "receive", "batch ack") if self.leased else ("batch ingest", "batch ack")


@dataclass(frozen=True, slots=True)
class Service:
    """The product or the baseline: its figures, at AWS's prices."""

    figures: Figures
    prices: Prices
    assumptions: Assumptions

    def request_ms(self, cpu: str, calls: str, size: Size) -> float:
        """Return how long a warm request takes: its CPU on a share of a vCPU, and its calls to DynamoDB."""
        return self._on_share(self.figures[cpu], size) + self._waited(calls)

    def ingest_ms(self, size: Size) -> float:
        """Return how long a warm ingest of 1 KB takes."""
        return self.request_ms("warm ingest", "calls: ingest", size)

    def import_ms(self) -> float:
        """Return how long a cold start imports, at any size."""
        return self.figures["cold start, import"] * self.assumptions.vcpu_ms_per_measured_ms

    def cold_start_ms(self, size: Size) -> float:
        """Return how long it is from the start of the import to the end of the first request, an ingest."""
        first = self.figures["cold start"] - self.figures["cold start, import"]
        return self.import_ms() + self._on_share(first, size) + self._waited("calls: first ingest")

    def time_price(self, milliseconds: float, size: Size) -> float:
        """Return what Lambda asks for one request's time: each started millisecond."""
        per_second = {
            "x86_64": self.prices.lambda_x86_64_per_gb_second,
            "arm64": self.prices.lambda_arm64_per_gb_second,
        }[size.architecture]
        started = math.ceil(round(milliseconds, 6))  # not one more for a float's last digit
        return started / 1000 * size.gb * per_second

    def million_events(self, size: Size, kept: Kept) -> dict[str, float]:
        """Return what a million events of 1 KB cost, by service: each is ingested, polled and acked."""
        prices, requests = self.prices, self.requests()
        return {
            "API Gateway, requests": requests.total / MILLION * prices.api_gateway_rest_per_million_requests,
            "Lambda, requests": requests.total / MILLION * prices.lambda_per_million_requests,
            "Lambda, time": self.time(requests, size),
            "DynamoDB, writes": self.writes("write units: ingest", "write units: ack"),
            "DynamoDB, reads": self._reads(requests),
            "DynamoDB, storage and backups": self._storage(kept),
            "CloudWatch Logs": self.logs(requests.total, kept),
        }

    def million_refused(self, size: Size, kept: Kept) -> float:
        """Return what a million requests cost that each have another wrong key.

        Each reads one key that does not exist, which is one read unit, and lasts as long as a poll that finds
        nothing.
        """
        prices, requests = self.prices, Requests(0, 0, 0, MILLION)
        per_million = (
            prices.api_gateway_rest_per_million_requests,
            prices.lambda_per_million_requests,
            prices.dynamodb_per_million_read_units,
        )
        return sum(per_million) + self.time(requests, size) + self.logs(requests.total, kept)

    def million_in_batches(self, batches: Batches, size: Size, kept: Kept) -> dict[str, float]:
        """Return what a million events of 1 KB cost in batches, by service, as `million_events` does.

        A receive is billed the read units of one of 25 events, however many it has.
        """
        prices, number = self.prices, MILLION / batches.size
        polls = Requests(0, 0, 0 if batches.leased else MILLION / LIMIT, self.requests().empty_polls)
        in_all = polls.total + number * len(batches.calls)
        time = sum(self.time_price(self.batch_ms(call, batches.size, size), size) for call in batches.calls)
        reads = self._reads(polls)
        if batches.leased:
            units = number * self.figures["read units: receive"]
            reads += units / MILLION * prices.dynamodb_per_million_read_units
        written = sum(self.figures[f"write units: {call}"] for call in batches.calls) / SIZE
        return {
            "API Gateway, requests": in_all / MILLION * prices.api_gateway_rest_per_million_requests,
            "Lambda, requests": in_all / MILLION * prices.lambda_per_million_requests,
            "Lambda, time": number * time + self.time(polls, size),
            "DynamoDB, writes": written * prices.dynamodb_per_million_write_units,
            "DynamoDB, reads": reads,
            "DynamoDB, storage and backups": self._storage(kept),
            "CloudWatch Logs": self.logs(in_all, kept),
        }

    def backlog_month(self, size: Size, kept: Kept) -> dict[str, float]:
        """Return what it costs a month to measure the backlog, by service, while few events wait."""
        prices, calls = self.prices, MEASUREMENTS_PER_MONTH
        per_call = self.time_price(self.request_ms("warm stats", "calls: stats", size), size)
        units = self.figures["calls: stats"] * self.assumptions.read_units_of_a_query_that_finds_nothing
        return {
            "CloudWatch, three metrics": BACKLOG_METRICS * prices.cloudwatch_metric_per_month,
            "CloudWatch, two alarms": BACKLOG_ALARMS * prices.cloudwatch_alarm_metric_per_month,
            "EventBridge": calls / MILLION * prices.eventbridge_per_million_events,
            "Lambda": calls / MILLION * prices.lambda_per_million_requests + calls * per_call,
            "DynamoDB, reads": calls * units / MILLION * prices.dynamodb_per_million_read_units,
            "CloudWatch Logs": self.logs(calls, kept),
        }

    def backlog_reads_at_most(self) -> float:
        """Return what the reads of these measurements cost a month if every count reaches its bound."""
        units = BACKLOG_COUNTS * MAX_READS * READ_UNITS_PER_MB
        return MEASUREMENTS_PER_MONTH * units / MILLION * self.prices.dynamodb_per_million_read_units

    def batch_ms(self, call: str, events: int, size: Size) -> float:
        """Return how long a warm call with some events takes. Its calls to DynamoDB are made in parallel."""
        cpu = self._on_share(self.figures[f"warm {call} of {events}"] * events, size)
        alone = self.figures[f"calls: {call}"] - SIZE  # such as the query of a receive
        in_turn = alone + math.ceil(events / self.assumptions.dynamodb_calls_at_a_time)
        return cpu + in_turn * self.assumptions.dynamodb_ms_per_call

    def requests(self) -> Requests:
        """Return the requests of a million events, which are fetched in full pages."""
        empty = self.assumptions.polls_that_find_nothing_per_million_events
        return Requests(MILLION, MILLION, MILLION / LIMIT, empty)

    def writes(self, *keys: str) -> float:
        """Return what a million times the operations of these figures cost, for what they write."""
        return sum(self.figures[key] for key in keys) * self.prices.dynamodb_per_million_write_units

    def snapstart_cache(self, size: Size) -> float:
        """Return what SnapStart asks a month for one published version, used or not."""
        return size.gb * SECONDS_PER_MONTH * self.prices.snapstart_cache_per_gb_second

    def snapstart_restore(self, size: Size) -> float:
        """Return what SnapStart asks for one cold start, in the place of the import."""
        return size.gb * self.prices.snapstart_restore_per_gb

    def provisioned_idle(self, size: Size) -> float:
        """Return what one provisioned environment costs a month before it does anything."""
        return size.gb * SECONDS_PER_MONTH * self.prices.provisioned_x86_64_idle_per_gb_second

    def provisioned_pays_when_busy(self) -> float | None:
        """Return how busy it must be for its cheaper seconds to pay for it, 1 for always; None: never."""
        prices = self.prices
        saved = prices.lambda_x86_64_per_gb_second - prices.provisioned_x86_64_busy_per_gb_second
        share = prices.provisioned_x86_64_idle_per_gb_second / saved if saved > 0 else math.inf
        return share if share <= 1 else None

    def time(self, requests: Requests, size: Size) -> float:
        """Return what Lambda asks for the time of all requests, which are warm."""
        times = (
            (requests.ingests, self.ingest_ms(size)),
            (requests.acks, self.request_ms("warm ack", "calls: ack", size)),
            (requests.polls, self.request_ms("warm poll", "calls: inbox", size)),
            (requests.empty_polls, self.request_ms("warm empty poll", "calls: inbox", size)),
        )
        return sum(number * self.time_price(milliseconds, size) for number, milliseconds in times)

    def _reads(self, requests: Requests) -> float:
        key = self.figures["read units: ingest"]  # there is nothing else to read for one
        nothing = key + self.assumptions.read_units_of_a_query_that_finds_nothing
        units = (
            requests.ingests * key
            + requests.acks * self.figures["read units: ack"]
            + requests.polls * self.figures["read units: inbox"]
            + requests.empty_polls * nothing
        )
        return units / MILLION * self.prices.dynamodb_per_million_read_units

    def _storage(self, kept: Kept) -> float:
        besides = self.assumptions.item_bytes_besides
        table, index = (self.figures[f"stored bytes: {place}"] + besides for place in ("table", "index"))
        stored = (table + index) * self.prices.dynamodb_storage_per_gb_month
        backups = table * self.prices.dynamodb_backups_per_gb_month
        return MILLION * (stored + backups) / _GB * kept.events_days / DAYS_PER_MONTH

    def logs(self, requests: float, kept: Kept) -> float:
        """Every request is taken to log as much as an ingest."""
        line = self.figures["log bytes"] + self.assumptions.log_bytes_besides_per_request
        stored = self.prices.logs_stored_per_gb_month * kept.logs_days / DAYS_PER_MONTH
        return requests * line / _GB * (self.prices.logs_ingested_per_gb + stored)

    def _on_share(self, cpu_ms: float, size: Size) -> float:
        share = min(1.0, size.memory_mb / self.assumptions.memory_mb_of_one_vcpu)
        return cpu_ms * self.assumptions.vcpu_ms_per_measured_ms / share

    def _waited(self, calls: str) -> float:
        return self.figures[calls] * self.assumptions.dynamodb_ms_per_call
