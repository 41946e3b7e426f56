"""`triggers hooks list` and `triggers hooks show`."""

from typing import Annotated

import typer

from triggers_api.cli.commands.hook_commands.inputs import HookArgument, argument_or_stdin
from triggers_api.cli.context import CommandContext
from triggers_api.cli.options import stage_options
from triggers_api.cli.output import console


@stage_options(local=True, stack_name=False)
def list_hooks(
    context: CommandContext,
    everything: Annotated[bool, typer.Option("--all", help="Include revoked hooks.")] = False,
    source: Annotated[
        str | None, typer.Option(help="Only hooks whose events have this source.", show_default=False)
    ] = None,
) -> None:
    """List the hooks of a stage, without their URLs and secrets.

    Example: triggers hooks list --stage prod --all
    """
    from triggers_api.cli.output.hooks import print_hooks
    from triggers_api.ops.hooks.stores import open_hooks

    with open_hooks(context.target) as hooks:
        records, damaged = hooks.list(everything=everything, source=source)
        now = hooks.now
    if not (records or context.as_json):
        stage = context.target.stage.value
        console.say(f"There are no hooks on stage {stage}." if everything else "There are no active hooks.")
    print_hooks(records, damaged, now, as_json=context.as_json)


@stage_options(local=True, stack_name=False)
def show(context: CommandContext, hook_or_id: HookArgument) -> None:
    """Show a hook, without its URL and its secret.

    Example: triggers hooks show 3f9a1c0b77de
    """
    from triggers_api.cli.output.hooks import print_hook
    from triggers_api.ops.hooks.stores import open_hooks

    reference = argument_or_stdin(hook_or_id)
    with open_hooks(context.target) as hooks:
        record = hooks.show(reference)
        now = hooks.now
    print_hook(record, now, as_json=context.as_json)
