"""The two stores of `triggers dev`, each empty, and rehearsals.

A rehearsal is an emulated account and the `triggers` of an installed wheel. One worker runs a whole module
(`--dist=loadfile`), so a module has one account.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest

from tests.conftest import REGION
from tests.support import dev_server, ministack
from tests.support.ministack import Emulator
from tests.support.rehearsal import Rehearsal, install

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark every test here as slow, unless the test is marked `quick_form`."""
    if not item.get_closest_marker("quick_form"):
        item.add_marker(pytest.mark.slow("uses an installed wheel, an emulated account or a browser"))


@dataclass(frozen=True)
class Backend:
    """A store: the arguments and variables to start `triggers dev` with."""

    arguments: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    endpoint_url: str | None = None

    def running(self, *arguments: str) -> AbstractContextManager[dev_server.DevServer]:
        return dev_server.running(*self.arguments, *arguments, variables=self.variables)


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
    """Return each store: a test with this runs on both."""
    if request.param == "sqlite":
        return sqlite_in(tmp_path)
    return dynamodb_at(request.getfixturevalue("dynamodb_url"))


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel in an environment without this checkout, and return its `triggers`."""
    return install(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with ministack.running() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def rehearsal(installed: Path, emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """Return the commands and an account, which is fresh for each module."""
    return Rehearsal(installed, emulator, tmp_path_factory.mktemp("rehearsal"))


@dataclass(frozen=True)
class Deployed:
    """A deployed stage in its own account, and a valid key."""

    rehearsal: Rehearsal
    url: str
    key: str
    outputs: Mapping[str, str]

    def client(self, service: str) -> Any:
        return self.rehearsal.emulator.client(service)


@pytest.fixture(scope="session")
def deployed(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Deploy the stage prod once, for the modules that only read from it."""
    with ministack.running() as emulator:
        rehearsal = Rehearsal(installed, emulator, tmp_path_factory.mktemp("deployed"))
        outputs = rehearsal.deploy("prod")[-1]["outputs"]
        yield Deployed(rehearsal, outputs["ApiUrl"], rehearsal.key("prod"), outputs)
