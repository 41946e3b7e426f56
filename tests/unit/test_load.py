"""How near a stage came to its limits, and the warning before it is refused."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support import fake_sam
from tests.support.fake_account import FakeAccount
from tests.support.stubbed_aws import make_target
from triggers_api.ops.cloudformation.stage import find_stack
from triggers_api.ops.findings import State
from triggers_api.ops.load import NEAR, check_load

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DEPLOYED = {"FunctionName": "triggers-api-dev", "EventsTableName": "triggers-api-events-dev"}
REQUESTS, ENVIRONMENTS = "Count", "UnreservedConcurrentExecutions"
TABLE_WRITES, INDEX_WRITES = "ConsumedWriteCapacityUnits", "ConsumedWriteCapacityUnits of index"
THROTTLED = "WriteThrottleEvents of index"


@pytest.fixture
def account(tmp_path: Path) -> FakeAccount:
    return FakeAccount(fake_sam.make(tmp_path / "bin"), make_target())


def limits_of(account: FakeAccount, **parameters: str) -> dict[str, tuple[State, str, str]]:
    stack = account.has_stack("UPDATE_COMPLETE", **parameters)
    stack.outputs = dict(DEPLOYED)
    found = check_load(account, find_stack(account), NOW)
    return {one.check: (one.state, one.message, one.fix) for one in found}


def test_stage_without_requests_is_far_from_each_limit(account: FakeAccount) -> None:
    when = "in the busiest minute of the last hour"
    assert limits_of(account) == {
        "throttle": (State.OK, f"0 of 100 requests a second (0%), {when}", ""),
        "shards": (State.OK, f"0 of 1,000 write units a second (0%), {when}", ""),
        "concurrency": (
            State.OK,
            f"0 of 900 environments of all functions of the account (0%), {when}",
            "",
        ),
    }


@pytest.mark.parametrize(
    ("limit", "metrics", "ceiling", "fix"),
    [
        ("throttle", (REQUESTS,), 250 * 60, "ThrottlingRateLimit=N"),
        ("shards", (TABLE_WRITES, INDEX_WRITES), 4000 * 60, "InboxShards=16"),
        ("concurrency", (ENVIRONMENTS,), 900, "Service Quotas"),
    ],
)
def test_limit_is_near_from_80_percent_on(
    account: FakeAccount, limit: str, metrics: tuple[str, ...], ceiling: float, fix: str
) -> None:
    parameters = {"ThrottlingRateLimit": "250", "InboxShards": "4"}
    account.metrics = {metric: [1.0, NEAR * ceiling, 2.0] for metric in metrics}
    found = limits_of(account, **parameters)
    state, message, suggested = found.pop(limit)
    assert (state, "(80%)" in message) == (State.WARNING, True)
    assert fix in suggested
    assert {state for state, _, _ in found.values()} == {State.OK}
    account.metrics = {metric: [NEAR * ceiling * 0.99] for metric in metrics}
    assert limits_of(account, **parameters)[limit][0] is State.OK


@pytest.mark.parametrize("quieter", [TABLE_WRITES, INDEX_WRITES])
def test_writes_of_acknowledged_events_and_of_idempotency_keys_do_not_count(
    account: FakeAccount, quieter: str
) -> None:
    account.metrics = {TABLE_WRITES: [60_000.0], INDEX_WRITES: [60_000.0]} | {quieter: [30_000.0]}
    assert limits_of(account)["shards"][1].startswith("500 of 1,000 write units a second (50%)")


def test_throttled_writes_are_reported_however_few_were_taken(account: FakeAccount) -> None:
    account.metrics = {TABLE_WRITES: [600.0], INDEX_WRITES: [600.0], THROTTLED: [0.0, 3.0]}
    state, message, _ = limits_of(account)["shards"]
    assert (state, "and some were refused" in message) == (State.WARNING, True)
    assert "several stages" in limits_of(account, InboxShards="16")["shards"][2]


def test_incomplete_metrics_are_not_taken_for_no_load(account: FakeAccount) -> None:
    account.metrics_state = "PartialData"
    ((check, (state, _, fix)),) = limits_of(account).items()
    assert (check, state) == ("limits", State.UNKNOWN)
    assert fix


@pytest.mark.parametrize("operation", ["get_metric_data", "get_account_settings"])
def test_load_that_may_not_be_read_is_unknown(account: FakeAccount, operation: str) -> None:
    account.failing = operation
    ((check, (state, message, fix)),) = limits_of(account).items()
    assert (check, state) == ("limits", State.UNKNOWN)
    assert operation in message
    assert fix


def test_stack_without_a_function_has_no_load(account: FakeAccount) -> None:
    account.has_stack("REVIEW_IN_PROGRESS")
    assert list(check_load(account, find_stack(account), NOW)) == []
