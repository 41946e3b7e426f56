"""The requests to DynamoDB: the same that botocore would send."""

import json
import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.conftest import REGION, Tables
from tests.contract.test_event_store import NOW, ack, add, page
from tests.support.faulty_proxy import FaultyProxy
from triggers_api.store.dynamodb.client import DynamoDB, make_client
from triggers_api.store.dynamodb.events import DynamoEventStore
from triggers_api.store.dynamodb.keys import DynamoKeyStore

REGIONS = ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1"]
ENVIRONMENTS: list[dict[str, str]] = [
    {},
    {"AWS_USE_FIPS_ENDPOINT": "true"},
    {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
    {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"},
    {"AWS_ENDPOINT_URL_DYNAMODB": "https://dynamodb.example.com/behind/a/path"},
]


class _EmptyAnswer:
    def stream(self) -> Iterator[bytes]:
        yield b"{}"


def sent_by(client: Any) -> tuple[str, str, bytes]:
    """Return the URL, the scope of the signature and the body that a client would send."""
    seen: list[AWSPreparedRequest] = []

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        seen.append(request)
        raw: Any = _EmptyAnswer()
        headers: Any = {}
        return AWSResponse(request.url, 200, headers, raw)

    client.meta.events.register("before-send.dynamodb", answer)
    item = {"Put": {"TableName": "events", "Item": {"event_id": {"S": "a"}, "payload": {"B": b"\x00\xff"}}}}
    client.transact_write_items(TransactItems=[item], ClientRequestToken="token")
    (request,) = seen
    scope = re.search(r"Credential=[^/]+/\d+/([^,]+)", str(request.headers["Authorization"]))
    assert scope
    assert isinstance(request.body, bytes)
    return request.url, scope[1], request.body


@pytest.mark.slow("makes a client of botocore for each setting")
@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=str)
def test_endpoint_signature_and_body_equal_those_of_botocores_client(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], region: str
) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        **environment,
    }.items():
        monkeypatch.setenv(name, value)
    ours, _ = make_client(region=region, endpoint_url=None, config=Config(parameter_validation=False))
    assert sent_by(ours) == sent_by(boto3.session.Session().client("dynamodb", region_name=region))


def test_request_through_an_http_proxy_has_an_absolute_target(
    tables: Tables, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", proxy.url)
    store = DynamoEventStore(DynamoDB(region=REGION, endpoint_url=tables.endpoint_url), tables.events)
    added = add(store)
    ack(store, added.event_id)
    assert page(store).events == ()
    assert proxy.requests == 3
    assert proxy.targets == {f"{tables.endpoint_url}/"}


def test_request_without_a_proxy_has_the_root_as_target(
    proxied: DynamoEventStore, proxy: FaultyProxy
) -> None:
    assert proxied.get(add(proxied).event_id, NOW) is not None
    assert proxy.targets == {"/"}


@pytest.mark.promise(1, 8, 12)
def test_events_and_keys_are_read_consistently(tables: Tables) -> None:
    """DynamoDB Local has one copy of everything, so its reads are never stale: look at the requests."""
    dynamodb = DynamoDB(region=REGION, endpoint_url=tables.endpoint_url)
    asked: list[tuple[str, bool]] = []

    def note(request: AWSPreparedRequest, **_: Any) -> None:
        assert isinstance(request.body, bytes)
        body = json.loads(request.body)
        asked.append((body["TableName"], body.get("ConsistentRead", False)))

    events, keys = DynamoEventStore(dynamodb, tables.events), DynamoKeyStore(dynamodb, tables.keys)
    added = add(events)
    dynamodb._client.meta.events.register_first("before-send.dynamodb", note)
    assert events.get(added.event_id, NOW) is not None
    assert keys.find("sha256:0") is None
    assert list(keys.list()) == []
    assert asked == [(tables.events, True), (tables.keys, True), (tables.keys, True)]


@pytest.mark.parametrize("key", [{"event_id": {"S": "a"}}, {}], ids=str)
def test_malformed_request_is_a_bug_and_not_an_outage(tables: Tables, key: dict[str, Any]) -> None:
    dynamodb = DynamoDB(region=REGION, endpoint_url=tables.endpoint_url)
    with pytest.raises(ClientError):
        dynamodb.call("get_item", TableName=tables.events, Key=key)
