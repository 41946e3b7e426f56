"""The API in its two forms, a failing proxy in front of DynamoDB, and clients behind it."""

from collections.abc import Iterator

import pytest

from tests.api.conftest import api, each_door, local_api
from tests.conftest import Tables, new_tables
from tests.promises.fault_cases import doors, make_case
from tests.support import microburst
from tests.support.microburst import Microburst

__all__ = ["api", "doors", "each_door", "local_api", "make_case"]


@pytest.fixture
def fresh_tables(dynamodb_url: str) -> Tables:
    """Create two tables for one test, which no request of an earlier test can still reach."""
    return new_tables(dynamodb_url)


@pytest.fixture(scope="session")
def microburst_proxy(dynamodb_url: str) -> Iterator[Microburst]:
    with microburst.in_front_of(dynamodb_url) as proxy:
        yield proxy
