"""The server of `triggers dev`: a fault of one connection does not stop it."""

import asyncio
import logging
import resource
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from tests.support.virtual_time import VirtualTimeLoop
from triggers_api.api import dev_server
from triggers_api.api.web_access import PublicAccess
from triggers_api.api.workers import Workers

CONFIG = uvicorn.Config("no:app", lifespan="off", log_config=None)


class FakeConnection:
    """A connection that has waited for long, and can be closed if it is not broken."""

    def __init__(self, *, is_broken: bool) -> None:
        self.is_broken = is_broken
        self.checks = 0
        self.transport = self
        self.was_aborted = False

    def close_if_overdue(self, _: float) -> None:
        self.checks += 1
        if self.is_broken:
            raise RuntimeError("a bug")

    def abort(self) -> None:
        self.was_aborted = True


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_fault_of_one_connection_is_logged_and_ends_only_that_one(
    listener: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    broken, healthy = FakeConnection(is_broken=True), FakeConnection(is_broken=False)
    server: Any = dev_server.Server(CONFIG, listener, PublicAccess("*"), Workers())
    server.server_state.connections = {broken, healthy}

    async def test() -> None:
        running = asyncio.create_task(server.main_loop())
        await asyncio.sleep(3.5)
        server.should_exit = True
        await running

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(test())
    assert broken.was_aborted
    assert not healthy.was_aborted
    assert healthy.checks == 3
    assert [(record.message, record.levelno) for record in caplog.records] == [
        ("connection failed", logging.WARNING)
    ]
    assert caplog.records[0].exc_info is not None


@pytest.mark.parametrize(
    ("soft", "hard", "expected"),
    [
        (256, resource.RLIM_INFINITY, 1128),
        (256, 4096, 1128),
        (256, 512, 512),
        (256, 256, 256),
        (4096, 4096, 4096),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, resource.RLIM_INFINITY),
    ],
)
def test_limit_of_file_descriptors_is_raised_as_far_as_it_helps(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, expected: int
) -> None:
    limits = [soft]
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limit: limits.append(limit[0]))
    dev_server.raise_file_limit()
    assert limits[-1] == expected
