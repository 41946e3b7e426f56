"""A deployment from its first check to its end, over an account in memory and a SAM that only notes down."""

import errno
import sys
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest

from tests.support import fake_sam
from tests.support.fake_account import OUTPUTS, FakeAccount
from tests.support.fake_sam import FakeSam
from tests.support.stubbed_aws import CHANGE_SET, NAME, make_target
from triggers_api.cli.exit_codes import EXIT_CODE
from triggers_api.errors import (
    BuildError,
    ConfigurationError,
    DeploymentError,
    LocalEnvironmentError,
    PermissionDeniedError,
    PreflightError,
    TriggersError,
)
from triggers_api.ops.build.artifact import Artifact
from triggers_api.ops.cloudformation.models import StackEvent
from triggers_api.ops.cloudformation.template import Template
from triggers_api.ops.deploy.deployment import DeployOptions, check_given, deploy
from triggers_api.ops.deploy.progress import Built, Obstacle, Outcome, Progress, Proposal, Step
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.target import Setting

EVENTS, KEYS = "triggers-api-events-dev", "triggers-api-keys-dev"
TODAY = date(2026, 6, 1)
SECRET = "s3cret-c4n4ry"


@pytest.fixture
def sam(tmp_path: Path) -> FakeSam:
    sam = fake_sam.make(tmp_path / "bin")
    sam.says("deploy", f"Changeset created successfully. {CHANGE_SET}\n")
    return sam


@pytest.fixture
def account(sam: FakeSam) -> FakeAccount:
    return FakeAccount(sam)


def options(account: FakeAccount, **chosen: Any) -> DeployOptions:
    """Return options with which SAM builds: it needs no network here, and uv would."""
    given = {name: Setting(value, "--parameter") for name, value in chosen.pop("given", {}).items()}
    environment = account.sam.environment(AWS_SECRET_ACCESS_KEY=SECRET)
    return DeployOptions(account.target, given, environment, **{"use_container": True, **chosen})


def told(account: FakeAccount, **chosen: Any) -> list[Progress]:
    """Deploy with a yes to everything, and return all that was told."""
    return list(deploy(options(account, **chosen), account, today=TODAY))


def told_until(account: FakeAccount, kind: type, **chosen: Any) -> Any:
    """Deploy up to something to decide, say no to it, and return it."""
    with closing(deploy(options(account, **chosen), account, today=TODAY)) as progress:
        return next(event for event in progress if isinstance(event, kind))


def refused(account: FakeAccount, kind: type[TriggersError], **chosen: Any) -> TriggersError:
    with pytest.raises(TriggersError) as caught:
        told(account, **chosen)
    assert type(caught.value) is kind
    return caught.value


def outline(events: list[Progress]) -> list[str]:
    """Return what was told, in short: neighbours of one kind once."""
    found: list[str] = []
    for event in events:
        name = event.name if isinstance(event, Step) else type(event).__name__
        if not found or found[-1] != name:
            found.append(name)
    return found


def handed_over(account: FakeAccount) -> dict[str, str]:
    """Return the parameters that SAM got."""
    (call,) = account.sam.asked("deploy")
    pairs = call.arguments[call.arguments.index("--parameter-overrides") + 1 :]
    return {name: value.strip('"') for name, _, value in (pair.partition("=") for pair in pairs)}


# The order


def test_a_first_deployment_goes_from_its_checks_to_its_outputs(account: FakeAccount) -> None:
    events = told(account)
    assert outline(events) == [
        "preflight",
        "Finding",
        "build",
        "change set",
        "Proposal",
        "apply",
        "StackEvent",
        "Outcome",
    ]
    assert events[-1] == Outcome(changed=True, status="CREATE_COMPLETE", outputs=OUTPUTS, first=True)
    assert account.done == ["sam deploy", "execute"]


def test_a_later_deployment_is_not_the_first(account: FakeAccount) -> None:
    account.has_stack("CREATE_COMPLETE").tables = {"EventsTable": EVENTS, "ApiKeysTable": KEYS}
    account.tables = {EVENTS: False, KEYS: False}
    events = told(account)
    assert events[-1] == Outcome(changed=True, status="UPDATE_COMPLETE", outputs=OUTPUTS, first=False)


def test_the_events_are_those_of_the_operation(account: FakeAccount) -> None:
    found = [event.status for event in told(account) if isinstance(event, StackEvent)]
    assert found == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]


def test_what_is_proposed_is_what_would_change(account: FakeAccount) -> None:
    proposal = told_until(account, Proposal)
    assert proposal.change_set.id == CHANGE_SET
    assert [one.logical_id for one in proposal.change_set.changes] == ["TriggersApi"]
    assert not proposal.adopts


def test_with_nothing_to_change_nothing_is_proposed(account: FakeAccount, sam: FakeSam) -> None:
    account.has_stack("UPDATE_COMPLETE").outputs = dict(OUTPUTS)
    sam.says("deploy", f"No changes to deploy. Stack {NAME} is up to date\n")
    account.sam_fails = True
    events = told(account)
    assert "Proposal" not in outline(events)
    assert events[-1] == Outcome(changed=False, status="UPDATE_COMPLETE", outputs=OUTPUTS, first=False)
    assert account.change_sets == {}


def test_behind_an_emulator_the_url_is_where_it_serves(sam: FakeSam) -> None:
    account = FakeAccount(sam, make_target(endpoint_url="http://127.0.0.1:4566/"))
    outcome = told(account)[-1]
    assert isinstance(outcome, Outcome)
    assert outcome.outputs["ApiUrl"] == "http://127.0.0.1:4566/_aws/execute-api/abc123/dev"


def test_rollback_is_disabled_where_it_is_wished(account: FakeAccount) -> None:
    told(account, disable_rollback=True)
    assert account.done[-1] == "execute without rollback"


# Stopping


def test_a_no_leaves_no_change_set_and_no_stack(account: FakeAccount) -> None:
    told_until(account, Proposal)
    assert account.done == ["sam deploy", "discard", "delete REVIEW_IN_PROGRESS"]
    assert (account.stack, account.change_sets) == (None, {})


def test_a_no_leaves_a_live_stack_as_it_was(account: FakeAccount) -> None:
    before = account.has_stack("UPDATE_COMPLETE")
    told_until(account, Proposal)
    assert account.done == ["sam deploy", "discard"]
    assert account.stack is before


def test_a_plan_ends_at_its_proposal_and_leaves_nothing(account: FakeAccount) -> None:
    events = told(account, plan=True)
    assert outline(events)[-1] == "Proposal"
    assert (account.stack, account.change_sets) == (None, {})
    assert "execute" not in account.done


def test_an_error_of_sam_leaves_no_stack(account: FakeAccount, sam: FakeSam) -> None:
    account.sam_fails = True
    sam.says("deploy", "", "Error: Failed to create changeset: Invalid template\n", code=1)
    error = refused(account, DeploymentError)
    assert "Invalid template" in error.reason
    assert (account.stack, account.done) == (None, ["sam deploy", "discard", "delete REVIEW_IN_PROGRESS"])


def test_a_change_set_that_failed_is_explained_by_the_newer_call(account: FakeAccount, sam: FakeSam) -> None:
    account.sam_fails = True
    account.reasons = {CHANGE_SET: "Table already exists: triggers-api-events-dev"}
    sam.says("deploy", "", "Error: Failed to create changeset: AWS::EarlyValidation\n", code=1)
    error = refused(account, DeploymentError)
    assert error.reason == "Table already exists: triggers-api-events-dev"
    assert "--adopt" in error.hint
    assert (account.stack, account.change_sets) == (None, {})


def test_a_ctrl_c_at_the_question_leaves_nothing(account: FakeAccount) -> None:
    progress = deploy(options(account), account, today=TODAY)
    assert any(isinstance(event, Proposal) for event in progress)
    with pytest.raises(KeyboardInterrupt):
        progress.throw(KeyboardInterrupt())
    assert (account.stack, account.change_sets) == (None, {})


def test_that_cloudformation_is_at_work_is_told_after_the_call(account: FakeAccount) -> None:
    done = [
        list(account.done)
        for event in deploy(options(account), account, today=TODAY)
        if isinstance(event, Step) and event.name == "apply"
    ]
    assert done == [["sam deploy", "execute"]]


def test_another_change_set_stays(account: FakeAccount) -> None:
    account.has_stack("UPDATE_COMPLETE")
    account.change_sets = {"another": True}
    told_until(account, Proposal)
    assert account.change_sets == {"another": True}


class Colleague(FakeAccount):
    """An account in which somebody else makes a change set while SAM works."""

    def look_at_sam(self) -> None:
        before = len(self.done)
        super().look_at_sam()
        if "sam deploy" in self.done[before:]:
            self.change_sets["another"] = True


@pytest.mark.parametrize("status", ["UPDATE_COMPLETE", None], ids=["live", "new"])
@pytest.mark.parametrize("plan", [False, True], ids=["a no", "a plan"])
def test_a_change_set_that_another_makes_meanwhile_stays_and_so_does_its_stack(
    sam: FakeSam, status: str | None, plan: bool
) -> None:
    account = Colleague(sam)
    if status:
        account.has_stack(status)
    told_until(account, Proposal, plan=plan)
    assert account.change_sets == {"another": True}
    assert account.stack is not None
    assert account.done == ["sam deploy", "discard"]


def test_with_nothing_to_change_anothers_change_set_stays(sam: FakeSam) -> None:
    account = Colleague(sam)
    account.has_stack("UPDATE_COMPLETE")
    account.sam_fails = True
    sam.says("deploy", f"No changes to deploy. Stack {NAME} is up to date\n")
    told(account)
    assert account.change_sets == {"another": True}


def test_a_stack_that_another_has_made_anew_meanwhile_stays(account: FakeAccount) -> None:
    progress = deploy(options(account), account, today=TODAY)
    assert any(isinstance(event, Proposal) for event in progress)
    new = account.has_stack("REVIEW_IN_PROGRESS")
    progress.close()
    assert account.stack is new


@pytest.mark.parametrize("status", ["UPDATE_COMPLETE", None], ids=["live", "new"])
def test_where_sam_fails_anothers_change_set_stays(sam: FakeSam, status: str | None) -> None:
    account = Colleague(sam)
    if status:
        account.has_stack(status)
    account.sam_fails = True
    sam.says("deploy", "", "Error: Failed to create changeset: it exists already\n", code=1)
    refused(account, DeploymentError)
    assert account.change_sets == {"another": True}


def test_what_fails_while_it_tidies_up_does_not_hide_what_failed_first(
    account: FakeAccount, sam: FakeSam
) -> None:
    account.has_stack("UPDATE_COMPLETE")
    account.sam_fails = True
    account.failing, account.failing_with = "delete_change_set", "ThrottlingException"
    sam.says("deploy", "", "Error: Failed to create changeset: Invalid template\n", code=1)
    error = refused(account, DeploymentError)
    assert "Invalid template" in error.reason
    assert "may be left" in error.hint


def test_who_is_told_twice_to_end_tidies_up_no_more(account: FakeAccount) -> None:
    progress = deploy(options(account), account, today=TODAY)
    assert any(isinstance(event, Proposal) for event in progress)
    with pytest.raises(SystemExit):
        progress.throw(SystemExit(130))
    assert account.done == ["sam deploy"]


def test_a_stack_that_a_colleague_executes_while_one_says_no_stays(account: FakeAccount) -> None:
    progress = deploy(options(account), account, today=TODAY)
    assert any(isinstance(event, Proposal) for event in progress)
    assert account.stack is not None
    account.stack.status = "CREATE_IN_PROGRESS"
    progress.close()
    assert account.stack is not None


def test_a_change_set_that_came_during_the_question_is_not_agreed_to(account: FakeAccount) -> None:
    account.has_stack("REVIEW_IN_PROGRESS")
    account.change_sets = {"another": True}
    progress = deploy(options(account), account, today=TODAY)
    assert any(isinstance(event, Obstacle) for event in progress)
    account.change_sets["a third"] = True
    with pytest.raises(PreflightError, match="is not as it was a moment ago"):
        next(progress)


def test_a_value_of_the_stack_that_may_no_longer_be_is_refused_before_the_build(
    account: FakeAccount, sam: FakeSam
) -> None:
    account.has_stack("UPDATE_COMPLETE", CorsAllowOrigin="https://Shop.example")
    error = refused(account, ConfigurationError)
    assert error.message.startswith(f"the stack {NAME}: CorsAllowOrigin must be ")
    assert not sam.was_asked("build")


def test_that_what_is_missing_cannot_be_looked_for_fails_nothing(account: FakeAccount, sam: FakeSam) -> None:
    account.has_stack("UPDATE_COMPLETE").outputs = {"FunctionName": "f"}
    sam.says("deploy", f"No changes to deploy. Stack {NAME} is up to date\n")
    account.failing = "get_function_configuration"
    (unknown,) = [one for one in told(account) if isinstance(one, Finding) and one.check == "resources"]
    assert unknown.state is State.UNKNOWN


def test_a_change_set_that_another_has_deleted_is_told(account: FakeAccount) -> None:
    account.has_stack("UPDATE_COMPLETE")
    progress = deploy(options(account), account, today=TODAY)
    assert any(isinstance(event, Proposal) for event in progress)
    account.change_sets.clear()
    with pytest.raises(DeploymentError) as caught:
        list(progress)
    assert "deploy again" in caught.value.hint


def test_what_was_deleted_by_hand_is_told_where_there_is_nothing_to_change(
    account: FakeAccount, sam: FakeSam
) -> None:
    account.has_stack("UPDATE_COMPLETE").outputs = {"EventsTableName": EVENTS, "ApiKeysTableName": KEYS}
    sam.says("deploy", f"No changes to deploy. Stack {NAME} is up to date\n")
    (warning,) = [one for one in told(account) if isinstance(one, Finding) and one.check == "resources"]
    assert warning.state is State.WARNING
    assert EVENTS in warning.message
    assert "destroy" in warning.fix


def test_the_folder_of_the_build_is_gone_at_the_end(account: FakeAccount, sam: FakeSam) -> None:
    told_until(account, Proposal)
    (call,) = sam.asked("build")
    assert not Path(call.option("--template-file")).parent.exists()


def test_an_execution_that_is_denied_leaves_no_change_set(account: FakeAccount) -> None:
    account.has_stack("UPDATE_COMPLETE")
    account.failing = "execute_change_set"
    error = refused(account, PermissionDeniedError)
    assert "execute_change_set" in error.reason
    assert account.change_sets == {}


# Refused


def test_what_preflight_finds_ends_it_before_anything_is_built(account: FakeAccount, sam: FakeSam) -> None:
    account.has_stack("UPDATE_IN_PROGRESS")
    error = refused(account, PreflightError)
    assert "busy" in error.message
    assert EXIT_CODE[error.kind] == 3
    assert error.hint
    assert not sam.was_asked("build")
    assert account.done == []


def test_a_deprecated_python_is_a_warning(account: FakeAccount) -> None:
    events = list(deploy(options(account), account, today=date(2035, 1, 1)))
    (warning,) = [one for one in events if isinstance(one, Finding) and one.state is State.WARNING]
    assert "deprecated" in warning.message
    assert isinstance(events[-1], Outcome)


def test_the_stack_is_checked_first_and_the_runtime_last(account: FakeAccount) -> None:
    found = [event.check for event in told(account) if isinstance(event, Finding)]
    assert (found[0], found[-1]) == ("stack", "runtime")


def test_without_uv_it_ends_before_anything_is_asked(
    account: FakeAccount, sam: FakeSam, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cast("dict[str, Any]", sys.modules), "uv", None)
    monkeypatch.setenv("PATH", "/nowhere")
    refused(account, BuildError)
    assert not sam.was_asked("version")


def test_another_stages_stack_is_refused_whatever_else_is_wrong_with_it(account: FakeAccount) -> None:
    account.has_stack("UPDATE_COMPLETE", Stage="prod", Runtime="nodejs22.x", AccessLogs="perhaps")
    error = refused(account, PreflightError)
    assert "stage prod" in error.message


def test_a_finding_is_told_before_it_ends_it(account: FakeAccount) -> None:
    account.log_groups = ["/aws/lambda/triggers-api-dev"]
    seen: list[Progress] = []
    progress = map(seen.append, deploy(options(account), account, today=TODAY))
    with pytest.raises(PreflightError):
        list(progress)
    last = seen[-1]
    assert isinstance(last, Finding)
    assert last.check == "log group"


def test_a_missing_permission_of_a_check_ends_with_4(account: FakeAccount, sam: FakeSam) -> None:
    account.failing = "describe_table"
    refused(account, PermissionDeniedError)
    assert not sam.was_asked("build")


def test_an_artifact_that_cannot_be_built_changes_nothing(
    account: FakeAccount, sam: FakeSam, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    error = refused(account, BuildError, use_container=False)
    assert "python3.11 on x86_64" in error.message
    assert not sam.was_asked("build")
    assert account.done == []


def built(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch, compiled_by: str | None = "3.11.7"
) -> list[Progress]:
    """Deploy with a builder that needs no network, and return what was told of the artifact."""

    def builder(folder: Path, *, runtime: str, architecture: str) -> Artifact:
        folder.mkdir()
        return Artifact(runtime, 5_600_000, compiled_by)

    monkeypatch.setattr("triggers_api.ops.deploy.deployment.build", builder)
    events = told(account, use_container=False)
    return [one for one in events if isinstance(one, Built) or getattr(one, "check", "") == "bytecode"]


def test_the_size_of_the_artifact_is_told(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    assert built(account, monkeypatch) == [Built(5_600_000, None, "3.11.7")]


def test_the_size_of_what_is_deployed_is_told_beside_it(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.has_stack("UPDATE_COMPLETE").outputs = {**OUTPUTS, "FunctionName": "triggers-api-dev"}
    account.code_size = 6_000_000
    assert built(account, monkeypatch) == [Built(5_600_000, 6_000_000, "3.11.7")]


@pytest.mark.parametrize("failing", ["", "get_function_configuration"])
def test_where_nobody_tells_what_is_deployed_it_deploys_all_the_same(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    account.has_stack("UPDATE_COMPLETE").outputs = {**OUTPUTS, "FunctionName": "triggers-api-dev"}
    account.failing = failing
    assert built(account, monkeypatch) == [Built(5_600_000, None, "3.11.7")]
    assert account.done[-1] == "execute"


def test_without_a_python_to_compile_it_the_artifact_is_deployed_with_a_warning(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = "No Python 3.11 here to compile for it: cold starts take longer."
    assert built(account, monkeypatch, compiled_by=None) == [
        Built(5_600_000, None, None),
        Finding("bytecode", State.WARNING, message, "Install one, e.g. uv python install 3.11."),
    ]


def test_without_room_for_the_build_it_says_where_room_is_needed(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path, **_: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(folder))

    monkeypatch.setattr("triggers_api.ops.deploy.deployment.build", full)
    error = refused(account, LocalEnvironmentError, use_container=False)
    assert "No space left on device" in error.reason
    assert "TMPDIR" in error.hint
    assert account.done == []


def test_a_kept_table_of_another_form_is_refused_before_anything_is_built(
    account: FakeAccount, sam: FakeSam
) -> None:
    account.tables = {EVENTS: False}
    account.forms = {EVENTS: {"GlobalSecondaryIndexes": []}}
    refused(account, PreflightError, adopt=True)
    assert not sam.was_asked("build")


# Parameters


def test_what_is_given_comes_before_what_the_stack_has_and_that_before_the_default(
    account: FakeAccount,
) -> None:
    account.has_stack("UPDATE_COMPLETE", LogLevel="ERROR", MemorySize="1024")
    told(account, given={"LogLevel": "DEBUG"})
    found = handed_over(account)
    assert (found["LogLevel"], found["MemorySize"], found["EventTtlDays"]) == ("DEBUG", "1024", "7")


def test_a_proposal_has_the_parameters_that_change_with_their_values_before_and_after(
    account: FakeAccount,
) -> None:
    account.has_stack("UPDATE_COMPLETE", LogLevel="ERROR", MemorySize="1024")
    proposal = told_until(account, Proposal, given={"LogLevel": "DEBUG", "MemorySize": "1024"})
    assert proposal.parameters == {"LogLevel": ("ERROR", "DEBUG")}


def test_every_parameter_is_handed_over_and_the_stage_is_the_targets(account: FakeAccount) -> None:
    told(account, given={"Stage": "prod"})
    found = handed_over(account)
    assert set(found) == set(Template.load().parameters)
    assert found["Stage"] == "dev"


def test_a_parameter_that_the_template_no_longer_has_is_not_handed_over(account: FakeAccount) -> None:
    account.has_stack("UPDATE_COMPLETE", Gone="1")
    told(account)
    assert "Gone" not in handed_over(account)


def test_a_first_create_that_failed_lends_no_parameters(account: FakeAccount) -> None:
    account.has_stack("ROLLBACK_COMPLETE", MemorySize="128", LogLevel="DEBUG", Gone="1")
    events = told(account, given={"LogLevel": "DEBUG"})
    assert handed_over(account)["MemorySize"] == "512"
    (warning,) = [one for one in events if isinstance(one, Finding) and one.check == "parameters"]
    assert warning.message.endswith("do not count: MemorySize.")


def test_sam_builds_from_the_copy_with_the_origin_written_out(account: FakeAccount, sam: FakeSam) -> None:
    told(account, given={"CorsAllowOrigin": "https://shop.example", "Runtime": "python3.13"})
    (call,) = sam.asked("build")
    copy = call.files[call.option("--template-file")]
    assert "'https://shop.example'" in copy
    assert '"BuildMethod": "python3.13"' in copy


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("Memory", "1", "no parameter Memory"), ("MemorySize", "1", "from 128 to 10240")],
)
def test_a_wrong_parameter_is_refused_by_its_place(name: str, value: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_given({name: Setting(value, "triggers.toml")}, Template.load())
    assert said in caught.value.message
    assert caught.value.message.startswith("triggers.toml: ")


def test_a_secret_of_the_environment_is_in_no_repr(account: FakeAccount) -> None:
    assert SECRET in options(account).environment.values()
    assert SECRET not in repr(options(account))


# What an earlier attempt has left


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED"])
def test_the_rest_of_a_failed_create_is_deleted_after_a_yes(account: FakeAccount, status: str) -> None:
    account.has_stack(status)
    events = told(account)
    assert outline(events)[2:7] == ["Obstacle", "clear", "StackEvent", "Finding", "build"]
    assert account.done == [f"delete {status}", "sam deploy", "execute"]
    assert events[-1] == Outcome(changed=True, status="CREATE_COMPLETE", outputs=OUTPUTS, first=True)


def test_a_no_to_that_deletes_nothing(account: FakeAccount, sam: FakeSam) -> None:
    before = account.has_stack("ROLLBACK_COMPLETE")
    obstacle = told_until(account, Obstacle)
    assert obstacle.stack.status == "ROLLBACK_COMPLETE"
    assert (account.stack, account.done) == (before, [])
    assert not sam.was_asked("build")


def test_over_a_failed_create_there_is_no_plan(account: FakeAccount) -> None:
    account.has_stack("ROLLBACK_COMPLETE")
    error = refused(account, PreflightError, plan=True)
    assert "nothing to compare with" in error.message
    assert account.done == []


def test_an_empty_stack_is_tidied_away_without_a_question(account: FakeAccount) -> None:
    account.has_stack("REVIEW_IN_PROGRESS")
    account.change_sets = {"failed": False}
    assert outline(told(account))[2:5] == ["tidy", "Finding", "build"]
    assert account.done == ["delete REVIEW_IN_PROGRESS", "sam deploy", "execute"]


def test_a_change_set_of_another_is_taken_away_after_a_yes_only(account: FakeAccount) -> None:
    before = account.has_stack("REVIEW_IN_PROGRESS")
    account.change_sets = {"another": True}
    assert "change set waits" in told_until(account, Obstacle).message
    assert (account.stack, account.change_sets, account.done) == (before, {"another": True}, [])
    assert outline(told(account))[2:4] == ["Obstacle", "tidy"]
    assert account.done == ["delete REVIEW_IN_PROGRESS", "sam deploy", "execute"]


@pytest.mark.parametrize("change_sets", [{}, {"another": True}], ids=["none", "another's"])
def test_a_plan_leaves_an_empty_stack_as_it_is(account: FakeAccount, change_sets: dict[str, bool]) -> None:
    before = account.has_stack("REVIEW_IN_PROGRESS")
    account.change_sets = dict(change_sets)
    assert "Obstacle" not in outline(told(account, plan=True))
    assert (account.stack, account.change_sets) == (before, change_sets)
    assert account.done == ["sam deploy", "discard"]


@pytest.mark.parametrize(
    ("status", "meanwhile"),
    [("ROLLBACK_COMPLETE", "DELETE_IN_PROGRESS"), ("REVIEW_IN_PROGRESS", "CREATE_COMPLETE")],
)
def test_a_stack_that_changed_during_the_question_is_not_deleted(
    account: FakeAccount, status: str, meanwhile: str
) -> None:
    stack = account.has_stack(status)
    account.change_sets = {"another": True}
    progress = deploy(options(account), account, today=TODAY)
    assert any(isinstance(event, Obstacle) for event in progress)
    stack.status = meanwhile
    with pytest.raises(PreflightError, match="is not as it was a moment ago"):
        next(progress)
    assert account.done == []


def test_a_clearing_is_told_after_the_call(account: FakeAccount) -> None:
    account.has_stack("ROLLBACK_COMPLETE")
    progress = deploy(options(account), account, today=TODAY)
    assert any(isinstance(event, Step) and event.name == "clear" for event in progress)
    assert account.done == ["delete ROLLBACK_COMPLETE"]
    progress.close()


def test_protection_is_held_back_while_the_tables_are_made(account: FakeAccount) -> None:
    events = told(account, given={"DeletionProtection": "true"})
    (warning,) = [one for one in events if isinstance(one, Finding) and one.state is State.WARNING]
    assert "DeletionProtection" in warning.message
    assert warning.fix
    assert handed_over(account)["DeletionProtection"] == "false"


def test_protection_of_a_live_stack_is_not_held_back(account: FakeAccount) -> None:
    account.has_stack("UPDATE_COMPLETE")
    told(account, given={"DeletionProtection": "true"})
    assert handed_over(account)["DeletionProtection"] == "true"


def test_tables_that_a_cleared_stack_leaves_are_not_adopted_unasked(account: FakeAccount) -> None:
    account.has_stack("CREATE_FAILED").tables = {"EventsTable": EVENTS}
    account.tables = {EVENTS: False}
    error = refused(account, PreflightError)
    assert "--adopt" in error.hint
    assert account.done == ["delete CREATE_FAILED"]


# Tables of an earlier stack


def test_kept_tables_are_refused_before_anything_is_built(account: FakeAccount, sam: FakeSam) -> None:
    account.tables = {EVENTS: False}
    error = refused(account, PreflightError)
    assert "--adopt" in error.hint
    assert not sam.was_asked("build")


def test_kept_tables_are_adopted_before_the_rest_is_made(account: FakeAccount) -> None:
    account.tables = {EVENTS: False, KEYS: False}
    events = told(account, adopt=True)
    assert [event.adopts for event in events if isinstance(event, Proposal)] == [True, False]
    assert account.done == [f"import {EVENTS} {KEYS}", "execute", "sam deploy", "execute"]
    assert events[-1] == Outcome(changed=True, status="UPDATE_COMPLETE", outputs=OUTPUTS, first=True)
    assert account.imported["parameters"]["Stage"] == "dev"


@pytest.mark.parametrize(
    ("given", "expected"), [({}, "true"), ({"DeletionProtection": "false"}, "false")], ids=["unsaid", "said"]
)
def test_adopted_tables_stay_protected_unless_it_is_said(
    account: FakeAccount, given: dict[str, str], expected: str
) -> None:
    account.tables = {EVENTS: True, KEYS: False}
    told(account, adopt=True, given=given)
    imported = account.imported["template"]["Resources"]["EventsTable"]["Properties"]
    assert imported["DeletionProtectionEnabled"] is True  # as it is, until the change set after it
    assert account.imported["parameters"]["DeletionProtection"] == expected
    assert handed_over(account)["DeletionProtection"] == expected


def test_a_no_to_adopting_leaves_no_stack(account: FakeAccount, sam: FakeSam) -> None:
    account.tables = {EVENTS: False}
    assert told_until(account, Proposal, adopt=True).adopts
    assert account.done == [f"import {EVENTS}", "discard", "delete REVIEW_IN_PROGRESS"]
    assert not sam.was_asked("deploy")


def test_a_plan_shows_the_adoption_only(account: FakeAccount, sam: FakeSam) -> None:
    account.tables = {EVENTS: False}
    assert outline(told(account, adopt=True, plan=True))[-2:] == ["adopt", "Proposal"]
    assert (account.stack, account.change_sets) == (None, {})
    assert not sam.was_asked("deploy")


def test_an_adoption_that_cannot_be_leaves_no_stack(account: FakeAccount) -> None:
    account.tables = {EVENTS: False}
    account.import_fails = "the table has another key"
    error = refused(account, DeploymentError, adopt=True)
    assert error.reason == "the table has another key"
    assert account.stack is None


# An operation that fails


def test_a_create_that_fails_ends_with_its_first_cause(account: FakeAccount) -> None:
    account.ends_in = "ROLLBACK_COMPLETE"
    error = refused(account, DeploymentError)
    assert error.message == f"The stack {NAME} ended in ROLLBACK_COMPLETE."
    assert error.reason == "EventsTable: it is not to be"
    assert account.done == ["sam deploy", "execute"]


def test_an_adoption_that_fails_goes_no_further(account: FakeAccount, sam: FakeSam) -> None:
    account.tables = {EVENTS: False}
    account.ends_in = "IMPORT_ROLLBACK_COMPLETE"
    refused(account, DeploymentError, adopt=True)
    assert not sam.was_asked("deploy")
