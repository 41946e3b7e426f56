"""How near a stage came to its limits, and the warning before it is refused."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support import fake_sam
from tests.support.fake_account import FakeAccount
from tests.support.stubbed_aws import make_target
from triggers_api.ops.findings import State
from triggers_api.ops.load import NEAR, check_load
from triggers_api.ops.status import find_stack

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DEPLOYED = {"FunctionName": "triggers-api-dev", "EventsTableName": "triggers-api-events-dev"}
REQUESTS, WRITES, ENVIRONMENTS = "Count", "ConsumedWriteCapacityUnits", "ConcurrentExecutions"


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
        "concurrency": (State.OK, f"0 of 1,000 environments (0%), {when}", ""),
    }


@pytest.mark.parametrize(
    ("limit", "metric", "ceiling", "fix"),
    [
        ("throttle", REQUESTS, 250 * 60, "ThrottlingRateLimit=N"),
        # Four shards take 4,000 units of pending events, which are three quarters of all that is written.
        ("shards", WRITES, 4000 * 60 / 0.75, "InboxShards=16"),
        ("concurrency", ENVIRONMENTS, 1000, "Service Quotas"),
    ],
)
def test_limit_is_near_from_80_percent_on(
    account: FakeAccount, limit: str, metric: str, ceiling: float, fix: str
) -> None:
    parameters = {"ThrottlingRateLimit": "250", "InboxShards": "4"}
    account.metrics = {metric: [1.0, NEAR * ceiling, 2.0]}
    found = limits_of(account, **parameters)
    state, message, suggested = found.pop(limit)
    assert (state, "(80%)" in message) == (State.WARNING, True)
    assert fix in suggested
    assert {state for state, _, _ in found.values()} == {State.OK}
    account.metrics = {metric: [NEAR * ceiling * 0.99]}
    assert limits_of(account, **parameters)[limit][0] is State.OK


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
