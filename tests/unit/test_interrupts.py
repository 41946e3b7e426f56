"""Signals of a platform that lacks some of them."""

import subprocess
import sys

PROGRAM = """
import signal
del signal.SIGHUP
from triggers_api.cli.interrupts import handle_interrupts
with handle_interrupts("Nothing is left."):
    try:
        signal.raise_signal(signal.SIGTERM)
    except KeyboardInterrupt:
        print("interrupted")
"""


def test_interrupts_are_handled_on_a_platform_without_sighup() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr
