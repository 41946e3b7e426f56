"""`triggers verify`: is the live stack what it should be?"""

from triggers_api.cli import config
from triggers_api.cli.commands.deploy import refuse_local, say_where
from triggers_api.cli.flags import flags_of
from triggers_api.cli.options import (
    DebugOption,
    JsonOption,
    ProfileOption,
    RegionOption,
    StackNameOption,
    StageOption,
)
from triggers_api.cli.output import console
from triggers_api.version import VERSION


def verify(
    stage: StageOption = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
    stack_name: StackNameOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,  # noqa: ARG001 - read where errors end
) -> None:
    """Check the deployed stack against what it should be.

    Each failure comes with its fix. Reads only, but for one request that is refused.
    Ends with 6 where a check failed. Example: triggers verify --stage prod
    """
    from triggers_api.cli.output.checks import answer_results, counted, notice
    from triggers_api.ops.aws import explained
    from triggers_api.ops.verify.verify import verify as verification

    target = config.resolve(stage=stage, region=region, profile=profile, stack_name=stack_name)
    refuse_local(target)
    aws = say_where(target, "Verify")
    with explained(target, aws.region):
        found = verification(aws)
    console.say("Looking; one request is sent, and looked for in the logs for at most a minute.")
    notice(
        f"It is compared with the template of version {VERSION}: "
        "after an upgrade, triggers deploy comes first."
    )
    results = counted(found.results, found.total, "Verifying")
    about = {"stage": target.stage.value, "stack": target.stack_name.value, "region": aws.region.value}
    answer_results(about, results, as_json=as_json, flags=flags_of(target))
