"""The lines of one request among those of many: the service's own, and Lambda's about the same invocation.

A line of the service carries the request's id and Lambda's; a line of Lambda its own id only, and START comes
before any line that tells whose it is. So Lambda's ids are learnt from the service's lines, and what carries
an unknown one waits until it is known. A line without any id (a print, a crash of the interpreter) belongs to
the invocation that its stream is in: a stream is one environment, which serves one request at a time.

All of it happens here rather than in a filter pattern of CloudWatch: no pattern finds the lines of an id that
only another line reveals, and a scan costs the same time either way, and no money.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from triggers_api.ops.logs.lines import LogLine
from triggers_api.ops.logs.window import REACH_SECONDS


class RequestLines:
    """Picks the lines of one request, by the id that its client saw or by Lambda's own."""

    def __init__(self, request_id: str) -> None:
        self._wanted = request_id
        # Lambda's ids, each with the time of the line that told whose it is.
        self._ours: dict[str, int] = {}
        self._others: dict[str, int] = {}
        self._waiting: dict[str, list[LogLine]] = {}
        self._running: dict[str, tuple[str, int]] = {}
        self._newest = 0  # the time of the newest line

    def of(self, lines: Iterable[LogLine]) -> Iterator[LogLine]:
        """Yield the request's lines of the next ones, and those that waited for them, by their time."""
        attributed = [self._attributed(line) for line in lines]
        released = [one for line in attributed for one in self._learn(line)]
        yield from sorted(released, key=lambda line: line.time)
        for line in attributed:
            lambda_id = line.lambda_request_id
            if self._wanted in {line.request_id, lambda_id} or lambda_id in self._ours:
                yield line
            elif lambda_id is not None and lambda_id not in self._others:
                self._waiting.setdefault(lambda_id, []).append(line)
        self._forget(attributed)

    @property
    def remembered(self) -> int:
        """How many lines wait, and how many of Lambda's ids are known."""
        known = len(self._ours) + len(self._others) + len(self._running)
        return known + sum(map(len, self._waiting.values()))

    def _learn(self, line: LogLine) -> list[LogLine]:
        """Learn whose Lambda's id is; return what waited for it, where it is the request's."""
        lambda_id = line.lambda_request_id
        if line.request_id is None or lambda_id is None:
            return []
        known = self._ours if line.request_id == self._wanted else self._others
        known[lambda_id] = line.time
        waited = self._waiting.pop(lambda_id, [])
        return waited if lambda_id in self._ours else []

    def _attributed(self, line: LogLine) -> LogLine:
        """Give a line without an id that of the invocation which its stream is in."""
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
        """Forget what is older than any line that may still come: the window holds no older one."""
        self._newest = max([self._newest, *(line.time for line in lines)])
        oldest = self._newest - REACH_SECONDS * 1000
        self._waiting = {name: held for name, held in self._waiting.items() if held[-1].time >= oldest}
        self._ours = {name: time for name, time in self._ours.items() if time >= oldest}
        self._others = {name: time for name, time in self._others.items() if time >= oldest}
        self._running = {name: one for name, one in self._running.items() if one[1] >= oldest}
