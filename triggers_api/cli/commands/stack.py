"""`triggers status`, `outputs` and `destroy`: the stack as it is, and its end."""

import shlex
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from triggers_api.cli import config
from triggers_api.cli.commands.deploy import refuse_local, say_where
from triggers_api.cli.flags import flags_of
from triggers_api.cli.options import (
    DebugOption,
    JsonOption,
    NoInputOption,
    ProfileOption,
    RegionOption,
    StackNameOption,
    StageOption,
)
from triggers_api.cli.output import console
from triggers_api.errors import ConfigurationError, ConfirmationNeededError
from triggers_api.ops.target import Target

if TYPE_CHECKING:
    from triggers_api.ops.aws import Aws


def status(
    stage: StageOption = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
    stack_name: StackNameOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,  # noqa: ARG001 - read where errors end
) -> None:
    """Show how a stage is, and when it was last deployed.

    Its outputs, its function and its tables, too. Example: triggers status --stage prod
    """
    from triggers_api.ops.aws import explained
    from triggers_api.ops.status import status_of

    aws = _aws(_target(stage, region, profile, stack_name))
    with explained(aws.target, aws.region):
        found = status_of(aws)
    stack, function = found.stack, found.function
    if as_json:
        console.answer_json(
            {
                "stack": stack.name,
                "status": stack.status,
                "reason": stack.reason or None,
                "last_deployed_at": stack.changed_at.isoformat(),
                "outputs": dict(found.outputs),
                "parameters": dict(stack.parameters),
                "function": None if function is None else asdict(function),
                "tables": [asdict(table) for table in found.tables],
            }
        )
        return
    lines = [
        ("stack", f"{stack.name}, {stack.status}{f': {stack.reason}' if stack.reason else ''}"),
        ("last deployed", f"{stack.changed_at:%Y-%m-%d %H:%M} UTC"),
    ]
    if function is not None:
        built_for = f"{function.runtime} on {function.architecture}, {function.memory} MB"
        lines.append(("function", f"{function.name}, {function.state}, {built_for}"))
    else:
        lines.append(("function", "missing"))
    lines += [
        ("table", f"{table.name}, {table.state}, about {table.items} items, {table.bytes} bytes")
        for table in found.tables
    ]
    lines += list(found.outputs.items())
    for name, value in lines:
        console.answer(f"{name:<17} {console.printable(value)}")


def outputs(
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="One value only, such as ApiUrl.", show_default=False)
    ] = None,
    stage: StageOption = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
    stack_name: StackNameOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,  # noqa: ARG001 - read where errors end
) -> None:
    """Print the stack's outputs.

    Example: curl $(triggers outputs --name ApiUrl)/v1/health
    """
    from triggers_api.ops.aws import explained
    from triggers_api.ops.status import outputs_of

    aws = _aws(_target(stage, region, profile, stack_name))
    with explained(aws.target, aws.region):
        found = outputs_of(aws)
    if name is not None and name not in found:
        raise ConfigurationError(
            f"--name: the stack has no output {name}.", hint=f"It has {', '.join(found) or 'none yet'}."
        )
    if as_json:
        console.answer_json(found if name is None else {name: found[name]})
    elif name is not None:
        console.answer(found[name])
    else:
        console.answer_table(("NAME", "VALUE"), list(found.items()))


def destroy(
    confirm: Annotated[
        str | None,
        typer.Option(metavar="STACK", help="The stack's name, instead of typing it.", show_default=False),
    ] = None,
    stage: StageOption = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
    stack_name: StackNameOption = None,
    as_json: JsonOption = False,
    no_input: NoInputOption = False,
    debug: DebugOption = False,  # noqa: ARG001 - read where errors end
) -> None:
    """Delete the stack. The tables stay, with all that is in them.

    Example: triggers destroy --stage test --confirm triggers-api-test
    """
    from triggers_api.cli.output.progress import reporter
    from triggers_api.ops.aws import explained
    from triggers_api.ops.deploy import destroy

    target = _target(stage, region, profile, stack_name)
    name = target.stack_name.value
    if confirm is None and (no_input or not console.may_be_asked()):
        raise ConfirmationNeededError(
            f"This needs the name {name}, and there is nobody to ask.",
            reason="--no-input was given" if no_input else "the input is not a terminal",
            hint=f"Add --confirm {name}.",
        )
    aws = say_where(target, "Destroy")
    with explained(target, aws.region):
        inventory = destroy.take_inventory(aws)
    kept = ", ".join(one.physical_id for one in inventory.kept)
    rows = [("delete", one.logical_id, one.type) for one in inventory.deleted]
    rows += [("keep", one.logical_id, one.type) for one in inventory.kept]
    console.answer_table(("ACTION", "LOGICAL ID", "TYPE"), rows, to_stderr=True)
    if any(inventory.change_sets.values()):
        console.say(f"A change set waits in {name}: another's, or an interrupted plan's. It goes too.")
    console.confirm_by_name(
        f"This deletes the stack {name} and its API's address, for good."
        + (f" It keeps {kept}." if kept else ""),
        name,
        given=confirm,
        no_input=no_input,
    )
    report = reporter(as_json=as_json, target=target)
    with report, closing(destroy.destroy(aws, inventory)) as progress:
        try:
            for event in progress:
                report.tell(event)
        except KeyboardInterrupt:
            console.say(f"Interrupted: CloudFormation goes on with deleting {name}.")
            raise
    if as_json:
        tables = [one.physical_id for one in inventory.kept]
        console.answer_line({"event": "outcome", "deleted": name, "kept": tables})
        return
    console.answer(f"The stack {name} is deleted.")
    if kept:
        console.say(f"Kept, with all that is in them: {kept}.")
        again = destroy.parameters_to_give_again(inventory.stack)
        words = "".join(f" --parameter {shlex.quote(f'{name}={value}')}" for name, value in again.items())
        console.say(f"To go on with them: triggers deploy {flags_of(target)} --adopt{words}")


def _target(stage: str | None, region: str | None, profile: str | None, stack_name: str | None) -> Target:
    target = config.resolve(stage=stage, region=region, profile=profile, stack_name=stack_name)
    refuse_local(target)
    return target


def _aws(target: Target) -> "Aws":
    from triggers_api.ops.aws import Aws, region_of

    return Aws(target, region_of(target))
