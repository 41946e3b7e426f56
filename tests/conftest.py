"""Fixtures of all suites: the two stores, and a clock that tests set."""

import logging
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import inf
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import botocore.session
import pytest
from botocore.loaders import create_loader

from tests.support import dynamodb_local
from tests.support.clock import FakeClock
from tests.support.stubbed_aws import make_target
from tests.support.tables import empty
from triggers_api.api import logs
from triggers_api.core import deadline
from triggers_api.core.ports import EventStore, HookStore, KeyStore
from triggers_api.ops.credentials import forget_sessions
from triggers_api.ops.dev_tables import create_missing_tables
from triggers_api.ops.shell_commands import set_target
from triggers_api.ops.target import Target
from triggers_api.store.dynamodb.client import DynamoDB
from triggers_api.store.dynamodb.events import DynamoEventStore
from triggers_api.store.dynamodb.hooks import DynamoHookStore
from triggers_api.store.dynamodb.keys import DynamoKeyStore
from triggers_api.store.dynamodb.shards import Shards
from triggers_api.store.sqlite.database import Database
from triggers_api.store.sqlite.events import SqliteEventStore
from triggers_api.store.sqlite.hooks import SqliteHookStore
from triggers_api.store.sqlite.keys import SqliteKeyStore

pytest_plugins = ["tests.support.forms", "tests.support.promises"]

REGION = "us-east-1"

# A shell without job control ignores SIGINT in what it starts in the background, and the servers under test
# would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


_run = {"shards": Shards()}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--shards N`: the contract and the promises hold for any number of shards."""
    parser.getgroup("triggers").addoption(
        "--shards", type=int, default=1, metavar="N", help="the number of shards of the DynamoDB stores"
    )


def pytest_configure(config: pytest.Config) -> None:
    number = config.getoption("shards")
    _run["shards"] = Shards(number, number)


def shards_of_run() -> Shards:
    """Return the shards of the DynamoDB stores."""
    return _run["shards"]


@dataclass(frozen=True)
class Stores:
    """The stores of one kind, empty."""

    events: EventStore
    keys: KeyStore
    hooks: HookStore


@dataclass(frozen=True)
class Tables:
    """The names of two tables on DynamoDB Local."""

    endpoint_url: str
    events: str
    keys: str


def new_tables(endpoint_url: str) -> Tables:
    """Create two tables, which no other test has."""
    run = uuid4().hex[:12]
    tables = Tables(endpoint_url, f"triggers-api-events-{run}", f"triggers-api-keys-{run}")
    create_missing_tables(endpoint_url=endpoint_url, region=REGION, events=tables.events, keys=tables.keys)
    return tables


@pytest.fixture(scope="session")
def dynamodb_url(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[str]:
    if reason := dynamodb_local.why_not():
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    # The processes of a run share one engine. Each has tables of its own.
    common = tmp_path_factory.getbasetemp().parent
    with dynamodb_local.running() if worker_id == "master" else dynamodb_local.shared(common) as url:
        yield url


@pytest.fixture(scope="session")
def shared_tables(dynamodb_url: str) -> Tables:
    return new_tables(dynamodb_url)


@pytest.fixture(scope="session")
def shared_dynamodb(shared_tables: Tables) -> DynamoDB:
    return DynamoDB(region=REGION, endpoint_url=shared_tables.endpoint_url)


@pytest.fixture(scope="session")
def table_resources(shared_tables: Tables) -> tuple[Any, Any]:
    """Return the two shared tables as boto3 shows them."""
    dynamodb = boto3.resource("dynamodb", endpoint_url=shared_tables.endpoint_url, region_name=REGION)
    return dynamodb.Table(shared_tables.events), dynamodb.Table(shared_tables.keys)


@pytest.fixture
def tables(shared_tables: Tables, table_resources: tuple[Any, Any]) -> Iterator[Tables]:
    """Give two empty tables, which all tests share: to create new ones takes half a second."""
    yield shared_tables
    events, keys = table_resources
    empty(events, "event_id", "created_at")
    empty(keys, "api_key")


@pytest.fixture
def dynamodb_stores(tables: Tables, shared_dynamodb: DynamoDB) -> Stores:
    return Stores(
        DynamoEventStore(shared_dynamodb, tables.events, shards_of_run()),
        DynamoKeyStore(shared_dynamodb, tables.keys),
        DynamoHookStore(shared_dynamodb, tables.keys),
    )


@pytest.fixture
def sqlite_stores(tmp_path: Path, clock: FakeClock) -> Iterator[Stores]:
    database = Database(tmp_path / "data")
    events = SqliteEventStore(database, clock=clock, monotonic=clock.monotonic)
    yield Stores(events, SqliteKeyStore(database), SqliteHookStore(database))
    database.close()


@pytest.fixture(params=["sqlite", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    """Return the stores of each kind: a test with this runs on both."""
    found: Stores = request.getfixturevalue(f"{request.param}_stores")
    return found


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(autouse=True)
def _no_target() -> Iterator[None]:
    """Forget the target of a command that ran in this process: later messages would name it."""
    yield
    set_target(None)


@pytest.fixture
def dev_target() -> Target:
    """Make printed commands work on the stage dev."""
    target = make_target()
    set_target(target)
    return target


@pytest.fixture(scope="session", autouse=True)
def _no_account() -> Iterator[None]:
    """Keep every test away from a developer's own AWS account and settings."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "DYNAMODB_", "TRIGGERS_"))]:
            patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        yield


@pytest.fixture(autouse=True)
def _no_deadline_left_over() -> Iterator[None]:
    """End the deadline that a test has started in its own thread."""
    yield
    deadline.start(inf)


@pytest.fixture(autouse=True)
def _new_sessions() -> None:
    """Forget the AWS sessions of earlier tests, which had other variables."""
    forget_sessions()


@pytest.fixture(scope="session", autouse=True)
def _data_of_botocore_is_read_once() -> Iterator[None]:
    """Share botocore's data between sessions: to read it takes four fifths of making a client."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(create_loader))
        yield


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """Undo `logs.configure`: its handler would write the log of later tests to a stream that is closed."""
    root = logging.getLogger()
    changed = [root, logging.getLogger(logs.ROOT), logging.getLogger("urllib3")]
    levels = [logger.level for logger in changed]
    yield
    ours = [handler for handler in root.handlers if type(handler) is logging.StreamHandler]  # not pytest's
    for handler in ours:
        root.removeHandler(handler)
    for logger, level in zip(changed, levels, strict=True):
        logger.setLevel(level)
