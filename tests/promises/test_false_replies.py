"""Replies that DynamoDB did not send, or that are truncated: always a 503, and a retry settles the call.

botocore reads them as empty answers. An existing key would not be found (401), nor an existing event (404). A
write that never happened would be a 201, and a page would be a 500.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.api.driver import Answer, Api
from tests.conftest import Tables, shards_of_run
from tests.promises.services import side_by_side, stores_at
from tests.support import faulty_proxy
from tests.support.clock import FakeClock
from tests.support.faulty_proxy import FALSE_REPLIES, Fault, FaultyProxy
from tests.support.promises import Tried

QUICK_SAMPLE = ("cut body", "foreign answer")
THE_OTHERS = pytest.mark.slow("the quick form has a truncated and a foreign one")
FAULTS = [pytest.param(one, marks=() if one in QUICK_SAMPLE else THE_OTHERS) for one in FALSE_REPLIES]
ONCE = [("Idempotency-Key", "one-of-a-kind")]


@pytest.fixture
def proxy(dynamodb_url: str) -> Iterator[FaultyProxy]:
    with faulty_proxy.in_front_of(dynamodb_url) as proxy:
        yield proxy


@pytest.fixture
def clear(fresh_tables: Tables, clock: FakeClock) -> Api:
    """The API with no proxy in front of DynamoDB."""
    return Api(stores_at(fresh_tables.endpoint_url, fresh_tables), clock, door="lambda")


@pytest.fixture
def behind(proxy: FaultyProxy, fresh_tables: Tables, clock: FakeClock) -> Api:
    api = Api(stores_at(proxy.url, fresh_tables), clock, door="lambda")
    assert api.inbox().status == 200  # and the key is cached
    return api


def calls(api: Api, event_id: str) -> dict[str, Callable[[], Answer]]:
    path = f"/v1/events/{event_id}"
    return {
        "ingest": lambda: api.ingest({"n": 1}),
        "ingest once": lambda: api.ingest({"n": 2}, headers=ONCE),
        "get": lambda: api.get(path),
        "page": api.inbox,
        "filtered page": lambda: api.inbox(source="shop"),
        "ack": lambda: api.post(f"{path}/ack"),
        "delete": lambda: api.delete(path),
    }


def calls_of_the_queue(api: Api, event_id: str) -> dict[str, Callable[[], Answer]]:
    return {
        "receive": lambda: api.post("/v1/inbox/receive"),
        "stats": lambda: api.get("/v1/inbox/stats"),
        "requeue": lambda: api.post("/v1/inbox/requeue", {"event_ids": [event_id]}),
        "purge": lambda: api.post("/v1/inbox/purge", {"filter": {"status": "acknowledged"}}),
    }


@pytest.mark.promise(1, 2, 4, 5, 13, 16)
@pytest.mark.parametrize("fault", FAULTS)
def test_call_is_503_when_every_reply_is_false(
    behind: Api, clear: Api, proxy: FaultyProxy, fault: Fault, tried: Tried
) -> None:
    added = clear.add()
    asked = calls(behind, added) | calls_of_the_queue(behind, added)
    proxy.plan(forever=fault)

    def is_503(name: str) -> None:
        answer = asked[name]()
        assert answer.refusal == (503, "SERVICE_UNAVAILABLE")
        assert "retry-after" in answer.headers

    side_by_side(is_503, asked)
    proxy.plan()
    again = behind.ingest({"n": 2}, headers=ONCE)
    assert again.status == 201
    assert clear.pending().count(again.json["event_id"]) == 1
    assert len([event for event in clear.walk() if event["payload"] == {"n": 2}]) == 1
    assert {event["deliveries"] for event in clear.walk()} <= {0, 1}
    tried(len(asked))


@pytest.mark.promise(1, 2, 3, 5)
@pytest.mark.parametrize("fault", FAULTS)
def test_call_succeeds_when_only_the_first_reply_is_false(
    behind: Api, clear: Api, proxy: FaultyProxy, fault: Fault, tried: Tried
) -> None:
    added = clear.add()
    told = {}
    for name, ask in calls(behind, added).items():
        proxy.plan(fault)
        told[name] = ask().status
        queries = shards_of_run().read if "page" in name else 1
        assert proxy.requests == queries + 1, name
    assert told.pop("ingest") == told.pop("ingest once") == 201
    assert set(told.values()) == {200}
    assert sorted(event["payload"]["n"] for event in clear.walk()) == [1, 2]
    tried(len(told) + 2)


@pytest.mark.promise(12)
@pytest.mark.parametrize("fault", FAULTS)
def test_key_is_neither_accepted_nor_rejected_when_its_lookup_has_a_false_reply(
    proxy: FaultyProxy, fresh_tables: Tables, clock: FakeClock, fault: Fault, tried: Tried
) -> None:
    api = Api(stores_at(proxy.url, fresh_tables), clock, door="lambda", cache_seconds=0)
    keys = {api.key: 200, api.make_key(is_active=False): 401}
    for key, status in keys.items():
        proxy.plan(forever=fault)
        assert api.inbox(key).refusal == (503, "SERVICE_UNAVAILABLE")
        proxy.plan(fault)
        assert api.inbox(key).status == status, "the second attempt tells"
    tried(2 * len(keys))
