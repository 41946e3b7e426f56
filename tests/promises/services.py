"""Stores behind any endpoint, a way for a witness to send requests, and cases that run side by side."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tests.api.driver import Api
from tests.conftest import REGION, Stores, Tables, shards_of_run
from tests.support.witness import Asked, Reply, Send
from triggers_api.store.dynamodb.client import DynamoDB
from triggers_api.store.dynamodb.events import DynamoEventStore
from triggers_api.store.dynamodb.hooks import DynamoHookStore
from triggers_api.store.dynamodb.keys import DynamoKeyStore

T = TypeVar("T")


def stores_at(endpoint_url: str, tables: Tables) -> Stores:
    """Return stores with a new DynamoDB client, which has the access key of the environment as it is now."""
    dynamodb = DynamoDB(region=REGION, endpoint_url=endpoint_url)
    events = DynamoEventStore(dynamodb, tables.events, shards_of_run())
    return Stores(events, DynamoKeyStore(dynamodb, tables.keys), DynamoHookStore(dynamodb, tables.keys))


def way_to(api: Api, key: str = "") -> Send:
    """Return the function by which a witness sends requests, with the API's own key unless one is given."""

    def send(asked: Asked) -> Reply:
        answer = api.call(
            asked.method,
            asked.path,
            query=asked.query,
            key=key,
            headers=tuple(asked.headers.items()),
            json_body=asked.body,
        )
        return answer.status, answer.headers, answer.json

    return send


def side_by_side(do: Callable[[T], None], cases: Iterable[T]) -> None:
    """Run all cases at the same time; fail with the first that fails, and name it."""

    def one(case: T) -> None:
        try:
            do(case)
        except BaseException as error:
            error.add_note(f"case: {case}")
            raise

    cases = list(cases)
    with ThreadPoolExecutor(len(cases)) as pool:
        list(pool.map(one, cases))
