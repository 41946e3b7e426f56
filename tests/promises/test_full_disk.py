"""SQLite that cannot write: a clear 503, no damage, and normal service when there is room again."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.api.driver import Api
from tests.conftest import Stores
from tests.promises.services import way_to
from tests.support import dev_server, small_disk
from tests.support.api_client import ApiClient
from tests.support.calls import Ack, Delete, Get, Ingest, Page, Receive, Single
from tests.support.clock import FakeClock
from tests.support.orders import Told
from tests.support.promises import Tried
from tests.support.witness import Witness, over_http
from triggers_api.core.keys import LOCAL_KEY
from triggers_api.store.sqlite.database import Database
from triggers_api.store.sqlite.events import SqliteEventStore
from triggers_api.store.sqlite.hooks import SqliteHookStore
from triggers_api.store.sqlite.keys import SqliteKeyStore

LARGE = "x" * 100_000


def stores_in(folder: Path) -> tuple[Stores, Database]:
    database = Database(folder)
    return Stores(SqliteEventStore(database), SqliteKeyStore(database), SqliteHookStore(database)), database


def cannot(reason: str) -> NoReturn:
    """Skip the test. In CI fail, because a skip would go unnoticed there."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk.mounted(tmp_path, megabytes=4) as is_there:
        if not is_there:
            cannot("to mount a small disk needs root and the permission to mount")
        yield tmp_path


def answered(witness: Witness, call: Single) -> Told:
    outcome = witness.do(call).outcome
    assert isinstance(outcome, Told), call
    return outcome


@pytest.mark.promise(1, 3, 4, 13, 14)
def test_full_disk_is_503_until_there_is_room(disk: Path, clock: FakeClock, tried: Tried) -> None:
    stores, database = stores_in(disk / "data")
    api = Api(stores, clock, door="asgi")
    rounds = 5
    for number in range(rounds):
        witness = Witness(way_to(api), f"round {number}")
        for tag in "abc":
            answered(witness, Ingest(tag))
        answered(witness, Ack("a"))
        with small_disk.full(disk):
            answers = [api.ingest({"text": LARGE}, source="large") for _ in range(3)]
            assert [answer.status for answer in answers] == [503] * 3
            # A small change may fit into the space that the log file already has.
            for change in (Ingest("d", f"key {number}"), Receive("r"), Ack("b"), Delete("c")):
                witness.do(change)
            answered(witness, Page())  # a read needs no room
            answered(witness, Get("a"))
        answered(witness, Ingest("d", f"key {number}"))
        assert api.ingest({"text": LARGE}, source="large").status == 201
        witness.look("a", "b", "c", "d")
        witness.explain()
    assert len(api.pending(source="large")) == rounds
    database.close()
    database.check()
    database.close()
    tried(rounds)


@pytest.mark.promise(1, 4)
def test_service_started_on_a_full_disk_works_when_there_is_room(
    disk: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    stores, database = stores_in(disk / "data")
    api = Api(stores, clock, door="asgi", accept_local_key=True, own_key=False)
    with small_disk.full(disk):
        for _ in range(2):
            assert {answer.status for answer in (api.ingest(key=LOCAL_KEY), api.inbox(LOCAL_KEY))} == {503}
    reasons = {record.fields["reason"] for record in caplog.records if record.message == "store failed"}  # type: ignore[attr-defined]  # of every line of ours
    assert reasons == {"the disk is full"}
    added = api.add(key=LOCAL_KEY)
    assert [event["event_id"] for event in api.inbox(LOCAL_KEY).json["events"]] == [added]
    database.close()
    database.check()
    database.close()


def refusal(*arguments: str) -> dict[str, str]:
    """Run a command that must fail, and return the lines of its message by name."""
    done = dev_server.run(*arguments)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    return dict(line.strip().split(": ", 1) for line in done.stderr.splitlines())


def commands_on(folder: Path) -> list[tuple[str, ...]]:
    on_folder = dev_server.on_folder(folder)
    return [("dev", "--port", "0", *on_folder), ("keys", "create", "--stage", "local", *on_folder)]


@pytest.mark.slow("starts several commands")
def test_command_on_a_full_disk_names_the_disk_and_not_the_permissions(disk: Path) -> None:
    database = Database(disk / "data")
    database.open()
    database.close()
    with small_disk.full(disk):
        for folder in (disk / "data", disk / "new"):
            for command in commands_on(folder):
                told = refusal(*command)
                assert str(folder) in told["error"]
                assert told["why"] == "the disk is full"
                assert told["fix"].startswith("Free some space on the disk of ")
                assert "writable" not in told["fix"]
    for command in commands_on(disk / "data")[1:]:
        assert dev_server.run(*command).returncode == 0


def test_command_on_a_read_only_file_system_names_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    database = Database(folder)
    database.open()
    database.close()
    with small_disk.read_only(folder) as is_so:
        if not is_so:
            cannot("root can write to every folder, and it may not mount one read-only")
        for command in commands_on(folder):
            told = refusal(*command)
            assert told["why"] in {"the file system is read-only", "permission denied"}
            assert str(folder) in told["fix"]


@pytest.mark.promise(1, 4, 12)
def test_read_only_data_is_503_until_it_can_be_written(tmp_path: Path, clock: FakeClock) -> None:
    folder = tmp_path / "data"
    stores, database = stores_in(folder)
    api = Api(stores, clock, door="asgi")
    added = api.add()
    database.close()
    stores, database = stores_in(folder)
    restarted = Api(stores, clock, door="asgi", own_key=False)
    with small_disk.read_only(folder) as is_so:
        if not is_so:
            cannot("root can write to every folder, and it may not mount one read-only")
        for answer in (
            restarted.ingest(key=api.key),
            restarted.inbox(api.key),
            restarted.delete(f"/v1/events/{added}", key=api.key),
        ):
            assert answer.refusal == (503, "SERVICE_UNAVAILABLE")
    assert [event["event_id"] for event in restarted.inbox(api.key).json["events"]] == [added]
    assert restarted.ingest(key=api.key).status == 201
    database.close()


@pytest.mark.promise(1, 2, 3, 4, 10)
def test_server_whose_files_cannot_grow_is_503_and_loses_nothing(tmp_path: Path, tried: Tried) -> None:
    """Needs no privileges: a limit on the server's file sizes takes the place of a full disk."""
    told: list[Witness] = []
    rounds = 3
    with dev_server.running(*dev_server.on_folder(tmp_path)) as server, ApiClient(server.url) as client:
        for number in range(rounds):
            witness = Witness(over_http(client), f"round {number}")
            told.append(witness)
            for tag in "abc":
                answered(witness, Ingest(tag))
            largest = max(file.stat().st_size for file in tmp_path.iterdir())
            with small_disk.limited(server.process.pid, file_bytes=largest + 150_000):
                statuses = [client.ingest({"text": LARGE}, source="large").status for _ in range(40)]
                assert set(statuses) <= {201, 503}
                assert statuses[-1] == 503
                for change in (Ingest("d", f"key {number}"), Receive("r"), Ack("b"), Delete("c")):
                    witness.do(change)
                answered(witness, Page())
                answered(witness, Get("a"))
            answered(witness, Ingest("d", f"key {number}"))
            witness.look("a", "b", "c", "d")
            witness.explain()
        server.kill()
    with dev_server.running(*dev_server.on_folder(tmp_path)) as server, ApiClient(server.url) as client:
        for witness in told:  # the server has looked through all pages of the file before it listens
            witness.look("a", "b", "c", "d", through=over_http(client))
            witness.explain()
    tried(rounds)
