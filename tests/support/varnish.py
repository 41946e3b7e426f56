"""Varnish, a shared HTTP cache, in front of a server: Debian's package with its built-in configuration."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.support.dynamodb_local import free_port

_START_SECONDS = 30.0


def why_not() -> str | None:
    """Return what this machine lacks to run it, or None."""
    return None if shutil.which("varnishd") else "it needs varnishd on PATH (Debian: apt-get install varnish)"


@contextmanager
def caching(url: str) -> Iterator[str]:
    """Run a cache in front of a server, and yield its URL. It caches what HTTP allows it to."""
    port = free_port()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        # Without a jail: the cache's own user could not read the folder.
        options = ["-F", "-j", "none", "-n", folder, "-s", "malloc,32m", "-T", "none"]
        process = subprocess.Popen(
            ["varnishd", *options, "-a", f"127.0.0.1:{port}", "-b", urlsplit(url).netloc],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"varnishd ended with {process.returncode} before it listened")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("varnishd did not listen in time")
