"""DynamoDB whose index lags behind the table, as that of AWS does and that of DynamoDB Local does not.

Queries are answered by a second table. What is written to the first one arrives there when its time has come.
"""

import time
from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Any

from triggers_api.store.dynamodb.client import DynamoDB

Clock = Callable[[], float]


class LaggingIndex(DynamoDB):
    """A client of DynamoDB by which one events table is seen late in its index. Times are in seconds."""

    def __init__(
        self, *, region: str, endpoint_url: str, replica: str, lag: float, clock: Clock = time.monotonic
    ) -> None:
        super().__init__(region=region, endpoint_url=endpoint_url)
        self._replica = replica
        self._lag = lag
        self._clock = clock
        self._on_their_way: deque[tuple[float, dict[str, Any]]] = deque()
        self._lock = Lock()
        self.calls: list[str] = []

    def call(self, method: str, *, expects: str | None = None, **arguments: Any) -> dict[str, Any]:
        self.calls.append(method)
        if method == "query":
            self._replicate()
            return super().call(method, expects=expects, **{**arguments, "TableName": self._replica})
        answer = super().call(method, expects=expects, **arguments)
        if method in {"put_item", "update_item"}:
            key = arguments.get("Key") or {
                name: arguments["Item"][name] for name in ("event_id", "created_at")
            }
            written = super().call("get_item", TableName=arguments["TableName"], Key=key, ConsistentRead=True)
            with self._lock:
                self._on_their_way.append((self._clock() + self._lag, written["Item"]))
        return answer

    def _replicate(self) -> None:
        with self._lock:
            while self._on_their_way and self._on_their_way[0][0] <= self._clock():
                _, item = self._on_their_way.popleft()
                super().call("put_item", TableName=self._replica, Item=item)
