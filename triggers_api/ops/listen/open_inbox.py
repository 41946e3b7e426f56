"""Open the inbox of a stage for `triggers listen`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

from triggers_api.core.paging import Filter
from triggers_api.core.times import system_clock
from triggers_api.ops.events.settings import read_settings
from triggers_api.ops.events.stores import open_events
from triggers_api.ops.listen.store_inbox import StoreInbox
from triggers_api.ops.target import Target
from triggers_api.settings import Settings


@contextmanager
def open_store_inbox(
    target: Target, wanted: Filter, *, acknowledge: bool, environment: Mapping[str, str]
) -> Iterator[StoreInbox]:
    """Open the pending events of a stage that match a filter.

    Args:
        target: The stage.
        wanted: The filter.
        acknowledge: Events are received, and so may die: the settings of the stage matter.
        environment: The variables of the process, for the settings of the local stage.

    Raises:
        OperatorError: The store, or the stack of the stage, cannot be used.
    """
    # A run that only looks needs no setting, and so no stack.
    settings = read_settings(target, environment) if acknowledge else Settings.from_environment({})
    explain: Callable[[], AbstractContextManager[None]] = nullcontext
    if not target.is_local:
        from triggers_api.ops.aws import region_of
        from triggers_api.ops.aws_errors import explain_aws_errors

        explain = partial(explain_aws_errors, target, region_of(target))
    with open_events(target, shards=settings.inbox_shards) as store:
        yield StoreInbox(store, wanted, settings, clock=system_clock, explain=explain)
