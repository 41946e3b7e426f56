"""`triggers status`: the state of a deployed stage."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from triggers_api.cli.context import CommandContext, aws_for
from triggers_api.cli.options import stage_options
from triggers_api.errors import TriggersError
from triggers_api.ops.target import Target

if TYPE_CHECKING:
    from triggers_api.ops.events.overview import Overview


@stage_options()
def status(context: CommandContext) -> None:
    """Show the state of a stage, and when it was last deployed.

    Includes its URL, its backlog, its function and tables, and how near the last hour came to its limits.
    Example: triggers status --stage prod
    """
    from triggers_api.cli.output.status import print_status
    from triggers_api.ops.aws_errors import explain_aws_errors
    from triggers_api.ops.status import read_status

    aws = aws_for(context.target)
    with explain_aws_errors(aws.target, aws.region):
        found = read_status(aws, datetime.now(UTC))
    print_status(found, _read_backlog(aws.target), as_json=context.as_json)


def _read_backlog(target: Target) -> "Overview | None":
    """Count what waits. Return None if a table or a permission is missing: the other parts are known."""
    from triggers_api.core.paging import Filter
    from triggers_api.core.times import system_clock
    from triggers_api.ops.events.overview import read_overview
    from triggers_api.ops.events.stores import open_events

    try:
        with open_events(target) as store:
            return read_overview(store, system_clock, Filter(), look=False)
    except TriggersError:
        return None
