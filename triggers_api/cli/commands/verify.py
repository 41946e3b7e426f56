"""`triggers verify`: compare the live stack with its template."""

from triggers_api.cli.context import CommandContext, announce_target
from triggers_api.cli.options import VerboseOption, stage_options
from triggers_api.cli.output import console
from triggers_api.ops.shell_commands import triggers_command
from triggers_api.version import VERSION


@stage_options()
def verify(context: CommandContext, verbose: VerboseOption = False) -> None:
    """Check the deployed stack against its template.

    Each failure comes with its fix. Changes nothing; sends one request, which is refused.
    Exits with 6 if a check fails. Example: triggers verify --stage prod
    """
    from triggers_api.cli.output.checks import CheckProgress, answer_findings
    from triggers_api.ops.aws_errors import explain_aws_errors
    from triggers_api.ops.cloudformation.versions import deployed_version, is_downgrade
    from triggers_api.ops.verify.verification import verify as start_verification

    target = context.target
    aws = announce_target(target, "Verify")
    with explain_aws_errors(target, aws.region):
        verification = start_verification(aws)
    console.say("Checking. One request is sent and searched for in the logs, for at most a minute.")
    deployed = deployed_version(verification.stack)
    console.say(f"The stack has version {deployed}, and is compared with the template of version {VERSION}.")
    if is_downgrade(verification.stack):
        console.say("This program is older than the stack. Update it first.")
    elif deployed != VERSION:
        console.say(f"First deploy this version: {triggers_command('deploy')}")
    with CheckProgress(verification.total, "Verifying") as progress:
        for finding in verification.findings:
            progress.add(finding)
    about = {
        "stage": target.stage.value,
        "stack": target.stack_name.value,
        "region": aws.region.value,
        "version": deployed,
        "program_version": VERSION,
    }
    answer_findings(about, progress.findings, as_json=context.as_json, has_log=True, verbose=verbose)
