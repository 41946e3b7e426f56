"""Records of keys as an operator or another program may have written them: in doubt 503, never entry."""

import sqlite3
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.api.driver import Api
from tests.conftest import REGION, Stores, Tables
from tests.support.clock import FakeClock
from triggers_api.core.keys import digest_of, generate
from triggers_api.store.sqlite.database import FILE_NAME

DAMAGED: dict[str, dict[str, Any]] = {
    "is_active is missing": {"is_active": None},
    "is_active is a text": {"is_active": {"S": "true"}},
    "is_active is a number": {"is_active": {"N": "1"}},
    "is_active is null": {"is_active": {"NULL": True}},
    "expires_at is no time": {"expires_at": {"S": "tomorrow"}},
    "expires_at is empty": {"expires_at": {"S": ""}},
    "expires_at has no microseconds": {"expires_at": {"S": "2999-01-01T00:00:00Z"}},
    "expires_at is a number": {"expires_at": {"N": "32472144000"}},
    "expires_at is null": {"expires_at": {"NULL": True}},
    "source is a list": {"source": {"L": [{"S": "a"}]}},
    "source is a number": {"source": {"N": "7"}},
    "source is empty, which would be no bound": {"source": {"S": ""}},
    "source is null": {"source": {"NULL": True}},
}


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.promise(12)
def test_a_damaged_item_of_the_keys_table_gives_503(
    dynamodb_stores: Stores, shared_tables: Tables, clock: FakeClock, damage: str
) -> None:
    api = Api(dynamodb_stores, clock, door="lambda")
    key = generate("test")
    item = {"api_key": {"S": digest_of(key)}, "is_active": {"BOOL": True}, **DAMAGED[damage]}
    _put(shared_tables, {name: value for name, value in item.items() if value is not None})
    answer = api.inbox(key)
    assert answer.refusal == (503, "SERVICE_UNAVAILABLE")
    assert answer.headers["retry-after"]


def test_a_record_needs_nothing_but_its_digest_and_is_active(
    dynamodb_stores: Stores, shared_tables: Tables, clock: FakeClock
) -> None:
    api = Api(dynamodb_stores, clock, door="lambda")
    key = generate("test")
    _put(shared_tables, {"api_key": {"S": digest_of(key)}, "is_active": {"BOOL": True}, "note": {"N": "1"}})
    assert api.inbox(key).status == 200


def test_a_plain_text_key_in_the_table_is_never_valid(
    dynamodb_stores: Stores, shared_tables: Tables, clock: FakeClock
) -> None:
    api = Api(dynamodb_stores, clock, door="lambda")
    key = generate("test")
    _put(shared_tables, {"api_key": {"S": key}, "is_active": {"BOOL": True}})
    assert api.inbox(key).status == 401


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("is_active", "yes"),
        ("is_active", 2),
        ("is_active", 0.5),
        ("is_active", b"\x01"),
        ("expires_at", "tomorrow"),
        ("expires_at", ""),
        ("expires_at", 32472144000),
        ("expires_at", b"2999-01-01T00:00:00.000000Z"),
        ("source", ""),
        ("source", b"shop"),
    ],
)
@pytest.mark.promise(12)
def test_a_damaged_row_of_the_local_file_gives_503(
    sqlite_stores: Stores, tmp_path: Path, clock: FakeClock, column: str, value: object
) -> None:
    api = Api(sqlite_stores, clock, door="asgi")
    key = api.make_key()
    connection = sqlite3.connect(tmp_path / "data" / FILE_NAME)
    with connection:
        changed = connection.execute(
            f"UPDATE keys SET {column} = ? WHERE digest = ?", (value, digest_of(key))
        ).rowcount
    connection.close()
    assert changed == 1
    assert api.inbox(key).refusal == (503, "SERVICE_UNAVAILABLE")


def _put(tables: Tables, item: dict[str, Any]) -> None:
    client = boto3.client("dynamodb", endpoint_url=tables.endpoint_url, region_name=REGION)
    client.put_item(TableName=tables.keys, Item=item)
    client.close()
