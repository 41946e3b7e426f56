"""The files of a running `triggers dev` are removed or truncated; then it is killed, and started again."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.api_client import ApiClient
from tests.support.dev_server import on_folder, running
from tests.support.key_commands import on_local

STORED = 6


def file_of(folder: Path, suffix: str) -> Path:
    return folder / f"triggers.sqlite3{suffix}"


KEPT: dict[str, Callable[[Path], object]] = {
    "log removed": lambda folder: file_of(folder, "-wal").unlink(),
    "index truncated": lambda folder: os.truncate(file_of(folder, "-shm"), 0),
}
LOST: dict[str, Callable[[Path], object]] = {
    "folder removed": shutil.rmtree,
}


@pytest.mark.promise(1)
@pytest.mark.parametrize("harm", [*KEPT, *LOST])
def test_every_event_that_was_accepted_afterwards_is_there_after_a_restart(tmp_path: Path, harm: str) -> None:
    folder = tmp_path / "data"
    with running(*on_folder(folder)) as server, ApiClient(server.url) as client:
        stored = [client.ingest({}).body["event_id"] for _ in range(STORED)]
        (KEPT | LOST)[harm](folder)
        assert [client.ingest({}).status for _ in range(3)] == [503] * 3
        assert client.call("GET", "/v1/health").status == 200
        (line, *_) = (line for line in server.log.read_text().splitlines() if "store failed" in line)
        assert "while in use" in line
        assert "start it again" in line
        server.kill()
    with running(*on_folder(folder)) as server, ApiClient(server.url) as client:
        assert client.ingest({}).status == 201
        found = [event["event_id"] for event in client.inbox()]
        assert found[:-1] == (stored if harm in KEPT else [])


def test_commands_for_keys_beside_a_running_server_are_no_reason_to_stop(tmp_path: Path) -> None:
    """Each opens the same files and closes them again."""
    keys = on_local(tmp_path)
    with running(*on_folder(tmp_path)) as server, ApiClient(server.url) as client:
        for _ in range(3):
            assert client.ingest({}).status == 201
            key = keys.create()["api_key"]
            with ApiClient(server.url, key=key) as created:
                assert created.ingest({}).status == 201
        assert len(client.inbox()) == 6
