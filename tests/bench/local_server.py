"""`triggers dev` under load, beside the baseline as its author runs it: uvicorn, over DynamoDB Local.

Ingest over HTTP, eight clients, one server process. The clients and DynamoDB Local share the machine with the
servers, so these are figures of a small machine, of which only the order tells something.
"""

import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.bench.bench import Bench, make_tables
from tests.bench.samples import Row, Sample, Tick, interleaved
from tests.bench.subjects import BASELINE, lambda_variables
from tests.support import dev_server, dynamodb_local
from tests.support.rehearsal import CHECKOUT
from triggers_api.core.keys import LOCAL_KEY

CLIENTS = 8
BATCH = 100

_START_SECONDS = 60


def throughput(bench: Bench, tick: Tick) -> list[Row]:
    """Return the events a second that each takes durably."""
    seconds = bench.rounds(5, 1)
    with (
        dev_server.running(*dev_server.on_folder(bench.folder / "dev")) as dev,
        uvicorn("src.main:app", BASELINE, baseline_variables(bench.dynamodb_url)) as baseline_url,
    ):
        urls = {"product": dev.url, "baseline": baseline_url}
        for url in urls.values():
            load(url, seconds=1)
        measures = {name: partial(load, url, seconds=seconds) for name, url in urls.items()}
        measures["batches"] = partial(load, dev.url, seconds=seconds, batch=BATCH)
        found = interleaved(bench.rounds(5, 1), measures, tick)
    return [
        Row(
            "local server",
            f"triggers dev on SQLite, ingest of 1 KB over HTTP, {CLIENTS} clients",
            "events/s",
            Sample.of(found["product"]),
            Sample.of(found["baseline"]),
        ),
        Row(
            "local server, batches",
            f"triggers dev on SQLite, an event of 1 KB in a batch of {BATCH}, beside one by one",
            "ms",
            Sample.of([1000 / rate for rate in found["batches"]]),
            Sample.of([1000 / rate for rate in found["product"]]),
        ),
    ]


def baseline_variables(dynamodb_url: str) -> dict[str, str]:
    """Return the settings of the baseline on its author's machine, over tables that it has to itself."""
    tables = make_tables(dynamodb_url, "baseline-local")
    variables = lambda_variables(endpoint_url=dynamodb_url, **tables)
    return {**variables, "AUTH_MODE": "local"}


def load(url: str, *, seconds: float, batch: int = 1) -> float:
    """Return the events a second that a server took from the clients."""
    arguments = (url, LOCAL_KEY, CLIENTS, seconds, batch)
    command = [sys.executable, "-m", "tests.bench.load", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the clients failed: {done.stderr[-2000:]}")
    return float(done.stdout)


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
