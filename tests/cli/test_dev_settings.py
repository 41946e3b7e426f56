"""The settings of the environment reach the service that `triggers dev` runs."""

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from tests.support.api_client import ApiClient
from tests.support.dev_server import on_folder, running
from triggers_api.core.keys import KeyRecord, digest_of, generate
from triggers_api.store.sqlite.database import FILE_NAME, Database
from triggers_api.store.sqlite.keys import SqliteKeyStore

DAY = 24 * 60 * 60


def test_an_event_is_kept_for_as_many_days_as_are_set(tmp_path: Path) -> None:
    with (
        running(*on_folder(tmp_path), variables={"EVENT_TTL_DAYS": "3"}) as server,
        ApiClient(server.url) as client,
    ):
        created = datetime.fromisoformat(client.ingest({}).body["created_at"]).timestamp()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        ((expires_at,),) = connection.execute("SELECT expires_at FROM events").fetchall()
    assert abs(expires_at - created - 3 * DAY) <= 1


def test_a_key_is_remembered_for_as_long_as_is_set(tmp_path: Path) -> None:
    key = generate("local")
    database = Database(tmp_path)
    keys = SqliteKeyStore(database)
    assert keys.add(KeyRecord(digest_of(key), is_active=True))
    with (
        running(*on_folder(tmp_path), variables={"AUTH_CACHE_SECONDS": "0"}) as server,
        ApiClient(server.url, key=key) as client,
    ):
        assert client.call("GET", "/v1/inbox").status == 200
        keys.revoke(digest_of(key), at="2026-01-01T00:00:00.000000Z")
        assert client.call("GET", "/v1/inbox").status == 401
    database.close()
