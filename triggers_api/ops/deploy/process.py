"""Run a program that must not outlive this one."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_PATIENCE_SECONDS = 30.0


def run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a program until it exits. Any exception in the meantime stops the program and waits for it."""
    with subprocess.Popen(  # noqa: S603 - no shell, and no untrusted argument
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,  # a Ctrl-C reaches the whole group once, from _stop
    ) as process:
        try:
            output, errors = process.communicate()
        except SystemExit:  # the second Ctrl-C: do not wait
            os.killpg(process.pid, signal.SIGKILL)
            raise
        except BaseException:
            _stop(process)
            raise
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def _stop(process: subprocess.Popen[str]) -> None:
    """Interrupt a process group and wait for it. Kill it after 30 seconds, or at a second Ctrl-C."""
    try:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it has just exited
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
