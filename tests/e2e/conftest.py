"""The two places in which `triggers dev` keeps its data, each empty for whoever asks."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
import pytest

from tests.conftest import REGION
from tests.support import dev_server

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


@dataclass(frozen=True)
class Backend:
    """Where the data is: what to start `triggers dev` with."""

    arguments: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    endpoint_url: str | None = None

    def running(self) -> AbstractContextManager[dev_server.DevServer]:
        return dev_server.running(*self.arguments, variables=self.variables)


def sqlite_in(folder: Path) -> Backend:
    return Backend(dev_server.on_folder(folder / "data"))


def dynamodb_at(endpoint_url: str) -> Backend:
    run = uuid4().hex[:12]
    tables = {
        "DYNAMODB_TABLE_EVENTS": f"triggers-api-events-{run}",
        "DYNAMODB_TABLE_KEYS": f"triggers-api-keys-{run}",
    }
    return Backend(("--dynamodb-endpoint", endpoint_url), tables, endpoint_url)


def client_of(endpoint_url: str) -> "DynamoDBClient":
    return boto3.client("dynamodb", endpoint_url=endpoint_url, region_name=REGION)


@pytest.fixture(params=["sqlite", "dynamodb"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """Each test that asks for this runs on both."""
    if request.param == "sqlite":
        return sqlite_in(tmp_path)
    return dynamodb_at(request.getfixturevalue("dynamodb_url"))
