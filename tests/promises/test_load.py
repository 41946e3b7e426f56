"""Many clients at once, for long, over a long backlog: nothing fails or is lost, and memory stays flat."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median, quantiles

import pytest

from tests.bench.backlogs import fill_sqlite
from tests.support import dev_server
from tests.support.api_client import ApiClient
from tests.support.promises import Reported, Tried
from triggers_api.store.sqlite import Database

CLIENTS = 8
PAGE = 20
KINDS = ("ingest", "get", "page", "page of a source", "acknowledge", "delete")
GROWTH = 1.15
"""Of the resident memory, from the second quarter of the time to the last: caches are full by then."""

pytestmark = pytest.mark.timeout(1800)


@dataclass
class Client:
    """A producer and a consumer with a source of its own, who knows what must be in its inbox."""

    api: ApiClient
    source: str
    pending: list[str] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    def work_until(self, end: float) -> None:
        """Post, read, list, acknowledge and delete; three of four events are handled."""
        for number in count():
            if time.monotonic() > end:
                return
            event_id = self._post(number)
            self._call("get", "GET", f"/v1/events/{event_id}")
            self._call("page", "GET", f"/v1/inbox?limit={PAGE}")
            if number % 4:
                oldest = self.pending.pop(0)
                self._call("acknowledge", "POST", f"/v1/events/{oldest}/ack")
                if number % 2:
                    self._call("delete", "DELETE", f"/v1/events/{oldest}")
            path = f"/v1/inbox?limit={PAGE}&source={self.source}"
            events = self._call("page of a source", "GET", path)["events"]
            assert [event["event_id"] for event in events] == self.pending[:PAGE]

    def _post(self, number: int) -> str:
        began = time.perf_counter()
        answer = self.api.ingest({"number": number, "text": "x" * 900}, source=self.source)
        self.seconds["ingest"].append(time.perf_counter() - began)
        assert answer.status == 201, answer.status
        self.pending.append(answer.body["event_id"])
        return self.pending[-1]

    def _call(self, kind: str, method: str, path: str) -> dict[str, list[dict[str, str]]]:
        began = time.perf_counter()
        answer = self.api.call(method, path)
        self.seconds[kind].append(time.perf_counter() - began)
        assert answer.status == 200, (kind, answer.status)
        return answer.body


@pytest.mark.promise(1, 3, 5)
def test_a_server_under_mixed_load_fails_no_request_loses_no_event_and_needs_no_more_memory(
    tmp_path: Path, tried: Tried, reported: Reported, long_form: bool
) -> None:
    backlog, seconds = (1_000_000, 300) if long_form else (20_000, 12)
    database = Database(tmp_path / "data")
    database.open()
    fill_sqlite(database, backlog, lambda _: None)
    database.close()
    with dev_server.running(*dev_server.on_folder(tmp_path / "data")) as server, ApiClient(server.url) as api:
        clients = [Client(api, f"client-{number}") for number in range(CLIENTS)]
        began = time.monotonic()
        over = threading.Event()
        with ThreadPoolExecutor(CLIENTS + 1) as pool:
            sizes = pool.submit(watch, server.process.pid, over)
            work = [pool.submit(client.work_until, began + seconds) for client in clients]
            try:
                for one in work:
                    one.result()
            finally:
                over.set()
        for client in clients:
            answer = api.call("GET", "/v1/inbox", params={"source": client.source, "limit": 100})
            listed = [event["event_id"] for event in answer.body["events"]]
            assert listed == client.pending[:100], "what is pending is what was posted and not handled"
        total = sum(len(page) for page in api.pages()) if not long_form else None
        assert total in {None, backlog + sum(len(client.pending) for client in clients)}

    quarter = len(sizes.result()) // 4
    early, late = (
        median(part) for part in (sizes.result()[quarter : 2 * quarter], sizes.result()[-quarter:])
    )
    assert late < early * GROWTH, "memory grows"
    for kind in KINDS:
        taken = [one for client in clients for one in client.seconds[kind]]
        tried(len(taken))
        reported(f"{kind}: {len(taken):,} in {seconds} s, p99 {quantiles(taken, n=100)[98] * 1000:.0f} ms")
    reported(f"backlog {backlog:,}; resident memory {early / 1e6:.1f} MB, then {late / 1e6:.1f} MB")


def watch(pid: int, over: threading.Event) -> list[int]:
    """Return the resident bytes of a process, five times a second until it is over."""
    found = []
    while not over.wait(0.2):
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        (kibibytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
        found.append(int(kibibytes) * 1024)
    return found
