"""`--shards N`: the DynamoDB stores of a run have N shards. Contract and promises hold for any number."""

import pytest

from triggers_api.core.paging import MAX_SHARDS
from triggers_api.store.dynamodb.shards import Shards

_chosen = {"shards": Shards()}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("triggers").addoption(
        "--shards",
        type=int,
        default=1,
        choices=range(1, MAX_SHARDS + 1),
        metavar="N",
        help="the number of shards of the DynamoDB stores",
    )


def pytest_configure(config: pytest.Config) -> None:
    number = config.getoption("shards")
    _chosen["shards"] = Shards(number, number)


def shards_of_run() -> Shards:
    """Return the shards of this run."""
    return _chosen["shards"]
