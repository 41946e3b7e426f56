"""What the code is made of: docstrings, layers, and what each door imports and reads."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import triggers_api
from triggers_api.version import VERSION

PACKAGE = Path(triggers_api.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
PACKAGES = sorted(PACKAGE.rglob("__init__.py"))
SERVICE = {"boto3", "botocore", "fastapi", "mangum", "pydantic", "starlette", "uvicorn"}
TABLES = {"DYNAMODB_TABLE_EVENTS": "events", "DYNAMODB_TABLE_KEYS": "keys"}


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own, with nothing of a developer's environment."""
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **variables}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def imported_by_command(*arguments: str) -> tuple[set[str], str]:
    """Return the modules that a command line imports, and what it prints."""
    done = run("-X", "importtime", "-m", "triggers_api", *arguments)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}, done.stdout


def imported_by_main(**variables: str) -> set[str]:
    """Return the modules that the composition root imports."""
    done = run("-c", "import sys, triggers_api.main; print('\\n'.join(sys.modules))", **variables)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def roots(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def reads_of_environment(tree: ast.Module) -> Iterator[str]:
    """Return how each mention of the process's environment is used, as source text."""
    parents = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (f"from os import {alias.name}" for alias in node.names if "env" in alias.name)
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv", "getenvb"}:
            use: ast.AST = node
            while not isinstance(parents[use], ast.stmt):
                use = parents[use]
            yield ast.unparse(use)


def imports_of(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield node.module or ""


def test_modules_are_found() -> None:
    assert {"main.py", "settings.py", "core/ids.py", "cli/config.py"} <= {name_of(path) for path in MODULES}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_has_a_docstring(path: Path) -> None:
    docstring = ast.get_docstring(tree_of(path))
    assert docstring
    assert len(docstring.split()) >= 5


@pytest.mark.parametrize("path", PACKAGES, ids=name_of)
def test_init_files_are_empty(path: Path) -> None:
    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    "path", [path for path in MODULES if name_of(path).startswith(("core/", "errors."))], ids=name_of
)
def test_the_core_imports_the_standard_library_only(path: Path) -> None:
    allowed = ("triggers_api.core", "triggers_api.errors")
    for imported in imports_of(tree_of(path)):
        assert imported.partition(".")[0] in sys.stdlib_module_names or imported.startswith(allowed)


def test_the_environment_is_read_by_the_three_doors_only() -> None:
    uses = {name_of(path): sorted(reads_of_environment(tree_of(path))) for path in MODULES}
    assert {name: found for name, found in uses.items() if found} == {
        "cli/config.py": ["os.environ"],
        "main.py": ["Settings.from_environment(os.environ)"],
        "ops/build/artifact.py": ["os.environ"],
    }


def test_the_help_page_does_not_wait_for_the_service() -> None:
    imported, printed = imported_by_command("--help")
    assert "typer" in imported
    assert "dev" in printed
    assert not roots(imported) & SERVICE


@pytest.mark.parametrize(
    "command",
    ["dev", "openapi", "deploy", "smoke", "verify", "status", "outputs", "destroy", "doctor", "logs tail"],
)
def test_the_help_page_of_a_command_does_not_wait_for_the_service(command: str) -> None:
    imported, printed = imported_by_command(*command.split(), "--help")
    assert "Example" in printed
    assert not roots(imported) & SERVICE


def test_command_imports_no_module_of_another_command() -> None:
    program = """
import sys
from triggers_api.cli.main import main
sys.argv = ["triggers", "keys", "list", "--help"]
try:
    main()
finally:
    print(*sys.modules, sep="\\n")
"""
    imported = run("-c", program).stdout.split()
    commands = {name for name in imported if name.startswith("triggers_api.cli.commands.")}
    assert commands == {"triggers_api.cli.commands.keys"}


def test_version_imports_neither_the_service_nor_rich() -> None:
    imported, printed = imported_by_command("--version")
    assert printed == f"triggers {VERSION}\n"
    assert not roots(imported) & {*SERVICE, "rich"}


def test_the_lambda_imports_neither_the_commands_nor_the_other_store() -> None:
    lambda_ = {"AWS_LAMBDA_FUNCTION_NAME": "triggers-api-prod", "AUTH_MODE": "aws", "AWS_REGION": "us-east-1"}
    imported = imported_by_main(**TABLES, **lambda_)
    assert "triggers_api.store.dynamodb.events" in imported
    assert not roots(imported) & {"typer", "rich", "click", "uvicorn", "sqlite3", "platformdirs", "httpx"}
    assert not roots(imported) & {"boto3", "s3transfer"}
    unwanted = ("triggers_api.cli", "triggers_api.ops", "triggers_api.store.sqlite.database")
    assert not [name for name in imported if name.startswith(unwanted)]


def test_the_garbage_collector_runs_and_skips_imported_objects() -> None:
    done = run("-c", "import gc, triggers_api.main; print(gc.isenabled(), gc.get_freeze_count())")
    enabled, frozen = done.stdout.split()
    assert enabled == "True"
    assert int(frozen) > 50_000


def test_models_that_no_request_needs_are_not_built_at_import() -> None:
    program = """
import triggers_api.main
from fastapi.openapi.models import Link
from triggers_api.api.v1.inbox_models import Inbox, InboxQuery
from triggers_api.api.v1.models import IngestRequest
print([model.__pydantic_complete__ for model in (Link, Inbox, InboxQuery, IngestRequest)])
"""
    assert run("-W", "error", "-c", program).stdout == "[False, False, True, True]\n"


def test_the_local_service_does_not_wait_for_boto3() -> None:
    imported = imported_by_main()
    assert "triggers_api.store.sqlite.events" in imported
    assert not roots(imported) & {"boto3", "botocore", "typer", "rich", "uvicorn"}
    assert not [name for name in imported if name.startswith(("triggers_api.cli", "triggers_api.ops"))]


def test_importing_the_service_opens_no_file(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    imported_by_main(TRIGGERS_DATA_DIR=str(folder))
    assert not folder.exists()


def test_a_wrong_setting_ends_the_service_with_one_line() -> None:
    done = run("-c", "import triggers_api.main", EVENT_TTL_DAYS="c4n4ry")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("triggers-api: EVENT_TTL_DAYS must be ")
    assert done.stderr.count("\n") == 1
    assert "c4n4ry" not in done.stderr
