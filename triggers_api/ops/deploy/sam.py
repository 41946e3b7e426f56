"""Drive the SAM CLI: it uploads the artifact and creates the change set, which this program executes.

Every option is passed, together with an empty configuration file, so that a stray `samconfig.toml` changes
nothing. SAM runs in a separate environment: the `sam` on PATH, else one that uv installs and caches.
"""

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from triggers_api.errors import (
    BuildError,
    CredentialsError,
    DeploymentError,
    OperatorError,
    PermissionDeniedError,
    PreflightError,
)
from triggers_api.ops.aws_errors import BAD_CREDENTIALS, DENIED, GET_CREDENTIALS
from triggers_api.ops.build.uv import find_uv
from triggers_api.ops.build.scratch import scratch_folder
from triggers_api.ops.deploy.preflight import SAM_STACK
from triggers_api.ops.deploy.process import run

PACKAGE = "aws-sam-cli==1.170.0"
"""The version that this package is tested with. uv installs it if there is no sam on PATH."""

_CHANGE_SET_ARN = re.compile(r"arn:[\w-]+:cloudformation:\S+:changeSet/\S+")
_AWS_ERROR = re.compile(r"An error occurred \((\w+)\) when calling the (\w+) operation[^:]*: (.*)")
_SAM_ERROR = re.compile(r"^Error: (.*)", re.MULTILINE | re.DOTALL)
_NO_CHANGES = "No changes to deploy"


@dataclass(frozen=True, slots=True)
class Sam:
    """A SAM CLI: its command, its version, and the environment that it runs in."""

    command: tuple[str, ...]
    version: str
    environment: Mapping[str, str] = field(repr=False)

    def build(
        self, template: Path, into: Path, *, parameters: Mapping[str, str], use_container: bool
    ) -> Path:
        """Run `sam build`, and return the template that it writes.

        Raises:
            BuildError: `sam build` failed, or wrote no template.
        """
        arguments = [
            "build",
            f"--template-file={template}",
            f"--build-dir={into}",
            f"--config-file={_write_empty_config(template.parent)}",
            "--no-cached",
            *(["--use-container"] if use_container else []),
            *_parameter_overrides(parameters),
        ]
        done = self._run(arguments, template.parent)
        built = into / "template.yaml"
        if done.returncode or not built.is_file():
            error = BuildError("sam build failed.", reason=_failure_reason(done), hint=_failure_hint(done))
            raise _with_output(error, done)
        return built

    def create_change_set(
        self,
        template: Path,
        *,
        stack_name: str,
        region: str,
        profile: str | None,
        parameters: Mapping[str, str],
    ) -> str | None:
        """Run `sam deploy`: upload the artifact, and create a change set without executing it.

        Returns:
            The change set's ARN; None if there is nothing to change.

        Raises:
            CredentialsError: AWS rejected the credentials.
            PermissionDeniedError: The credentials lack a permission.
            DeploymentError: `sam deploy` failed for another reason.
        """
        arguments = [
            "deploy",
            f"--template-file={template}",
            f"--config-file={_write_empty_config(template.parent)}",
            f"--stack-name={stack_name}",
            f"--s3-prefix={stack_name}",
            f"--region={region}",
            *([f"--profile={profile}"] if profile else []),
            "--resolve-s3",
            "--capabilities=CAPABILITY_IAM",
            "--no-execute-changeset",
            "--no-confirm-changeset",
            "--no-fail-on-empty-changeset",
            "--no-disable-rollback",
            "--no-progressbar",
            *_parameter_overrides(parameters),
        ]
        done = self._run(arguments, template.parent)
        if done.returncode:
            raise _with_output(_deploy_error(done), done)
        if found := _CHANGE_SET_ARN.search(done.stdout):
            return found.group()
        if _NO_CHANGES in done.stdout + done.stderr:
            return None
        raise _with_output(
            DeploymentError(
                "sam deploy created no change set.",
                reason=_last_line(done),
                hint=f"This program is tested with {PACKAGE}; the sam that ran is {self.version}.",
            ),
            done,
        )

    def _run(self, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        # SAM leaves temporary folders behind; in ours they are deleted with it.
        return run((*self.command, *arguments), folder, {**self.environment, "TMPDIR": str(folder)})


def find_sam(environment: Mapping[str, str], region: str) -> Sam:
    """Return the SAM CLI on PATH, else the one that uv installs.

    Raises:
        PreflightError: There is none, or it does not run.
    """
    variables = {**environment, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": region, "AWS_REGION": region}
    on_path = shutil.which("sam", path=environment.get("PATH"))
    hint = f"Install it: python3 -m pip install pipx && pipx install {PACKAGE}"
    try:
        command = (on_path,) if on_path else (find_uv(), "tool", "run", "--quiet", "--from", PACKAGE, "sam")
        with scratch_folder() as folder:
            done = run((*command, "--version"), folder, variables)
    except (BuildError, OSError) as error:
        reason = getattr(error, "reason", "") or str(error)
        raise PreflightError("The SAM CLI is not installed.", reason=reason, hint=hint) from error
    version = re.search(r"\d+\.\d+\.\d+", done.stdout)
    if done.returncode or version is None:
        not_installed = "The SAM CLI is not installed, and uv could not install it."
        message = f"{on_path} does not run." if on_path else not_installed
        raise PreflightError(message, reason=_last_line(done), hint=hint)
    return Sam(command, version.group(), variables)


def _parameter_overrides(parameters: Mapping[str, str]) -> list[str]:
    return ["--parameter-overrides", *(f'{name}="{value}"' for name, value in parameters.items())]


def _write_empty_config(folder: Path) -> Path:
    path = folder / "samconfig.toml"
    path.write_text("version = 0.1\n", encoding="utf-8")
    return path


def _deploy_error(done: subprocess.CompletedProcess[str]) -> OperatorError:
    found = _AWS_ERROR.search(done.stderr)
    code, reason = (found.group(1), found.group(3).strip()) if found else ("", "")
    if code in {*DENIED, "403"}:
        return PermissionDeniedError(
            "These AWS credentials lack a permission.",
            reason=reason,
            hint="Ask for the permission, or use another profile with --profile; "
            "triggers doctor lists the permissions.",
        )
    if code in BAD_CREDENTIALS:
        return CredentialsError("AWS rejected the credentials.", reason=reason, hint=GET_CREDENTIALS)
    return DeploymentError("sam deploy failed.", reason=_failure_reason(done), hint=_failure_hint(done))


def _failure_reason(done: subprocess.CompletedProcess[str]) -> str:
    """Return SAM's error message on one line."""
    found = _SAM_ERROR.search(done.stderr)
    return " ".join(found.group(1).split()) if found else _last_line(done)


def _failure_hint(done: subprocess.CompletedProcess[str]) -> str:
    if "NoSuchBucket" in done.stderr:
        return (
            f"SAM's bucket was deleted but its stack was not: delete the stack {SAM_STACK}, and deploy again."
        )
    return "Run triggers doctor, or run this command with --debug to see the whole output of sam."


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1].strip() if lines else f"it exited with code {done.returncode}"


def _with_output(error: OperatorError, done: subprocess.CompletedProcess[str]) -> OperatorError:
    """Attach SAM's output to an error; `--debug` shows it."""
    error.add_note(f"{done.stdout}\n{done.stderr}")
    return error
