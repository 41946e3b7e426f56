"""Open the hooks of a stage: in a file on this machine, or in the stage's DynamoDB table of keys."""

from collections.abc import Iterator
from contextlib import contextmanager

from triggers_api.ops.hooks.operations import Hooks
from triggers_api.ops.stores import open_database, open_dynamodb
from triggers_api.ops.target import Target


@contextmanager
def open_hooks(target: Target) -> Iterator[Hooks]:
    """Open the hooks of a target's stage.

    Raises:
        OperatorError: The store cannot be opened, reached or changed, for the reason that the error gives.
    """
    if target.is_local:
        from triggers_api.store.sqlite.hooks import SqliteHookStore

        with open_database(target) as database:
            yield Hooks(SqliteHookStore(database))
        return
    from triggers_api.store.dynamodb.hooks import DynamoHookStore

    with open_dynamodb(target) as dynamodb:
        yield Hooks(DynamoHookStore(dynamodb, target.keys_table))
