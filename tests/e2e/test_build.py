"""The artifact as it is built: the same bytes each time, for its target, and no more than it needs."""

import os
import re
import stat
import struct
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.support.rehearsal import CHECKOUT
from triggers_api.errors import BuildError
from triggers_api.ops.build import build

pytestmark = pytest.mark.timeout(600)

TARGETS = [
    ("python3.11", "x86_64"),
    ("python3.12", "x86_64"),
    ("python3.13", "x86_64"),
    ("python3.14", "x86_64"),
    ("python3.11", "arm64"),
    ("python3.14", "arm64"),
]
MACHINES = {"x86_64": 62, "arm64": 183}
"""The processor in the head of an ELF file."""
PLATFORMS = {"x86_64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
OF_THE_OPERATOR = {
    "typer",
    "rich",
    "uvicorn",
    "fastapi_offline",
    "platformdirs",
    "tomlkit",
    "yaml",
    "uv",
    "click",
}
OF_THE_SERVICE = {"fastapi", "mangum", "pydantic", "pydantic_core", "starlette", "triggers_api"}
STARTS = """
import sys
artifact, stdlib, dynamic = sys.argv[1:]
sys.path = [artifact, stdlib, dynamic]
import triggers_api.main
assert triggers_api.__file__.startswith(artifact)
assert callable(triggers_api.main.handler)
elsewhere = {
    one for one in sys.modules.values()
    if (path := getattr(one, "__file__", None)) and not path.startswith((artifact, stdlib, dynamic))
}
assert not elsewhere, elsewhere
"""


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    folder = tmp_path_factory.mktemp("artifacts")
    made = {}
    for runtime, architecture in TARGETS:
        made[runtime, architecture] = folder / f"{runtime}-{architecture}"
        build(made[runtime, architecture], runtime=runtime, architecture=architecture)
    return made


@pytest.fixture(params=TARGETS, ids="-".join)
def target(request: pytest.FixtureRequest) -> tuple[str, str]:
    found: tuple[str, str] = request.param
    return found


@pytest.fixture
def artifact(artifacts: dict[tuple[str, str], Path], target: tuple[str, str]) -> Path:
    return artifacts[target]


def contents(folder: Path) -> dict[str, tuple[int, float, bytes]]:
    """Return mode, time and bytes of everything in a folder, and of the folder."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        assert not path.is_symlink()
        status = path.stat()
        data = b"" if path.is_dir() else path.read_bytes()
        found[str(path.relative_to(folder))] = (status.st_mode, status.st_mtime, data)
    return found


def test_a_stray_setting_of_uv_where_it_is_run_changes_nothing(
    artifacts: dict[tuple[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "uv.toml").write_text('required-version = "==0.0.1"\n')
    (tmp_path / "pyproject.toml").write_text("no toml at all")
    monkeypatch.chdir(tmp_path)
    runtime, architecture = TARGETS[0]
    build(Path("built"), runtime=runtime, architecture=architecture)
    assert contents(Path("built")) == contents(artifacts[TARGETS[0]])


def test_two_builds_of_one_tree_are_the_same_to_the_byte(
    artifacts: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    again = tmp_path / "again"
    before = os.umask(0o077)  # another machine's
    try:
        build(again, runtime="python3.11", architecture="x86_64")
    finally:
        os.umask(before)
    first, second = contents(artifacts["python3.11", "x86_64"]), contents(again)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
    assert {stat.S_IMODE(mode) for mode, _, _ in first.values()} == {0o755, 0o644}
    assert len({time for _, time, _ in first.values()}) == 1


def test_what_is_compiled_in_it_is_for_the_target(artifact: Path, target: tuple[str, str]) -> None:
    runtime, architecture = target
    tag = f"cpython-{runtime.removeprefix('python').replace('.', '')}-{PLATFORMS[architecture]}"
    compiled = list(artifact.rglob("*.so*"))
    assert any("pydantic_core" in path.name for path in compiled)
    for path in compiled:
        assert tag in path.name or ".abi3." in path.name, path
        head = path.read_bytes()[:20]
        assert head.startswith(b"\x7fELF")
        assert struct.unpack_from("<H", head, 18) == (MACHINES[architecture],), path
    for wheel in artifact.glob("*.dist-info/WHEEL"):
        for platform in re.findall(r"^Tag: \S+-(\S+)$", wheel.read_text(), re.MULTILINE):
            assert platform == "any" or PLATFORMS[architecture].partition("-")[0] in platform, wheel


def test_the_dependencies_are_those_that_are_locked(artifact: Path) -> None:
    lock = (CHECKOUT / "deploy" / "requirements.txt").read_text()
    locked = dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", lock, re.MULTILINE))
    installed = {}
    for folder in artifact.glob("*.dist-info"):
        name, version = folder.name.removesuffix(".dist-info").rsplit("-", 1)
        installed[name.replace("_", "-").lower()] = version
    assert installed
    assert installed.items() <= {name.lower(): version for name, version in locked.items()}.items()


def test_it_holds_the_service_and_nothing_of_the_operators(artifact: Path) -> None:
    names = {path.name.removesuffix(".py") for path in artifact.iterdir()}
    assert names >= OF_THE_SERVICE
    assert not names & (OF_THE_OPERATOR | {"bin", "tests", ".lock"})
    package = artifact / "triggers_api"
    assert {path.name for path in package.iterdir() if path.is_dir()} == {"api", "core", "store"}
    assert not (package / "__main__.py").exists()
    assert list(artifact.rglob("__pycache__")) == []
    for name in ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json"):
        assert list(artifact.glob(f"*.dist-info/{name}")) == []


def test_nothing_in_it_tells_where_it_was_built(artifact: Path) -> None:
    paths = [str(one).encode() for one in (artifact.parent, CHECKOUT, Path(sys.prefix), Path.home())]
    for path in artifact.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert [one for one in paths if len(one) > len("/root") and one in data] == [], path


def test_it_starts_with_nothing_but_the_standard_library_beside_it(
    artifacts: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    if sys.version_info[:2] != (3, 11):
        pytest.skip("the artifact of the tests' own Python is for 3.11")
    paths = sysconfig.get_path("stdlib"), sysconfig.get_config_var("DESTSHARED")
    variables = {
        "AUTH_MODE": "aws",
        "DYNAMODB_TABLE_EVENTS": "triggers-api-events-prod",
        "DYNAMODB_TABLE_KEYS": "triggers-api-keys-prod",
        "AWS_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "rehearsal",
    }
    artifact = artifacts["python3.11", "x86_64"]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", STARTS, str(artifact), *paths],
        cwd=tmp_path,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_folder_that_is_not_empty_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    with pytest.raises(BuildError, match="not empty"):
        build(tmp_path, runtime="python3.11", architecture="x86_64")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    assert mine.read_text() == "mine"
