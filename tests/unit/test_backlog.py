"""The measurement of the backlog: its line in the embedded metric format, its warning, its failure."""

import json
from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any

import pytest

from tests.support.clock import FakeClock
from tests.support.operations import ANY, submission
from tests.unit.memory_store import MemoryEventStore
from triggers_api.api import logs
from triggers_api.api.backlog import EXPIRING_PERCENT, NAMESPACE, measure_backlog, metric_line
from triggers_api.api.factory import Stores, build_service
from triggers_api.api.service import Service
from triggers_api.core import deadline
from triggers_api.core.inbox import Stats
from triggers_api.core.leases import Held
from triggers_api.core.paging import DeadStats, EventQuery, PendingStats
from triggers_api.errors import StoreUnavailableError
from triggers_api.settings import LOG_LEVELS, Settings

CANARY = "c4n4ry"
DAYS = 7
SETTINGS = replace(Settings.from_environment({"STAGE": "staging"}), event_ttl_days=DAYS)
NAMES = ["OldestPendingSeconds", "Pending", "Dead"]

Measure = Callable[[], list[dict[str, Any]]]

pytestmark = pytest.mark.usefixtures("logging_as_before")


class FailingStore(MemoryEventStore):
    def dead_stats(self, query: EventQuery) -> DeadStats:
        raise StoreUnavailableError(f"{CANARY} in the message about {query}")


def make_service(clock: FakeClock, store: MemoryEventStore) -> Service:
    unused: Any = None
    return build_service(SETTINGS, stores=Stores(store, unused, unused), clock=clock)


@pytest.fixture
def service(clock: FakeClock) -> Service:
    return make_service(clock, MemoryEventStore())


@pytest.fixture
def measure(service: Service, capsys: pytest.CaptureFixture[str]) -> Measure:
    """Return a function that measures at INFO, and returns the lines that Lambda gets."""

    def lines() -> list[dict[str, Any]]:
        logs.configure("INFO", in_lambda=True)
        measure_backlog(service, SETTINGS)
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return lines


def add(service: Service, **changes: Any) -> str:
    submitted = submission(**{"idempotency_key": None, "payload": f'{{"a":"{CANARY}"}}', **changes})
    return service.intake.ingest(ANY, submitted).event_id


def kill(service: Service) -> None:
    event_id = add(service, event_type="doomed")
    lease = service.inbox.receive(ANY, limit=1, lease_seconds=60, source=None, event_type="doomed")
    service.inbox.release(ANY, [Held(event_id, lease.token)], dead=True)


def test_line_has_the_figures_of_the_whole_stage(
    service: Service, clock: FakeClock, measure: Measure
) -> None:
    add(service)
    clock.advance(seconds=100)
    add(service, source="depot")
    kill(service)
    (line,) = measure()
    assert {name: line[name] for name in NAMES} == {"OldestPendingSeconds": 100, "Pending": 2, "Dead": 1}
    assert CANARY not in json.dumps(line)


def test_the_deadline_of_a_measurement_ends_with_it(measure: Measure) -> None:
    measure()
    assert deadline.remaining() == inf


def test_an_empty_inbox_is_measured_as_zero(measure: Measure) -> None:
    (line,) = measure()
    assert {name: line[name] for name in NAMES} == dict.fromkeys(NAMES, 0)


def test_line_is_in_the_embedded_metric_format(clock: FakeClock, measure: Measure) -> None:
    """As CloudWatch's specification requires: each metric and dimension names a member of the line."""
    (line,) = measure()
    assert line["_aws"].keys() == {"Timestamp", "CloudWatchMetrics"}
    assert line["_aws"]["Timestamp"] == clock.now // 1000
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive.keys() == {"Namespace", "Dimensions", "Metrics"}
    assert (directive["Namespace"], directive["Dimensions"]) == (NAMESPACE, [["Stage"]])
    assert line["Stage"] == "staging"
    units = {one["Name"]: one["Unit"] for one in directive["Metrics"]}
    assert units == {"OldestPendingSeconds": "Seconds", "Pending": "Count", "Dead": "Count"}
    assert all(type(line[name]) is int for name in units)


@pytest.mark.parametrize("level", LOG_LEVELS)
def test_line_is_written_at_every_log_level(
    service: Service, capsys: pytest.CaptureFixture[str], level: str
) -> None:
    logs.configure(level, in_lambda=True)
    measure_backlog(service, SETTINGS)
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_an_age_that_is_not_known_is_left_out() -> None:
    """Zero would end an alarm, missing data raises it."""
    pending = PendingStats(5, capped=True, leased=0, oldest_created_at=None, oldest_since=None)
    stats = Stats(pending, None, DeadStats(0, capped=False, oldest_created_at=None))
    line = json.loads(metric_line(stats, stage="prod", timestamp=1))
    assert "OldestPendingSeconds" not in line
    assert [one["Name"] for one in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]] == ["Pending", "Dead"]
    assert (line["Pending"], line["Dead"]) == (5, 0)


def test_an_event_that_expires_soon_is_a_warning(
    service: Service, clock: FakeClock, measure: Measure
) -> None:
    add(service)
    since = clock.now
    clock.advance(seconds=DAYS * 864 * EXPIRING_PERCENT - 1)
    assert len(measure()) == 1
    clock.advance(seconds=1)
    _, warning = measure()
    assert (warning["level"], warning["message"]) == ("WARNING", "a pending event expires soon")
    assert warning["age_seconds"] == (clock.now - since) // 1_000_000
    assert warning["retention_seconds"] == DAYS * 86_400
    assert warning["waiting_since"] < warning["timestamp"]
    assert CANARY not in json.dumps(warning)


def test_a_store_that_fails_fails_the_call_and_no_metric_is_written(
    clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("INFO", in_lambda=True)
    service = make_service(clock, FailingStore())
    add(service)
    with pytest.raises(RuntimeError, match=r"^The backlog could not be measured\.$") as caught:
        measure_backlog(service, SETTINGS)
    assert caught.value.__suppress_context__
    written = capsys.readouterr().out
    (line,) = [json.loads(one) for one in written.splitlines()]
    assert (line["level"], line["message"]) == ("ERROR", "backlog not measured")
    assert line["error"] == "StoreUnavailableError"
    assert CANARY not in written
