"""The API in its two forms: on SQLite behind an ASGI server, and on DynamoDB in Lambda."""

from typing import cast

import pytest

from tests.api.driver import Api, Door
from tests.api.log import Log, configured
from tests.conftest import Stores
from tests.support.clock import FakeClock
from triggers_api.store.sqlite.events import SqliteEventStore


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the tests on DynamoDB as slow, unless they are marked `quick_form`.

    The contract of the stores (`tests/contract`) is always tried on both. The quick form of these tests has a
    few on DynamoDB, which go through the Lambda handler.
    """
    parameters = getattr(item, "callspec", None)
    on_dynamodb = parameters is not None and parameters.params.get("stores") == "dynamodb"
    if on_dynamodb and not item.get_closest_marker("quick_form"):
        item.add_marker(pytest.mark.slow("the same on the other store"))


@pytest.fixture
def api(stores: Stores, clock: FakeClock) -> Api:
    """Return the API as it runs locally (SQLite) and on AWS (DynamoDB): a test with this runs on both."""
    return Api(stores, clock, door=door_of(stores))


@pytest.fixture
def local_api(sqlite_stores: Stores, clock: FakeClock) -> Api:
    """Return the API for a test that depends neither on the store nor on the door."""
    return Api(sqlite_stores, clock, door="asgi")


@pytest.fixture(params=["asgi", "lambda"])
def each_door(request: pytest.FixtureRequest, sqlite_stores: Stores, clock: FakeClock) -> Api:
    """Return the API for a test that depends on the door and not on the store."""
    return Api(sqlite_stores, clock, door=cast("Door", request.param))


@pytest.fixture
def log(logging_as_before: None) -> Log:
    """Return what the service logs from here on, as in Lambda."""
    return Log(configured("DEBUG", in_lambda=True))


def door_of(stores: Stores) -> Door:
    return "asgi" if isinstance(stores.events, SqliteEventStore) else "lambda"
