"""Run `triggers` as its users do: `triggers dev` as a server, and commands to their end.

A server writes to files rather than pipes, so that it never waits for a test however much it logs. Every wait
is bounded, and the process has ended when the `with` block ends.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.command_server import shared_server
from triggers_api.core.keys import LOCAL_KEY

KEY = LOCAL_KEY
TRIGGERS = str(Path(sys.executable).with_name("triggers"))
START_SECONDS = 30.0
STOP_SECONDS = 20.0

_SETTINGS = (
    "AUTH_MODE",
    "AUTH_CACHE_SECONDS",
    "CORS_ALLOW_ORIGIN",
    "EVENT_TTL_DAYS",
    "LOG_LEVEL",
    "MAX_DELIVERIES",
)
_BANNER_ENDS_WITH = "  try "


@dataclass(frozen=True)
class DevServer:
    """A running `triggers dev`, ready to answer."""

    process: subprocess.Popen[bytes]
    output: Path
    """Its stdout."""
    log: Path
    """Its stderr."""

    @property
    def banner(self) -> dict[str, str]:
        """The banner: the rest of each line, by its first word."""
        first, *rest = self.output.read_text().splitlines()
        told = dict(line.strip().split(maxsplit=1) for line in rest)
        return {"url": next(word for word in first.split() if word.startswith("http://")), **told}

    @property
    def url(self) -> str:
        return self.banner["url"]

    def interrupt(self) -> int:
        """Press Ctrl-C and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """Kill it with SIGKILL, which it cannot handle."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)


def environment(**variables: str) -> dict[str, str]:
    """Return this environment without settings of the service, with the given ones."""
    clean = {name: value for name, value in os.environ.items() if name not in _SETTINGS}
    return clean | {"NO_PROXY": "*", "no_proxy": "*"} | variables


def run(
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    program: tuple[str, ...] | None = None,
    folder: Path | None = None,
    given: str = "",
    seconds: float = 30,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, off a terminal, with stdout and stderr captured apart.

    Args:
        program: What to start. By default `triggers` is forked, which saves its imports (`command_server`).
        given: What the command reads on stdin.
    """
    if program is None:
        return _forked(arguments, environment(**(variables or {})), folder, given, seconds)
    return subprocess.run(
        [*program, *arguments],
        env=environment(**(variables or {})),
        cwd=folder,
        input=given,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def _forked(
    arguments: tuple[str, ...], variables: Mapping[str, str], folder: Path | None, given: str, seconds: float
) -> subprocess.CompletedProcess[str]:
    line = [TRIGGERS, *arguments]
    with (
        tempfile.TemporaryFile("w+") as stdin,
        tempfile.TemporaryFile("w+") as stdout,
        tempfile.TemporaryFile("w+") as stderr,
    ):
        streams = (stdin, stdout, stderr)
        stdin.write(given)
        stdin.seek(0)
        files = [stream.fileno() for stream in streams]
        command = shared_server().start(line, files, variables=variables, folder=folder)
        try:
            code = command.wait(seconds)
        except TimeoutError:
            command.kill()
            command.wait(seconds)
            raise
        for stream in (stdout, stderr):
            stream.seek(0)
        return subprocess.CompletedProcess(line, code, stdout.read(), stderr.read())


@contextmanager
def started(
    *arguments: str, variables: Mapping[str, str] | None = None, program: tuple[str, ...] = (TRIGGERS, "dev")
) -> Iterator[DevServer]:
    """Start a server and yield it at once, before it has printed anything."""
    with tempfile.TemporaryDirectory() as folder:
        output, log = Path(folder, "stdout"), Path(folder, "stderr")
        with output.open("wb") as stdout, log.open("wb") as stderr:
            process = subprocess.Popen(
                [*program, *arguments],
                env=environment(**(variables or {})),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
        try:
            yield DevServer(process, output, log)
        finally:
            process.kill()
            process.wait(STOP_SECONDS)


@contextmanager
def running(*arguments: str, variables: Mapping[str, str] | None = None) -> Iterator[DevServer]:
    """Run `triggers dev` on a free port and yield it once its banner is complete."""
    with started("--port", "0", *arguments, variables=variables) as server:
        wait_until_ready(server)
        yield server


def with_open_files(number: int) -> tuple[str, ...]:
    """Return the program of a server that may have a number of open files."""
    return ("bash", "-c", f'ulimit -n {number}; exec "$@"', "bash", TRIGGERS, "dev")


def on_folder(folder: Path) -> tuple[str, str]:
    return "--data-dir", str(folder)


def wait_until_ready(server: DevServer) -> None:
    """Wait for the last line of the banner; the port is open before the first."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        lines = server.output.read_text().splitlines(keepends=True)
        if lines and lines[-1].startswith(_BANNER_ENDS_WITH) and lines[-1].endswith("\n"):
            return
        if server.process.poll() is not None:
            raise RuntimeError(f"it ended with {server.process.returncode}: {server.log.read_text()}")
        time.sleep(0.01)
    raise RuntimeError(f"no banner within {START_SECONDS} s: {server.log.read_text()}")
