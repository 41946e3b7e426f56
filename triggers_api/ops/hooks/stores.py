"""Open the hooks of a stage."""

from collections.abc import Iterator
from contextlib import contextmanager

from triggers_api.ops.hooks.operations import Hooks
from triggers_api.ops.stores import check_has_data, open_hook_store
from triggers_api.ops.target import Target


@contextmanager
def open_hooks(target: Target, *, creates: bool = False) -> Iterator[Hooks]:
    """Open the hooks of a target's stage. `creates`: the command may create the file of the local stage.

    Raises:
        OperatorError: The store cannot be opened, reached or changed, for the reason that the error gives.
    """
    if target.is_local and not creates:
        check_has_data(target)
    with open_hook_store(target) as store:
        yield Hooks(store)
