"""The bench is fair: on the happy path its baseline does the same as the product, over the same DynamoDB."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.bench.bench import keep_in_clear, make_tables
from tests.bench.local_server import uvicorn
from tests.bench.subjects import BASELINE, baseline_versions, lambda_variables, locked_versions
from tests.conftest import REGION
from tests.support.rehearsal import CHECKOUT
from triggers_api.core.keys import KeyRecord, digest_of, generate
from triggers_api.store.dynamodb.client import DynamoDB
from triggers_api.store.dynamodb.keys import DynamoKeyStore

NUMBERS = {"zero": 0, "price": 19.99, "large": 9_007_199_254_740_993, "list": [1, 2.5, None, True]}
PAYLOAD = {"numbers": NUMBERS, "text": "Grüße, 世界", "nothing": {}}


@dataclass(frozen=True)
class Api:
    http: httpx.Client
    key: str

    def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        return self.http.request(method, path, headers={"X-API-Key": self.key}, **request)

    def ingest(self, source: str, event_type: str) -> dict[str, Any]:
        event = {"source": source, "event_type": event_type, "payload": PAYLOAD}
        answer = self.call("POST", "/v1/events", json=event)
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def inbox(self, **query: str | int) -> dict[str, Any]:
        answer = self.call("GET", "/v1/inbox", params=query)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


@pytest.fixture(scope="module", params=["product", "baseline"])
def served(request: pytest.FixtureRequest, dynamodb_url: str) -> Iterator[Api]:
    """Each test runs against both, with keys that are looked up in a table, as on AWS."""
    key = generate("prod")
    tables = make_tables(dynamodb_url, uuid4().hex[:12])
    variables = lambda_variables(endpoint_url=dynamodb_url, **tables)
    if request.param == "product":
        store = DynamoKeyStore(DynamoDB(region=REGION, endpoint_url=dynamodb_url), tables["keys"])
        store.add(KeyRecord(digest_of(key), is_active=True))
        server = uvicorn("triggers_api.main:app", CHECKOUT, variables)
    else:
        keep_in_clear(dynamodb_url, tables["keys"], key)
        server = uvicorn("src.main:app", BASELINE, variables)
    with server as url, httpx.Client(base_url=url, timeout=30, trust_env=False) as http:
        yield Api(http, key)


@pytest.fixture
def api(served: Api) -> Iterator[Api]:
    """Give the service with an empty inbox."""
    yield served
    for event_id in ids(served.inbox()):
        served.call("DELETE", f"/v1/events/{event_id}")


def ids(page: dict[str, Any]) -> list[str]:
    return [event["event_id"] for event in page["events"]]


def test_health_needs_no_key_and_answers_with_the_request_id_that_was_sent(api: Api) -> None:
    answer = api.http.get("/v1/health", headers={"X-Request-ID": "custom-request-id-123"})
    assert answer.status_code == 200
    assert answer.headers["x-request-id"] == "custom-request-id-123"
    assert answer.json()["request_id"] == "custom-request-id-123"
    assert answer.json()["status"] == "healthy"


def test_a_request_without_an_id_gets_one(api: Api) -> None:
    answer = api.http.get("/v1/health")
    assert answer.headers["x-request-id"] == answer.json()["request_id"] != ""


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": generate("prod")}], ids=["none", "unknown"])
def test_request_without_a_valid_key_is_401(api: Api, headers: dict[str, str]) -> None:
    answer = api.http.get("/v1/inbox", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "UNAUTHORIZED"


def test_a_body_without_its_fields_is_400(api: Api) -> None:
    answer = api.call("POST", "/v1/events", json={"source": "shop"})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "VALIDATION_ERROR"


def test_event_is_read_and_listed_as_it_was_sent(api: Api) -> None:
    receipt = api.ingest("shop", "order.paid")
    assert receipt["status"] == "pending"
    assert receipt["request_id"]
    event = api.call("GET", f"/v1/events/{receipt['event_id']}").json()
    assert event["payload"] == PAYLOAD
    assert {name: event[name] for name in ("event_id", "created_at", "source", "event_type", "status")} == {
        "event_id": receipt["event_id"],
        "created_at": receipt["created_at"],
        "source": "shop",
        "event_type": "order.paid",
        "status": "pending",
    }
    (listed,) = api.inbox()["events"]
    assert listed == {name: value for name, value in event.items() if name != "request_id"}


def test_the_inbox_is_filtered_and_comes_in_pages(api: Api) -> None:
    sent = [("shop", "paid"), ("shop", "sent"), ("bank", "paid"), ("shop", "paid"), ("bank", "sent")]
    made = [api.ingest(*one)["event_id"] for one in sent]
    assert ids(api.inbox()) == made
    assert ids(api.inbox(source="shop")) == [made[0], made[1], made[3]]
    assert ids(api.inbox(event_type="sent")) == [made[1], made[4]]
    assert ids(api.inbox(source="shop", event_type="paid")) == [made[0], made[3]]

    first = api.inbox(limit=2, source="shop")
    assert ids(first) == made[:2]
    assert first["pagination"]["limit"] == 2
    rest = api.inbox(limit=2, source="shop", cursor=first["pagination"]["next_cursor"])
    assert ids(rest) == [made[3]]
    assert "next_cursor" not in rest["pagination"]


def test_an_event_is_acknowledged_once_and_leaves_the_inbox(api: Api) -> None:
    event_id = api.ingest("shop", "order.paid")["event_id"]
    done = api.call("POST", f"/v1/events/{event_id}/ack")
    assert done.status_code == 200
    assert done.json()["status"] == "acknowledged"
    again = api.call("POST", f"/v1/events/{event_id}/ack")
    assert again.status_code == 409
    assert again.json()["error"]["code"] == "CONFLICT"
    assert api.inbox()["events"] == []
    event = api.call("GET", f"/v1/events/{event_id}").json()
    assert event["acknowledged_at"] == done.json()["acknowledged_at"]


def test_a_deleted_event_is_gone_and_deleting_it_again_is_no_error(api: Api) -> None:
    event_id = api.ingest("shop", "order.paid")["event_id"]
    for _ in range(2):
        assert api.call("DELETE", f"/v1/events/{event_id}").status_code == 200
    assert api.call("GET", f"/v1/events/{event_id}").status_code == 404
    assert api.inbox()["events"] == []


def test_unknown_event_is_404(api: Api) -> None:
    assert api.call("GET", f"/v1/events/{uuid4()}").status_code == 404
    assert api.call("POST", f"/v1/events/{uuid4()}/ack").status_code == 404


def test_the_baseline_is_built_from_the_versions_that_the_product_is_locked_to() -> None:
    asked = Path(BASELINE, "requirements.txt").read_text(encoding="utf-8").split()
    names = {requirement.partition(">")[0] for requirement in asked}
    assert names == {"boto3", "fastapi", "mangum", "pydantic"}
    locked, versions = locked_versions(), baseline_versions()
    assert {name: versions[name] for name in names - {"boto3"}} == {
        name: locked[name] for name in names - {"boto3"}
    }
    assert versions["boto3"] == locked["botocore"], "boto3 and botocore are released together"
