"""`microburst`, a proxy that fails as AWS does: errors of DynamoDB's own model, hangs, resets, lost replies.

One process serves all cases of a test at the same time. Each case has its own DynamoDB client with its own
access key, which is part of the signature of every request, so the proxy knows the case. (DynamoDB Local
accepts any access key.) It cannot drip a reply, because it sends at least 8 KB at a time: `faulty_proxy` does
that.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import httpx

from tests.support.dynamodb_local import free_port

Fault = Literal["throttle", "server error", "reset", "hang", "lost reply", "stalled reply"]

_FOR_EVER = 10_000
_START_SECONDS = 120  # 9 s on an idle machine
_EFFECTS: dict[Fault, dict[str, Any]] = {
    "throttle": {"error": {"code": "ProvisionedThroughputExceededException"}},
    "server error": {"error": {"code": "InternalServerError", "status": 500}},
    "reset": {"reset": True},
    "hang": {"timeout_ms": 60_000},
    "lost reply": {"response": {"abort_bytes": 0}},
    "stalled reply": {"response": {"bandwidth_kbps": 0.00003}},
}
BEFORE_THE_COMMIT: frozenset[str] = frozenset({"throttle", "server error", "reset", "hang"})
"""The faults that keep a request from DynamoDB. The others let it through and withhold the reply."""


class Microburst:
    """A running proxy, by its control interface."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._control = httpx.Client(base_url=f"{url}/_microburst", timeout=30, trust_env=False)
        self._failing: dict[str, int] = {}

    def arm(
        self,
        case: str,
        fault: Fault,
        *,
        operation: str,
        times: int | None,
        table: str | None = None,
        after: int = 0,
    ) -> None:
        """Let the next `times` requests of this case and operation fail, or all if it is None.

        `after` of them pass before. `table` tells reads of keys from reads of events.
        """
        # The key stands in "Credential=KEY/DATE/REGION/...": the slash keeps case1 apart from case11.
        match = {"operation": operation, "headers": {"authorization": f"={case}/"}}
        if table is not None:
            match["resource"] = table
        passing = [{**match, "times": after}] if after else []
        failing = {**match, "times": _FOR_EVER if times is None else times, **_EFFECTS[fault]}
        rules = self._control.patch("/rules", json=[*passing, failing]).raise_for_status().json()
        self._failing[case] = rules[-1]["id"]

    def fired(self, case: str) -> int:
        """Return how many requests of this case have failed since it was armed."""
        rules = self._control.get("/rules").raise_for_status().json()
        (fired,) = (rule["fired_count"] for rule in rules if rule["id"] == self._failing[case])
        return int(fired)

    def disarm(self, case: str) -> None:
        """Let all requests of this case through again."""
        spec = [{"headers": {"authorization": f"={case}/"}}]
        self._control.request("DELETE", "/rules", json=spec).raise_for_status()

    def warm_up(self) -> None:
        """Send the first request, for which microburst reads DynamoDB's model. It may take seconds."""
        scope = "Credential=nobody/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0"
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 {scope}",
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "DynamoDB_20120810.ListTables",
        }
        self._control.post(self.url, headers=headers, content=b"{}").raise_for_status()

    def close(self) -> None:
        self._control.close()


@contextmanager
def in_front_of(upstream: str) -> Iterator[Microburst]:
    """Run a proxy in a separate process."""
    port = free_port()
    command = [sys.executable, "-m", "microburst", "--upstream", upstream, "--port", str(port)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        proxy = Microburst(f"http://127.0.0.1:{port}")
        try:
            _wait_for(proxy, process)
            yield proxy
        finally:
            proxy.close()
            process.kill()
            process.wait(timeout=30)


def _wait_for(proxy: Microburst, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"microburst ended with {process.returncode} before it listened")
        try:
            proxy.warm_up()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"microburst did not listen within {_START_SECONDS} s")
