"""Headless Chromium that may connect to loopback only, and records what it tried."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

SECONDS = 90.0
FOREIGN_NAME = "page.example"
"""A name that resolves to loopback, as that of a page that attacks by DNS rebinding."""

_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=15000",
    "--no-proxy-server",
    f"--host-resolver-rules=MAP {FOREIGN_NAME} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--dump-dom",
)


@dataclass(frozen=True)
class Visit:
    """The final page, its requests, and the addresses that the browser connected to."""

    dom: str
    requested: set[str]
    connected: set[str]


def why_not() -> str | None:
    """Return what this machine lacks to run it, or None."""
    return None if _chromium() else "a browser needs chromium on PATH (Debian: apt-get install chromium)"


def visit(url: str) -> Visit:
    """Open a page with an empty profile, let its scripts run, and return the result."""
    chromium = _chromium()
    assert chromium is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        log = Path(folder, "network.json")
        process = subprocess.Popen(
            [chromium, *_OPTIONS, f"--user-data-dir={folder}/profile", f"--log-net-log={log}", url],
            env={**os.environ, "HOME": folder},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            dom, _ = process.communicate(timeout=SECONDS)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        assert process.returncode == 0
        requested, connected = _read(log)
        return Visit(dom.decode(), requested, connected)


def _read(log: Path) -> tuple[set[str], set[str]]:
    """Return the requests of pages and the connected addresses from the network log.

    Chromium asks its maker for a few things of its own accord, whatever one tells it. Those requests have no
    page behind them, and the resolver's rules keep them here; the addresses show that they did.
    """
    network = json.loads(log.read_bytes())
    names = {number: name for name, number in network["constants"]["logEventTypes"].items()}
    requested, connected = set(), set()
    for event in network["events"]:
        name, parameters = names[event["type"]], event.get("params", {})
        if name == "URL_REQUEST_START_JOB" and parameters.get("initiator", "").startswith("http"):
            requested.add(parameters["url"])
        elif name == "TCP_CONNECT_ATTEMPT" and "address" in parameters:
            connected.add(parameters["address"])
    return requested, connected


def _chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")
