"""Open the keys of a stage, which are in a file on this machine or in the stage's DynamoDB table."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from triggers_api.core.keys import KeyRecord
from triggers_api.ops.keys.operations import Keys
from triggers_api.ops.shell_commands import aws_command
from triggers_api.ops.stores import open_database, open_dynamodb
from triggers_api.ops.target import Target


@contextmanager
def open_keys(target: Target) -> Iterator[Keys]:
    """Open the keys of a target's stage.

    Raises:
        OperatorError: The store cannot be opened, reached or changed, for the reason that the error gives.
    """
    stage = target.stage.value
    if target.is_local:
        from triggers_api.store.sqlite.keys import SqliteKeyStore

        with open_database(target) as database:
            yield Keys(SqliteKeyStore(database), stage=stage)
        return
    from triggers_api.store.dynamodb.keys import DynamoKeyStore

    with open_dynamodb(target) as dynamodb:
        yield Keys(DynamoKeyStore(dynamodb, target.keys_table), stage=stage)


def lookup_command(target: Target, record: KeyRecord) -> str:
    """Return a shell command that prints the stored record (requirements, section 6.1)."""
    if target.is_local:
        from triggers_api.store.sqlite.database import FILE_NAME

        query = f"SELECT * FROM keys WHERE digest = '{record.digest}'"  # noqa: S608 - for a person to run
        return shlex.join(["sqlite3", str(target.sqlite_folder / FILE_NAME), query])
    key = f'{{"api_key": {{"S": "{record.digest}"}}}}'
    words = ("dynamodb", "get-item", "--consistent-read", "--table-name", target.keys_table, "--key", key)
    return aws_command(*words, endpoint_url=target.dynamodb_endpoint_url)
