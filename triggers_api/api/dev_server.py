"""The server of `triggers dev`: uvicorn, with a bound on connections and on how long a client may take."""

import asyncio
import logging
import resource
import socket
from collections.abc import Set as AbstractSet
from typing import cast

import uvicorn
from fastapi import FastAPI

from triggers_api.api.dev_connection import DevConnection
from triggers_api.api.web_access import WebAccess
from triggers_api.api.workers import Workers

logger = logging.getLogger("triggers_api.server")

_MAX_CONNECTIONS = 1000
_OTHER_FILES = 128
"""File descriptors for the store, whose threads hold two or three each, and for the process itself."""
_PATIENCE_SECONDS = 2.0
"""How long each client may keep the server waiting, even if all connections are in use."""
_SECONDS_BETWEEN_WARNINGS = 60.0


def serve(app: FastAPI, listener: socket.socket, access: WebAccess) -> None:
    """Serve until SIGINT or SIGTERM; requests in flight get five seconds to finish.

    Args:
        app: The service, with worker threads.
        listener: An open socket.
        access: The access that the app has.
    """
    config = uvicorn.Config(
        app,
        http=DevConnection,
        loop="asyncio",
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",  # else an installed WebSocket library answers an upgrade, in its own words
        server_header=False,
        proxy_headers=False,  # nothing here looks at the address of a client
        timeout_graceful_shutdown=5,
    )
    # Its warnings repeat in other words what `DevConnection` logs, or ask for a WebSocket library.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    raise_file_limit()
    Server(config, listener, access, app.state.service.workers).run(sockets=[])


def raise_file_limit() -> None:
    """Raise the soft limit of file descriptors, which is 256 on macOS, if the hard one allows more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_CONNECTIONS + _OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def connection_limit() -> int:
    """Return how many connections may be open. The threads of the store need file descriptors too."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return _MAX_CONNECTIONS
    return min(_MAX_CONNECTIONS, max(files // 4, files - _OTHER_FILES))


class Server(uvicorn.Server):
    """uvicorn's server, but it accepts connections itself.

    asyncio accepts connections without a bound. If file descriptors run out, it serves no client and logs
    thousands of tracebacks a second.
    """

    def __init__(
        self, config: uvicorn.Config, listener: socket.socket, access: WebAccess, workers: Workers
    ) -> None:
        super().__init__(config)
        self._listener = listener
        self._access = access
        self._workers = workers
        self._limit = connection_limit()
        self._next_warnings: dict[str, float] = {}

    async def main_loop(self) -> None:
        """Accept connections until a signal arrives."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._accept()), group.create_task(self._watch())]
            await super().main_loop()
            for task in tasks:
                task.cancel()
        self._listener.close()

    @property
    def _connections(self) -> AbstractSet[DevConnection]:
        return cast("AbstractSet[DevConnection]", self.server_state.connections)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        self._listener.setblocking(False)
        while True:
            try:
                await self._make_room()
                client, _ = await loop.sock_accept(self._listener)
                await loop.connect_accepted_socket(self._new_connection, client)
            except OSError as error:
                self._warn("cannot accept connections", error.strerror)
                await asyncio.sleep(0.1)
            except Exception as error:  # noqa: BLE001 - a fault of one connection must not stop the server
                self._warn("cannot accept connections", type(error).__name__, error)
                await asyncio.sleep(0.1)

    async def _make_room(self) -> None:
        """Wait until another connection may be open.

        Close the connection whose client has taken longest. If all clients wait for the server, refuse the
        requests that came last: otherwise the health check would wait behind them.
        """
        loop = asyncio.get_running_loop()
        while len(self._connections) >= self._limit:
            now = loop.time()
            slowest = max(self._connections, key=lambda connection: connection.seconds_waited(now))
            await asyncio.sleep(0)  # read first what has arrived, if the event loop is late
            if slowest.seconds_waited(now) > _PATIENCE_SECONDS:
                self._warn("too many connections", "closing those that wait for their clients")
                slowest.transport.abort()
                continue
            for connection in self._connections:
                if connection.is_served:
                    connection.cycle.keep_alive = False
            self._workers.refuse_last()
            await asyncio.sleep(0.01)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1)
            for connection in list(self._connections):
                try:
                    connection.close_if_overdue(loop.time())
                except Exception as error:  # noqa: BLE001 - a fault of one connection must not stop the server
                    self._warn("connection failed", type(error).__name__, error)
                    connection.transport.abort()

    def _new_connection(self) -> DevConnection:
        return DevConnection(self.config, self.server_state, self._access)

    def _warn(self, message: str, reason: str | None, bug: Exception | None = None) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._next_warnings.get(message, now):
            self._next_warnings[message] = now + _SECONDS_BETWEEN_WARNINGS
            fields = {"reason": reason, "limit": self._limit}
            logger.warning(message, exc_info=bug, extra={"fields": fields})
