"""`triggers outputs`: the outputs of a deployed stack, such as the URL of the API."""

from typing import Annotated

import typer

from triggers_api.cli.context import CommandContext, aws_for
from triggers_api.cli.options import stage_options
from triggers_api.cli.output import console
from triggers_api.errors import ConfigurationError


@stage_options()
def outputs(
    context: CommandContext,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Print only one value, such as ApiUrl.", show_default=False),
    ] = None,
) -> None:
    """Print the stack's outputs.

    Example: curl $(triggers outputs --name ApiUrl)/v1/health
    """
    from triggers_api.ops.aws_errors import explain_aws_errors
    from triggers_api.ops.status import read_outputs

    aws = aws_for(context.target)
    with explain_aws_errors(aws.target, aws.region):
        found = read_outputs(aws)
    if name is not None and name not in found:
        raise ConfigurationError(
            f"--name: the stack has no output {name}.", hint=f"Use one of: {', '.join(found) or 'none yet'}."
        )
    if context.as_json:
        console.answer_json(found if name is None else {name: found[name]})
    elif name is not None:
        console.answer(found[name])
    else:
        console.answer_table(("NAME", "VALUE"), list(found.items()))
