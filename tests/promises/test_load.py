"""Many concurrent clients over a long backlog: nothing fails or is lost, and memory stays flat."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import pytest

from tests.bench.backlogs import fill_sqlite
from tests.support import dev_server
from tests.support.api_client import ApiClient
from tests.support.forms import by_form
from tests.support.promises import Reported, Tried
from tests.support.witness import ANSWER_SECONDS
from triggers_api.store.sqlite.database import Database

CLIENTS = 8
PAGE = 20
KINDS = (
    *("ingest", "get", "page", "page of a source"),
    *("acknowledge", "acknowledge again", "delete"),
)
WARM_UP, MEASURED = 2000, 2000
"""Requests until the caches of the server's connections are full, and the least number after them."""

LEAK = 700
"""Bytes of resident memory for each request after the warm-up. Less cannot be told from chance."""

pytestmark = pytest.mark.timeout(1800)


@dataclass
class Client:
    """A producer and consumer of its own source, which knows the expected content of its inbox."""

    api: ApiClient
    source: str
    pending: list[str] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    @property
    def calls(self) -> int:
        return sum(len(taken) for taken in self.seconds.values())

    def work_until(self, end: float) -> None:
        """Post, read, list, acknowledge and delete; three of four events are handled.

        On a busy machine it continues until there were enough requests.
        """
        for number in count():
            if time.monotonic() > end and self.calls * CLIENTS > WARM_UP + MEASURED:
                return
            event_id = self._post(number)
            self._call("get", "GET", f"/v1/events/{event_id}")
            self._call("page", "GET", f"/v1/inbox?limit={PAGE}")
            if number % 4:
                oldest = self.pending.pop(0)
                self._call("acknowledge", "POST", f"/v1/events/{oldest}/ack")
                self._call("acknowledge again", "POST", f"/v1/events/{oldest}/ack", status=409)
                if number % 2:
                    self._call("delete", "DELETE", f"/v1/events/{oldest}")
            path = f"/v1/inbox?limit={PAGE}&source={self.source}"
            events = self._call("page of a source", "GET", path)["events"]
            assert [event["event_id"] for event in events] == self.pending[:PAGE]

    def _post(self, number: int) -> str:
        event = {"source": self.source, "event_type": "order.paid"}
        body = event | {"payload": {"number": number, "text": "x" * 900}}
        self.pending.append(self._call("ingest", "POST", "/v1/events", status=201, json=body)["event_id"])
        return self.pending[-1]

    def _call(
        self, kind: str, method: str, path: str, *, status: int = 200, **request: Any
    ) -> dict[str, Any]:
        began = time.perf_counter()
        answer = self.api.call(method, path, **request)
        taken = time.perf_counter() - began
        self.seconds[kind].append(taken)
        assert answer.status == status, (kind, answer.status)
        assert taken < ANSWER_SECONDS, f"{kind} took {taken:.1f} s"
        return answer.body


@pytest.mark.slow("12 s of load")
@pytest.mark.promise(1, 3, 5)
def test_server_under_mixed_load_fails_no_request_loses_no_event_and_leaks_no_memory(
    tmp_path: Path, tried: Tried, reported: Reported
) -> None:
    backlog, seconds = by_form(quick=(20_000, 12), full=(20_000, 12), long=(1_000_000, 300))
    database = Database(tmp_path / "data")
    database.open()
    fill_sqlite(database, backlog, lambda _: None)
    database.close()
    with dev_server.running(*dev_server.on_folder(tmp_path / "data")) as server, ApiClient(server.url) as api:
        clients = [Client(api, f"client-{number}") for number in range(CLIENTS)]
        began = time.monotonic()
        over = threading.Event()
        with ThreadPoolExecutor(CLIENTS + 1) as pool:
            watched = pool.submit(watch, server.process.pid, clients, over)
            work = [pool.submit(client.work_until, began + seconds) for client in clients]
            try:
                for one in work:
                    one.result()
            finally:
                over.set()
        taken_in_all = time.monotonic() - began
        for client in clients:
            listed = [event["event_id"] for page in api.pages(source=client.source) for event in page]
            assert listed == client.pending, "pending are the posted events that were not handled"
        total = sum(len(page) for page in api.pages())
        assert total == backlog + sum(len(client.pending) for client in clients)

    for kind in KINDS:
        taken = [one for client in clients for one in client.seconds[kind]]
        tried(len(taken))
        reported(
            f"{kind}: {len(taken):,} in {taken_in_all:.0f} s, p99 {quantiles(taken, n=100)[98] * 1000:.0f} ms"
        )
    leak = leaked(watched.result())
    last = watched.result()[-1]
    reported(
        f"backlog {backlog:,}; resident memory {last.resident / 1e6:.1f} MB, {leak:+.0f} bytes a request"
    )
    assert leak < LEAK, "memory grows"


@dataclass(frozen=True)
class Sample:
    """The resident bytes of the server after a number of requests."""

    requests: int
    resident: int


def watch(pid: int, clients: Sequence[Client], over: threading.Event) -> list[Sample]:
    """Sample the memory of a process five times a second until `over` is set."""
    found = []
    while not over.wait(0.2):
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        (kibibytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
        found.append(Sample(sum(client.calls for client in clients), int(kibibytes) * 1024))
    return found


def leaked(samples: Sequence[Sample]) -> float:
    """Return the growth of memory in bytes per request after the warm-up."""
    warm = [one for one in samples if one.requests > WARM_UP]
    quarter = len(warm) // 4
    early, late = warm[:quarter], warm[-quarter:]
    grown = median(one.resident for one in late) - median(one.resident for one in early)
    return grown / (median(one.requests for one in late) - median(one.requests for one in early))


@pytest.mark.promise
@pytest.mark.parametrize("leak", [0, 1024])
def test_leak_of_a_kilobyte_per_request_is_detected(leak: int) -> None:
    caches = [min(number, WARM_UP) * 10_000 for number in range(0, 8000, 100)]
    samples = [Sample(100 * at, 80_000_000 + size + 100 * at * leak) for at, size in enumerate(caches)]
    assert (leaked(samples) > LEAK) == bool(leak)
