"""Open the store of a stage: a file on this machine, or the DynamoDB tables of the stage."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from triggers_api.errors import LocalEnvironmentError, StoreUnavailableError
from triggers_api.ops.shell_commands import triggers_command
from triggers_api.ops.target import Target

if TYPE_CHECKING:  # each stage needs one of the two stores, and SQLite needs no botocore
    from triggers_api.core.ports import HookStore
    from triggers_api.store.dynamodb.client import DynamoDB
    from triggers_api.store.sqlite.database import Database


def check_has_data(target: Target) -> None:
    """Check that the folder of the local stage has a file, for a command that must not create one.

    Raises:
        LocalEnvironmentError: There is none.
    """
    from triggers_api.store.sqlite.database import FILE_NAME

    if not (target.sqlite_folder / FILE_NAME).exists():
        raise LocalEnvironmentError(
            f"There is no data in {target.sqlite_folder}.",
            hint=f"Check --data-dir. `{triggers_command('dev')}` creates the data.",
        )


@contextmanager
def open_database(target: Target) -> Iterator["Database"]:
    """Open the file of the local stage, and close it at the end.

    Raises:
        LocalEnvironmentError: The file cannot be used, for the reason that the error gives.
    """
    from triggers_api.store.sqlite.database import Database

    database = Database(target.sqlite_folder)
    database.open()
    try:
        yield database
    except StoreUnavailableError as error:
        if getattr(error.__cause__, "sqlite_errorname", "") == "SQLITE_INTERRUPT":
            raise KeyboardInterrupt from error  # Ctrl-C stopped a statement: a command has no deadline
        if isinstance(error.__cause__, Exception):
            raise database.unusable(error.__cause__) from error
        raise
    finally:
        database.close()


@contextmanager
def open_dynamodb(target: Target, *, is_patient: bool = False) -> Iterator["DynamoDB"]:
    """Open the DynamoDB of a stage on AWS. `is_patient`: see `OF_A_CHANGE`.

    Raises:
        OperatorError: It cannot be reached, or refuses a call, for the reason that the error gives.
    """
    from triggers_api.ops.aws import region_of
    from triggers_api.ops.aws_errors import explain_aws_errors
    from triggers_api.ops.credentials import open_session
    from triggers_api.store.dynamodb.client import OF_A_CHANGE, OF_A_REQUEST, DynamoDB

    region = region_of(target)
    with explain_aws_errors(target, region):
        yield DynamoDB(
            region=region.value,
            endpoint_url=target.dynamodb_endpoint_url,
            session=open_session(target, region),
            patience=OF_A_CHANGE if is_patient else OF_A_REQUEST,
        )


@contextmanager
def open_hook_store(target: Target) -> Iterator["HookStore"]:
    """Open the store of a stage's hooks: a file on this machine, or the stage's DynamoDB table of keys.

    Raises:
        OperatorError: The store cannot be opened, reached or changed, for the reason that the error gives.
    """
    if target.is_local:
        from triggers_api.store.sqlite.hooks import SqliteHookStore

        with open_database(target) as database:
            yield SqliteHookStore(database)
        return
    from triggers_api.store.dynamodb.hooks import DynamoHookStore

    with open_dynamodb(target) as dynamodb:
        yield DynamoHookStore(dynamodb, target.keys_table)
