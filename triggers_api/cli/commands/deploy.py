"""`triggers deploy`: create the stack of a stage, or change it.

The command reads its flags and the settings of the stage into a `DeployRequest`. `run_deploy` then reports
the progress of the deployment, asks at each decision unless the operator agreed beforehand, and runs a smoke
test of the deployed API.
"""

import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from triggers_api.cli import config
from triggers_api.cli.consent import Consent, require_consent
from triggers_api.cli.context import CommandContext, announce_target, ca_bundles
from triggers_api.cli.interrupts import DEPLOYMENT_LEFTOVERS, handle_interrupts
from triggers_api.cli.options import stage_options
from triggers_api.cli.output import console, questions
from triggers_api.cli.parameters import parse_parameters
from triggers_api.errors import (
    ChecksFailedError,
    ConfirmationNeededError,
    DeclinedError,
    OperatorError,
)
from triggers_api.ops.shell_commands import aws_command, set_target, triggers_command
from triggers_api.ops.target import Target

if TYPE_CHECKING:
    from triggers_api.cli.output.progress import Reporter
    from triggers_api.ops.deploy.deployment import DeployOptions
    from triggers_api.ops.deploy.progress import Outcome

_PARTLY_DONE = "The steps above completed; the remaining steps did not run."

_SETTLING_SECONDS = 60.0
"""How long AWS may take to propagate a new API and the role of a new function."""


@dataclass(frozen=True, slots=True)
class DeployRequest:
    """A deployment as it was requested on the command line."""

    options: "DeployOptions"
    consent: Consent
    smoke_test: bool
    as_json: bool


@stage_options(yes=True, no_input=True)
def deploy(
    context: CommandContext,
    plan: Annotated[bool, typer.Option("--plan", help="Show the changes without applying them.")] = False,
    guided: Annotated[
        bool, typer.Option("--guided", help="Ask for the settings, and save them in triggers.toml.")
    ] = False,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Adopt the tables kept from an earlier stack, with their data.")
    ] = False,
    parameter: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="A stack parameter; repeatable.", show_default=False),
    ] = None,
    runtime: Annotated[
        str | None, typer.Option(help="The function's Python, such as python3.13.", show_default=False)
    ] = None,
    architecture: Annotated[str | None, typer.Option(help="x86_64 or arm64.", show_default=False)] = None,
    use_container: Annotated[
        bool, typer.Option("--use-container", help="Build with SAM in a container; needs Docker.")
    ] = False,
    confirm: Annotated[
        str | None,
        typer.Option(
            metavar="STACK", help="The stack's name, to confirm the loss of a table.", show_default=False
        ),
    ] = None,
    allow_downgrade: Annotated[
        bool, typer.Option("--allow-downgrade", help="Replace a newer version with this older one.")
    ] = False,
    no_smoke: Annotated[bool, typer.Option("--no-smoke", help="Skip the smoke test.")] = False,
) -> None:
    """Build the service, show the changes, apply them and test the API.

    With --json, one JSON object a line. Example: triggers deploy --stage prod --parameter LogLevel=DEBUG
    """
    from triggers_api.ops.cloudformation.template import Template
    from triggers_api.ops.deploy.deployment import DeployOptions
    from triggers_api.ops.deploy.parameters import check_given

    target, yes, no_input = context.target, context.yes, context.no_input
    settings = config.stage_settings(target.stage.value)
    from_flags = parse_parameters(parameter or [], {"Runtime": runtime, "Architecture": architecture})
    given = {**settings.parameters, **from_flags}
    check_given(given, Template.load())
    ask_before_changes = True
    if guided:
        from triggers_api.cli.guided import ask_settings

        target, settings, ask_before_changes = ask_settings(target, no_input=no_input)
        set_target(target)
    if not plan:
        _check_can_confirm(context)
        _print_notes(settings, asks=not (guided or yes))
    options = DeployOptions(
        target=target,
        given=given,
        environment=config.environment(),
        adopt=adopt,
        plan=plan,
        use_container=use_container,
        disable_rollback=settings.disable_rollback,
    )
    consent = Consent(
        all_decisions=yes,
        all_changes=yes or not ask_before_changes,
        downgrade=allow_downgrade,
        confirmed_stack=confirm,
        no_input=no_input,
    )
    run_deploy(DeployRequest(options, consent, smoke_test=not (plan or no_smoke), as_json=context.as_json))


def _check_can_confirm(context: CommandContext) -> None:
    """Check that --yes was given, or that the operator can see the plan and confirm it.

    Raises:
        ConfirmationNeededError: Neither holds.
    """
    questions.check_can_confirm(yes=context.yes, no_input=context.no_input)
    if context.as_json and not (context.yes or console.is_terminal(sys.stdout)):
        raise ConfirmationNeededError(
            "--yes is required when --json output is piped: the plan would not be visible.",
            reason="with --json the plan goes to stdout, which is not a terminal",
            hint="Review the output of --plan, then add --yes.",
        )


def _print_notes(settings: config.StageSettings, *, asks: bool) -> None:
    """Print which settings of `triggers.toml` are risky, or have no effect.

    `asks`: the command asks for confirmation.
    """
    if asks and not settings.confirm_changes:
        console.say(
            f"Note: confirm_changes = false in {config.FILE} has no effect: "
            "the file cannot skip the confirmation. --yes can."
        )
    if settings.disable_rollback:
        console.say(f"Note: rollback is disabled (disable_rollback in {config.FILE}).")


def run_deploy(request: DeployRequest) -> None:
    """Deploy, and smoke-test the deployed API.

    Raises:
        DeclinedError: The operator declined a decision.
        ConfirmationNeededError: A decision is required, but the command is not running interactively.
        ChecksFailedError: The stack is deployed, but its smoke test failed.
        OperatorError: The deployment failed.
    """
    from triggers_api.cli.output.progress import next_steps

    target = request.options.target
    outcome = _deploy_stack(request)
    if request.options.plan:
        console.say("This was a plan. The stack was not changed.")
    if outcome is None:
        console.say("To apply it, run the command again without --plan.")
        return
    if request.smoke_test:
        url = outcome.outputs["ApiUrl"]
        _smoke_test(target, url, changed=outcome.changed, as_json=request.as_json)
    if outcome.first and not request.as_json:
        console.say("", *next_steps(target, outcome))


def _deploy_stack(request: DeployRequest) -> "Outcome | None":
    """Run the deployment. Report its progress, and ask the operator at each decision.

    Returns:
        The outcome. None if a plan found changes: nothing was deployed.

    Raises:
        DeclinedError: The operator declined a decision.
        ConfirmationNeededError: A decision is required, but the command is not running interactively.
        OperatorError: The deployment failed.
    """
    from triggers_api.cli.output.progress import make_reporter
    from triggers_api.ops.deploy import deployment
    from triggers_api.ops.deploy.progress import Outcome

    options, target = request.options, request.options.target
    aws = announce_target(target, "Plan" if options.plan else "Deploy")
    reporter = make_reporter(as_json=request.as_json, target=target)
    running = deployment.deploy(options, aws, today=datetime.now(UTC).date())
    outcome = None
    # The deployment is a generator. It runs while this loop takes its progress; closing it runs its cleanup.
    with handle_interrupts(DEPLOYMENT_LEFTOVERS), reporter, closing(running):
        try:
            for progress in running:
                reporter.report(progress)
                if isinstance(progress, Outcome):
                    outcome = progress
                if not options.plan:
                    require_consent(progress, target, request.consent)
        except KeyboardInterrupt:
            report_interrupt(reporter, target)
            raise
        except DeclinedError as error:
            if not reporter.has_changed_aws:
                raise
            raise DeclinedError(
                _PARTLY_DONE, reason=error.reason, hint="Deploy again to continue."
            ) from error
    return outcome


def report_interrupt(reporter: "Reporter", target: Target) -> None:
    """Print what an interrupted deployment changed, and whether CloudFormation continues."""
    if reporter.cloudformation_is_running:
        name = target.stack_name.value
        console.say(
            f"CloudFormation continues to work on stack {name}.",
            f"To see the stack: {triggers_command('status')}",
        )
        if reporter.can_cancel_update:
            cancel = aws_command("cloudformation", "cancel-update-stack", "--stack-name", name)
            console.say(f"To stop the update: {cancel}")
    elif reporter.has_changed_aws:
        console.say(_PARTLY_DONE)
    else:
        console.say("Nothing was changed.")


def _smoke_test(target: Target, url: str, *, changed: bool, as_json: bool) -> None:
    """Run the smoke test against the deployed API. The stack stays, whatever the result is.

    Raises:
        ChecksFailedError: A check failed, or the smoke test could not run.
    """
    from triggers_api.cli.output.checks import conclude, make_document, run_smoke_test
    from triggers_api.ops.smoke.smoke_run import SmokeOptions

    key = config.api_key(None)
    settling = _SETTLING_SECONDS if changed else 0
    options = SmokeOptions(
        url,
        None if key is None else key.value,
        target,
        ca_bundles=ca_bundles(target, uses_aws=True),
        settling=settling,
    )
    try:
        console.say(f"Smoke test of {url}, with {'TRIGGERS_API_KEY' if key else 'a temporary key'}.")
        findings = run_smoke_test(options, "Smoke test")
    except KeyboardInterrupt:
        console.say(f"The stack is deployed. To repeat the smoke test: {triggers_command('smoke')}")
        raise
    except OperatorError as error:
        raise ChecksFailedError(
            "The stack is deployed, but its smoke test could not run.",
            reason=f"{error.message} {error.reason}".rstrip(),
            hint=f"Run `{triggers_command('smoke')}` after this fix (--no-smoke skips it): {error.hint}",
        ) from error
    if as_json:
        console.answer_line({"event": "smoke", **make_document(findings)})
    conclude(findings, has_log=True, write=console.say)
