"""Open the keys of a stage, which are in a file on this machine or in the stage's DynamoDB table."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from triggers_api.core.keys import KeyRecord
from triggers_api.errors import StoreUnavailableError
from triggers_api.ops.keys.operations import Keys
from triggers_api.ops.shell_commands import aws_command
from triggers_api.ops.target import Target


@contextmanager
def open_keys(target: Target) -> Iterator[Keys]:
    """Open the keys of a target's stage.

    Raises:
        OperatorError: The store cannot be opened, reached or changed, for the reason that the error gives.
    """
    if target.is_local:
        # Each stage needs one of the two stores, and SQLite needs no botocore.
        from triggers_api.store.sqlite.database import Database
        from triggers_api.store.sqlite.keys import SqliteKeyStore

        database = Database(target.sqlite_folder)
        database.open()
        try:
            yield Keys(SqliteKeyStore(database), stage=target.stage.value)
        except StoreUnavailableError as error:
            if isinstance(error.__cause__, Exception):
                raise database.unusable(error.__cause__) from error
            raise
        finally:
            database.close()
        return
    from triggers_api.ops.aws import region_of
    from triggers_api.ops.aws_errors import explain_aws_errors
    from triggers_api.ops.credentials import open_session
    from triggers_api.store.dynamodb.client import DynamoDB
    from triggers_api.store.dynamodb.keys import DynamoKeyStore

    region = region_of(target)
    with explain_aws_errors(target, region):
        dynamodb = DynamoDB(
            region=region.value,
            endpoint_url=target.dynamodb_endpoint_url,
            session=open_session(target, region),
        )
        yield Keys(DynamoKeyStore(dynamodb, target.keys_table), stage=target.stage.value)


def lookup_command(target: Target, record: KeyRecord) -> str:
    """Return a shell command that prints the stored record (requirements, section 6.1)."""
    if target.is_local:
        from triggers_api.store.sqlite.database import FILE_NAME

        query = f"SELECT * FROM keys WHERE digest = '{record.digest}'"  # noqa: S608 - for a person to run
        return shlex.join(["sqlite3", str(target.sqlite_folder / FILE_NAME), query])
    key = f'{{"api_key": {{"S": "{record.digest}"}}}}'
    words = ("dynamodb", "get-item", "--consistent-read", "--table-name", target.keys_table, "--key", key)
    return aws_command(*words, endpoint_url=target.dynamodb_endpoint_url)
