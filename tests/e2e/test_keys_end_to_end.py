"""The life of a key: `triggers keys` on one side, the running API on the other, on both stores."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Backend, client_of
from tests.support import dev_server
from tests.support.api_client import ApiClient
from tests.support.dev_server import DevServer
from tests.support.key_commands import KeyCommands, on_table
from triggers_api.core.keys import digest_of

CACHE_SECONDS = 1
PATIENCE = CACHE_SECONDS + 2.0
"""The bound, plus the time that a slow machine needs for a request and a start of Python."""


@dataclass(frozen=True)
class Service:
    """A running service, and the commands that manage its keys."""

    server: DevServer
    keys: KeyCommands

    def status(self, key: str) -> int:
        with ApiClient(self.server.url, key=key) as client:
            return client.call("GET", "/v1/inbox").status

    def ingests(self, key: str, *, source: str = "shop") -> int:
        with ApiClient(self.server.url, key=key) as client:
            return client.ingest({}, source=source).status

    def refuses_within(self, seconds: float, key: str) -> bool:
        return comes_true(lambda: self.status(key) == 401, seconds)


def comes_true(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def commands_of(backend: Backend) -> KeyCommands:
    if backend.endpoint_url is None:
        return KeyCommands("local", backend.arguments)
    stage = backend.variables["DYNAMODB_TABLE_KEYS"].removeprefix("triggers-api-keys-")
    return on_table(stage, backend.endpoint_url)


@pytest.fixture
def service(backend: Backend) -> Iterator[Service]:
    mode = {} if backend.endpoint_url is None else {"AUTH_MODE": "aws"}
    variables = {**backend.variables, "AUTH_CACHE_SECONDS": str(CACHE_SECONDS), **mode}
    with dev_server.running(*backend.arguments, variables=variables) as server:
        yield Service(server, commands_of(backend))


def test_key_is_created_used_listed_revoked_and_rejected(service: Service) -> None:
    piped = service.keys.run("create", "--name", "ci")
    assert piped.returncode == 0, piped.stderr
    key = piped.stdout.removesuffix("\n")
    assert service.ingests(key) == 201

    ((key_id, listed),) = service.keys.all().items()
    assert (listed["name"], listed["state"]) == ("ci", "active")
    assert service.keys.ask("show", key)["let_in"] is True

    service.status(key)  # warm: the process holds it in its cache
    assert service.keys.run("revoke", key_id).returncode == 0
    assert service.refuses_within(PATIENCE, key)
    assert service.ingests(key) == 401
    assert service.keys.ask("list")["keys"] == []
    assert service.keys.all()[key_id]["state"] == "revoked"
    assert service.keys.ask("show", key)["let_in"] is False


def test_after_a_rotation_both_keys_work_and_then_the_new_one_only(service: Service) -> None:
    old = service.keys.create("--name", "shop's", "--source", "shop")
    assert service.ingests(old["api_key"]) == 201
    new = service.keys.ask("rotate", old["id"], "--overlap", "5s")
    rotated = time.monotonic()
    assert (new["name"], new["source"]) == ("shop's", "shop")
    assert new["replaces"]["id"] == old["id"]
    assert [service.ingests(one["api_key"]) for one in (old, new)] == [201, 201]
    assert time.monotonic() - rotated < 5, "the machine is too slow for this test"

    assert service.refuses_within(5 + PATIENCE, old["api_key"])
    assert [service.ingests(one["api_key"]) for one in (old, new)] == [401, 201]
    assert service.ingests(new["api_key"], source="another") == 403
    assert [service.keys.all()[one["id"]]["state"] for one in (old, new)] == ["expired", "active"]


def test_key_works_until_it_expires_even_if_cached(service: Service) -> None:
    made = time.monotonic()
    key = service.keys.create("--expires-in", "3s")["api_key"]
    assert service.status(key) == 200
    while service.status(key) == 200:
        assert time.monotonic() - made < 3 + PATIENCE
    assert service.status(key) == 401
    assert service.keys.ask("show", key)["state"].startswith("expired at ")


def test_stored_digest_of_a_key_does_not_authenticate(service: Service) -> None:
    made = service.keys.create()
    digest = digest_of(made["api_key"])
    for stolen in (digest, digest.removeprefix("sha256:"), made["id"]):
        assert service.status(stolen) == 401
    assert service.status(made["api_key"]) == 200


def test_bound_key_has_no_access_to_another_source(service: Service) -> None:
    a, b = (service.keys.create("--source", source)["api_key"] for source in "ab")
    with ApiClient(service.server.url, key=a) as of_a, ApiClient(service.server.url, key=b) as of_b:
        assert of_a.ingest({}, source="b").status == 403
        event_id = of_b.ingest({"kept": True}, source="b").body["event_id"]
        assert of_a.inbox() == []
        assert of_a.get(event_id).status == 404
        assert of_a.acknowledge(event_id).status == 404
        assert of_a.call("DELETE", f"/v1/events/{event_id}").status == 200
        (event,) = of_b.inbox()
        assert (event["event_id"], event["payload"]) == (event_id, {"kept": True})
        assert of_b.acknowledge(event_id).status == 200


def stored_bytes(backend: Backend) -> bytes:
    """Return all that is at rest: each file of the folder, or every item of the table."""
    if backend.endpoint_url is None:
        files = [path for path in Path(backend.arguments[1]).rglob("*") if path.is_file()]
        assert any(path.name.endswith("-wal") for path in files)
        return b"".join(path.read_bytes() for path in files)
    client = client_of(backend.endpoint_url)
    items: list[dict[str, Any]] = []
    for table in backend.variables.values():
        for page in client.get_paginator("scan").paginate(TableName=table):
            items += page["Items"]
    client.close()
    return repr(items).encode()


@pytest.mark.promise(11)
def test_tables_and_logs_contain_no_secret(service: Service, backend: Backend) -> None:
    own = "My-Own-Key_0123456789-zyxwv"
    made = service.keys.create("--name", "at rest")
    rotated = service.keys.ask("rotate", made["api_key"], "--overlap", "1h")
    assert service.keys.run("create", "--api-key", "-", given=own).returncode == 0
    secrets = [made["api_key"], rotated["api_key"], own]
    for key in secrets:
        assert service.ingests(key) == 201
    service.keys.run("revoke", made["api_key"])
    assert service.refuses_within(PATIENCE, made["api_key"])

    at_rest = stored_bytes(backend)
    said = service.server.log.read_text() + service.server.output.read_text()
    assert b"at rest" in at_rest
    for key in secrets:
        assert digest_of(key).encode() in at_rest
        body = key.rpartition("_")[0].split("_", 2)[-1] if key.startswith("trg_") else key
        for part in (key, body, key[-20:], body[8:24]):
            assert part.encode() not in at_rest
            assert part not in said
        assert digest_of(key) not in said
