"""The output of a deployment: text on terminals of several widths, and JSON."""

import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from tests.support.stubbed_aws import make_target
from triggers_api.cli.commands import deploy as command
from triggers_api.cli.commands.deploy import DeployRequest, report_interrupt, run_deploy
from triggers_api.cli.consent import Consent
from triggers_api.cli.output import console
from triggers_api.cli.output.progress import JsonReporter, TextReporter, resource_table
from triggers_api.ops.cloudformation.models import Change, ChangeSet, StackEvent
from triggers_api.ops.deploy.deployment import DeployOptions
from triggers_api.ops.deploy.progress import Built, Outcome, Progress, Proposal, Step
from triggers_api.version import VERSION

AT = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
IDS = ("TriggersApiDeployment0123456789", "TriggersApiFunctionApiProxyPermissionprod")
EVENTS = [
    StackEvent("1", AT, IDS[0], "AWS::ApiGateway::Deployment", "CREATE_FAILED", "no"),
    StackEvent("2", AT, IDS[1], "AWS::Lambda::Permission", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ""),
]


def shown(width: int) -> list[str]:
    """Return the lines of the table of resources on a terminal of this width."""
    table = resource_table(EVENTS, width)
    assert table is not None
    output = io.StringIO()
    Console(file=output, width=width).print(table)
    return output.getvalue().splitlines()


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (80, ["STATUS", "LOGICAL ID"]),
        (100, ["TIME (UTC)", "STATUS", "LOGICAL ID"]),
        (130, ["TIME (UTC)", "STATUS", "LOGICAL ID", "TYPE"]),
    ],
)
def test_resource_table_has_the_columns_that_fit_unbroken(width: int, columns: list[str]) -> None:
    _, head, _, *rows, _ = shown(width)
    assert re.split(r" {2,}", head.strip()) == columns
    for event, row in zip(EVENTS, rows, strict=True):
        assert {event.status, event.logical_id} <= set(row.split())


def test_resources_are_lines_if_the_terminal_is_too_narrow(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "terminal_width", lambda _: 70)
    TextReporter(make_target()).report(EVENTS[1])
    words = capsys.readouterr().err.split()
    assert words == ["10:30:00", "UTC", EVENTS[1].status, EVENTS[1].type, EVENTS[1].logical_id]


def stopped_after(*events: Progress, capsys: pytest.CaptureFixture[str]) -> str:
    report = JsonReporter()
    for event in events:
        report.report(event)
    report_interrupt(report, make_target())
    return capsys.readouterr().err


APPLY = Step("apply", "Deploying stack x.")
APPLY_UPDATE = Step("apply", "Deploying stack x.", is_update=True)
MADE = StackEvent("3", AT, "EventsTable", "AWS::DynamoDB::Table", "CREATE_COMPLETE", "")
FINAL = StackEvent("4", AT, "stack", "AWS::CloudFormation::Stack", "CREATE_COMPLETE", "", is_of_stack=True)
UPDATING = replace(FINAL, status="UPDATE_IN_PROGRESS")
ROLLING_BACK = replace(FINAL, status="UPDATE_ROLLBACK_IN_PROGRESS")
CANCEL = (
    "To stop the update: aws cloudformation cancel-update-stack --region eu-west-1 "
    "--stack-name triggers-api-dev\n"
)


@pytest.mark.usefixtures("dev_target")
def test_interrupt_reports_what_cloudformation_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert stopped_after(Step("build", "Building."), capsys=capsys) == "Nothing was changed.\n"
    for events in ((APPLY,), (APPLY, MADE)):
        found = stopped_after(*events, capsys=capsys)
        assert found == (
            "CloudFormation continues to work on stack triggers-api-dev.\n"
            "To see the stack: triggers status --stage dev --region eu-west-1 --stack-name triggers-api-dev\n"
        )
    done = stopped_after(APPLY, MADE, FINAL, capsys=capsys)
    assert done == "The steps above completed; the remaining steps did not run.\n"


@pytest.mark.usefixtures("dev_target")
@pytest.mark.parametrize(
    ("events", "can_cancel"),
    [
        ((APPLY,), False),
        ((APPLY, MADE), False),
        ((APPLY_UPDATE,), True),
        ((APPLY_UPDATE, UPDATING, MADE), True),
        ((APPLY_UPDATE, UPDATING, ROLLING_BACK), False),
    ],
)
def test_interrupt_suggests_to_stop_only_an_update(
    events: tuple[Progress, ...], can_cancel: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    found = stopped_after(*events, capsys=capsys)
    assert found.startswith("CloudFormation continues to work")
    assert found.endswith(CANCEL) is can_cancel
    assert ("cancel-update-stack" in found) is can_cancel


@pytest.mark.parametrize(
    ("deployed", "expected"),
    [
        (None, "Artifact: 5.6 MB zipped.\n"),
        (5_760_000, "Artifact: 5.6 MB zipped, 0.2 MB smaller than the deployed one.\n"),
        (5_440_000, "Artifact: 5.6 MB zipped, 0.2 MB larger than the deployed one.\n"),
        (5_601_000, "Artifact: 5.6 MB zipped, as large as the deployed one.\n"),
    ],
)
def test_artifact_size_is_compared_to_the_deployed_one(
    deployed: int | None, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    TextReporter(make_target()).report(Built(5_600_000, deployed, "3.11.7"))
    assert capsys.readouterr() == ("", expected)


def test_json_has_artifact_sizes_in_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    JsonReporter().report(Built(5_600_000, None, None))
    assert json.loads(capsys.readouterr().out) == {
        "event": "artifact",
        "zipped_bytes": 5_600_000,
        "deployed_bytes": None,
        "compiled_by": None,
    }


PROPOSAL = Proposal(ChangeSet("1", "2", ()), parameters={"LogLevel": ("INFO", "DEBUG")})


def test_text_lists_changed_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    TextReporter(make_target()).report(PROPOSAL)
    assert capsys.readouterr().err.endswith("\nLogLevel: INFO -> DEBUG\n")


@pytest.mark.parametrize("before", [None, ""])
def test_json_distinguishes_an_empty_parameter_from_none(
    capsys: pytest.CaptureFixture[str], before: str | None
) -> None:
    JsonReporter().report(replace(PROPOSAL, parameters={"AlarmEmail": (before, "a@example.com")}))
    assert json.loads(capsys.readouterr().out)["parameters"]["AlarmEmail"]["before"] == before


def test_json_has_changed_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    JsonReporter().report(PROPOSAL)
    assert json.loads(capsys.readouterr().out)["parameters"] == {
        "LogLevel": {"before": "INFO", "after": "DEBUG"}
    }


def outline_of_deploy(monkeypatch: pytest.MonkeyPatch, outcome: Outcome, *, as_json: bool) -> list[str]:
    """Return what `run_deploy` does after a deployment: the smoke test, and the lines of its notices."""
    done: list[str] = []
    monkeypatch.setattr(command, "_deploy_stack", lambda _: outcome)
    monkeypatch.setattr(command, "_smoke_test", lambda *_, **__: done.append("smoke test"))
    monkeypatch.setattr(console, "say", lambda *lines: done.extend(lines))
    options = DeployOptions(make_target(), {}, {})
    run_deploy(DeployRequest(options, YES, smoke_test=True, as_json=as_json))
    return [line for line in done if line and not line.startswith(" ")]


FIRST = Outcome(True, "CREATE_COMPLETE", {"ApiUrl": "https://api.example/dev"}, first=True)
YES = Consent(all_decisions=True, all_changes=True, downgrade=False, confirmed_stack=None, no_input=True)


@pytest.mark.parametrize(
    ("outcome", "as_json", "expected"),
    [
        (FIRST, False, ["smoke test", "Next:"]),
        (replace(FIRST, first=False), False, ["smoke test"]),
        (FIRST, True, ["smoke test"]),
    ],
    ids=["first", "later", "json"],
)
def test_first_deployment_ends_with_the_smoke_test_and_the_next_commands(
    monkeypatch: pytest.MonkeyPatch, outcome: Outcome, as_json: bool, expected: list[str]
) -> None:
    assert outline_of_deploy(monkeypatch, outcome, as_json=as_json) == expected


ADD = Change("Add", "TriggersApiFunctionProxyPermissionStage", "AWS::Lambda::Permission", "", "")
MODIFY = Change("Modify", "TriggersApi", "AWS::ApiGateway::RestApi", "False", "x")
REMOVE = Change("Remove", "AlarmTopic", "AWS::SNS::Topic", "", "x")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ((ADD, ADD), "2 to add, 0 to change, 0 to remove."),
        ((ADD, MODIFY, REMOVE), "1 to add, 1 to change, 1 to remove."),
        ((replace(ADD, action="Import"),), "1 to import, 0 to add, 0 to change, 0 to remove."),
    ],
)
def test_proposal_has_a_sum(
    changes: tuple[Change, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    TextReporter(make_target()).report(Proposal(ChangeSet("1", "2", changes)))
    assert expected in capsys.readouterr().err.splitlines()


def test_proposal_shows_what_may_be_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    replacements = ("False", "True", "Conditional")
    changes = tuple(replace(MODIFY, replacement=one) for one in replacements)
    TextReporter(make_target()).report(Proposal(ChangeSet("1", "2", changes)))
    head, *rows, total, _ = capsys.readouterr().err.splitlines()
    assert [row.split("\t")[0] for row in (head, *rows)] == ["ACTION", "Modify", "Replace", "Replace?"]
    assert total == "0 to add, 3 to change, 0 to remove. Replace?: 1 may be replaced."


@pytest.mark.parametrize(
    ("deployed", "expected"),
    [
        ("", VERSION),
        (VERSION, VERSION),
        ("0.0.9", f"0.0.9 -> {VERSION}"),
        ("unknown", f"unknown -> {VERSION}"),
    ],
)
def test_proposal_shows_the_versions(
    deployed: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    TextReporter(make_target()).report(replace(PROPOSAL, deployed_version=deployed))
    assert f"\nVersion: {expected}\n" in capsys.readouterr().err


def test_proposal_is_an_unbroken_table_on_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "terminal_width", lambda _: 80)
    modify = replace(MODIFY, logical_id=IDS[0], type="AWS::ApiGateway::Deployment", replacement="Conditional")
    TextReporter(make_target()).report(Proposal(ChangeSet("1", "2", (ADD, modify))))
    lines = [line.split() for line in capsys.readouterr().err.splitlines()]
    assert ["Add", ADD.logical_id, ADD.type] in lines
    assert ["Replace?", modify.logical_id, modify.type] in lines
