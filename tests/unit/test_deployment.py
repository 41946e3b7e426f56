"""Deployments from the first check to the outcome, on an in-memory account with a fake SAM CLI."""

import errno
import sys
from collections.abc import Mapping
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest

from tests.support import fake_sam
from tests.support.fake_account import OUTPUTS, FakeAccount
from tests.support.fake_sam import FakeSam
from tests.support.printed import printed_commands
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
from triggers_api.ops.deploy.deployment import DeployOptions, deploy
from triggers_api.ops.deploy.parameters import check_given
from triggers_api.ops.deploy.progress import Built, Downgrade, Obstacle, Outcome, Progress, Proposal, Step
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.shell_commands import triggers_command
from triggers_api.ops.target import Setting
from triggers_api.version import VERSION

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
    """Return options that let the fake SAM build, because uv would need the network."""
    given = {name: Setting(value, "--parameter") for name, value in chosen.pop("given", {}).items()}
    environment = account.sam.environment(AWS_SECRET_ACCESS_KEY=SECRET, **chosen.pop("variables", {}))
    return DeployOptions(account.target, given, environment, **{"use_container": True, **chosen})


def run(account: FakeAccount, **chosen: Any) -> list[Progress]:
    """Deploy, agreeing to every decision, and return the events."""
    return list(deploy(options(account, **chosen), account, today=TODAY))


def decline_at(account: FakeAccount, kind: type, **chosen: Any) -> Any:
    """Deploy up to the first event of a kind, decline there, and return the event."""
    with closing(deploy(options(account, **chosen), account, today=TODAY)) as progress:
        return next(event for event in progress if isinstance(event, kind))


def fail(account: FakeAccount, kind: type[TriggersError], **chosen: Any) -> TriggersError:
    with pytest.raises(TriggersError) as caught:
        run(account, **chosen)
    assert type(caught.value) is kind
    return caught.value


def outline(events: list[Progress]) -> list[str]:
    """Return the steps and the kinds of the other events, without consecutive repeats."""
    found: list[str] = []
    for event in events:
        name = event.name if isinstance(event, Step) else type(event).__name__
        if not found or found[-1] != name:
            found.append(name)
    return found


def sam_parameters(account: FakeAccount) -> dict[str, str]:
    """Return the parameters that were passed to SAM."""
    (call,) = account.sam.asked("deploy")
    pairs = call.arguments[call.arguments.index("--parameter-overrides") + 1 :]
    return {name: value.strip('"') for name, _, value in (pair.partition("=") for pair in pairs)}


def sam_tags(account: FakeAccount) -> list[str]:
    """Return the tags that were passed to SAM."""
    (call,) = account.sam.asked("deploy")
    first = call.arguments.index("--tags") + 1
    return call.arguments[first : call.arguments.index("--parameter-overrides")]


OWN_TAGS = ['"application"="triggers-api"', '"stage"="dev"', f'"version"="{VERSION}"']


# Stages


def test_first_deployment_runs_every_stage(account: FakeAccount) -> None:
    events = run(account)
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


def test_stack_is_tagged_with_application_stage_and_version(account: FakeAccount) -> None:
    run(account)
    assert sam_tags(account) == OWN_TAGS


def test_tags_of_the_operator_are_kept_and_those_of_aws_left_out(account: FakeAccount) -> None:
    account.has_stack("CREATE_COMPLETE").tags = {"team": "R and D", "version": "0.0.1", "aws:x": "y"}
    run(account)
    assert sam_tags(account) == ['"team"="R and D"', OWN_TAGS[2], *OWN_TAGS[:2]]


def test_later_deployment_is_not_the_first(account: FakeAccount) -> None:
    account.has_stack("CREATE_COMPLETE").tables = {"EventsTable": EVENTS, "ApiKeysTable": KEYS}
    account.tables = {EVENTS: False, KEYS: False}
    events = run(account)
    assert events[-1] == Outcome(changed=True, status="UPDATE_COMPLETE", outputs=OUTPUTS, first=False)


@pytest.mark.parametrize("version", ["99.0", "0.0.1", None])
def test_older_version_is_a_decision(account: FakeAccount, version: str | None) -> None:
    stack = account.has_stack("CREATE_COMPLETE")
    stack.outputs = {} if version is None else {"Version": version}
    events = run(account)
    found = [event for event in events if isinstance(event, Downgrade)]
    assert found == ([Downgrade("99.0", VERSION)] if version == "99.0" else [])


def test_declined_downgrade_changes_nothing(account: FakeAccount) -> None:
    account.has_stack("CREATE_COMPLETE").outputs = {"Version": "99.0"}
    decline_at(account, Downgrade)
    assert account.done == []


@pytest.mark.parametrize("exists", [True, False])
def test_newer_version_that_another_user_deploys_during_the_build_is_a_decision(
    account: FakeAccount, exists: bool
) -> None:
    if exists:
        account.has_stack("CREATE_COMPLETE").outputs = {"Version": "0.0.1"}
    seen: list[Progress] = []
    with closing(deploy(options(account), account, today=TODAY)) as progress:
        for event in progress:
            seen.append(event)
            if isinstance(event, Step) and event.name == "change set":
                (account.stack or account.has_stack("CREATE_COMPLETE")).outputs = {"Version": "99.0"}
            if isinstance(event, Downgrade):
                break
    assert seen[-1] == Downgrade("99.0", VERSION)
    assert not any(isinstance(event, Proposal) for event in seen)
    assert account.change_sets == {}


def test_parameter_that_was_empty_is_not_absent(account: FakeAccount) -> None:
    account.has_stack("CREATE_COMPLETE", AlarmEmail="")
    proposal = decline_at(account, Proposal, given={"AlarmEmail": "a@example.com"})
    assert proposal.parameters["AlarmEmail"] == ("", "a@example.com")


def test_proposal_has_the_deployed_version(account: FakeAccount) -> None:
    assert decline_at(account, Proposal).deployed_version == ""
    account.has_stack("CREATE_COMPLETE")
    assert decline_at(account, Proposal).deployed_version == "unknown"


def test_proposal_of_a_first_deployment_lists_the_given_parameters(account: FakeAccount) -> None:
    proposal = decline_at(account, Proposal, given={"AlarmEmail": "evil@example.com"})
    assert proposal.parameters == {"AlarmEmail": (None, "evil@example.com")}


def test_stack_events_are_those_of_the_operation(account: FakeAccount) -> None:
    found = [event.status for event in run(account) if isinstance(event, StackEvent)]
    assert found == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]


def test_proposal_lists_the_changes(account: FakeAccount) -> None:
    proposal = decline_at(account, Proposal)
    assert proposal.change_set.id == CHANGE_SET
    assert [one.logical_id for one in proposal.change_set.changes] == ["TriggersApi"]
    assert not proposal.adopts


def test_unchanged_stack_has_no_proposal(account: FakeAccount, sam: FakeSam) -> None:
    account.has_stack("UPDATE_COMPLETE").outputs = dict(OUTPUTS)
    sam.says("deploy", f"No changes to deploy. Stack {NAME} is up to date\n")
    account.sam_fails = True
    events = run(account)
    assert "Proposal" not in outline(events)
    assert events[-1] == Outcome(changed=False, status="UPDATE_COMPLETE", outputs=OUTPUTS, first=False)
    assert account.change_sets == {}


def test_api_url_points_to_the_emulator(sam: FakeSam) -> None:
    account = FakeAccount(sam, make_target(endpoint_url="http://127.0.0.1:4566/"))
    outcome = run(account)[-1]
    assert isinstance(outcome, Outcome)
    assert outcome.outputs["ApiUrl"] == "http://127.0.0.1:4566/_aws/execute-api/abc123/dev"


def test_rollback_can_be_disabled(account: FakeAccount) -> None:
    run(account, disable_rollback=True)
    assert account.done[-1] == "execute without rollback"


# Declining, interrupting, failing


def test_declining_deletes_the_change_set_and_the_new_stack(account: FakeAccount) -> None:
    decline_at(account, Proposal)
    assert account.done == ["sam deploy", "discard", "delete REVIEW_IN_PROGRESS"]
    assert (account.stack, account.change_sets) == (None, {})


def test_declining_leaves_a_live_stack_unchanged(account: FakeAccount) -> None:
    before = account.has_stack("UPDATE_COMPLETE")
    decline_at(account, Proposal)
    assert account.done == ["sam deploy", "discard"]
    assert account.stack is before


def test_plan_ends_with_its_proposal_and_leaves_nothing(account: FakeAccount) -> None:
    events = run(account, plan=True)
    assert outline(events)[-1] == "Proposal"
    assert (account.stack, account.change_sets) == (None, {})
    assert "execute" not in account.done


def test_sam_error_leaves_no_stack(account: FakeAccount, sam: FakeSam) -> None:
    account.sam_fails = True
    sam.says("deploy", "", "Error: Failed to create changeset: Invalid template\n", code=1)
    error = fail(account, DeploymentError)
    assert "Invalid template" in error.reason
    assert (account.stack, account.done) == (None, ["sam deploy", "discard", "delete REVIEW_IN_PROGRESS"])


def test_failed_change_set_is_explained_by_describe_events(account: FakeAccount, sam: FakeSam) -> None:
    account.sam_fails = True
    account.reasons = {CHANGE_SET: "Table already exists: triggers-api-events-dev"}
    sam.says("deploy", "", "Error: Failed to create changeset: AWS::EarlyValidation\n", code=1)
    error = fail(account, DeploymentError)
    assert error.reason == "Table already exists: triggers-api-events-dev"
    assert "--adopt" in error.hint
    assert (account.stack, account.change_sets) == (None, {})


def test_interrupt_at_the_proposal_leaves_nothing(account: FakeAccount) -> None:
    progress = deploy(options(account), account, today=TODAY)
    assert any(isinstance(event, Proposal) for event in progress)
    with pytest.raises(KeyboardInterrupt):
        progress.throw(KeyboardInterrupt())
    assert (account.stack, account.change_sets) == (None, {})


def test_apply_step_follows_the_execute_call(account: FakeAccount) -> None:
    done = [
        list(account.done)
        for event in deploy(options(account), account, today=TODAY)
        if isinstance(event, Step) and event.name == "apply"
    ]
    assert done == [["sam deploy", "execute"]]


@pytest.mark.parametrize("exists", [True, False])
def test_apply_step_is_an_update_if_the_stack_exists(account: FakeAccount, exists: bool) -> None:
    if exists:
        account.has_stack("UPDATE_COMPLETE")
    steps = [event for event in run(account) if isinstance(event, Step) and event.name == "apply"]
    assert [step.is_update for step in steps] == [exists]


def test_change_set_of_another_user_is_kept(account: FakeAccount) -> None:
    account.has_stack("UPDATE_COMPLETE")
    account.change_sets = {"another": True}
    decline_at(account, Proposal)
    assert account.change_sets == {"another": True}


class Colleague(FakeAccount):
    """An account in which another user creates a change set while SAM runs."""

    def look_at_sam(self) -> None:
        before = len(self.done)
        super().look_at_sam()
        if "sam deploy" in self.done[before:]:
            self.change_sets["another"] = True


@pytest.mark.parametrize("status", ["UPDATE_COMPLETE", None], ids=["live", "new"])
@pytest.mark.parametrize("plan", [False, True], ids=["a no", "a plan"])
def test_change_set_created_meanwhile_is_kept_with_its_stack(
    sam: FakeSam, status: str | None, plan: bool
) -> None:
    account = Colleague(sam)
    if status:
        account.has_stack(status)
    decline_at(account, Proposal, plan=plan)
    assert account.change_sets == {"another": True}
    assert account.stack is not None
    assert account.done == ["sam deploy", "discard"]


def test_unchanged_stack_keeps_change_set_of_another_user(sam: FakeSam) -> None:
    account = Colleague(sam)
    account.has_stack("UPDATE_COMPLETE")
    account.sam_fails = True
    sam.says("deploy", f"No changes to deploy. Stack {NAME} is up to date\n")
    run(account)
    assert account.change_sets == {"another": True}


def test_stack_recreated_meanwhile_is_kept(account: FakeAccount) -> None:
    progress = deploy(options(account), account, today=TODAY)
    assert any(isinstance(event, Proposal) for event in progress)
    new = account.has_stack("REVIEW_IN_PROGRESS")
    progress.close()
    assert account.stack is new


@pytest.mark.parametrize("status", ["UPDATE_COMPLETE", None], ids=["live", "new"])
def test_change_set_of_another_user_is_kept_when_sam_fails(sam: FakeSam, status: str | None) -> None:
    account = Colleague(sam)
    if status:
        account.has_stack(status)
    account.sam_fails = True
    sam.says("deploy", "", "Error: Failed to create changeset: it exists already\n", code=1)
    fail(account, DeploymentError)
    assert account.change_sets == {"another": True}


def test_cleanup_error_does_not_hide_the_first_error(account: FakeAccount, sam: FakeSam) -> None:
    account.has_stack("UPDATE_COMPLETE")
    account.sam_fails = True
    account.failing, account.failing_with = "delete_change_set", "ThrottlingException"
    sam.says("deploy", "", "Error: Failed to create changeset: Invalid template\n", code=1)
    error = fail(account, DeploymentError)
    assert "Invalid template" in error.reason
    assert "may still have a change set" in error.hint
    assert list(printed_commands(error.hint)) == [triggers_command("doctor")]


def test_second_interrupt_skips_cleanup(account: FakeAccount) -> None:
    progress = deploy(options(account), account, today=TODAY)
    assert any(isinstance(event, Proposal) for event in progress)
    with pytest.raises(SystemExit):
        progress.throw(SystemExit(130))
    assert account.done == ["sam deploy"]


def test_stack_executed_meanwhile_is_kept_when_declined(account: FakeAccount) -> None:
    progress = deploy(options(account), account, today=TODAY)
    assert any(isinstance(event, Proposal) for event in progress)
    assert account.stack is not None
    account.stack.status = "CREATE_IN_PROGRESS"
    progress.close()
    assert account.stack is not None


def test_consent_does_not_cover_a_change_set_created_meanwhile(account: FakeAccount) -> None:
    account.has_stack("REVIEW_IN_PROGRESS")
    account.change_sets = {"another": True}
    progress = deploy(options(account), account, today=TODAY)
    assert any(isinstance(event, Obstacle) for event in progress)
    account.change_sets["a third"] = True
    with pytest.raises(PreflightError, match="changed in the meantime"):
        next(progress)


def test_stack_value_that_is_no_longer_allowed_fails_before_the_build(
    account: FakeAccount, sam: FakeSam
) -> None:
    account.has_stack("UPDATE_COMPLETE", CorsAllowOrigin="https://Shop.example")
    error = fail(account, ConfigurationError)
    assert error.message.startswith(f"stack {NAME}: CorsAllowOrigin must be ")
    assert not sam.was_asked("build")


def test_failed_resource_check_does_not_fail_the_deployment(account: FakeAccount, sam: FakeSam) -> None:
    account.has_stack("UPDATE_COMPLETE").outputs = {"FunctionName": "f"}
    sam.says("deploy", f"No changes to deploy. Stack {NAME} is up to date\n")
    account.failing = "get_function_configuration"
    (unknown,) = [one for one in run(account) if isinstance(one, Finding) and one.check == "resources"]
    assert unknown.state is State.UNKNOWN


def test_change_set_deleted_meanwhile_is_an_error(account: FakeAccount) -> None:
    account.has_stack("UPDATE_COMPLETE")
    progress = deploy(options(account), account, today=TODAY)
    assert any(isinstance(event, Proposal) for event in progress)
    account.change_sets.clear()
    with pytest.raises(DeploymentError) as caught:
        list(progress)
    assert "deploy again" in caught.value.hint


def test_unchanged_stack_warns_about_resources_deleted_by_hand(account: FakeAccount, sam: FakeSam) -> None:
    account.has_stack("UPDATE_COMPLETE").outputs = {"EventsTableName": EVENTS, "ApiKeysTableName": KEYS}
    sam.says("deploy", f"No changes to deploy. Stack {NAME} is up to date\n")
    (warning,) = [one for one in run(account) if isinstance(one, Finding) and one.check == "resources"]
    assert warning.state is State.WARNING
    assert EVENTS in warning.message
    assert "destroy" in warning.fix


def test_build_folder_is_removed(account: FakeAccount, sam: FakeSam) -> None:
    decline_at(account, Proposal)
    (call,) = sam.asked("build")
    assert not Path(call.option("--template-file")).parent.exists()


def test_denied_execution_leaves_no_change_set(account: FakeAccount) -> None:
    account.has_stack("UPDATE_COMPLETE")
    account.failing = "execute_change_set"
    error = fail(account, PermissionDeniedError)
    assert "execute_change_set" in error.reason
    assert account.change_sets == {}


# Errors before the deployment


def test_failed_preflight_check_stops_before_the_build(account: FakeAccount, sam: FakeSam) -> None:
    account.has_stack("UPDATE_IN_PROGRESS")
    error = fail(account, PreflightError)
    assert "busy" in error.message
    assert EXIT_CODE[error.kind] == 3
    assert error.hint
    assert not sam.was_asked("build")
    assert account.done == []


def test_deprecated_runtime_is_a_warning(account: FakeAccount) -> None:
    events = list(deploy(options(account), account, today=date(2035, 1, 1)))
    (warning,) = [one for one in events if isinstance(one, Finding) and one.state is State.WARNING]
    assert "deprecated" in warning.message
    assert isinstance(events[-1], Outcome)


def test_preflight_checks_the_stack_first_and_the_runtime_last(account: FakeAccount) -> None:
    found = [event.check for event in run(account) if isinstance(event, Finding)]
    assert (found[0], found[-1]) == ("stack", "runtime")


def test_missing_uv_stops_before_any_aws_call(
    account: FakeAccount, sam: FakeSam, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cast("dict[str, Any]", sys.modules), "uv", None)
    monkeypatch.setenv("PATH", "/nowhere")
    fail(account, BuildError)
    assert not sam.was_asked("version")


def test_stack_of_another_stage_is_rejected_in_any_state(account: FakeAccount) -> None:
    account.has_stack("UPDATE_COMPLETE", Stage="prod", Runtime="nodejs22.x", AccessLogs="perhaps")
    error = fail(account, PreflightError)
    assert "stage prod" in error.message


def test_failed_finding_is_yielded_before_the_error(account: FakeAccount) -> None:
    account.log_groups = ["/aws/lambda/triggers-api-dev"]
    seen: list[Progress] = []
    progress = map(seen.append, deploy(options(account), account, today=TODAY))
    with pytest.raises(PreflightError):
        list(progress)
    last = seen[-1]
    assert isinstance(last, Finding)
    assert last.check == "log group"


def test_denied_check_exits_with_4(account: FakeAccount, sam: FakeSam) -> None:
    account.failing = "describe_table"
    fail(account, PermissionDeniedError)
    assert not sam.was_asked("build")


def test_build_error_changes_nothing(account: FakeAccount, sam: FakeSam, tmp_path: Path) -> None:
    offline = {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "cache")}
    error = fail(account, BuildError, use_container=False, variables=offline)
    assert "python3.11 on x86_64" in error.message
    assert "UV_OFFLINE" in error.hint
    assert not sam.was_asked("build")
    assert account.done == []


def built(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch, compiled_by: str | None = "3.11.7"
) -> list[Progress]:
    """Deploy with a builder that needs no network, and return the events about the artifact."""

    def builder(folder: Path, *, runtime: str, architecture: str, environment: Mapping[str, str]) -> Artifact:
        folder.mkdir()
        return Artifact(runtime, 5_600_000, compiled_by)

    monkeypatch.setattr("triggers_api.ops.deploy.package.build", builder)
    events = run(account, use_container=False)
    return [one for one in events if isinstance(one, Built) or getattr(one, "check", "") == "bytecode"]


def test_built_event_has_the_artifact_size(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    assert built(account, monkeypatch) == [Built(5_600_000, None, "3.11.7")]


def test_built_event_has_the_deployed_size(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    account.has_stack("UPDATE_COMPLETE").outputs = {**OUTPUTS, "FunctionName": "triggers-api-dev"}
    account.code_size = 6_000_000
    assert built(account, monkeypatch) == [Built(5_600_000, 6_000_000, "3.11.7")]


@pytest.mark.parametrize("failing", ["", "get_function_configuration"])
def test_unknown_deployed_size_does_not_stop_the_deployment(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    account.has_stack("UPDATE_COMPLETE").outputs = {**OUTPUTS, "FunctionName": "triggers-api-dev"}
    account.failing = failing
    assert built(account, monkeypatch) == [Built(5_600_000, None, "3.11.7")]
    assert account.done[-1] == "execute"


def test_uncompiled_artifact_is_deployed_with_a_warning(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = "This machine has no Python 3.11 to compile the artifact with: cold starts take longer."
    assert built(account, monkeypatch, compiled_by=None) == [
        Built(5_600_000, None, None),
        Finding(
            "bytecode", State.WARNING, message, "Install one, for example with `uv python install 3.11`."
        ),
    ]


def test_full_disk_is_a_local_environment_error(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path, **_: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(folder))

    monkeypatch.setattr("triggers_api.ops.deploy.package.build", full)
    error = fail(account, LocalEnvironmentError, use_container=False)
    assert error.reason == "the disk is full"
    assert "TMPDIR" in error.hint
    assert account.done == []


def test_unadoptable_table_stops_before_the_build(account: FakeAccount, sam: FakeSam) -> None:
    account.tables = {EVENTS: False}
    account.forms = {EVENTS: {"GlobalSecondaryIndexes": []}}
    fail(account, PreflightError, adopt=True)
    assert not sam.was_asked("build")


# Parameters


def test_given_parameter_precedes_stack_value_and_default(
    account: FakeAccount,
) -> None:
    account.has_stack("UPDATE_COMPLETE", LogLevel="ERROR", MemorySize="1024")
    run(account, given={"LogLevel": "DEBUG"})
    found = sam_parameters(account)
    assert (found["LogLevel"], found["MemorySize"], found["EventTtlDays"]) == ("DEBUG", "1024", "7")


def test_proposal_has_changed_parameters_with_both_values(
    account: FakeAccount,
) -> None:
    account.has_stack("UPDATE_COMPLETE", LogLevel="ERROR", MemorySize="1024")
    proposal = decline_at(account, Proposal, given={"LogLevel": "DEBUG", "MemorySize": "1024"})
    assert proposal.parameters == {"LogLevel": ("ERROR", "DEBUG")}


def test_sam_gets_every_parameter_and_the_stage_of_the_target(account: FakeAccount) -> None:
    run(account, given={"Stage": "prod"})
    found = sam_parameters(account)
    assert set(found) == set(Template.load().parameters)
    assert found["Stage"] == "dev"


def test_parameter_missing_from_the_template_is_dropped(account: FakeAccount) -> None:
    account.has_stack("UPDATE_COMPLETE", Gone="1")
    run(account)
    assert "Gone" not in sam_parameters(account)


def test_parameters_of_a_failed_create_are_not_used(account: FakeAccount) -> None:
    account.has_stack("ROLLBACK_COMPLETE", MemorySize="128", LogLevel="DEBUG", Gone="1")
    events = run(account, given={"LogLevel": "DEBUG"})
    assert sam_parameters(account)["MemorySize"] == "512"
    (warning,) = [one for one in events if isinstance(one, Finding) and one.check == "parameters"]
    assert warning.message.endswith("are not used: MemorySize.")


def test_sam_builds_from_the_copy_with_the_cors_origin_written_out(
    account: FakeAccount, sam: FakeSam
) -> None:
    run(account, given={"CorsAllowOrigin": "https://shop.example", "Runtime": "python3.13"})
    (call,) = sam.asked("build")
    copy = call.files[call.option("--template-file")]
    assert "'https://shop.example'" in copy
    assert '"BuildMethod": "python3.13"' in copy


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("Memory", "1", "no parameter Memory"), ("MemorySize", "1", "from 128 to 10240")],
)
def test_invalid_parameter_names_its_origin(name: str, value: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_given({name: Setting(value, "triggers.toml")}, Template.load())
    assert said in caught.value.message
    assert caught.value.message.startswith("triggers.toml: ")


def test_repr_hides_secrets_of_the_environment(account: FakeAccount) -> None:
    assert SECRET in options(account).environment.values()
    assert SECRET not in repr(options(account))


# Leftovers of an earlier attempt


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED"])
def test_failed_create_is_deleted_after_consent(account: FakeAccount, status: str) -> None:
    account.has_stack(status)
    events = run(account)
    assert outline(events)[2:7] == ["Obstacle", "clear", "StackEvent", "Finding", "build"]
    assert account.done == [f"delete {status}", "sam deploy", "execute"]
    assert events[-1] == Outcome(changed=True, status="CREATE_COMPLETE", outputs=OUTPUTS, first=True)


def test_declining_the_obstacle_deletes_nothing(account: FakeAccount, sam: FakeSam) -> None:
    before = account.has_stack("ROLLBACK_COMPLETE")
    obstacle = decline_at(account, Obstacle)
    assert obstacle.stack.status == "ROLLBACK_COMPLETE"
    assert (account.stack, account.done) == (before, [])
    assert not sam.was_asked("build")


def test_plan_over_a_failed_create_is_rejected(account: FakeAccount) -> None:
    account.has_stack("ROLLBACK_COMPLETE")
    error = fail(account, PreflightError, plan=True)
    assert "nothing to compare with" in error.message
    assert account.done == []


def test_empty_stack_is_deleted_without_consent(account: FakeAccount) -> None:
    account.has_stack("REVIEW_IN_PROGRESS")
    account.change_sets = {"failed": False}
    assert outline(run(account))[2:5] == ["tidy", "Finding", "build"]
    assert account.done == ["delete REVIEW_IN_PROGRESS", "sam deploy", "execute"]


def test_empty_stack_with_a_live_change_set_needs_consent(account: FakeAccount) -> None:
    before = account.has_stack("REVIEW_IN_PROGRESS")
    account.change_sets = {"another": True}
    assert "has a pending change set" in decline_at(account, Obstacle).message
    assert (account.stack, account.change_sets, account.done) == (before, {"another": True}, [])
    assert outline(run(account))[2:4] == ["Obstacle", "tidy"]
    assert account.done == ["delete REVIEW_IN_PROGRESS", "sam deploy", "execute"]


@pytest.mark.parametrize("change_sets", [{}, {"another": True}], ids=["none", "another's"])
def test_plan_leaves_an_empty_stack_unchanged(account: FakeAccount, change_sets: dict[str, bool]) -> None:
    before = account.has_stack("REVIEW_IN_PROGRESS")
    account.change_sets = dict(change_sets)
    assert "Obstacle" not in outline(run(account, plan=True))
    assert (account.stack, account.change_sets) == (before, change_sets)
    assert account.done == ["sam deploy", "discard"]


@pytest.mark.parametrize(
    ("status", "meanwhile"),
    [("ROLLBACK_COMPLETE", "DELETE_IN_PROGRESS"), ("REVIEW_IN_PROGRESS", "CREATE_COMPLETE")],
)
def test_stack_that_changed_meanwhile_is_not_deleted(
    account: FakeAccount, status: str, meanwhile: str
) -> None:
    stack = account.has_stack(status)
    account.change_sets = {"another": True}
    progress = deploy(options(account), account, today=TODAY)
    assert any(isinstance(event, Obstacle) for event in progress)
    stack.status = meanwhile
    with pytest.raises(PreflightError, match="changed in the meantime"):
        next(progress)
    assert account.done == []


def test_clear_step_follows_the_delete_call(account: FakeAccount) -> None:
    account.has_stack("ROLLBACK_COMPLETE")
    progress = deploy(options(account), account, today=TODAY)
    assert any(isinstance(event, Step) and event.name == "clear" for event in progress)
    assert account.done == ["delete ROLLBACK_COMPLETE"]
    progress.close()


def test_deletion_protection_stays_off_while_tables_are_created(account: FakeAccount) -> None:
    events = run(account, given={"DeletionProtection": "true"})
    (warning,) = [one for one in events if isinstance(one, Finding) and one.state is State.WARNING]
    assert "DeletionProtection" in warning.message
    assert warning.fix
    assert sam_parameters(account)["DeletionProtection"] == "false"


def test_deletion_protection_is_applied_to_a_live_stack(account: FakeAccount) -> None:
    account.has_stack("UPDATE_COMPLETE")
    run(account, given={"DeletionProtection": "true"})
    assert sam_parameters(account)["DeletionProtection"] == "true"


def test_tables_of_a_cleared_stack_need_the_adopt_flag(account: FakeAccount) -> None:
    account.has_stack("CREATE_FAILED").tables = {"EventsTable": EVENTS}
    account.tables = {EVENTS: False}
    error = fail(account, PreflightError)
    assert "--adopt" in error.hint
    assert account.done == ["delete CREATE_FAILED"]


# Tables of an earlier stack


def test_kept_tables_without_adopt_stop_before_the_build(account: FakeAccount, sam: FakeSam) -> None:
    account.tables = {EVENTS: False}
    error = fail(account, PreflightError)
    assert "--adopt" in error.hint
    assert not sam.was_asked("build")


def test_kept_tables_are_adopted_before_other_resources(account: FakeAccount) -> None:
    account.tables = {EVENTS: False, KEYS: False}
    events = run(account, adopt=True)
    assert [event.adopts for event in events if isinstance(event, Proposal)] == [True, False]
    assert account.done == [f"import {EVENTS} {KEYS}", "execute", "sam deploy", "execute"]
    assert events[-1] == Outcome(changed=True, status="UPDATE_COMPLETE", outputs=OUTPUTS, first=True)
    assert account.imported["parameters"]["Stage"] == "dev"


@pytest.mark.parametrize(
    ("given", "expected"), [({}, "true"), ({"DeletionProtection": "false"}, "false")], ids=["unsaid", "said"]
)
def test_adopted_tables_keep_their_protection_unless_given(
    account: FakeAccount, given: dict[str, str], expected: str
) -> None:
    account.tables = {EVENTS: True, KEYS: False}
    run(account, adopt=True, given=given)
    imported = account.imported["template"]["Resources"]["EventsTable"]["Properties"]
    assert imported["DeletionProtectionEnabled"] is True  # as it is, until the change set after it
    assert account.imported["parameters"]["DeletionProtection"] == expected
    assert sam_parameters(account)["DeletionProtection"] == expected


def test_declining_adoption_leaves_no_stack(account: FakeAccount, sam: FakeSam) -> None:
    account.tables = {EVENTS: False}
    assert decline_at(account, Proposal, adopt=True).adopts
    assert account.done == [f"import {EVENTS}", "discard", "delete REVIEW_IN_PROGRESS"]
    assert not sam.was_asked("deploy")


def test_plan_of_an_adoption_proposes_the_import_only(account: FakeAccount, sam: FakeSam) -> None:
    account.tables = {EVENTS: False}
    assert outline(run(account, adopt=True, plan=True))[-2:] == ["adopt", "Proposal"]
    assert (account.stack, account.change_sets) == (None, {})
    assert not sam.was_asked("deploy")


def test_rejected_adoption_leaves_no_stack(account: FakeAccount) -> None:
    account.tables = {EVENTS: False}
    account.import_fails = "the table has another key"
    error = fail(account, DeploymentError, adopt=True)
    assert error.reason == "the table has another key"
    assert account.stack is None


# An operation that fails


def test_failed_create_reports_its_root_cause(account: FakeAccount) -> None:
    account.ends_in = "ROLLBACK_COMPLETE"
    error = fail(account, DeploymentError)
    assert error.message == f"Stack {NAME} ended in ROLLBACK_COMPLETE."
    assert error.reason == "EventsTable: it is not to be"
    assert account.done == ["sam deploy", "execute"]


def test_failed_adoption_stops_the_deployment(account: FakeAccount, sam: FakeSam) -> None:
    account.tables = {EVENTS: False}
    account.ends_in = "IMPORT_ROLLBACK_COMPLETE"
    fail(account, DeploymentError, adopt=True)
    assert not sam.was_asked("deploy")
