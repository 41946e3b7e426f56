"""What a request costs at DynamoDB, from door to door: one call each, while its key is remembered."""

from collections.abc import Iterator

import pytest

from tests.api.driver import Api
from tests.conftest import REGION, Stores, Tables
from tests.support import faulty_proxy
from tests.support.clock import FakeClock
from tests.support.faulty_proxy import FaultyProxy
from triggers_api.store.dynamodb.client import DynamoDB
from triggers_api.store.dynamodb.events import DynamoEventStore
from triggers_api.store.dynamodb.hooks import DynamoHookStore
from triggers_api.store.dynamodb.keys import DynamoKeyStore

KEY = [("Idempotency-Key", "one-of-a-kind")]


@pytest.fixture
def proxy(shared_tables: Tables) -> Iterator[FaultyProxy]:
    with faulty_proxy.in_front_of(shared_tables.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def counted(proxy: FaultyProxy, shared_tables: Tables, dynamodb_stores: Stores, clock: FakeClock) -> Api:
    """Return the API in Lambda. The stores that are asked for and not used empty the tables at the end."""
    dynamodb = DynamoDB(region=REGION, endpoint_url=proxy.url)
    events = DynamoEventStore(dynamodb, shared_tables.events)
    keys = DynamoKeyStore(dynamodb, shared_tables.keys)
    hooks = DynamoHookStore(dynamodb, shared_tables.keys)
    return Api(Stores(events, keys, hooks), clock, door="lambda")


def test_a_request_with_a_cached_key_makes_one_store_call(counted: Api, proxy: FaultyProxy) -> None:
    event_id, _ = counted.add(), counted.add(source="other")

    def calls(method: str, path: str, **options: object) -> tuple[int, int]:
        proxy.plan()
        return counted.call(method, path, **options).status, proxy.requests  # type: ignore[arg-type]  # passed on

    body = {"source": "shop", "event_type": "order.paid", "payload": {"n": 1}}
    assert calls("POST", "/v1/events", json_body=body) == (201, 1)
    assert calls("POST", "/v1/events", json_body=body, headers=KEY) == (201, 1)
    assert calls("POST", "/v1/events", json_body=body, headers=KEY) == (201, 1)
    assert calls("GET", f"/v1/events/{event_id}") == (200, 1)
    assert calls("GET", "/v1/inbox") == (200, 1)
    assert calls("GET", "/v1/inbox", query="limit=2") == (200, 1)
    assert calls("POST", f"/v1/events/{event_id}/ack") == (200, 1)
    assert calls("POST", f"/v1/events/{event_id}/ack") == (409, 1)
    assert calls("DELETE", f"/v1/events/{event_id}") == (200, 1)
    assert calls("DELETE", f"/v1/events/{event_id}") == (200, 1)


@pytest.mark.promise(2, 4)
def test_a_transaction_that_is_cancelled_for_throttling_is_503_and_its_retry_settles_it(
    counted: Api, proxy: FaultyProxy
) -> None:
    assert counted.pending() == []  # and the key is remembered
    proxy.plan(forever="throttled transaction")
    answer = counted.ingest({"n": 1}, headers=KEY)
    assert answer.refusal == (503, "SERVICE_UNAVAILABLE")
    assert "retry-after" in answer.headers
    proxy.plan()
    assert counted.pending() == []
    again = counted.ingest({"n": 1}, headers=KEY)
    assert (again.status, again.headers.get("idempotent-replayed")) == (201, None)
    assert counted.pending() == [again.json["event_id"]]


def test_a_request_that_is_rejected_early_makes_no_store_call(counted: Api, proxy: FaultyProxy) -> None:
    counted.add()
    proxy.plan()
    assert counted.get("/v1/health", key=None).status == 200
    assert counted.inbox("not a key").status == 401
    assert counted.post("/v1/events", {"source": ""}).status == 400
    assert counted.get("/v1/events/not-a-uuid").status == 422
    assert counted.get("/v1/nowhere").status == 404
    assert counted.delete("/v1/inbox").status == 405
    assert proxy.requests == 0


def test_a_key_is_looked_up_once_in_thirty_seconds(
    counted: Api, proxy: FaultyProxy, clock: FakeClock
) -> None:
    event_id = counted.add()
    proxy.plan()
    for _ in range(3):
        clock.advance(seconds=9)
        assert counted.get(f"/v1/events/{event_id}").status == 200
    assert proxy.requests == 3
    clock.advance(seconds=9)
    assert counted.get(f"/v1/events/{event_id}").status == 200
    assert proxy.requests == 5
