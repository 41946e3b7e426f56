"""A terminal in front of a command: what the command shows there, and what is typed."""

import errno
import fcntl
import os
import pty
import select
import struct
import subprocess
import tempfile
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.command_server import Command, shared_server
from tests.support.dev_server import TRIGGERS, environment


@dataclass(frozen=True)
class Session:
    code: int
    screen: str
    """The content of the terminal."""
    piped: str
    """The content of stdout, if stdout was not the terminal."""


def run_on_terminal(
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    replies: Sequence[tuple[str, str]] = (),
    columns: int = 160,
    pipe_stdout: bool = False,
    program: Path | None = None,
    folder: Path | None = None,
    seconds: float = 30,
) -> Session:
    """Run a command on a terminal.

    Args:
        replies: Prompts, and what is typed at each.
        pipe_stdout: stdout goes elsewhere, stdin and stderr are the terminal.
        program: What to start. By default `triggers` is forked, which saves its imports (`command_server`).
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    with tempfile.TemporaryFile() as stdout:
        streams = (slave, stdout.fileno() if pipe_stdout else slave, slave)
        environ = environment(**{"TERM": "xterm-256color", "COLUMNS": "", **(variables or {})})
        process: Command | subprocess.Popen[bytes]
        try:
            if program is None:
                process = shared_server().start(
                    [TRIGGERS, *arguments], streams, variables=environ, folder=folder
                )
            else:
                process = subprocess.Popen(
                    [str(program), *arguments],
                    cwd=folder,
                    env=environ,
                    stdin=streams[0],
                    stdout=streams[1],
                    stderr=streams[2],
                    start_new_session=True,
                )
        finally:
            os.close(slave)
        try:
            screen = _watch(master, list(replies), seconds)
            code = process.wait(30)
        except BaseException:
            process.kill()
            process.wait(30)
            raise
        finally:
            os.close(master)
        stdout.seek(0)
        return Session(code, screen, stdout.read().decode())


def _watch(master: int, replies: list[tuple[str, str]], seconds: float) -> str:
    seen = b""
    end = time.monotonic() + seconds
    while select.select([master], [], [], max(0, end - time.monotonic()))[0]:
        try:
            data = os.read(master, 65536)
        except OSError as error:
            if error.errno != errno.EIO:  # EIO: the command has ended
                raise
            data = b""
        if not data:
            return seen.decode().replace("\r\n", "\n")
        seen += data
        if replies and replies[0][0].encode() in seen:
            os.write(master, replies.pop(0)[1].encode())
    raise TimeoutError(seen.decode())
