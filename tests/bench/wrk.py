"""wrk, from Debian: clients in C that post as fast as a server answers, and leave it the processors."""

import os
import re
import subprocess
from pathlib import Path

import httpx

from tests.bench.lambda_requests import kilobyte_body

BATCH = 100

_SCRIPT = """
local file = io.open(os.getenv("BODY"), "rb")
wrk.method, wrk.path, wrk.body = "POST", os.getenv("TARGET"), file:read("*a")
file:close()
wrk.headers["Content-Type"], wrk.headers["X-API-Key"] = "application/json", os.getenv("KEY")
"""
_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_TIMEOUT_SECONDS = 30


def ingest(folder: Path, url: str, key: str, *, clients: int, seconds: float, batch: int = 1) -> float:
    """Return the events of 1 KB a second that a server takes from clients, each on its own connection.

    Raises:
        RuntimeError: wrk is missing, or a request was not answered by a 2xx.
    """
    script, body = folder / "post.lua", folder / f"body-{batch}.json"
    target = "/v1/events" if batch == 1 else "/v1/events/batch"
    event = kilobyte_body()
    content = event if batch == 1 else b'{"events":[%s]}' % b",".join([event] * batch)
    script.write_text(_SCRIPT, encoding="utf-8")
    body.write_bytes(content)
    _check(f"{url}{target}", key, content)
    arguments = ["-t1", f"-c{clients}", f"-d{max(1, round(seconds))}", "--timeout", f"{_TIMEOUT_SECONDS}"]
    try:
        done = subprocess.run(
            ["wrk", *arguments, "-s", str(script), url],
            env={**os.environ, "BODY": str(body), "TARGET": target, "KEY": key},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise RuntimeError("wrk is not installed; on Debian: apt-get install wrk") from error
    rate = _RATE.search(done.stdout)
    if rate is None or re.search("Non-2xx|Socket errors", done.stdout):
        raise RuntimeError(f"wrk failed: {done.stdout}{done.stderr}")
    return float(rate[1]) * batch


def _check(url: str, key: str, content: bytes) -> None:
    """Check once that each event is stored: wrk looks at nothing but the status."""
    headers = {"Content-Type": "application/json", "X-API-Key": key}
    answer = httpx.post(url, content=content, headers=headers, timeout=_TIMEOUT_SECONDS)
    if not answer.is_success or '"error"' in answer.text:
        raise RuntimeError(f"{answer.status_code}: {answer.text}")
