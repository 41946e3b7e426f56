"""The API in its two forms, as the suite of `tests/api` has it."""

from tests.api.conftest import (
    api,
    dynamodb_stores,
    each_door,
    local_api,
    shared_dynamodb,
    shared_tables,
)

__all__ = ["api", "dynamodb_stores", "each_door", "local_api", "shared_dynamodb", "shared_tables"]
