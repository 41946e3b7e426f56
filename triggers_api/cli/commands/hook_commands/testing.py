"""`triggers hooks test`: try a hook with a signed sample."""

from typing import Annotated

import typer

from triggers_api.cli.commands.hook_commands.inputs import PublicUrlOption, read_whole_id
from triggers_api.cli.consent import begin_change, confirm_change
from triggers_api.cli.context import CommandContext, ca_bundles
from triggers_api.cli.options import stage_options


@stage_options(local=True, yes=True, no_input=True)
def try_hook(
    context: CommandContext,
    hook: Annotated[
        str | None,
        typer.Argument(
            metavar="[HOOK]",
            help="The hook's URL or its whole id, or - to read it from stdin. Default: TRIGGERS_HOOK_ID.",
            show_default=False,
        ),
    ] = None,
    public_url: PublicUrlOption = None,
) -> None:
    """Post a signed sample to a hook, and look for its event. The event stays in the inbox.

    Exits with 6 if that fails. Example: triggers hooks test - --stage local
    """
    from triggers_api.cli.output.hooks import print_delivery
    from triggers_api.ops.events.stores import open_events
    from triggers_api.ops.hook_delivery.delivery import HookTest
    from triggers_api.ops.hook_delivery.urls import find_base
    from triggers_api.ops.hooks.stores import open_hooks

    hook_id, its_base = read_whole_id(hook, no_input=context.no_input)
    target, action = context.target, "Post a sample to a hook"
    begin_change(context, action, table=target.events_table)
    confirm_change(context, action)
    base = find_base(target, public_url, its_base)
    with open_hooks(target) as hooks:
        record = hooks.show(hook_id)
    bundles = ca_bundles(target, uses_aws=not target.is_local)
    with open_events(target) as events:
        delivered = HookTest(base, ca_bundles=bundles).run(hook_id, record, events)
    print_delivery(record, delivered, as_json=context.as_json)
