"""CloudWatch Logs in memory, with one log group, as `FilterLogEvents` documents it; also behind HTTP.

Events come by timestamp, then by when they were ingested, in pages that may be part full, or empty and still
with a token. `startTime` and `endTime` are inclusive. An event can be seen once it is ingested.
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from botocore.exceptions import ClientError

from tests.support.stubbed_aws import REGION, make_target
from triggers_api.ops.aws import Aws
from triggers_api.ops.target import Setting

GROUP = "/aws/lambda/triggers-api-dev"
STREAM = "2026/11/22/[$LATEST]0a1b"
MAX_EVENTS = 10_000
NOW = 1_795_000_000_000
"""The time at which a test begins, in milliseconds since 1970."""

Event = dict[str, Any]


def refusal(code: str, message: str = "no", status: int = 400) -> ClientError:
    error: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(error, "FilterLogEvents")


@dataclass
class FakeLogs:
    """The client, and the group behind it. Time passes only in `sleep`."""

    now: int = NOW
    exists: bool = True
    page: int = MAX_EVENTS
    """How many events a page holds at most."""
    empty_pages: int = 0
    """How many empty pages come before each one with events."""
    with_ids: bool = True
    """Whether events have ids, as on AWS; those of an emulator's Lambda have none."""
    failures: deque[Exception | None] = field(default_factory=deque)
    """What the next calls raise; None for one that works."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    before_sleep: Callable[[], None] | None = None
    """Advance the clock, and run what the test planned for that time."""
    _events: list[Event] = field(default_factory=list)
    _pages: dict[str, list[list[Event]]] = field(default_factory=dict)

    def write(self, message: str, *, at: int = NOW, late: int = 0, stream: str = STREAM) -> None:
        """Have an event at a time, which is ingested, and can be seen, some milliseconds later."""
        event = {"timestamp": at, "message": message, "ingestionTime": at + late, "logStreamName": stream}
        if self.with_ids:
            event["eventId"] = f"{len(self._events):056d}"
        self._events.append(event)

    def filter_log_events(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        if self.failures and (failure := self.failures.popleft()):
            raise failure
        if not self.exists or asked["logGroupName"] != GROUP:
            raise refusal("ResourceNotFoundException", "The specified log group does not exist.")
        if "nextToken" not in asked:
            return self._answer(self._found(asked))
        if asked["nextToken"] not in self._pages:
            raise refusal("InvalidParameterException", "The specified nextToken is invalid.")
        return self._answer(self._pages.pop(asked["nextToken"]))

    def forget_tokens(self) -> None:
        """Let the tokens expire, as they do after 24 hours."""
        self._pages.clear()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += int(seconds * 1000)
        if self.before_sleep:
            self.before_sleep()

    def clock(self) -> int:
        return self.now * 1000

    def _found(self, asked: dict[str, Any]) -> list[list[Event]]:
        first, last = asked.get("startTime", 0), asked.get("endTime", 2**62)
        visible = (event for event in self._events if event["ingestionTime"] <= self.now)
        found = [event for event in visible if first <= event["timestamp"] <= last]
        found.sort(key=lambda event: (event["timestamp"], event["ingestionTime"]))
        full = [found[at : at + self.page] for at in range(0, len(found), self.page)] or [[]]
        return [page for one in full for page in [*[[] for _ in range(self.empty_pages)], one]]

    def _answer(self, pages: list[list[Event]]) -> dict[str, Any]:
        answer: dict[str, Any] = {"events": [dict(event) for event in pages[0]], "searchedLogStreams": []}
        if pages[1:]:
            answer["nextToken"] = f"token-{len(self.asked)}"
            self._pages[answer["nextToken"]] = pages[1:]
        return answer


class FakeLogsAws(Aws):
    """The account of the group; it has nothing else."""

    def __init__(self, logs: FakeLogs) -> None:
        super().__init__(make_target(), Setting(REGION, "--region"))
        self.logs = logs
        self.renewals = 0

    def client(self, service: str) -> Any:
        assert service == "logs"
        return self.logs

    def renew(self) -> None:
        self.renewals += 1
        super().renew()


@contextmanager
def serving(logs: FakeLogs, check: Callable[[str], None] = lambda _: None) -> Iterator[str]:
    """Run it behind HTTP for a while, and give its URL; `check` may refuse a request by its access key."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.headers["X-Amz-Target"] == "Logs_20140328.FilterLogEvents"
            try:
                check(self.headers["Authorization"].partition("Credential=")[2].partition("/")[0])
                self._reply(200, logs.filter_log_events(**asked))
            except ClientError as error:
                said = error.response["Error"]
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                self._reply(status, {"__type": said["Code"], "message": said["Message"]})

        def _reply(self, status: int, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
