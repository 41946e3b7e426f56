"""The checks of `triggers doctor` on an account in memory: each is made, whatever becomes of the others."""

from datetime import date
from pathlib import Path

import pytest

from tests.support import fake_sam
from tests.support.fake_account import FakeAccount
from tests.support.stubbed_aws import make_target
from triggers_api.ops.aws import Place
from triggers_api.ops.doctor import examination
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.target import Setting

ROOT = "arn:aws:iam::123456789012:root"
TODAY = date(2026, 6, 1)
EVENTS, KEYS = "triggers-api-events-dev", "triggers-api-keys-dev"


@pytest.fixture
def account(tmp_path: Path) -> FakeAccount:
    return FakeAccount(fake_sam.make(tmp_path / "bin"), make_target())


def found(account: FakeAccount) -> dict[str, Finding]:
    place = Place("123456789012 (env)", Setting("eu-west-1", "--region"), ROOT)
    return {one.check: one for one in examination.of_the_account(account, place, given={}, today=TODAY)}


def test_on_an_empty_account_nothing_fails(account: FakeAccount) -> None:
    assert {one.state for one in found(account).values()} == {State.OK}


@pytest.mark.parametrize(
    ("code", "state"), [("AccessDenied", State.UNKNOWN), ("ThrottlingException", State.FAILED)]
)
def test_a_check_that_cannot_be_made_is_a_finding_and_the_others_go_on(
    account: FakeAccount, code: str, state: State
) -> None:
    whole = found(account)
    account.failing, account.failing_with = "describe_table", code
    rest = found(account)
    assert rest["tables"].state is state
    assert rest["tables"].fix
    assert {name for name in whole if rest[name] != whole[name]} == {"tables"}


def test_a_stack_that_cannot_be_read_ends_it_with_a_finding(account: FakeAccount) -> None:
    account.failing, account.failing_with = "describe_stacks", "ThrottlingException"
    (one,) = found(account).values()
    assert (one.check, one.state) == ("stack", State.FAILED)


def test_what_somebody_has_deleted_by_hand_is_found(account: FakeAccount) -> None:
    stack = account.has_stack("UPDATE_COMPLETE")
    stack.outputs = {"EventsTableName": EVENTS, "ApiKeysTableName": KEYS}
    account.tables = {KEYS: False}
    stack.tables = {"ApiKeysTable": KEYS}
    one = found(account)["resources"]
    assert one.state is State.WARNING
    assert EVENTS in one.message
    assert KEYS not in one.message


def test_the_parameters_of_a_stack_that_is_not_ours_count_for_nothing(account: FakeAccount) -> None:
    account.has_stack("UPDATE_COMPLETE", Stage="prod", Runtime="nodejs22.x", AccessLogs="perhaps")
    checked = found(account)
    assert checked["runtime"].state is State.OK
    assert checked["stack"].state is State.FAILED
