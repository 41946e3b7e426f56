"""A checkout without `triggers`: the SAM CLI alone gives the same artifact and the same stack."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.api_client import ApiClient
from tests.support.cloudformation_gaps import restore
from tests.support.rehearsal import CHECKOUT, Rehearsal, copy_checkout, said, sam_folder, stack_name
from tests.support.terminal import run_on_terminal
from triggers_api.ops.cloudformation.template import Template

pytestmark = pytest.mark.timeout(600)

STACK = stack_name("plain")
SAM = sam_folder() / "sam"
BUILT = ".aws-sam/build/TriggersApiFunction"
# What is asked besides the parameters, whose defaults are right for all but the stage.
ANSWERS = [
    ("Stack Name", f"{STACK}\n"),
    ("AWS Region", "us-east-1\n"),
    ("Parameter Stage", "plain\n"),
]
DECISIONS = [
    ("Confirm changes before deploy", "n\n"),
    ("Allow SAM CLI IAM role creation", "y\n"),
    ("Disable rollback", "n\n"),
    *[("has no authentication. Is this okay?", "y\n")] * 4,  # one for each event of the function
    ("Save arguments to configuration file", "y\n"),
    ("SAM configuration file", "\n"),
    ("SAM configuration environment", "\n"),
]


@dataclass(frozen=True)
class Checkout:
    """A copy of the sources, in which SAM works, against the account of a rehearsal."""

    folder: Path
    rehearsal: Rehearsal
    temporary: Path
    """SAM's guided mode leaves a file there."""

    @property
    def environment(self) -> dict[str, str]:
        own = {"AWS_DEFAULT_REGION": "us-east-1", "PYTHON": sys.executable, "TMPDIR": str(self.temporary)}
        return {**self.rehearsal.environment, **own}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, said(done)
        return done


@pytest.fixture(scope="module")
def checkout(rehearsal: Rehearsal, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    rehearsal.make_folders()
    temporary = tmp_path_factory.mktemp("tmp")
    return Checkout(copy_checkout(tmp_path_factory.mktemp("checkout")), rehearsal, temporary)


@pytest.fixture(scope="module")
def built(checkout: Checkout) -> Path:
    """Build as the requirements type it (2.12, 5.2)."""
    checkout.run(str(SAM), "build", "--template", "deploy/template.yaml")
    return checkout.folder / BUILT


@pytest.fixture(scope="module")
def guided(checkout: Checkout, built: Path) -> str:
    """Deploy with `--guided`, answer every question, and return the content of the terminal."""
    parameters = Template.load(checkout.folder / "deploy" / "template.yaml").parameters
    defaults = [(f"Parameter {name}", "\n") for name in parameters if name != "Stage"]
    session = run_on_terminal(
        "deploy",
        "--guided",
        variables=checkout.environment,
        replies=[*ANSWERS, *defaults, *DECISIONS],
        program=SAM,
        folder=checkout.folder,
        seconds=120,
    )
    assert session.code == 0, session.screen
    restore(checkout.rehearsal.emulator, STACK)
    return session.screen


def contents(folder: Path) -> dict[str, tuple[int, float, bytes]]:
    """Return mode, time and bytes of every file in a folder."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.stat().st_mtime, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def processed(rehearsal: Rehearsal, name: str) -> tuple[Any, str]:
    """Return a stack's processed template without what may differ, and the hash of its artifact.

    Two of them may: the origin for CORS, which `triggers deploy` writes out, and what SAM notes of its build.
    """
    cloudformation = rehearsal.emulator.client("cloudformation")
    template = cloudformation.get_template(StackName=name, TemplateStage="Processed")["TemplateBody"]
    for resource in template["Resources"].values():
        resource.pop("Metadata", None)
    function = template["Resources"]["TriggersApiFunction"]["Properties"]
    artifact = function.pop("Code")["S3Key"].removeprefix(f"{name}/")
    text = json.dumps(template, sort_keys=True).replace("${CorsAllowOrigin}", "*")
    text = re.sub(r"(TriggersApiDeployment)[0-9a-f]{10}", r"\1", text)
    text = re.sub(r"(RestApi deployment id: )[0-9a-f]{40}", r"\1", text)
    return json.loads(text), artifact


def test_sam_validates_the_template_with_the_command_of_the_requirements(checkout: Checkout) -> None:
    done = checkout.run(str(SAM), "validate", "--lint", "--template", "deploy/template.yaml")
    assert "is a valid SAM Template" in done.stdout


def test_sam_build_and_the_builder_create_the_same_artifact(checkout: Checkout, built: Path) -> None:
    out = checkout.folder / "out"
    checkout.run(sys.executable, "-m", "triggers_api.ops.build.artifact", str(out))
    expected, found = contents(out), contents(built)
    assert len(expected) > 100
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name][2] != expected[name][2]] == []
    assert [name for name in expected if found[name][:2] != expected[name][:2]] == []


def test_sam_build_leaves_the_sources_as_they_were(checkout: Checkout, built: Path) -> None:
    for name in ("deploy", "triggers_api"):
        found = {
            path.relative_to(checkout.folder): path.read_bytes()
            for path in (checkout.folder / name).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert found == {path: (CHECKOUT / path).read_bytes() for path in found}


def test_sam_deploy_guided_asks_and_creates_a_working_api(checkout: Checkout, guided: str) -> None:
    assert f"Successfully created/updated stack - {STACK}" in guided
    with ApiClient(checkout.rehearsal.url("plain")) as client:
        assert client.call("GET", "/v1/health").status == 200


def test_sam_deploy_uses_the_answers_saved_by_guided(checkout: Checkout, guided: str) -> None:
    done = checkout.run(str(SAM), "deploy", "--no-fail-on-empty-changeset")
    assert "No changes to deploy" in done.stdout + done.stderr


def test_triggers_deploy_creates_the_same_stack_as_sam(checkout: Checkout, guided: str) -> None:
    rehearsal = checkout.rehearsal
    rehearsal.deploy("ours")
    template, artifact = processed(rehearsal, stack_name("ours"))
    of_sam, artifact_of_sam = processed(rehearsal, STACK)
    assert template == of_sam
    assert artifact == artifact_of_sam


def test_triggers_deploy_updates_a_stack_created_by_sam(checkout: Checkout, guided: str) -> None:
    told = checkout.rehearsal.lines("deploy", "--stage", "plain", "--plan")
    changes = [change for one in told if one["event"] == "change_set" for change in one["changes"]]
    # The tables get the tags, which `sam` alone does not set, and stay.
    tables = [one for one in changes if one["type"] == "AWS::DynamoDB::Table"]
    assert {(one["action"], one["replacement"]) for one in tables} == {("Modify", "False")}
