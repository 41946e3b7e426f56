"""`curl` as the requirements use it, and its answer taken apart."""

import json
import subprocess
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CurlAnswer:
    status: int
    headers: dict[str, str]
    """By their names in lower case."""
    body: Any


def curl(*arguments: str) -> CurlAnswer:
    """Run `curl` with the arguments of a line of the requirements, and let it show the head too."""
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--include", "--max-time", "20", "--noproxy", "*", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return read_answer(done.stdout)


def read_answer(text: str) -> CurlAnswer:
    """Take apart what `curl --include` wrote."""
    head, _, body = text.replace("\r\n", "\n").partition("\n\n")
    status, *lines = head.split("\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        assert name.lower() not in headers, f"{name} came twice"
        headers[name.lower()] = value.strip()
    return CurlAnswer(int(status.split()[1]), headers, json.loads(body))
