"""What is measured: the product and the baseline, each built as its user builds it, and how it starts."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.rehearsal import CHECKOUT, REGION, sam_folder
from tests.support.tool_env import tool
from triggers_api.ops.build.artifact import build

BASELINE = Path(__file__).with_name("baseline")
ENTRIES = Path(__file__).with_name("entries")
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
ARCHITECTURE = "arm64" if os.uname().machine in {"aarch64", "arm64"} else "x86_64"

PIP = "pip==25.3"

_FUNCTION = "TriggersApiFunction"


@dataclass(frozen=True)
class Subject:
    """An artifact, and what its process is started with."""

    name: str
    artifact: Path
    entry: str
    """The module that has `handler`."""
    without_store: str
    """The file that has `handler` over a store that does nothing."""
    key: str
    """An API key that its table knows."""
    variables: Mapping[str, str]


def lambda_variables(*, endpoint_url: str, events: str, keys: str) -> dict[str, str]:
    """Return the environment of a function's process: Lambda's own variables, then the template's."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_SESSION_TOKEN": "bench",
        "AWS_LAMBDA_FUNCTION_NAME": "triggers-api-prod",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "STAGE": "prod",
        "AUTH_MODE": "aws",
        "LOG_LEVEL": "INFO",
        "DYNAMODB_TABLE_EVENTS": events,
        "DYNAMODB_TABLE_KEYS": keys,
        "DYNAMODB_ENDPOINT_URL": endpoint_url,
    }


def build_product(folder: Path) -> Path:
    """Build the product as `triggers deploy` does, for the Python that runs here."""
    build(folder, runtime=RUNTIME, architecture=ARCHITECTURE, environment=os.environ)
    return folder


def build_baseline(folder: Path) -> Path:
    """Build the baseline with `sam build`, with the versions that the product is locked to.

    The ratios are to tell how it is written and built, not how old its libraries are.
    """
    folder.mkdir(parents=True)
    template = (BASELINE / "template.yaml").read_text(encoding="utf-8")
    template = template.replace("Runtime: python3.11", f"Runtime: {RUNTIME}")
    # SAM takes relative paths from where the template is, and JSON text is YAML.
    template = template.replace("CodeUri: .", f"CodeUri: {json.dumps(str(BASELINE))}")
    (folder / "template.yaml").write_text(template, encoding="utf-8")
    locked = baseline_versions()
    constraints = folder / "constraints.txt"
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in locked.items()))
    own = {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": REGION, "PIP_CONSTRAINT": str(constraints)}
    # SAM takes the runtime's Python, and its pip, from PATH: this is the Python that runs here, with pip.
    path = os.pathsep.join([str(tool(PIP, "pip").parent), os.environ["PATH"]])
    command = [str(sam_folder() / "sam"), "build", "--no-cached"]
    command += ["--template-file", str(folder / "template.yaml"), "--build-dir", str(folder / "build")]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **own, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    artifact = folder / "build" / _FUNCTION
    if done.returncode:
        raise RuntimeError(f"sam build failed: {done.stdout}{done.stderr}")
    installed = {name: version for name, version in installed_versions(artifact).items() if name in locked}
    if others := installed.items() - locked.items():
        raise RuntimeError(f"the baseline was built with other versions: {sorted(others)}")
    return artifact


def baseline_versions() -> dict[str, str]:
    """Return what the baseline is built from: the product's versions, and the boto3 of the same botocore.

    The two are released together, under one number. What else boto3 needs (s3transfer) follows from it.
    """
    locked = locked_versions()
    return {**locked, "boto3": locked["botocore"]}


def locked_versions() -> dict[str, str]:
    """Return what the product's artifact is built from."""
    lock = (CHECKOUT / "deploy" / "requirements.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE))


def installed_versions(artifact: Path) -> dict[str, str]:
    """Return the distributions in an artifact, by the name that a lock gives them."""
    pairs = (folder.name.removesuffix(".dist-info").split("-") for folder in artifact.glob("*.dist-info"))
    return {name.replace("_", "-").lower(): version for name, version in pairs}


def number_of_files(artifact: Path) -> int:
    """Return how many files an artifact has."""
    return sum(1 for path in artifact.rglob("*") if path.is_file())
