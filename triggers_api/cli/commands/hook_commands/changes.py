"""`triggers hooks rotate` and `triggers hooks revoke`."""

from typing import Annotated

import typer

from triggers_api.cli.commands.hook_commands.inputs import (
    HookArgument,
    SecretOption,
    argument_or_stdin,
    hook_label,
    hooks_to_change,
    read_secret,
)
from triggers_api.cli.context import CommandContext
from triggers_api.cli.options import stage_options
from triggers_api.cli.output import questions


@stage_options(local=True, stack_name=False, yes=True, no_input=True)
def rotate(
    context: CommandContext,
    hook_or_id: HookArgument,
    secret: SecretOption = None,
    overlap: Annotated[
        str, typer.Option(metavar="DURATION", help="How long the old secret is still accepted.")
    ] = "24h",
) -> None:
    """Give a hook a new signing secret. Its URL stays.

    The old secret is accepted until the overlap ends. A generated secret is shown only once.
    Example: triggers hooks rotate 3f9a1c0b77de
    """
    from triggers_api.cli.output.hook_changes import print_rotation, warn_of_two_secrets
    from triggers_api.ops.durations import parse_duration
    from triggers_api.ops.hooks.states import check_rotation, old_secret_end

    overlap_seconds = parse_duration(overlap)
    reference = argument_or_stdin(hook_or_id)
    given = read_secret(secret, asks=None, no_input=context.no_input)
    with hooks_to_change(context, f"Rotate the secret of {hook_label(reference)}") as hooks:
        record = hooks.show(reference)
        preset = check_rotation(record)
        if end := old_secret_end(record, hooks.now):
            warn_of_two_secrets(record, end, overlap=overlap if overlap_seconds else None)
            if questions.is_interactive() and not context.no_input:
                questions.confirm("Rotate now?", yes=context.yes, no_input=False)
        if given is None and not preset.makes_secret:
            given = read_secret(None, asks=f"New secret of {preset.title}", no_input=context.no_input)
        rotation = hooks.rotate(reference, secret=given, overlap=overlap_seconds)
        now = hooks.now
    print_rotation(rotation, now, as_json=context.as_json)


@stage_options(local=True, stack_name=False, yes=True, no_input=True)
def revoke(context: CommandContext, hook_or_id: HookArgument) -> None:
    """Permanently revoke a hook, and delete its secrets. Revoking it again has no effect.

    Example: triggers hooks revoke 3f9a1c0b77de
    """
    from triggers_api.cli.output.hook_changes import print_revocation

    reference = argument_or_stdin(hook_or_id)
    with hooks_to_change(context, f"Revoke {hook_label(reference)}") as hooks:
        hook_id = hooks.revoke(reference)
    print_revocation(hook_id, as_json=context.as_json)
