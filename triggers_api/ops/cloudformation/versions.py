"""The version of this program that a stack was deployed with, which its output `Version` names."""

from packaging.version import InvalidVersion, Version

from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.cloudformation.template import VERSION_OUTPUT
from triggers_api.version import VERSION

UNKNOWN = "unknown"
"""The version of a stack without this output: the first versions did not write it."""


def deployed_version(stack: Stack) -> str:
    """Return the version of a stack."""
    return stack.outputs.get(VERSION_OUTPUT, UNKNOWN)


def is_downgrade(stack: Stack) -> bool:
    """Return whether a stack has a newer version than this program. False if the version is unknown."""
    try:
        return Version(deployed_version(stack)) > Version(VERSION)
    except InvalidVersion:
        return False
