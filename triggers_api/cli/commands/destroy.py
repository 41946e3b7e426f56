"""`triggers destroy`: delete the stack, and keep its tables."""

from contextlib import closing
from typing import Annotated

import typer

from triggers_api.cli.context import CommandContext, announce_target
from triggers_api.cli.options import stage_options
from triggers_api.cli.output import console, questions
from triggers_api.ops.shell_commands import triggers_command


@stage_options(no_input=True)
def destroy(
    context: CommandContext,
    confirm: Annotated[
        str | None,
        typer.Option(metavar="STACK", help="The stack's name, instead of typing it.", show_default=False),
    ] = None,
) -> None:
    """Delete the stack. The tables and their data are kept.

    Example: triggers destroy --stage test --confirm triggers-api-test
    """
    from triggers_api.cli.output.progress import make_reporter
    from triggers_api.ops.aws_errors import explain_aws_errors
    from triggers_api.ops.cloudformation.versions import deployed_version
    from triggers_api.ops.deploy import destroy

    target, name = context.target, context.target.stack_name.value
    if confirm is None:
        questions.check_can_ask(no_input=context.no_input, fix=f"Add --confirm {name}.")
    aws = announce_target(target, "Destroy")
    with explain_aws_errors(target, aws.region):
        inventory = destroy.take_inventory(aws)
    kept = [one.physical_id for one in inventory.kept]
    rows = [("Delete", one.logical_id, one.type) for one in inventory.deleted]
    rows += [("Keep", one.logical_id, one.type) for one in inventory.kept]
    console.answer_table(("ACTION", "LOGICAL ID", "TYPE"), rows, to_stderr=True)
    if any(inventory.change_sets.values()):
        console.say(
            f"Stack {name} has a pending change set, from another user or an interrupted plan. "
            "It will be deleted too."
        )
    warning = f"This permanently deletes the stack {name} and its API's address."
    questions.confirm_by_name(
        f"{warning} It keeps {', '.join(kept)}." if kept else warning,
        name,
        given=confirm,
        no_input=context.no_input,
    )
    report = make_reporter(as_json=context.as_json, target=target)
    with report, closing(destroy.destroy(aws, inventory)) as progress:
        try:
            for event in progress:
                report.report(event)
        except KeyboardInterrupt:
            console.say(f"Interrupted. CloudFormation continues to delete {name}.")
            raise
    if context.as_json:
        console.answer_line({"event": "outcome", "deleted": name, "kept": kept})
        return
    console.answer(f"The stack {name} is deleted.")
    if kept:
        version = deployed_version(inventory.stack)
        console.say(f"The stack had version {version}: its tables may need that version or a newer one.")
        console.say(f"Kept, with their data: {', '.join(kept)}.")
        parameters = destroy.parameters_to_restore(inventory.stack)
        words = [word for key, value in parameters.items() for word in ("--parameter", f"{key}={value}")]
        console.say(f"To deploy a new stack with them: {triggers_command('deploy', '--adopt', *words)}")
