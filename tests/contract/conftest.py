"""The stores of the contract suite, and a DynamoDB store whose calls can be counted, and made to fail."""

from collections.abc import Iterator

import pytest

from tests.conftest import REGION, Stores, Tables
from tests.support import faulty_proxy
from tests.support.faulty_proxy import FaultyProxy
from tests.unit.memory_store import MemoryEventStore
from triggers_api.core.ports import EventStore
from triggers_api.store.dynamodb.client import DynamoDB
from triggers_api.store.dynamodb.events import DynamoEventStore


@pytest.fixture(params=["memory", "sqlite", "dynamodb"])
def store(request: pytest.FixtureRequest) -> EventStore:
    """Return an empty store of each kind. The one in memory shows that a test is right."""
    if request.param == "memory":
        return MemoryEventStore()
    stores: Stores = request.getfixturevalue(f"{request.param}_stores")
    return stores.events


@pytest.fixture
def real_store(stores: Stores) -> EventStore:
    """Return an empty store of each kind that is safe for several threads."""
    return stores.events


@pytest.fixture
def proxy(dynamodb_url: str) -> Iterator[FaultyProxy]:
    with faulty_proxy.in_front_of(dynamodb_url) as proxy:
        yield proxy


@pytest.fixture
def proxied(tables: Tables, proxy: FaultyProxy) -> EventStore:
    return DynamoEventStore(DynamoDB(region=REGION, endpoint_url=proxy.url), tables.events)
