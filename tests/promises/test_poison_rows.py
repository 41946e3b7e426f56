"""Rows that this service did not write, put straight into the table or the file: none breaks a page.

A row that is no valid event is left out, and logged as an error without its content. A row that the damage
turned into another valid event is shown as that. All other events are served, in order, at any limit.
"""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.api.driver import Api
from tests.conftest import REGION, Stores, Tables
from tests.promises.damage import ATTRIBUTES, BYTES, CANARY, CELLS, COLUMNS, IDS, KEYS, PAYLOAD, bomb
from tests.support.clock import FakeClock
from tests.support.forms import examples
from tests.support.promises import Tried
from tests.support.service_log import written
from triggers_api.core.paging import MAX_PAGE_BYTES
from triggers_api.store.sqlite.database import FILE_NAME


def the_rest_is_served(api: Api, ids: list[str], damaged: str) -> None:
    """Read the inbox in pages of one, and in one page; every event shown is as documented."""
    first, last = ids
    for limit in (1, 50):
        with written("INFO", in_lambda=True) as log:
            listed = api.walk(limit=limit)
        assert {event["status"] for event in listed} == {"pending"}
        assert max(len(json.dumps(event)) for event in listed) < MAX_PAGE_BYTES
        shown = [event["event_id"] for event in listed]
        assert [one for one in shown if one != damaged] == [first, last]
        lines = [json.loads(line) for line in log.getvalue().splitlines()]
        left_out = [line for line in lines if line["message"] == "event left out"]
        assert all(line["level"] == "ERROR" and line["reason"] for line in left_out)
        assert not (left_out and damaged in shown)
        assert CANARY not in log.getvalue()
        assert {line["status"] for line in lines if line["message"] == "request"} == {200}


def changed(item: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (item | changes).items() if value is not None}


@pytest.fixture
def client(shared_tables: Tables) -> Any:
    return boto3.client("dynamodb", endpoint_url=shared_tables.endpoint_url, region_name=REGION)


@pytest.fixture
def aws(dynamodb_stores: Stores, clock: FakeClock) -> Api:
    return Api(dynamodb_stores, clock, door="lambda")


@pytest.mark.forms
@pytest.mark.timeout(1800)
@pytest.mark.promise(5, 9, 11)
@examples(quick=5, full=40, long=1000)
@example(damage={"payload": {"B": bomb(9)}}, key={})
@example(damage={"webhook": {"S": '{"hook":"h"}'}, "payload": {"B": bomb(9)}}, key={})
@given(
    damage=st.dictionaries(
        st.sampled_from(
            ["source", "event_type", "payload", "metadata", "ttl", "acknowledged_at", "webhook", "more"]
        ),
        st.none() | ATTRIBUTES,
        min_size=1,
        max_size=2,
    )
    | BYTES.map(lambda data: {"payload": {"B": data}}),
    key=st.just({}) | KEYS,
)
def test_damaged_item_never_breaks_a_page(
    aws: Api, shared_tables: Tables, client: Any, damage: dict[str, Any], key: dict[str, str], tried: Tried
) -> None:
    first, damaged, last = (aws.add(PAYLOAD) for _ in range(3))
    (item,) = client.query(
        TableName=shared_tables.events,
        KeyConditionExpression="event_id = :id",
        ExpressionAttributeValues={":id": {"S": damaged}},
    )["Items"]
    own = {name: item[name] for name in ("event_id", "created_at")}
    client.delete_item(TableName=shared_tables.events, Key=own)
    elsewhere = own | {name: {"S": text} for name, text in key.items()}
    client.put_item(TableName=shared_tables.events, Item=changed(item, damage) | elsewhere)
    the_rest_is_served(aws, [first, last], damaged)
    path = f"/v1/events/{damaged}"
    assert aws.get(path).status in ({404} if key else {200, 404, 500})
    assert aws.delete(path).status == 200
    client.delete_item(TableName=shared_tables.events, Key=elsewhere)
    assert [aws.delete(f"/v1/events/{one}").status for one in (first, last)] == [200, 200]
    tried(1)


@pytest.mark.forms
@pytest.mark.timeout(1800)
@pytest.mark.promise(5, 9, 11)
@examples(quick=10, full=60, long=2000)
@example(damage={"metadata": "{}"}, event_id=None, as_text=False)
@example(damage={"webhook": '{"hook":"h"}', "payload": b"\xff"}, event_id=None, as_text=False)
@example(damage={"webhook": b'{"hook":"h"}', "payload": b"{}"}, event_id=None, as_text=False)
@given(
    damage=st.dictionaries(st.sampled_from(COLUMNS), CELLS, min_size=1, max_size=2),
    event_id=st.none() | IDS | st.binary(max_size=20),
    as_text=st.booleans(),
)
def test_damaged_row_never_breaks_a_page(
    local_api: Api,
    tmp_path: Path,
    damage: dict[str, Any],
    event_id: str | bytes | None,
    as_text: bool,
    tried: Tried,
) -> None:
    first, damaged, last = (local_api.add(PAYLOAD) for _ in range(3))
    cells = damage | ({} if event_id is None else {"event_id": event_id})
    with closing(sqlite3.connect(tmp_path / "data" / FILE_NAME, isolation_level=None)) as connection:
        for column, cell in cells.items():
            value = "CAST(? AS TEXT)" if as_text and isinstance(cell, bytes) else "?"  # UTF-8 or not
            row = connection.execute("SELECT rowid FROM events ORDER BY rowid LIMIT 1 OFFSET 1").fetchone()
            connection.execute(f"UPDATE events SET {column} = {value} WHERE rowid = ?", (cell, *row))
        the_rest_is_served(local_api, [first, last], damaged)
        assert local_api.get(f"/v1/events/{damaged}").status in {200, 404, 500}
        connection.execute("DELETE FROM events")
    tried(1)
