"""`triggers verify`: is the live stack what it should be?"""

from triggers_api.cli.context import CommandContext, announce_target
from triggers_api.cli.flags import target_flags
from triggers_api.cli.options import stage_options
from triggers_api.cli.output import console
from triggers_api.version import VERSION


@stage_options()
def verify(context: CommandContext) -> None:
    """Check the deployed stack against what it should be.

    Each failure comes with its fix. Reads only, but for one request that is refused.
    Ends with 6 where a check failed. Example: triggers verify --stage prod
    """
    from triggers_api.cli.output.checks import answer_results, counted, notice
    from triggers_api.ops.aws_errors import explain_aws_errors
    from triggers_api.ops.verify.verify import verify as verification

    target = context.target
    aws = announce_target(target, "Verify")
    with explain_aws_errors(target, aws.region):
        found = verification(aws)
    console.say("Looking; one request is sent, and looked for in the logs for at most a minute.")
    notice(
        f"It is compared with the template of version {VERSION}: "
        "after an upgrade, triggers deploy comes first."
    )
    results = counted(found.results, found.total, "Verifying")
    about = {"stage": target.stage.value, "stack": target.stack_name.value, "region": aws.region.value}
    answer_results(about, results, as_json=context.as_json, flags=target_flags(target))
