"""An artifact in a fresh process, driven from outside: see `probe.py` for what runs in there."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.bench.subjects import Subject

_PROBE = Path(__file__).with_name("probe.py")


@dataclass(frozen=True, slots=True)
class Reply:
    """The last answer of a batch, and what the process has used. CPU is in seconds, user and system."""

    status: int
    body: str
    cpu_each: float
    cpu_imported: float
    """From the start of the process to the end of the handler's import."""
    cpu_so_far: float
    """From the start of the process to the end of this request."""
    modules: int
    peak_bytes: int


class Function:
    """A function's process; it ends with the `with` block."""

    def __init__(self, subject: Subject, *, entry: str | None = None) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        reading, writing = os.pipe()
        command = [sys.executable, "-I", "-S", "-B", str(_PROBE)]
        self._process = subprocess.Popen(
            [*command, str(subject.artifact), entry or subject.entry, str(writing)],
            env=dict(subject.variables),
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=self._output,
            pass_fds=[writing],
            text=True,
        )
        os.close(writing)
        self._replies = os.fdopen(reading)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._replies.close()
        self._output.close()

    @property
    def log_bytes(self) -> int:
        """What the process has written so far."""
        return os.fstat(self._output.fileno()).st_size

    def call(
        self, event: dict[str, Any], *, expected: int, times: int = 1, with_memory: bool = False
    ) -> Reply:
        """Have the handler answer an event `times` times; `RuntimeError` where it answers otherwise."""
        assert self._process.stdin is not None
        command = {"event": event, "times": times, "memory": with_memory}
        try:
            print(json.dumps(command), file=self._process.stdin, flush=True)
            line = self._replies.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._process.wait(timeout=30)
            self._output.seek(0)
            raise RuntimeError(f"the process ended: {self._output.read().decode()[-2000:]}")
        reply = Reply(**json.loads(line))
        if reply.status != expected:
            raise RuntimeError(f"{reply.status} instead of {expected}: {reply.body}")
        return reply
