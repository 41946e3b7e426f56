"""Open the hooks of a stage."""

from collections.abc import Iterator
from contextlib import contextmanager

from triggers_api.ops.hooks.operations import Hooks
from triggers_api.ops.stores import open_hook_store
from triggers_api.ops.target import Target


@contextmanager
def open_hooks(target: Target) -> Iterator[Hooks]:
    """Open the hooks of a target's stage.

    Raises:
        OperatorError: The store cannot be opened, reached or changed, for the reason that the error gives.
    """
    with open_hook_store(target) as store:
        yield Hooks(store)
