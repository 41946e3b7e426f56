"""Stages with events: of this machine, and on DynamoDB with several shards."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.conftest import REGION
from tests.support.key_tables import make_tables
from tests.support.stages import Stage
from triggers_api.store.dynamodb.client import OF_A_CHANGE, DynamoDB
from triggers_api.store.dynamodb.events import DynamoEventStore
from triggers_api.store.dynamodb.shards import Shards
from triggers_api.store.sqlite.database import Database
from triggers_api.store.sqlite.events import SqliteEventStore


@pytest.fixture
def local_stage(tmp_path: Path) -> Iterator[Stage]:
    database = Database(tmp_path / "data")
    database.open()
    yield Stage(SqliteEventStore(database), ("--stage", "local", "--data-dir", str(tmp_path / "data")))
    database.close()


@pytest.fixture
def sharded_stage(dynamodb_url: str) -> Stage:
    return stage_on_dynamodb(dynamodb_url, f"t{uuid4().hex[:12]}")


@pytest.fixture
def production(dynamodb_url: str) -> Stage:
    """Other tests may use this stage too."""
    return stage_on_dynamodb(dynamodb_url, "prod")


def stage_on_dynamodb(dynamodb_url: str, name: str) -> Stage:
    make_tables(dynamodb_url, name)
    dynamodb = DynamoDB(region=REGION, endpoint_url=dynamodb_url, patience=OF_A_CHANGE)  # as the commands
    store = DynamoEventStore(dynamodb, f"triggers-api-events-{name}", Shards(4, 4))
    variables = {"DYNAMODB_ENDPOINT_URL": dynamodb_url}
    return Stage(store, ("--stage", name, "--region", REGION), variables)


ON_DYNAMODB = pytest.param("sharded_stage", marks=pytest.mark.slow("makes two tables for each test"))


@pytest.fixture(params=["local_stage", ON_DYNAMODB])
def stage(request: pytest.FixtureRequest) -> Stage:
    """Tests with this fixture run on both stores, in the quick form on SQLite."""
    found: Stage = request.getfixturevalue(request.param)
    return found
