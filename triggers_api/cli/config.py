"""The one place of the CLI that reads the environment."""

import os
from collections.abc import Mapping


def environment() -> Mapping[str, str]:
    """Return the environment that the command was started in."""
    return os.environ
