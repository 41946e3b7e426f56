"""The API in its two forms, a proxy in front of DynamoDB that fails, and clients whose line fails."""

from collections.abc import Iterator

import pytest

from tests.api.conftest import (
    api,
    dynamodb_stores,
    each_door,
    local_api,
    shared_dynamodb,
    shared_tables,
)
from tests.promises.fault_cases import doors, make_case
from tests.support import microburst
from tests.support.microburst import Microburst

__all__ = [
    "api",
    "doors",
    "dynamodb_stores",
    "each_door",
    "local_api",
    "make_case",
    "shared_dynamodb",
    "shared_tables",
]


@pytest.fixture(scope="module")
def microburst_proxy(dynamodb_url: str) -> Iterator[Microburst]:
    with microburst.in_front_of(dynamodb_url) as proxy:
        yield proxy
