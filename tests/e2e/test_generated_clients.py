"""Clients that others generate from the OpenAPI document: they type-check, and make a whole round.

The two linters that users of OpenAPI know find nothing in the document.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.api_client import ApiClient
from tests.support.dev_server import KEY, on_folder, run, running
from tests.support.tool_env import node_modules, tool

CLIENTS = Path(__file__).with_name("clients")
PYTHON_GENERATOR = "openapi-python-client==0.29.1"
MYPY = "mypy==1.18.2"
NODE_PACKAGES = ("openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "typescript@5.9.3")
REDOCLY, SPECTRAL = "@redocly/cli@2.77.0", "@stoplight/spectral-cli@6.16.3"
MADE = "the whole round was made\n"
# The first run of a machine fetches the tools.
pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Servers:
    """Two servers: one that works, and one whose store fails."""

    url: str
    broken_url: str

    @property
    def variables(self) -> dict[str, str]:
        return {"API_URL": self.url, "BROKEN_API_URL": self.broken_url, "API_KEY": KEY}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder, broken = (tmp_path_factory.mktemp(name) for name in ("data", "broken"))
    with running(*on_folder(folder)) as server, running(*on_folder(broken)) as unavailable:
        with ApiClient(unavailable.url) as client:
            client.inbox()  # it opens the file
        (broken / "triggers.sqlite3").unlink()
        yield Servers(server.url, unavailable.url)


@pytest.fixture
def document(servers: Servers, tmp_path: Path) -> Path:
    """Write the document to a file, as its user does."""
    path = tmp_path / "openapi.json"
    path.write_text(run("openapi", "--url", servers.url).stdout, encoding="utf-8")
    return path


def done(*command: str | Path, folder: Path, variables: Mapping[str, str] | None = None) -> str:
    """Run a program that must succeed, and return its output."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_COLOR": "1", "NO_PROXY": "*"}
    finished = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**environment, **(variables or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def test_openapi_python_client_generates_a_strictly_typed_client(
    document: Path, servers: Servers, tmp_path: Path
) -> None:
    generator = tool(PYTHON_GENERATOR, "openapi-python-client", MYPY)
    (tmp_path / "config.yaml").write_text("post_hooks: []\n", encoding="utf-8")  # else it wants ruff
    options = ("--config", "config.yaml", "--meta", "none", "--output-path", "triggers_client")
    done(generator, "generate", "--fail-on-warning", "--path", document, *options, folder=tmp_path)
    program = tmp_path / "whole_round.py"
    program.write_bytes((CLIENTS / program.name).read_bytes())
    done(generator.with_name("mypy"), "--strict", "triggers_client", program.name, folder=tmp_path)
    python = generator.with_name("python")
    assert done(python, program.name, folder=tmp_path, variables=servers.variables) == MADE


def test_openapi_typescript_generates_a_strictly_typed_client(
    document: Path, servers: Servers, tmp_path: Path
) -> None:
    (tmp_path / "node_modules").symlink_to(node_modules(*NODE_PACKAGES))
    programs = tmp_path / "node_modules" / ".bin"
    for name in ("whole_round.ts", "tsconfig.json"):
        (tmp_path / name).write_bytes((CLIENTS / name).read_bytes())
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    done(programs / "openapi-typescript", document, "--output", "schema.d.ts", folder=tmp_path)
    done(programs / "tsc", folder=tmp_path)
    assert done("node", "whole_round.js", folder=tmp_path, variables=servers.variables) == MADE


def test_redocly_finds_nothing_in_the_document(document: Path, tmp_path: Path) -> None:
    redocly = node_modules(REDOCLY) / ".bin" / "redocly"
    options = ("--extends", "recommended-strict", "--format", "json")
    variables = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    printed = done(redocly, "lint", *options, document, folder=tmp_path, variables=variables)
    assert json.loads(printed)["problems"] == []


def test_spectral_finds_nothing_in_the_document(document: Path, tmp_path: Path) -> None:
    spectral = node_modules(SPECTRAL) / ".bin" / "spectral"
    (tmp_path / ".spectral.yaml").write_text('extends: ["spectral:oas"]\n', encoding="utf-8")
    options = ("--format", "json", "--fail-severity", "hint", "--quiet")
    printed = done(spectral, "lint", *options, document, folder=tmp_path)
    assert json.loads(printed or "[]") == []
