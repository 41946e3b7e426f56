"""Run `triggers` commands in processes that are forked from one that has imported everything.

A short command spends most of its CPU time on the import of boto3, Typer and Rich: `triggers status` takes
0.76 s, and 0.24 s when forked. Otherwise a forked command is a real process, with its own file descriptors,
variables, working directory and exit code.

    test process  -- request, stdin, stdout, stderr -->  server  -- fork -->  command
                  <----- process id, exit code ------

The server is a separate process because a test process has threads, and only a process without threads can
be forked safely. Some tests in `tests/cli` start the console script itself.
"""

import atexit
import gc
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import triggers_api
from triggers_api.cli.main import main

_CHECKOUT = Path(__file__).resolve().parents[2]
_MESSAGE_BYTES = 1 << 17
_STREAMS = 3
_START_SECONDS = 60
_PROGRAM = f"import sys; sys.path.append(sys.argv[1]); from {__name__} import serve; serve(int(sys.argv[2]))"


@dataclass(frozen=True)
class Command:
    """A forked command that runs."""

    process_id: int
    _connection: socket.socket

    def wait(self, seconds: float) -> int:
        """Return the exit code, which is negative if a signal ended the command."""
        self._connection.settimeout(seconds)
        return int(self._connection.recv(_MESSAGE_BYTES))

    def kill(self) -> None:
        """Kill the command, which must not have been waited for."""
        os.kill(self.process_id, signal.SIGKILL)


class CommandServer:
    """The client's side of the server. The server runs one command at a time."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        """Start the server with the variables that most commands have."""
        self._variables = variables
        self._connection, other_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other_end:
            descriptor = other_end.fileno()
            command = [sys.executable, "-P", "-c", _PROGRAM, str(_CHECKOUT), str(descriptor)]
            self._process = subprocess.Popen(
                command,
                env=variables,
                pass_fds=[descriptor],
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C in the terminal of the tests is not for the server
            )

    def close(self) -> None:
        """Stop the server."""
        self._connection.close()
        self._process.wait(_START_SECONDS)

    def start(
        self,
        command: Sequence[str],
        streams: Sequence[int],
        *,
        variables: Mapping[str, str],
        folder: Path | None,
    ) -> Command:
        """Start a command with these file descriptors for stdin, stdout and stderr."""
        changed = {
            name: variables.get(name)
            for name in variables.keys() | self._variables.keys()
            if variables.get(name) != self._variables.get(name)
        }
        request = {"command": command, "variables": changed, "folder": str(folder or Path.cwd())}
        socket.send_fds(self._connection, [json.dumps(request).encode()], streams)
        self._connection.settimeout(_START_SECONDS)
        return Command(int(self._connection.recv(_MESSAGE_BYTES)), self._connection)


@cache
def shared_server() -> CommandServer:
    """Return the server of this test process, started at the first call."""
    server = CommandServer(dict(os.environ))
    atexit.register(server.close)
    return server


def serve(descriptor: int) -> None:
    """Fork a command for each request, until the other end is closed."""
    connection = socket.socket(fileno=descriptor)
    _import_all()
    while True:
        message, streams, _, _ = socket.recv_fds(connection, _MESSAGE_BYTES, _STREAMS)
        if not message:
            return
        process_id = os.fork()
        if process_id == 0:
            connection.close()
            _run(streams, **json.loads(message))
        for stream in streams:
            os.close(stream)
        connection.send(str(process_id).encode())
        _, status = os.waitpid(process_id, 0)
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())


def _import_all() -> None:
    for module in pkgutil.walk_packages(triggers_api.__path__, "triggers_api."):
        if module.name not in {"triggers_api.main", "triggers_api.__main__"}:  # these two act when imported
            import_module(module.name)
    for name in ("boto3", "rich.console", "rich.panel", "rich.table", "uvicorn"):
        import_module(name)
    gc.freeze()  # a collection in a command would copy every page that it shares with the server


def _run(
    streams: Sequence[int], *, command: list[str], variables: Mapping[str, Any], folder: str
) -> NoReturn:
    """Run the command as the console script does, and exit."""
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w", buffering=1)
    os.chdir(folder)
    for name, value in variables.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    sys.argv = command
    main()
    sys.exit()
