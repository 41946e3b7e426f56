"""A DynamoDB store whose calls can be counted, and made to fail."""

from collections.abc import Iterator

import pytest

from tests.conftest import REGION, Tables
from tests.support import faulty_proxy
from tests.support.faulty_proxy import FaultyProxy
from triggers_api.core.ports import EventStore
from triggers_api.store.dynamodb.client import DynamoDB
from triggers_api.store.dynamodb.events import DynamoEventStore


@pytest.fixture
def proxy(dynamodb_url: str) -> Iterator[FaultyProxy]:
    with faulty_proxy.in_front_of(dynamodb_url) as proxy:
        yield proxy


@pytest.fixture
def proxied(tables: Tables, proxy: FaultyProxy) -> EventStore:
    return DynamoEventStore(DynamoDB(region=REGION, endpoint_url=proxy.url), tables.events)
