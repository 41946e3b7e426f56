"""Open the events of a stage."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from triggers_api.core.paging import MAX_SHARDS
from triggers_api.ops.stores import open_database, open_dynamodb
from triggers_api.ops.target import Target

if TYPE_CHECKING:
    from triggers_api.core.ports import EventStore


@contextmanager
def open_events(target: Target) -> Iterator["EventStore"]:
    """Open the events of a target's stage.

    On AWS every shard is read that a stage can have: the tables may be all that is left of the stage.

    Raises:
        OperatorError: The store cannot be opened, reached or changed, for the reason that the error gives.
    """
    if target.is_local:
        from triggers_api.store.sqlite.events import SqliteEventStore

        with open_database(target) as database:
            yield SqliteEventStore(database)
        return
    from triggers_api.store.dynamodb.events import DynamoEventStore
    from triggers_api.store.dynamodb.shards import Shards

    with open_dynamodb(target) as dynamodb:
        yield DynamoEventStore(dynamodb, target.events_table, Shards(read=MAX_SHARDS))
