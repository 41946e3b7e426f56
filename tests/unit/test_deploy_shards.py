"""A deployment that reads fewer shards must not hide events."""

from pathlib import Path

import pytest

from tests.support import fake_sam
from tests.support.fake_account import FakeAccount
from tests.support.fake_sam import FakeSam
from tests.support.stubbed_aws import CHANGE_SET
from tests.unit.test_deployment import EVENTS, KEYS, fail, run, sam_parameters
from triggers_api.errors import PermissionDeniedError, PreflightError
from triggers_api.ops.deploy.progress import Progress
from triggers_api.ops.findings import Finding, State


@pytest.fixture
def sam(tmp_path: Path) -> FakeSam:
    sam = fake_sam.make(tmp_path / "bin")
    sam.says("deploy", f"Changeset created successfully. {CHANGE_SET}\n")
    return sam


@pytest.fixture
def account(sam: FakeSam) -> FakeAccount:
    return FakeAccount(sam)


def shard_findings(progress: list[Progress]) -> list[Finding]:
    return [one for one in progress if isinstance(one, Finding) and one.check == "shards"]


@pytest.mark.parametrize("key", ["pending#01", "dead#03"])
@pytest.mark.parametrize("given", [{"InboxShards": "1"}, {"InboxShards": "1", "InboxShardsRead": "0"}])
def test_shards_with_pending_or_dead_events_must_be_read(
    account: FakeAccount, sam: FakeSam, key: str, given: dict[str, str]
) -> None:
    account.has_stack("UPDATE_COMPLETE", InboxShards="4")
    account.index_keys = {"pending", key}
    error = fail(account, PreflightError, given=given)
    assert key in error.message
    highest = int(key[-2:]) + 1
    assert f"--parameter InboxShards=1 --parameter InboxShardsRead={highest}" in error.hint
    assert not sam.was_asked("build")


def test_writes_may_be_lowered_first(account: FakeAccount) -> None:
    account.has_stack("UPDATE_COMPLETE", InboxShards="4")
    account.index_keys = {"pending#01"}
    progress = run(account, given={"InboxShards": "1", "InboxShardsRead": "4"})
    assert shard_findings(progress) == []
    assert sam_parameters(account)["InboxShards"] == "1"


def test_empty_shards_may_be_left_and_the_operator_knows_what_expires_there(account: FakeAccount) -> None:
    account.has_stack("UPDATE_COMPLETE", InboxShards="1", InboxShardsRead="4")
    account.index_keys = {"pending", "dead", "acknowledged#02"}
    (finding,) = shard_findings(run(account, given={"InboxShardsRead": "2"}))
    assert finding.state is State.OK
    assert "Acknowledged ones expire there unseen" in finding.message


@pytest.mark.parametrize("before", [{}, {"InboxShards": "2"}])
def test_shards_may_be_raised(account: FakeAccount, before: dict[str, str]) -> None:
    account.has_stack("UPDATE_COMPLETE", **before)
    account.index_keys = {"pending", "pending#01"}
    assert shard_findings(run(account, given={"InboxShards": "16"})) == []


def test_adopted_table_with_events_in_a_shard_needs_that_shard(account: FakeAccount) -> None:
    account.tables = {EVENTS: False, KEYS: False}
    account.index_keys = {"pending#07"}
    error = fail(account, PreflightError, adopt=True)
    assert "pending#07" in error.message
    assert "InboxShardsRead=8" in error.hint


def test_adopted_table_with_one_shard_needs_nothing(account: FakeAccount) -> None:
    account.tables = {EVENTS: False, KEYS: False}
    account.index_keys = {"pending", "dead"}
    assert shard_findings(run(account, adopt=True)) == []


def test_credentials_that_may_not_read_the_index_are_named(account: FakeAccount) -> None:
    account.has_stack("UPDATE_COMPLETE", InboxShards="2")
    account.failing = "query"
    error = fail(account, PermissionDeniedError, given={"InboxShards": "1"})
    assert "permission" in error.message
