"""Open the events of a stage."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from triggers_api.core.paging import MAX_SHARDS
from triggers_api.errors import LocalEnvironmentError
from triggers_api.ops.shell_commands import triggers_command
from triggers_api.ops.stores import open_database, open_dynamodb
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
        from triggers_api.store.sqlite.database import FILE_NAME
        from triggers_api.store.sqlite.events import SqliteEventStore

        if not (target.sqlite_folder / FILE_NAME).exists():
            raise LocalEnvironmentError(
                f"There is no data in {target.sqlite_folder}.",
                hint=f"Check --data-dir. `{triggers_command('dev')}` creates the data.",
            )
        with open_database(target) as database:
            yield SqliteEventStore(database)
        return
    from triggers_api.store.dynamodb.events import DynamoEventStore
    from triggers_api.store.dynamodb.shards import Shards

    with open_dynamodb(target, is_patient=is_patient) as dynamodb:
        yield DynamoEventStore(dynamodb, target.events_table, Shards(shards, MAX_SHARDS))
