"""Open the events of a stage."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from triggers_api.core.paging import MAX_SHARDS
from triggers_api.ops.stores import check_has_data, open_database, open_dynamodb
from triggers_api.ops.target import Target

if TYPE_CHECKING:
    from triggers_api.core.ports import EventStore


@contextmanager
def open_events(target: Target, *, shards: int = 1, is_patient: bool = False) -> Iterator["EventStore"]:
    """Open the events of a target's stage.

    On AWS all shards are read that any stage can have. So the tables are enough, without their stack.

    Args:
        target: The stage.
        shards: Into how many shards a command writes: see `settings.read_settings`.
        is_patient: See `open_dynamodb`.

    Raises:
        OperatorError: The store is missing, or cannot be used, for the reason that the error gives.
    """
    if target.is_local:
        from triggers_api.store.sqlite.events import SqliteEventStore

        check_has_data(target)
        with open_database(target) as database:
            yield SqliteEventStore(database)
        return
    from triggers_api.store.dynamodb.events import DynamoEventStore
    from triggers_api.store.dynamodb.shards import Shards

    with open_dynamodb(target, is_patient=is_patient) as dynamodb:
        yield DynamoEventStore(dynamodb, target.events_table, Shards(shards, MAX_SHARDS))
