"""`triggers status`: the state of a deployed stage."""

from datetime import UTC, datetime

from triggers_api.cli.context import CommandContext, aws_for
from triggers_api.cli.options import stage_options


@stage_options()
def status(context: CommandContext) -> None:
    """Show the state of a stage, and when it was last deployed.

    Includes its outputs, its function, its tables, and how near the last hour came to its limits.
    Example: triggers status --stage prod
    """
    from triggers_api.cli.output.status import print_status
    from triggers_api.ops.aws_errors import explain_aws_errors
    from triggers_api.ops.status import read_status

    aws = aws_for(context.target)
    with explain_aws_errors(aws.target, aws.region):
        found = read_status(aws, datetime.now(UTC))
    print_status(found, as_json=context.as_json)
