"""`triggers dev` under load, beside two servers that a reader may know.

- The baseline as its author runs it: uvicorn, over DynamoDB Local.
- The same contract in a straightforward way: FastAPI over SQLite (`tests.bench.straightforward`).

Clients and DynamoDB Local share the machine with the servers, so these are figures of a small machine, of
which only the order says something. Each 201 waits for the disk, so the disk is measured too.
"""

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.bench.bench import Bench, make_tables
from tests.bench.samples import Row, Sample, Tick, interleaved, part
from tests.bench.subjects import BASELINE, lambda_variables
from tests.bench.wrk import BATCH, ingest
from tests.support import dev_server, dynamodb_local
from triggers_api.core.keys import LOCAL_KEY

CLIENTS = (1, 8, 32)

_START_SECONDS = 60
_PAGE_BYTES = 4096


def throughput(bench: Bench, tick: Tick) -> list[Row]:
    """Return how long an event of 1 KB takes on each server, and how often the disk syncs."""
    straightforward = {
        "STRAIGHTFORWARD_FILE": str(bench.folder / "straightforward.sqlite3"),
        "STRAIGHTFORWARD_KEY": LOCAL_KEY,
    }
    with (
        dev_server.running(*dev_server.on_folder(bench.folder / "dev")) as dev,
        uvicorn("src.main:app", BASELINE, baseline_variables(bench.dynamodb_url)) as baseline,
        uvicorn("straightforward:app", Path(__file__).parent, straightforward) as beside,
    ):
        urls = {"product": dev.url, "baseline": baseline, "straightforward": beside}
        load = partial(ingest, bench.folder, key=LOCAL_KEY, seconds=bench.rounds(5, 1))
        rows: list[Row] = []
        for number, clients in enumerate(CLIENTS):
            measures: dict[str, Callable[[], float]] = {
                name: partial(load, url, clients=clients) for name, url in urls.items()
            }
            measures["batches"] = partial(load, dev.url, clients=clients, batch=BATCH)
            found = interleaved(bench.rounds(5, 1), measures, part(tick, number, len(CLIENTS)))
            rows += _rows(clients, {name: _milliseconds(rates) for name, rates in found.items()})
    return [*rows, disk_syncs(bench)]


def _rows(clients: int, found: Mapping[str, Sample]) -> list[Row]:
    who = named(clients)
    beside = {
        "to the baseline": ("one by one, beside the baseline over DynamoDB Local", "product", "baseline"),
        "to straightforward": ("one by one, beside FastAPI over SQLite", "product", "straightforward"),
        "batches": (f"in batches of {BATCH}, beside one by one", "batches", "product"),
    }
    return [
        Row(
            f"local server, {who}, {key}",
            f"triggers dev, {who}, 1 KB, {measure}",
            "ms",
            found[one],
            found[other],
        )
        for key, (measure, one, other) in beside.items()
    ]


def named(clients: int) -> str:
    """Return a number of clients in words."""
    return "1 client" if clients == 1 else f"{clients} clients"


def _milliseconds(rates: list[float]) -> Sample:
    """Return how long an event takes, of events a second."""
    return Sample.of([1000 / rate for rate in rates])


def disk_syncs(bench: Bench) -> Row:
    """Return how often a second the disk of the bench takes a page and says that it is durable."""
    seconds = bench.rounds(3, 1)
    file = os.open(bench.folder / "syncs", os.O_WRONLY | os.O_CREAT)
    try:
        count, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            os.write(file, bytes(_PAGE_BYTES))
            os.fdatasync(file)
            count += 1
    finally:
        os.close(file)
    return Row("disk syncs", "the disk, a page of 4 KiB and a sync", "syncs/s", Sample.of([count / seconds]))


def baseline_variables(dynamodb_url: str) -> dict[str, str]:
    """Return the settings of the baseline on its author's machine, over tables that it has to itself."""
    tables = make_tables(dynamodb_url, "baseline-local")
    variables = lambda_variables(endpoint_url=dynamodb_url, **tables)
    return {**variables, "AUTH_MODE": "local"}


@contextmanager
def uvicorn(app: str, folder: Path, variables: Mapping[str, str]) -> Iterator[str]:
    """Run an app from its sources and give its URL."""
    port = dynamodb_local.free_port()
    command = [sys.executable, "-m", "uvicorn", app, "--app-dir", str(folder)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            env=dev_server.environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            _wait_for(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/v1/health", timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"no server under uvicorn (exit code {process.poll()})")
