"""Select the lines of one request from a log: the service's own, and Lambda's about the same invocation.

A line of the service has the request id and Lambda's id. A line of Lambda has only Lambda's id, and START
comes before any line of the service. So Lambda's ids are learned from the service's lines, and a line with an
unknown id is held back until the id is known. A line without any id (a print, a crash of the interpreter)
belongs to the invocation that is running in its stream: a stream is one environment of the function, which
serves one request at a time.

The lines are selected here instead of with a CloudWatch filter pattern: no pattern finds the lines with an id
that only another line reveals. A scan takes the same time either way, and costs nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from triggers_api.ops.logs.lines import LogLine
from triggers_api.ops.logs.window import REACH_SECONDS


class RequestLines:
    """Selects the lines of one request, by the request id or by Lambda's id."""

    def __init__(self, request_id: str) -> None:
        self._wanted = request_id
        # Lambda's ids of this request and of others, each with the time of the line that it was learned from.
        self._own_ids: dict[str, int] = {}
        self._other_ids: dict[str, int] = {}
        self._held_back: dict[str, list[LogLine]] = {}
        self._running: dict[str, tuple[str, int]] = {}
        self._newest = 0  # the time of the newest line

    def select(self, lines: Iterable[LogLine]) -> Iterator[LogLine]:
        """Yield the request's lines among the next lines of the log, after those that were held back."""
        attributed = [self._attributed(line) for line in lines]
        released = [one for line in attributed for one in self._learn(line)]
        yield from sorted(released, key=lambda line: line.time)
        for line in attributed:
            lambda_id = line.lambda_request_id
            if self._wanted in {line.request_id, lambda_id} or lambda_id in self._own_ids:
                yield line
            elif lambda_id is not None and lambda_id not in self._other_ids:
                self._held_back.setdefault(lambda_id, []).append(line)
        self._forget(attributed)

    @property
    def remembered(self) -> int:
        """The number of lines that are held back, and of Lambda's ids that are known."""
        known = len(self._own_ids) + len(self._other_ids) + len(self._running)
        return known + sum(map(len, self._held_back.values()))

    def _learn(self, line: LogLine) -> list[LogLine]:
        """Learn which request Lambda's id belongs to. Return the held-back lines if it is this request."""
        lambda_id = line.lambda_request_id
        if line.request_id is None or lambda_id is None:
            return []
        known = self._own_ids if line.request_id == self._wanted else self._other_ids
        known[lambda_id] = line.time
        released = self._held_back.pop(lambda_id, [])
        return released if lambda_id in self._own_ids else []

    def _attributed(self, line: LogLine) -> LogLine:
        """Return the line. If it has no id, add that of the invocation that is running in its stream."""
        if line.phase == "start" and line.lambda_request_id:
            self._running[line.stream] = line.lambda_request_id, line.time
        elif line.phase == "end":
            running = self._running.get(line.stream)
            if running and running[0] == line.lambda_request_id:
                del self._running[line.stream]
        elif line.request_id is None and line.lambda_request_id is None and line.stream in self._running:
            lambda_id, since = self._running[line.stream]
            if line.time >= since:
                return replace(line, lambda_request_id=lambda_id)
        return line

    def _forget(self, lines: list[LogLine]) -> None:
        """Forget what is older than any line that can still arrive."""
        self._newest = max([self._newest, *(line.time for line in lines)])
        oldest = self._newest - REACH_SECONDS * 1000
        self._held_back = {name: held for name, held in self._held_back.items() if held[-1].time >= oldest}
        self._own_ids = {name: time for name, time in self._own_ids.items() if time >= oldest}
        self._other_ids = {name: time for name, time in self._other_ids.items() if time >= oldest}
        self._running = {name: one for name, one in self._running.items() if one[1] >= oldest}
