"""`triggers status`: the state of a deployed stage."""

from triggers_api.cli.context import CommandContext, aws_for
from triggers_api.cli.options import stage_options


@stage_options()
def status(context: CommandContext) -> None:
    """Show the state of a stage, and when it was last deployed.

    Includes its outputs, its function and its tables. Example: triggers status --stage prod
    """
    from triggers_api.cli.output.status import print_status
    from triggers_api.ops.aws import explained
    from triggers_api.ops.status import status_of

    aws = aws_for(context.target)
    with explained(aws.target, aws.region):
        found = status_of(aws)
    print_status(found, as_json=context.as_json)
