"""The output of a deployment: text on terminals of several widths, and JSON."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from tests.support.stubbed_aws import make_target
from triggers_api.cli.commands.deploy import report_interrupt
from triggers_api.cli.output import console
from triggers_api.cli.output.progress import JsonReporter, TextReporter, next_steps, resource_table
from triggers_api.ops.cloudformation.models import ChangeSet, StackEvent
from triggers_api.ops.deploy.progress import Built, Outcome, Progress, Proposal, Step

AT = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
IDS = ("TriggersApiDeployment0123456789", "TriggersApiFunctionApiProxyPermissionprod")
EVENTS = [
    StackEvent("1", AT, IDS[0], "AWS::ApiGateway::Deployment", "CREATE_FAILED", "no"),
    StackEvent("2", AT, IDS[1], "AWS::Lambda::Permission", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ""),
]


def shown(width: int, *, with_types: bool) -> str:
    output = io.StringIO()
    Console(file=output, width=width).print(resource_table(EVENTS, with_types=with_types))
    return output.getvalue()


@pytest.mark.parametrize(("width", "with_types"), [(60, False), (80, False), (120, True)])
def test_resource_table_cuts_no_id_or_status(width: int, with_types: bool) -> None:
    found = shown(width, with_types=with_types)
    assert "\N{HORIZONTAL ELLIPSIS}" not in found
    rows = [line for line in found.splitlines() if line.strip()]
    columns = [text for line in rows for text in line.split()]
    joined = "".join(columns)
    for event in EVENTS:
        for text in (event.logical_id, event.status):
            assert text in joined or _folded(text, columns)


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


@pytest.mark.parametrize(("first", "lines"), [(True, 3), (False, 0)])
def test_next_steps_follow_the_first_deployment_only(first: bool, lines: int) -> None:
    outcome = Outcome(True, "CREATE_COMPLETE", {"ApiUrl": "https://api.example/prod"}, first)
    assert len(next_steps(make_target(), outcome)) == lines


ROWS = [("Add", IDS[1], "AWS::Lambda::Permission", "-")]


@pytest.mark.parametrize(
    ("width", "is_table"), [(0, False), (59, False), (60, True), (80, True), (200, True)]
)
def test_proposal_is_a_table_on_a_wide_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int, is_table: bool
) -> None:
    monkeypatch.setattr(console, "terminal_width", lambda _: width)
    console.answer_table(("ACTION", "LOGICAL ID", "TYPE", "REPLACEMENT"), ROWS, to_stderr=True)
    found = capsys.readouterr()
    assert found.out == ""
    assert ("\t" not in found.err) is is_table
    assert IDS[1] in found.err or _folded(IDS[1], found.err.split())


def _folded(text: str, pieces: list[str]) -> bool:
    """Return whether the pieces contain the text, folded over several lines."""
    rest = text
    for piece in pieces:
        if rest.startswith(piece):
            rest = rest.removeprefix(piece)
    return not rest


def test_resource_table_fits_80_columns() -> None:
    lines = shown(80, with_types=False).splitlines()
    assert any("CREATE_FAILED" in line and IDS[0] in line for line in lines)


def test_resource_table_has_types_on_a_wide_terminal() -> None:
    assert "AWS::ApiGateway::Deployment" in shown(140, with_types=True)
