"""The number of shards of a stage with events: raised, lowered too early, and lowered in order."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.api_client import ApiClient
from tests.support.rehearsal import Rehearsal, error_of

pytestmark = [pytest.mark.promise(1, 5), pytest.mark.timeout(900)]

TABLE = "triggers-api-events-prod"


@pytest.fixture(scope="module")
def client(rehearsal: Rehearsal) -> Iterator[ApiClient]:
    url = rehearsal.deploy("prod")[-1]["outputs"]["ApiUrl"]
    with ApiClient(url, key=rehearsal.key("prod")) as client:
        yield client


def ingest(client: ApiClient, number: int) -> list[str]:
    return [client.ingest({"number": one}).body["event_id"] for one in range(number)]


def index_keys(rehearsal: Rehearsal) -> Counter[str]:
    pages = rehearsal.emulator.client("dynamodb").get_paginator("scan").paginate(TableName=TABLE)
    return Counter(item["status"]["S"] for page in pages for item in page["Items"] if "status" in item)


def test_shards_are_raised_and_lowered_without_losing_an_event(
    rehearsal: Rehearsal, client: ApiClient
) -> None:
    made = ingest(client, 12)
    assert client.acknowledge(made.pop(0)).status == 200
    first_page = client.call("GET", "/v1/inbox", params={"limit": 5})

    rehearsal.deploy("prod", "--parameter", "InboxShards=4")
    made += ingest(client, 20)
    assert len(index_keys(rehearsal)) > 2, "the events are in several shards"
    assert [event["event_id"] for page in client.pages(limit=7) for event in page] == made
    cursor = first_page.body["pagination"]["next_cursor"]
    rest = client.call("GET", "/v1/inbox", params={"limit": 100, "cursor": cursor})
    assert [event["event_id"] for event in rest.body["events"]] == made[5:], "a cursor outlives the change"

    done = rehearsal.run("deploy", "--stage", "prod", "--yes", "--json", "--parameter", "InboxShards=1")
    assert done.returncode != 0
    highest = max(index_keys(rehearsal))
    assert highest in error_of(done)["message"]
    assert f"InboxShardsRead={int(highest[-2:]) + 1}" in error_of(done)["hint"]

    rehearsal.deploy("prod", "--parameter", "InboxShards=1", "--parameter", "InboxShardsRead=4")
    made += ingest(client, 3)
    assert [event["event_id"] for event in client.inbox()] == made
    for event_id in made:
        assert client.acknowledge(event_id).status == 200

    rehearsal.deploy("prod", "--parameter", "InboxShardsRead=0")
    assert client.inbox() == []
    last = ingest(client, 2)
    assert [event["event_id"] for event in client.inbox()] == last
    assert index_keys(rehearsal)["pending"] == 2
