"""`triggers` of an installed wheel in front of an emulated account, as an operator has it: no checkout.

The wheel is built from this checkout and installed into an environment of its own. A command gets the
variables that it needs and no others, a home of its own, and an empty working directory that stays empty.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import uv

from tests.support.cloudformation_gaps import restore
from tests.support.ministack import Emulator
from tests.support.terminal import Session, run_on_terminal
from tests.support.tool_env import tool
from triggers_api.ops.deploy import sam

CHECKOUT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
# What a package index may need: uv works with the settings of the machine that runs the tests.
_OF_THE_NETWORK = ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "SSL_CERT_DIR", "SSL_CERT_FILE")
_SECONDS = 240


def install(folder: Path, checkout: Path = CHECKOUT) -> Path:
    """Build the wheel of a checkout, install it into a new environment, and return its `triggers`."""
    dist, environment = folder / "dist", folder / "environment"
    _uv("build", "--wheel", "--out-dir", str(dist), str(checkout))
    (wheel,) = dist.glob("*.whl")
    _uv("venv", "--python", sys.executable, str(environment))
    _uv("pip", "install", "--compile-bytecode", "--python", str(environment / "bin" / "python"), str(wheel))
    return environment / "bin" / "triggers"


def uv_variables() -> dict[str, str]:
    """Return the variables that uv needs with another HOME: its cache and its network settings."""
    done = subprocess.run([uv.find_uv_bin(), "cache", "dir"], capture_output=True, text=True, check=True)
    of_uv = {name: value for name, value in os.environ.items() if name.startswith("UV_")}
    network = {name: os.environ[name] for name in _OF_THE_NETWORK if name in os.environ}
    local = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
    return of_uv | network | local | {"UV_CACHE_DIR": done.stdout.strip()}


def sam_folder() -> Path:
    """Return the folder of the SAM CLI that this package is tested with."""
    return tool(sam.PACKAGE, "sam").parent


@dataclass(frozen=True)
class Rehearsal:
    """The installed `triggers`, and the account that it works in."""

    triggers: Path
    emulator: Emulator
    folder: Path
    """Home and working directory of the commands are in it."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """On top of the emulator's own."""

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.pathsep.join([str(sam_folder()), os.defpath]),
            "LANG": "C.UTF-8",
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            **uv_variables(),
            **self.emulator.variables(),
            **self.variables,
        }

    def with_variables(self, **variables: str) -> "Rehearsal":
        return replace(self, variables={**self.variables, **variables})

    def as_user(self, emulator: Emulator) -> "Rehearsal":
        return replace(self, emulator=emulator)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command off a terminal. It must leave no file in its working directory."""
        with self.places():
            return subprocess.run(
                [str(self.triggers), *arguments],
                cwd=self.work,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )

    def on_terminal(
        self,
        *arguments: str,
        replies: Sequence[tuple[str, str]] = (),
        columns: int = 160,
        pipe_stdout: bool = False,
    ) -> Session:
        """Run a command on a terminal, and type replies to its prompts."""
        with self.places():
            return run_on_terminal(
                *arguments,
                variables=self.environment,
                replies=replies,
                columns=columns,
                pipe_stdout=pipe_stdout,
                program=self.triggers,
                folder=self.work,
                seconds=_SECONDS,
            )

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Start a command, alone in its group as a shell's job is; it is gone when the block ends."""
        with self.places():
            process = subprocess.Popen(
                [str(self.triggers), *arguments],
                cwd=self.work,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
                # A background job of a shell ignores SIGINT, and nohup SIGHUP; child processes inherit that.
                preexec_fn=_hear_signals,  # noqa: PLW1509 - nothing here is a thread that holds a lock
            )
            try:
                yield process
            finally:
                process.kill()
                process.communicate()

    @contextmanager
    def places(self) -> Iterator[None]:
        """Create the folders of a command, and check at the end that it left nothing in two of them."""
        self.make_folders()
        yield
        left = [path.name for name in ("work", "tmp") for path in (self.folder / name).iterdir()]
        # uv locks the environment that it works in by a file there, which it leaves.
        left = [name for name in left if not name.startswith("uv-")]
        assert left == [], f"a command left files behind: {left}"

    def make_folders(self) -> None:
        """Make home, working directory and the folder of temporary files."""
        for name in ("home", "work", "tmp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    def ask(self, *arguments: str, code: int = 0) -> Any:
        """Run a command with `--json`, and return its one document."""
        done = self.run(*arguments, "--json")
        assert done.returncode == code, said(done)
        return json.loads(done.stdout)

    def lines(self, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
        """Run a command with `--json` that writes an object a line, and return them."""
        done = self.run(*arguments, "--json")
        assert done.returncode == code, said(done)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def deploy(self, stage: str, *arguments: str) -> list[dict[str, Any]]:
        """Deploy a stage, add what the emulator leaves out, and return the events of the command.

        The API works only after that, so the deployment skips its smoke test.
        """
        told = self.lines("deploy", "--stage", stage, "--yes", "--no-smoke", *arguments)
        restore(self.emulator, stack_name(stage))
        return told

    def url(self, stage: str) -> str:
        done = self.run("outputs", "--stage", stage, "--name", "ApiUrl")
        assert done.returncode == 0, said(done)
        return done.stdout.strip()

    def key(self, stage: str, *arguments: str) -> str:
        """Create a key, as a script does."""
        done = self.run("keys", "create", "--stage", stage, "--name", "rehearsal", "--yes", *arguments)
        assert done.returncode == 0, said(done)
        return done.stdout.strip()

    def stack(self, name_or_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.emulator.client("cloudformation").describe_stacks(StackName=name_or_id)[
            "Stacks"
        ][0]
        return found

    def stack_names(self) -> set[str]:
        """Return the stacks that there are, SAM's own too; those that were deleted are not."""
        stacks = self.emulator.client("cloudformation").describe_stacks()["Stacks"]
        return {one["StackName"] for one in stacks if one["StackStatus"] != "DELETE_COMPLETE"}

    def function(self, stage: str) -> dict[str, Any]:
        """Return the configuration of a stage's function."""
        name = self.ask("outputs", "--stage", stage)["FunctionName"]
        found: dict[str, Any] = self.emulator.client("lambda").get_function_configuration(FunctionName=name)
        return found


def stack_name(stage: str) -> str:
    return f"triggers-api-{stage}"


def said(done: subprocess.CompletedProcess[str]) -> str:
    """Return all output of a command, for the message of a failed test."""
    return f"{done.returncode}\n{done.stdout}\n{done.stderr}"


def error_of(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return the error that ends the output of a command with `--json`."""
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])["error"]
    return found


def traces(emulator: Emulator) -> dict[str, Any]:
    """Return the traces of deployments in an account: stacks with times and change sets, and objects."""
    cloudformation, s3 = emulator.client("cloudformation"), emulator.client("s3")
    stacks = [
        one for one in cloudformation.describe_stacks()["Stacks"] if one["StackStatus"] != "DELETE_COMPLETE"
    ]
    found: dict[str, Any] = {"tables": emulator.client("dynamodb").list_tables()["TableNames"]}
    for one in stacks:
        sets = cloudformation.list_change_sets(StackName=one["StackId"])["Summaries"]
        found[one["StackId"]] = (
            one["StackStatus"],
            one.get("LastUpdatedTime"),
            sorted(change_set["ChangeSetId"] for change_set in sets),
        )
    for bucket in s3.list_buckets()["Buckets"]:
        versions = s3.list_object_versions(Bucket=bucket["Name"]).get("Versions", [])
        found[bucket["Name"]] = sorted((one["Key"], one["VersionId"]) for one in versions)
    return found


def copy_checkout(folder: Path) -> Path:
    """Copy the parts of a checkout that `sam build` needs: the package's sources and `deploy/`."""
    for name in ("triggers_api", "deploy"):
        shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def _hear_signals() -> None:
    for one in (signal.SIGINT, signal.SIGHUP):
        signal.signal(one, signal.SIG_DFL)


def _uv(*arguments: str) -> None:
    command = [uv.find_uv_bin(), *arguments, "--quiet", "--no-config"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=600)
