"""The start of every command on a stage: its context, its target, and the line that announces a change.

The shared options (`cli/options.py`) resolve the target and hand it to the command in a `CommandContext`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from triggers_api.cli import config
from triggers_api.cli.output import console
from triggers_api.errors import ConfigurationError
from triggers_api.ops.shell_commands import triggers_command
from triggers_api.ops.target import Target

if TYPE_CHECKING:
    from triggers_api.ops.aws import Aws, Place


class Filters(TypedDict):
    """The filters of a command line, as `parse_filter` takes them."""

    source: str | None
    event_types: Sequence[str]
    since: str | None
    until: str | None


@dataclass(frozen=True, slots=True)
class CommandContext:
    """The values of a command's shared options. One that the command does not have is False, or no filter."""

    target: Target
    as_json: bool
    yes: bool
    no_input: bool
    filters: Filters


@dataclass(slots=True)
class ErrorOptions:
    """How an error is shown. A command's --json and --debug set it; `cli/main.py` reads it."""

    as_json: bool = False
    debug: bool = False


def refuse_local(target: Target) -> None:
    """Check that the target is a stage on AWS.

    Raises:
        ConfigurationError: The target is the local stage.
    """
    if target.is_local:
        raise ConfigurationError(
            "The local stage is not on AWS: it has no stack and no log group.",
            reason=f"the stage is {target.stage}, which runs on this machine and logs to stderr",
            hint=f"Give another --stage. To run the local stage: {triggers_command('dev')}",
        )


def aws_for(target: Target) -> "Aws":
    """Return the AWS services of the target's account and region.

    Raises:
        CredentialsError: The target's AWS profile does not exist.
    """
    from triggers_api.ops.aws import Aws, region_of

    return Aws(target, region_of(target))


def ca_bundles(target: Target, *, uses_aws: bool) -> tuple[str, ...]:
    """Return the certificate authorities that requests to AWS trust: of the environment, and of the profile.

    Args:
        target: The target, whose profile may have a `ca_bundle`.
        uses_aws: The command works with AWS, and thus has loaded botocore. Else the profile is not read.
    """
    found = config.ca_bundles()
    if uses_aws and not target.is_local:
        from triggers_api.ops.aws_profiles import find_setting

        if setting := find_setting(target, "ca_bundle"):
            found = (*found, setting[1])
    return found


def announce_target(target: Target, action: str) -> "Aws":
    """Print the account, region, stage and stack of a command, each with its origin. Return its AWS services.

    Raises:
        OperatorError: AWS cannot be reached, or rejects the credentials.
    """
    from triggers_api.ops.aws_errors import explain_aws_errors

    aws = aws_for(target)
    with explain_aws_errors(target, aws.region):
        place = aws.caller()
    console.say_list(action, _described(target, place))
    return aws


def announce_store(target: Target, action: str, *, table: str) -> None:
    """Print which store a command is about to change. `table`: its table, if the stage is on AWS.

    Raises:
        OperatorError: AWS cannot be reached, or rejects the credentials.
    """
    if target.is_local:
        console.say(f"{action}: stage {target.stage}, data in {target.data_dir}")
        return
    from triggers_api.ops.aws import locate

    console.say_list(action, [*_described(target, locate(target)), f"table {table}"])


def _described(target: Target, place: "Place") -> list[str]:
    return [
        f"account {place.account}",
        f"region {place.region}",
        f"stage {target.stage}",
        f"stack {target.stack_name}",
        *([f"profile {target.profile}"] if target.profile else []),
        *(f"endpoint {url} ({name})" for name, url in target.endpoints.items()),
    ]
