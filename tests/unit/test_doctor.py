"""The checks of `triggers doctor` on an account in memory: each runs, whatever the others find."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support import fake_sam
from tests.support.fake_account import FakeAccount
from tests.support.stubbed_aws import make_target
from triggers_api.ops.aws import Place
from triggers_api.ops.doctor import readiness
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.target import Setting

ROOT = "arn:aws:iam::123456789012:root"
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
EVENTS, KEYS = "triggers-api-events-dev", "triggers-api-keys-dev"


@pytest.fixture
def account(tmp_path: Path) -> FakeAccount:
    return FakeAccount(fake_sam.make(tmp_path / "bin"), make_target())


def findings_of(account: FakeAccount) -> dict[str, Finding]:
    place = Place("123456789012 (env)", Setting("eu-west-1", "--region"), ROOT)
    return {one.check: one for one in readiness.check_account(account, place, given={}, now=NOW)}


def test_nothing_fails_on_an_empty_account(account: FakeAccount) -> None:
    assert {one.state for one in findings_of(account).values()} == {State.OK}


@pytest.mark.parametrize(
    ("code", "state"), [("AccessDenied", State.UNKNOWN), ("ThrottlingException", State.FAILED)]
)
def test_a_check_that_cannot_run_is_a_finding_and_the_others_go_on(
    account: FakeAccount, code: str, state: State
) -> None:
    whole = findings_of(account)
    account.failing, account.failing_with = "describe_table", code
    rest = findings_of(account)
    assert rest["tables"].state is state
    assert rest["tables"].fix
    assert {name for name in whole if rest[name] != whole[name]} == {"tables"}


def test_a_temporary_folder_that_cannot_be_used_is_a_finding_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    found = {one.check: one for one in readiness.check_tools({"PATH": ""})}
    assert list(found) == ["uv", "sam", "aws", "docker"]
    assert found["sam"].state is State.FAILED
    assert found["sam"].message.startswith("This machine cannot hold the build.")


def test_an_unreadable_stack_is_the_only_finding(account: FakeAccount) -> None:
    account.failing, account.failing_with = "describe_stacks", "ThrottlingException"
    (one,) = findings_of(account).values()
    assert (one.check, one.state) == ("stack", State.FAILED)


def test_a_resource_deleted_by_hand_is_reported(account: FakeAccount) -> None:
    stack = account.has_stack("UPDATE_COMPLETE")
    stack.outputs = {"EventsTableName": EVENTS, "ApiKeysTableName": KEYS}
    account.tables = {KEYS: False}
    stack.tables = {"ApiKeysTable": KEYS}
    one = findings_of(account)["resources"]
    assert one.state is State.WARNING
    assert EVENTS in one.message
    assert KEYS not in one.message


def test_the_parameters_of_a_foreign_stack_are_ignored(account: FakeAccount) -> None:
    account.has_stack("UPDATE_COMPLETE", Stage="prod", Runtime="nodejs22.x", AccessLogs="perhaps")
    checked = findings_of(account)
    assert checked["runtime"].state is State.OK
    assert checked["stack"].state is State.FAILED


@pytest.mark.parametrize(("address", "warned"), [("", True), ("a@example.com", False)])
def test_a_limit_of_the_age_without_alarms_is_a_warning(
    account: FakeAccount, address: str, warned: bool
) -> None:
    account.has_stack("UPDATE_COMPLETE", MaxPendingMinutes="30", AlarmEmail=address)
    found = findings_of(account)
    assert ("alarms" in found) is warned
    if warned:
        assert found["alarms"].state is State.WARNING
        assert "AlarmEmail" in found["alarms"].fix
