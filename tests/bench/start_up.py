"""What the command line costs before it does anything: the CPU of whole processes, beside an empty one's."""

import os
import sys
from functools import partial

from tests.bench.bench import Bench
from tests.bench.samples import Row, Sample, Tick, interleaved
from tests.support.dev_server import TRIGGERS, environment

EMPTY = (sys.executable, "-c", "pass")


def command_line(bench: Bench, tick: Tick) -> list[Row]:
    """Return the three start-ups that have a goal: --version, a command without AWS, --help."""
    folder = str(bench.folder / "keys")
    commands = {
        "--version": (TRIGGERS, "--version"),
        "no AWS": (TRIGGERS, "keys", "list", "--stage", "local", "--data-dir", folder),
        "--help": (TRIGGERS, "--help"),
    }
    names = {"--version": "--version", "no AWS": "keys list --stage local", "--help": "--help"}
    measures = {name: partial(cpu_seconds, command) for name, command in {**commands, "": EMPTY}.items()}
    for measure in measures.values():
        measure()  # the first one compiles, and makes the file of the keys
    found = interleaved(bench.rounds(21, 5), measures, tick)
    empty = Sample.of(found[""], scale=1e3)
    return [
        Row(
            f"start-up: {name}",
            f"start-up of triggers {names[name]}, CPU, beside python -c pass",
            "ms",
            Sample.of(found[name], scale=1e3),
            empty,
        )
        for name in commands
    ]


def cpu_seconds(command: tuple[str, ...]) -> float:
    """Run a command, its output thrown away; return the CPU that it used, user and system."""
    nowhere = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_RDWR, 0) for descriptor in (0, 1, 2)]
    # As installed: bytecode is written, and found the next time, whatever this shell says of it.
    variables = environment(PYTHONDONTWRITEBYTECODE="")
    pid = os.posix_spawn(command[0], command, variables, file_actions=nowhere)
    _, status, usage = os.wait4(pid, 0)
    if code := os.waitstatus_to_exitcode(status):
        raise RuntimeError(f"{' '.join(command)} ended with {code}")
    return usage.ru_utime + usage.ru_stime
