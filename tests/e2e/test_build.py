"""The built artifact: reproducible, for its target, with its dependencies and nothing else."""

import importlib.util
import json
import os
import re
import shutil
import stat
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REGION, Tables
from tests.support.rehearsal import CHECKOUT, uv_variables
from triggers_api.core.keys import KeyRecord, digest_of
from triggers_api.errors import BuildError
from triggers_api.ops.build.artifact import Artifact, build
from triggers_api.ops.build.bytecode import find_interpreter
from triggers_api.ops.build.uv import Uv, find_uv
from triggers_api.store.dynamodb.client import DynamoDB
from triggers_api.store.dynamodb.keys import DynamoKeyStore

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
OWN = f"python{sys.version_info.major}.{sys.version_info.minor}", "x86_64"
"""The target with the Python of the tests, which any machine can compile for and start."""
MAX_ZIPPED_BYTES = 7_000_000
TELLS_PATHS = """
import sysconfig
print(sysconfig.get_path("stdlib"), sysconfig.get_config_var("DESTSHARED"), sep="\\n")
"""
START = """
import sys
artifact, stdlib, dynamic = sys.argv[1:]
sys.path = [artifact, stdlib, dynamic]
import triggers_api.main
"""
LOOKS_AROUND = """
import gc, json
assert triggers_api.__file__.startswith(artifact)
assert callable(triggers_api.main.handler)
assert gc.isenabled()
elsewhere = {
    one for one in sys.modules.values()
    if (path := getattr(one, "__file__", None)) and not path.startswith((artifact, stdlib, dynamic))
}
assert not elsewhere, elsewhere
print(json.dumps(sorted(sys.modules)))
"""
LAMBDA = {
    "AUTH_MODE": "aws",
    "DYNAMODB_TABLE_EVENTS": "triggers-api-events-prod",
    "DYNAMODB_TABLE_KEYS": "triggers-api-keys-prod",
    "AWS_REGION": REGION,
    "AWS_LAMBDA_FUNCTION_NAME": "rehearsal",
}
KEY = "rehearsal-key-0123456789"
CALLS = """
import json, os
key = os.environ["KEY"]
def call(method, path, body=None, **headers):
    event = {
        "httpMethod": method,
        "path": path.partition("?")[0],
        "headers": {"X-API-Key": key, **headers},
        "body": body and json.dumps(body),
    }
    answer = triggers_api.main.handler(event, None)
    return answer["statusCode"], json.loads(answer["body"])
event = {"source": "s", "event_type": "t", "payload": {"a": "b" * 5000}}
once = {"Idempotency-Key": "once"}
statuses = {}
statuses["ingest"], stored = call("POST", "/v1/events", event)
statuses["ingest once"], first = call("POST", "/v1/events", event, **once)
statuses["ingest again"], again = call("POST", "/v1/events", event, **once)
assert again["event_id"] == first["event_id"]
path = "/v1/events/" + stored["event_id"]
statuses["get"], found = call("GET", path)
assert found["payload"] == event["payload"]
statuses["inbox"], page = call("GET", "/v1/inbox")
assert [one["event_id"] for one in page["events"]] == [stored["event_id"], first["event_id"]]
statuses["ack"], _ = call("POST", path + "/ack")
statuses["ack again"], _ = call("POST", path + "/ack")
statuses["delete"], _ = call("DELETE", path)
statuses["get deleted"], _ = call("GET", path)
statuses["wrong field"], _ = call("POST", "/v1/events", {**event, "source": 1})
key = key + "x"
statuses["wrong key"], _ = call("GET", "/v1/inbox")
statuses["document"], document = call("GET", "/openapi.json")
assert "/v1/events" in document["paths"]
print(json.dumps(statuses))
"""

STATUSES = {
    "ingest": 201,
    "ingest once": 201,
    "ingest again": 201,
    "get": 200,
    "inbox": 200,
    "ack": 200,
    "ack again": 409,
    "delete": 200,
    "get deleted": 404,
    "wrong field": 400,
    "wrong key": 401,
    "document": 200,
}
ENDPOINTS = {
    "us-east-1": "https://dynamodb.us-east-1.amazonaws.com",
    "eu-central-1": "https://dynamodb.eu-central-1.amazonaws.com",
    "us-gov-west-1": "https://dynamodb.us-gov-west-1.amazonaws.com",
    "cn-north-1": "https://dynamodb.cn-north-1.amazonaws.com.cn",
}
ADDRESSES = """
import json, os
from botocore.config import Config
from triggers_api.store.dynamodb.client import make_client
def url(region):
    client, _ = make_client(region=region, endpoint_url=None, config=Config())
    return client.meta.endpoint_url
print(json.dumps({region: url(region) for region in os.environ["REGIONS"].split()}))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], tuple[Path, Artifact]]:
    """The artifact of every target, with bytecode if this machine has the Python of the target."""
    folder = tmp_path_factory.mktemp("artifacts")
    made = {}
    for runtime, architecture in TARGETS:
        path = folder / f"{runtime}-{architecture}"
        made[runtime, architecture] = (
            path,
            build(path, runtime=runtime, architecture=architecture, environment=os.environ),
        )
    return made


@pytest.fixture(scope="module")
def artifacts(made: dict[tuple[str, str], tuple[Path, Artifact]]) -> dict[tuple[str, str], Path]:
    return {target: path for target, (path, _) in made.items()}


@pytest.fixture(scope="module")
def of_sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact for the Python of the tests, built as on a machine without that Python."""
    folder = tmp_path_factory.mktemp("of-sources") / "artifact"
    with pytest.MonkeyPatch.context() as machine:
        machine.setattr("triggers_api.ops.build.artifact.find_interpreter", lambda *_: None)
        build(folder, runtime=OWN[0], architecture=OWN[1], environment=os.environ)
    return folder


@pytest.fixture(params=["compiled", "of sources"])
def startable(request: pytest.FixtureRequest, artifacts: dict[tuple[str, str], Path]) -> Path:
    """An artifact that the tests' own Python can start, in both forms."""
    found: Path = artifacts[OWN] if request.param == "compiled" else request.getfixturevalue("of_sources")
    return found


def run_alone(artifact: Path, then: str, python: str = sys.executable, **variables: str) -> Any:
    """Start an artifact with only the standard library, and return its last line of output."""
    paths = subprocess.check_output([python, "-I", "-S", "-c", TELLS_PATHS], text=True).splitlines()
    done = subprocess.run(
        [python, "-I", "-S", "-B", "-c", START + then, str(artifact), *paths],
        cwd=artifact.parent,
        env={**LAMBDA, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


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


def test_uv_settings_of_the_working_directory_change_nothing(
    artifacts: dict[tuple[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "uv.toml").write_text('required-version = "==0.0.1"\n')
    (tmp_path / "pyproject.toml").write_text("no toml at all")
    monkeypatch.chdir(tmp_path)
    runtime, architecture = TARGETS[0]
    build(Path("built"), runtime=runtime, architecture=architecture, environment=os.environ)
    assert contents(Path("built")) == contents(artifacts[TARGETS[0]])


def test_two_builds_of_one_tree_are_identical(artifacts: dict[tuple[str, str], Path], tmp_path: Path) -> None:
    again = tmp_path / "again"
    before = os.umask(0o077)  # another machine's
    try:
        build(again, runtime="python3.11", architecture="x86_64", environment=os.environ)
    finally:
        os.umask(before)
    first, second = contents(artifacts["python3.11", "x86_64"]), contents(again)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
    assert {stat.S_IMODE(mode) for mode, _, _ in first.values()} == {0o755, 0o644}
    assert len({time for _, time, _ in first.values()}) == 1


def test_compiled_extensions_are_for_the_target(artifact: Path, target: tuple[str, str]) -> None:
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


def test_artifact_has_the_locked_dependencies(artifact: Path) -> None:
    lock = (CHECKOUT / "deploy" / "requirements.txt").read_text()
    locked = dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", lock, re.MULTILINE))
    installed = {}
    for folder in artifact.glob("*.dist-info"):
        name, version = folder.name.removesuffix(".dist-info").rsplit("-", 1)
        installed[name.replace("_", "-").lower()] = version
    assert installed
    assert installed.items() <= {name.lower(): version for name, version in locked.items()}.items()


def test_artifact_has_the_service_and_no_operator_code(artifact: Path) -> None:
    names = {path.name.partition(".")[0] for path in artifact.iterdir()}
    assert names >= OF_THE_SERVICE
    assert not names & (OF_THE_OPERATOR | {"bin", "tests", ".lock"})
    package = artifact / "triggers_api"
    assert {path.name for path in package.iterdir() if path.is_dir()} == {"api", "core", "store"}
    assert list(package.glob("__main__.*")) == []
    assert [path.parent.name for path in artifact.glob("*/__pycache__") if path.parent.name != "anyio"] == []
    for name in ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json"):
        assert list(artifact.glob(f"*.dist-info/{name}")) == []


def test_artifact_does_not_contain_the_path_of_its_build(artifact: Path) -> None:
    paths = [str(one).encode() for one in (artifact.parent, CHECKOUT, Path(sys.prefix), Path.home())]
    for path in artifact.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert [one for one in paths if len(one) > len("/root") and one in data] == [], path


def test_artifact_starts_with_only_the_standard_library(startable: Path) -> None:
    assert "triggers_api.main" in run_alone(startable, LOOKS_AROUND)


def test_bytecode_runs_in_the_python_that_it_was_compiled_for(
    artifact: Path, target: tuple[str, str]
) -> None:
    """In each that this machine has, which is one at least: the one that runs the tests."""
    runtime, architecture = target
    interpreter = find_interpreter(runtime, Uv(find_uv(), os.environ))
    if interpreter and architecture == OWN[1]:
        assert "triggers_api.main" in run_alone(artifact, LOOKS_AROUND, interpreter.executable)


def test_artifact_serves_every_call(startable: Path, tables: Tables) -> None:
    keys = DynamoKeyStore(DynamoDB(region=REGION, endpoint_url=tables.endpoint_url), tables.keys)
    assert keys.add(KeyRecord(digest_of(KEY), is_active=True, created_at="2026-01-01T00:00:00.000000Z"))
    variables = {
        "KEY": KEY,
        "DYNAMODB_ENDPOINT_URL": tables.endpoint_url,
        "DYNAMODB_TABLE_EVENTS": tables.events,
        "DYNAMODB_TABLE_KEYS": tables.keys,
    }
    assert run_alone(startable, CALLS, **variables) == STATUSES


def test_artifact_knows_the_dynamodb_endpoint_of_every_partition(startable: Path) -> None:
    assert run_alone(startable, ADDRESSES, REGIONS=" ".join(ENDPOINTS)) == ENDPOINTS


def test_bytecode_imports_the_same_modules_as_the_sources(
    artifacts: dict[tuple[str, str], Path], of_sources: Path
) -> None:
    """A library may read its own sources, and import more modules if there are none."""
    assert run_alone(artifacts[OWN], LOOKS_AROUND) == run_alone(of_sources, LOOKS_AROUND)


def test_artifact_has_bytecode_if_this_machine_has_the_target_python(
    made: dict[tuple[str, str], tuple[Path, Artifact]], target: tuple[str, str]
) -> None:
    folder, artifact = made[target]
    version = target[0].removeprefix("python")
    sources = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}
    compiled = list(folder.rglob("*.pyc"))
    if artifact.compiled_by is None:
        assert target != OWN
        assert compiled == []
        assert artifact.warning == (
            f"This machine has no Python {version} to compile the artifact with: cold starts take longer.",
            f"Install one, for example with `uv python install {version}`.",
        )
        return
    assert artifact.compiled_by.startswith(f"{version}.")
    assert artifact.warning is None
    assert sources == {"anyio/__init__.py", "anyio/abc/__init__.py"}
    heads = {path.read_bytes()[:8] for path in compiled}
    assert len(heads) == 1
    (head,) = heads
    assert head[4:] == b"\x01\x00\x00\x00", "a hash that is not checked, and no time"
    assert (head[:4] == importlib.util.MAGIC_NUMBER) is (target[0] == OWN[0])


def test_artifact_is_small(
    made: dict[tuple[str, str], tuple[Path, Artifact]], target: tuple[str, str]
) -> None:
    _, artifact = made[target]
    assert artifact.zipped_bytes <= MAX_ZIPPED_BYTES


def test_reported_size_is_that_of_the_zip(
    made: dict[tuple[str, str], tuple[Path, Artifact]], tmp_path: Path
) -> None:
    folder, artifact = made[OWN]
    packed = Path(shutil.make_archive(str(tmp_path / "artifact"), "zip", folder))
    assert artifact.zipped_bytes == pytest.approx(packed.stat().st_size, rel=0.01)


def test_settings_of_the_operator_change_no_byte(
    artifacts: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    settings = home / ".config" / "uv" / "uv.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('compile-bytecode = true\n[pip]\nno-binary = [":all:"]\npython-version = "3.8"\n')
    constraint = tmp_path / "constraint.txt"
    constraint.write_text("fastapi<0.1\n")
    stray = tmp_path / "stray"
    stray.mkdir()
    (stray / "sitecustomize.py").write_text("raise SystemExit('a stray module')")
    environment = {
        **os.environ,
        **uv_variables(),
        "XDG_CONFIG_HOME": str(settings.parents[1]),
        "UV_COMPILE_BYTECODE": "1",
        "UV_CONSTRAINT": str(constraint),
        "UV_OVERRIDE": str(constraint),
        "UV_NO_BINARY": "1",
        "UV_EXCLUDE_NEWER": "2020-01-01",
        "UV_LINK_MODE": "hardlink",
        "UV_PYTHON_PREFERENCE": "only-managed",
        "UV_TARGET": str(stray),
        "PIP_CONSTRAINT": str(constraint),
        "PIP_NO_BINARY": ":all:",
        "PYTHONPATH": str(stray),
        "PYTHONHOME": str(stray),
        "PYTHONOPTIMIZE": "2",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    built = tmp_path / "built"
    build(built, runtime=OWN[0], architecture=OWN[1], environment=environment)
    assert contents(built) == contents(artifacts[OWN])


def test_index_of_the_operators_settings_is_used_and_its_refusal_is_named(tmp_path: Path) -> None:
    with refusing_index() as (url, asked):
        settings = tmp_path / "uv" / "uv.toml"
        settings.parent.mkdir()
        settings.write_text(f'[[index]]\nurl = "{url}/simple"\ndefault = true\n')
        environment = {
            **os.environ,
            "XDG_CONFIG_HOME": str(tmp_path),
            "UV_CACHE_DIR": str(tmp_path / "cache"),
        }
        with pytest.raises(BuildError) as caught:
            build(tmp_path / "built", runtime=OWN[0], architecture=OWN[1], environment=environment)
    assert asked
    assert "401" in caught.value.reason
    assert "credentials" in caught.value.hint


@contextmanager
def refusing_index() -> Iterator[tuple[str, list[str]]]:
    """Run a package index that wants credentials; yield its URL, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_build_into_a_folder_with_files_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    with pytest.raises(BuildError, match="not empty"):
        build(tmp_path, runtime="python3.11", architecture="x86_64", environment=os.environ)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    assert mine.read_text() == "mine"
