"""Settle the stack parameters: the given value, else that of the stack, else the template's default."""

from collections.abc import Iterator, Mapping

from triggers_api.ops.aws import Aws
from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.cloudformation.template import Template
from triggers_api.ops.deploy.adopt import is_protected
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.target import Setting


def check_given(given: Mapping[str, Setting], template: Template) -> None:
    """Check the parameters that the operator gave.

    Raises:
        ConfigurationError: A parameter is unknown, or its value is not allowed.
    """
    for name, setting in given.items():
        template.find_parameter(name, setting.origin).check(setting.value, setting.origin)


def settle_parameters(
    given: Mapping[str, Setting], stack: Stack | None, template: Template, *, stage: str
) -> dict[str, str]:
    """Return the value of every parameter of the template.

    An empty stack and one whose first create failed lend no values: it is not known whether they work.
    """
    is_usable = stack is not None and not (stack.is_empty or stack.create_failed)
    current = stack.parameters if stack is not None and is_usable else {}
    values = {name: setting.value for name, setting in given.items()} | {"Stage": stage}
    return {
        name: values.get(name, current.get(name, parameter.default))
        for name, parameter in template.parameters.items()
    }


def warn_about_dropped(
    given: Mapping[str, Setting], failed: Stack, parameters: Mapping[str, str]
) -> Iterator[Finding]:
    """Name the parameters of a failed first create that the new one does not use.

    They are dropped because one of them may be the reason for the failure.
    """
    dropped = sorted(
        name
        for name, value in failed.parameters.items()
        if name not in given and parameters.get(name, value) != value
    )
    if dropped:
        message = f"These parameters of the failed create are not used: {', '.join(dropped)}."
        yield Finding("parameters", State.WARNING, message, "Pass them again with --parameter.")


def settle_protection(
    aws: Aws, given: Mapping[str, Setting], kept: Mapping[str, str], parameters: dict[str, str]
) -> Iterator[Finding]:
    """Set `DeletionProtection` for a first deployment, in `parameters`.

    New tables get their protection later, because a failed create could not delete protected tables. Adopted
    tables keep the protection that they have.

    Args:
        aws: The account.
        given: The parameters that the operator gave.
        kept: The names of the tables to adopt, by logical id.
        parameters: The value of every parameter.
    """
    if kept and "DeletionProtection" not in given:
        protected = any(is_protected(aws, name) for name in kept.values())
        parameters["DeletionProtection"] = str(protected).lower()
    elif not kept and parameters["DeletionProtection"] == "true":
        parameters["DeletionProtection"] = "false"
        message = "DeletionProtection stays off while the tables are created."
        yield Finding("tables", State.WARNING, message, "Deploy again to switch it on.")
