"""`triggers deploy`: put the stack on AWS, or change it."""

import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from triggers_api.cli import config
from triggers_api.cli.context import CommandContext, announce_target
from triggers_api.cli.flags import flags_of, work_on
from triggers_api.cli.interrupts import OF_A_DEPLOYMENT, interrupts_told
from triggers_api.cli.options import stage_options
from triggers_api.cli.output import console
from triggers_api.errors import (
    ChecksFailedError,
    ConfigurationError,
    ConfirmationNeededError,
    DeclinedError,
    OperatorError,
)
from triggers_api.ops.target import Setting, Target

if TYPE_CHECKING:
    from triggers_api.cli.output.progress import Reporter
    from triggers_api.ops.deploy.deployment import DeployOptions
    from triggers_api.ops.deploy.progress import Outcome, Progress

_SETTLING_SECONDS = 60.0
"""A new API, and the role of a new function, are not known everywhere at once."""


@stage_options(yes=True, no_input=True)
def deploy(
    context: CommandContext,
    plan: Annotated[bool, typer.Option("--plan", help="Show what would change, and leave nothing.")] = False,
    guided: Annotated[
        bool, typer.Option("--guided", help="Ask for the settings, and keep them in triggers.toml.")
    ] = False,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Take tables that an earlier stack has left, with their data.")
    ] = False,
    parameter: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="A parameter of the stack; repeatable.", show_default=False),
    ] = None,
    runtime: Annotated[
        str | None, typer.Option(help="The function's Python, such as python3.13.", show_default=False)
    ] = None,
    architecture: Annotated[str | None, typer.Option(help="x86_64 or arm64.", show_default=False)] = None,
    use_container: Annotated[
        bool, typer.Option("--use-container", help="Let SAM build in a container; needs Docker.")
    ] = False,
    confirm: Annotated[
        str | None,
        typer.Option(
            metavar="STACK", help="The stack's name, where a table would be lost.", show_default=False
        ),
    ] = None,
    no_smoke: Annotated[bool, typer.Option("--no-smoke", help="Do not try the API afterwards.")] = False,
) -> None:
    """Build, show what would change on AWS, deploy, and wait.

    With --json, one JSON object a line. Example: triggers deploy --stage prod --parameter LogLevel=DEBUG
    """
    from triggers_api.ops.cloudformation.template import Template
    from triggers_api.ops.deploy.deployment import DeployOptions, check_given

    target, as_json, yes, no_input = context.target, context.as_json, context.yes, context.no_input
    settings = config.stage_settings(target.stage.value)
    given = {
        **settings.parameters,
        **_said(parameter or [], {"Runtime": runtime, "Architecture": architecture}),
    }
    check_given(given, Template.load())
    if guided:
        from triggers_api.cli.guided import ask_settings

        target, settings = ask_settings(target, no_input=no_input)
        work_on(target)
    if not plan:
        console.check_can_confirm(yes=yes, no_input=no_input)
        if as_json and not (yes or console.is_terminal(sys.stdout)):
            raise ConfirmationNeededError(
                "This needs a yes, and what it is for would not be seen.",
                reason="with --json the changes go to stdout, and that is no terminal",
                hint="Add --yes, after a look at what --plan shows.",
            )
    options = DeployOptions(
        target=target,
        given=given,
        environment=config.environment(),
        adopt=adopt,
        plan=plan,
        use_container=use_container,
        disable_rollback=settings.disable_rollback,
    )
    consent = Consent(yes, yes or not settings.confirm_changes, no_input, confirm)
    outcome = _run(options, consent, as_json=as_json)
    if outcome is not None and not (no_smoke or plan):  # a plan with nothing to change has an outcome, too
        _smoke(target, outcome.outputs["ApiUrl"], changed=outcome.changed, as_json=as_json)


@dataclass(frozen=True, slots=True)
class Consent:
    """What the operator has agreed to beforehand; `no_input` where there is nobody to ask for the rest."""

    to_all: bool
    to_changes: bool
    no_input: bool
    to_losing_a_table: str | None


def _run(options: "DeployOptions", consent: Consent, *, as_json: bool) -> "Outcome | None":
    """Go through the deployment: tell what there is to tell, and ask where there is something to decide.

    Return how it ended; None after a plan that has something to change.
    """
    from triggers_api.cli.output.progress import reporter
    from triggers_api.ops.deploy.deployment import deploy as deployment
    from triggers_api.ops.deploy.progress import Outcome

    aws = announce_target(options.target, "Plan" if options.plan else "Deploy")
    report = reporter(as_json=as_json, target=options.target)
    today = datetime.now(UTC).date()
    outcome: Outcome | None = None
    with interrupts_told(OF_A_DEPLOYMENT), report, closing(deployment(options, aws, today=today)) as progress:
        try:
            for event in progress:
                report.tell(event)
                outcome = event if isinstance(event, Outcome) else None
                if not options.plan:
                    _decide(event, options.target, consent)
        except KeyboardInterrupt:
            say_what_goes_on(report, options.target, aws.region.value)
            raise
        except DeclinedError as error:
            if not report.has_changed:
                raise
            raise DeclinedError(
                "What is above was done; the rest was not.",
                reason=error.reason,
                hint="Deploy again to go on.",
            ) from error
    if options.plan:
        console.say("A plan only: nothing was changed.")
    return outcome


def _decide(event: "Progress", target: Target, consent: Consent) -> None:
    """Return where the operator agrees to what is put to him, at once where nothing is."""
    from triggers_api.ops.deploy.progress import Obstacle, Proposal

    if isinstance(event, Obstacle):
        question = "Delete what is left of it, and start anew?"
        console.confirm(question, yes=consent.to_all, no_input=consent.no_input)
    elif isinstance(event, Proposal):
        lost = ", ".join(one.physical_id or one.logical_id for one in event.change_set.tables_lost)
        if lost:
            console.confirm_by_name(
                f"This takes a table out of use: {lost}. What is in it will be missed.",
                target.stack_name.value,
                given=consent.to_losing_a_table,
                no_input=consent.no_input,
            )
        else:
            console.confirm("Make these changes?", yes=consent.to_changes, no_input=consent.no_input)


def _smoke(target: Target, url: str, *, changed: bool, as_json: bool) -> None:
    """Try the deployed API; whatever that finds, the stack stays."""
    from triggers_api.cli.output.checks import conclude, make_document, run_smoke_test
    from triggers_api.ops.smoke.smoke_run import SmokeOptions

    key = config.api_key(None)
    settling = _SETTLING_SECONDS if changed else 0
    options = SmokeOptions(url, None if key is None else key.value, target, settling=settling)
    try:
        console.say(f"Smoke test of {url}, with {'TRIGGERS_API_KEY' if key else 'a key of its own'}.")
        findings = run_smoke_test(options, "Smoke test")
    except KeyboardInterrupt:
        console.say(f"The stack is deployed; to try it again: triggers smoke {flags_of(target)}")
        raise
    except OperatorError as error:
        raise ChecksFailedError(
            "The stack is deployed, but whether it works could not be tried.",
            reason=f"{error.message} {error.reason}".rstrip(),
            hint=f"{error.hint} Then run triggers smoke {flags_of(target)}; --no-smoke leaves it out.",
        ) from error
    if as_json:
        console.answer_line({"event": "smoke", **make_document(findings)})
    conclude(findings, flags=flags_of(target), write=console.say)


def _said(parameters: list[str], flags: Mapping[str, str | None]) -> dict[str, Setting]:
    """Return the parameters that were said, and those with a flag of their own; the two must not disagree."""
    said = {}
    for text in parameters:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise ConfigurationError(
                f"--parameter: {text!r} is not KEY=VALUE.", hint="Write --parameter LogLevel=DEBUG."
            )
        said[name] = Setting(value, "--parameter")
    for name, given in flags.items():
        if given is None:
            continue
        flag = f"--{name.lower()}"
        if name in said and said[name].value != given:
            raise ConfigurationError(
                f"{flag} {given}: --parameter {name}={said[name].value} says otherwise.",
                hint="Give one of them.",
            )
        said[name] = Setting(given, flag)
    return said


def say_what_goes_on(report: "Reporter", target: Target, region: str) -> None:
    """Tell who pressed Ctrl-C what CloudFormation does now."""
    if report.at_work:
        name = target.stack_name.value
        console.say(
            f"CloudFormation goes on with {name}. See triggers status {flags_of(target)}; "
            "to stop an update, "
            f"aws cloudformation cancel-update-stack --stack-name {name} --region {region}."
        )
    elif report.has_changed:
        console.say("What is above was done; the rest was not.")
    else:
        console.say("Nothing was changed.")
