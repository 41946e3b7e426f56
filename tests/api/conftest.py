"""The API, in the two forms in which it is used: on SQLite behind an ASGI server, on DynamoDB in Lambda."""

from collections.abc import Iterator
from typing import cast
from uuid import uuid4

import boto3
import pytest

from tests.api.driver import Api, Door
from tests.conftest import REGION, Stores, Tables
from tests.support.clock import FakeClock
from tests.support.tables import empty
from triggers_api.ops.dev_tables import create_missing_tables
from triggers_api.store.dynamodb.client import DynamoDB
from triggers_api.store.dynamodb.events import DynamoEventStore
from triggers_api.store.dynamodb.keys import DynamoKeyStore
from triggers_api.store.sqlite.events import SqliteEventStore


@pytest.fixture(scope="session")
def shared_tables(dynamodb_url: str) -> Tables:
    run = uuid4().hex[:12]
    tables = Tables(dynamodb_url, f"triggers-api-events-{run}", f"triggers-api-keys-{run}")
    create_missing_tables(endpoint_url=dynamodb_url, region=REGION, events=tables.events, keys=tables.keys)
    return tables


@pytest.fixture(scope="session")
def shared_dynamodb(shared_tables: Tables) -> DynamoDB:
    return DynamoDB(region=REGION, endpoint_url=shared_tables.endpoint_url)


@pytest.fixture
def dynamodb_stores(shared_tables: Tables, shared_dynamodb: DynamoDB) -> Iterator[Stores]:
    """Two empty stores; the tables are shared and emptied, for making new ones takes half a second."""
    yield Stores(
        DynamoEventStore(shared_dynamodb, shared_tables.events),
        DynamoKeyStore(shared_dynamodb, shared_tables.keys),
    )
    resource = boto3.resource("dynamodb", endpoint_url=shared_tables.endpoint_url, region_name=REGION)
    empty(resource.Table(shared_tables.events), "event_id", "created_at")
    empty(resource.Table(shared_tables.keys), "api_key")


@pytest.fixture
def api(stores: Stores, clock: FakeClock) -> Api:
    """Each test that asks for this runs twice: as on a developer's machine, and as on AWS."""
    return Api(stores, clock, door=door_of(stores))


@pytest.fixture
def local_api(sqlite_stores: Stores, clock: FakeClock) -> Api:
    """For what depends neither on the store nor on the door."""
    return Api(sqlite_stores, clock, door="asgi")


@pytest.fixture(params=["asgi", "lambda"])
def each_door(request: pytest.FixtureRequest, sqlite_stores: Stores, clock: FakeClock) -> Api:
    """For what depends on the door and not on the store."""
    return Api(sqlite_stores, clock, door=cast("Door", request.param))


def door_of(stores: Stores) -> Door:
    return "asgi" if isinstance(stores.events, SqliteEventStore) else "lambda"
