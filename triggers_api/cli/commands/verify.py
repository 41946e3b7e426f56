"""`triggers verify`: compare the live stack with its template."""

from triggers_api.cli.context import CommandContext, announce_target
from triggers_api.cli.flags import target_flags
from triggers_api.cli.options import stage_options
from triggers_api.cli.output import console
from triggers_api.version import VERSION


@stage_options()
def verify(context: CommandContext) -> None:
    """Check the deployed stack against its template.

    Each failure comes with its fix. Changes nothing; sends one request, which is refused.
    Exits with 6 if a check fails. Example: triggers verify --stage prod
    """
    from triggers_api.cli.output.checks import CheckProgress, answer_findings, notify
    from triggers_api.ops.aws_errors import explain_aws_errors
    from triggers_api.ops.verify.verification import verify as start_verification

    target = context.target
    aws = announce_target(target, "Verify")
    with explain_aws_errors(target, aws.region):
        verification = start_verification(aws)
    console.say("Checking. One request is sent and searched for in the logs, for at most a minute.")
    notify(
        f"The stack is compared with the template of version {VERSION}. "
        "After an upgrade, run triggers deploy first."
    )
    with CheckProgress(verification.total, "Verifying") as progress:
        for finding in verification.findings:
            progress.add(finding)
    about = {"stage": target.stage.value, "stack": target.stack_name.value, "region": aws.region.value}
    answer_findings(about, progress.findings, as_json=context.as_json, flags=target_flags(target))
