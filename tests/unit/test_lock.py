"""The function's lock file: every requirement is pinned with hashes, and agrees with the project."""

import re
import sys
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.template import DEPLOY
from tests.unit.test_architecture import PACKAGE, imports_of, name_of, tree_of

PROJECT = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (DEPLOY / "requirements.txt").read_text(encoding="utf-8")
NOT_IN_LAMBDA = {"_typeshed", "mypy_boto3_dynamodb", "platformdirs"}  # types, and the local file's folder
OF_PYDANTIC = {"pydantic_core"}
OF_FASTAPI = {"starlette"}
"""What the service imports through FastAPI, which depends on it and selects its version."""


def requirements_in() -> list[str]:
    lines = (DEPLOY / "requirements.in").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def locked() -> list[str]:
    """Return the locked requirements, each with its hashes on one line."""
    text = re.sub(r" *\\\n *", " ", LOCK)
    return [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]


def is_of_the_function(name: str) -> bool:
    """Return whether Lambda runs a module; it does not run the local server and the local store."""
    local = name.startswith(("api/dev_", "store/sqlite"))
    return name.startswith(("api/", "core/", "store/", "main.", "settings.", "errors.")) and not local


def pins() -> dict[str, Requirement]:
    """Return the locked requirements by their names."""
    return {one.name: one for one in (Requirement(line.partition(" --hash")[0]) for line in locked())}


def wanted_by() -> dict[str, set[str]]:
    """Return the dependents of each locked requirement, from the comments that uv writes."""
    found = {}
    for name, comment in re.findall(
        r"^([a-z0-9-]+)==(?:.*\n)(?: {4}--hash.*\n)*((?: {4}#.*\n?)+)", LOCK, re.MULTILINE
    ):
        found[name] = set(comment.replace("# via", "").replace("#", "").split()) - {"-r"}
    return found


def test_function_requirements_are_project_dependencies() -> None:
    assert len(requirements_in()) >= 5
    assert set(requirements_in()) <= set(PROJECT["dependencies"])


def test_every_locked_requirement_is_one_version_with_its_hashes() -> None:
    assert len(locked()) > len(requirements_in())
    for line in locked():
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*( ; [^;]+)?( --hash=sha256:[0-9a-f]{64})+", line)


def test_lock_names_no_index() -> None:
    assert "://" not in LOCK
    assert "index" not in LOCK


def test_lock_satisfies_the_function_requirements() -> None:
    for needed in map(Requirement, requirements_in()):
        (pin,) = pins()[needed.name].specifier
        assert needed.specifier.contains(pin.version)


def test_every_pin_is_within_the_project_ranges() -> None:
    declared = {canonicalize_name(one.name): one for one in map(Requirement, PROJECT["dependencies"])}
    both = declared.keys() & pins().keys()
    assert both >= {"botocore", "fastapi", "mangum", "pydantic", "urllib3"}
    for name in both:
        (pin,) = pins()[name].specifier
        assert declared[name].specifier.contains(pin.version), name


def test_every_pin_is_needed_by_the_function() -> None:
    wanted = wanted_by()
    needed = {Requirement(line).name for line in requirements_in()}
    assert wanted.keys() == pins().keys()
    assert {name for name, by in wanted.items() if "deploy/requirements.in" in by} == needed
    for name, by in wanted.items():
        assert by, name
        assert by <= {*pins(), "deploy/requirements.in"}, name


def test_every_import_of_the_function_is_locked() -> None:
    of_the_function = [path for path in PACKAGE.rglob("*.py") if is_of_the_function(name_of(path))]
    imported = {name.partition(".")[0] for path in of_the_function for name in imports_of(tree_of(path))}
    others = imported - sys.stdlib_module_names - {"triggers_api"} - NOT_IN_LAMBDA
    asked = {Requirement(line).name for line in requirements_in()}
    assert others == (asked | OF_FASTAPI | OF_PYDANTIC)
    assert {canonicalize_name(name) for name in others} <= pins().keys()
