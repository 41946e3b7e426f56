"""`triggers doctor`: check that this machine and this account can deploy."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from triggers_api.cli import config
from triggers_api.cli.context import CommandContext
from triggers_api.cli.options import stage_options
from triggers_api.cli.output import console
from triggers_api.errors import PreflightError
from triggers_api.ops.target import Setting


@stage_options()
def doctor(
    context: CommandContext,
    runtime: Annotated[
        str | None, typer.Option(help="The Lambda runtime to check, such as python3.13.", show_default=False)
    ] = None,
) -> None:
    """Check that this machine and account can deploy.

    Each finding comes with its fix. Exits with 3 if a deployment cannot work.
    Example: triggers doctor --stage prod
    """
    from triggers_api.cli.exit_codes import EXIT_CODE
    from triggers_api.ops.cloudformation.template import Template
    from triggers_api.ops.deploy.parameters import check_given
    from triggers_api.ops.doctor.readiness import check_readiness
    from triggers_api.ops.findings import State

    target = context.target
    given = dict(config.stage_settings(target.stage.value).parameters)
    if runtime is not None:
        given["Runtime"] = Setting(runtime, "--runtime")
    check_given(given, Template.load())
    values = {name: setting.value for name, setting in given.items()}
    now = datetime.now(UTC)
    findings = []
    for finding in check_readiness(target, config.environment(), given=values, now=now):
        findings.append(finding)
        if not context.as_json:
            console.answer_state(finding.state, f"{finding.check:<28} {finding.message}")
            if finding.fix and finding.state is not State.OK:
                console.answer(f"{'':<8} {'':<28} fix: {finding.fix}")
    can_deploy = all(finding.state is not State.FAILED for finding in findings)
    if context.as_json:
        shown = [
            {"check": one.check, "state": one.state, "message": one.message, "fix": one.fix or None}
            for one in findings
        ]
        console.answer_json({"can_deploy": can_deploy, "findings": shown})
    failed = sum(one.state is State.FAILED for one in findings)
    console.say(f"Not ready to deploy: {failed} failed." if failed else "Ready to deploy.")
    if not can_deploy:
        sys.exit(EXIT_CODE[PreflightError.kind])
