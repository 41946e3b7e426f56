"""Drive the SAM CLI: it uploads the artifact and creates the change set, which this program executes.

Every option is passed, together with an empty configuration file, so that a stray `samconfig.toml` changes
nothing; nor do variables of SAM, uv or Python. SAM gets the credentials that the command has resolved, and
never the profile: it would ask for an MFA code again. SAM is the `sam` on PATH, else one that uv installs.
"""

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from botocore.exceptions import ClientError

from triggers_api.errors import (
    BuildError,
    CredentialsError,
    DeploymentError,
    OperatorError,
    PermissionDeniedError,
    PreflightError,
)
from triggers_api.ops.aws import Aws
from triggers_api.ops.aws_errors import operator_error
from triggers_api.ops.build.scratch import explain_local_errors, scratch_folder
from triggers_api.ops.build.uv import find_uv, tool_environment
from triggers_api.ops.deploy.preflight import SAM_STACK
from triggers_api.ops.deploy.process import run
from triggers_api.ops.shell_commands import python_command, triggers_command

PACKAGE = "aws-sam-cli==1.170.0"
"""The version that this package is tested with. uv installs it if there is no sam on PATH."""

_CHANGE_SET_ARN = re.compile(r"arn:[\w-]+:cloudformation:\S+:changeSet/\S+")
_AWS_ERROR = re.compile(r"An error occurred \((\w+)\) when calling the (\w+) operation[^:]*: (.*)")
_SAM_ERROR = re.compile(r"^Error: (.*)", re.MULTILINE | re.DOTALL)
_NO_CHANGES = "No changes to deploy"


@dataclass(frozen=True, slots=True)
class Sam:
    """A SAM CLI: its command, its version, and the operator's environment."""

    command: tuple[str, ...]
    version: str
    environment: Mapping[str, str] = field(repr=False)

    def build(
        self, aws: Aws, template: Path, into: Path, *, parameters: Mapping[str, str], use_container: bool
    ) -> Path:
        """Run `sam build`, and return the template that it writes.

        Raises:
            BuildError: `sam build` failed, or wrote no template.
            OperatorError: The credentials cannot be resolved, or the temporary folder cannot be written.
        """
        arguments = [
            "build",
            f"--template-file={template}",
            f"--build-dir={into}",
            f"--config-file={_config_path(template.parent)}",
            "--no-cached",
            *(["--use-container"] if use_container else []),
            *_parameter_overrides(parameters),
        ]
        done = self._run(aws, arguments, template.parent)
        built = into / "template.yaml"
        if done.returncode or not built.is_file():
            error = BuildError("sam build failed.", reason=_failure_reason(done), hint=_failure_hint(done))
            raise _with_output(error, done)
        return built

    def create_change_set(
        self, aws: Aws, template: Path, *, parameters: Mapping[str, str], tags: Mapping[str, str]
    ) -> str | None:
        """Run `sam deploy`: upload the artifact, and create a change set without executing it.

        Returns:
            The change set's ARN; None if there is nothing to change.

        Raises:
            CredentialsError: The credentials cannot be resolved, or AWS rejected them.
            PermissionDeniedError: The credentials lack a permission.
            LocalEnvironmentError: The temporary folder cannot be written.
            DeploymentError: `sam deploy` failed for another reason.
        """
        stack_name = aws.target.stack_name.value
        arguments = [
            "deploy",
            f"--template-file={template}",
            f"--config-file={_config_path(template.parent)}",
            f"--stack-name={stack_name}",
            f"--s3-prefix={stack_name}",
            f"--region={aws.region.value}",
            "--resolve-s3",
            "--capabilities=CAPABILITY_IAM",
            "--no-execute-changeset",
            "--no-confirm-changeset",
            "--no-fail-on-empty-changeset",
            "--no-disable-rollback",
            "--no-progressbar",
            "--tags",
            *(f'"{key}"="{value}"' for key, value in tags.items()),
            *_parameter_overrides(parameters),
        ]
        done = self._run(aws, arguments, template.parent)
        if done.returncode:
            raise _with_output(_deploy_error(done, aws), done)
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

    def _run(self, aws: Aws, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        with explain_local_errors():
            _config_path(folder).write_text("version = 0.1\n", encoding="utf-8")
            variables = aws.child_environment(_sam_environment(self.environment, folder), folder)
        return run((*self.command, *arguments), folder, variables)


def find_sam(environment: Mapping[str, str]) -> Sam:
    """Return the SAM CLI on PATH, else the one that uv installs.

    Raises:
        BuildError: The user's `uv.toml` cannot be read.
        LocalEnvironmentError: The temporary folder cannot be written.
        PreflightError: There is none, or it does not run.
    """
    on_path = shutil.which("sam", path=environment.get("PATH"))
    install_pipx = python_command("pip", "install", "pipx")
    hint = f"Install it: {install_pipx} && {python_command('pipx', 'install', PACKAGE)}"
    try:
        command = (on_path,) if on_path else (find_uv(), "tool", "run", "--quiet", "--from", PACKAGE, "sam")
    except BuildError as error:
        raise PreflightError("The SAM CLI is not installed.", reason=error.reason, hint=hint) from error
    with scratch_folder() as folder:
        variables = _sam_environment(environment, folder)
        try:
            done = run((*command, "--version"), folder, variables)
        except OSError as error:
            raise PreflightError("The SAM CLI is not installed.", reason=str(error), hint=hint) from error
    version = re.search(r"\d+\.\d+\.\d+", done.stdout)
    if done.returncode or version is None:
        not_installed = "The SAM CLI is not installed, and uv could not install it."
        message = f"{on_path} does not run." if on_path else not_installed
        raise PreflightError(message, reason=_last_line(done), hint=hint)
    return Sam(command, version.group(), environment)


def _sam_environment(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    # SAM leaves temporary folders behind; in ours they are deleted with it.
    own = {"SAM_CLI_TELEMETRY": "0", "TMPDIR": str(folder)}
    return tool_environment(environment, folder) | own


def _parameter_overrides(parameters: Mapping[str, str]) -> list[str]:
    return ["--parameter-overrides", *(f'{name}="{value}"' for name, value in parameters.items())]


def _config_path(folder: Path) -> Path:
    return folder / "samconfig.toml"


def _deploy_error(done: subprocess.CompletedProcess[str], aws: Aws) -> OperatorError:
    if found := _AWS_ERROR.search(done.stderr):
        code, operation, message = found.groups()
        refusal = ClientError({"Error": {"Code": code, "Message": message.strip()}}, operation)
        error = operator_error(refusal, aws.target, aws.region)
        if isinstance(error, PermissionDeniedError):
            error.hint = f"`{triggers_command('doctor')}` lists the permissions. {error.hint}"
        if isinstance(error, CredentialsError | PermissionDeniedError):
            return error
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
    doctor = triggers_command("doctor")
    return f"Run this command with --debug to see the whole output of sam, or run `{doctor}`."


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1].strip() if lines else f"it exited with code {done.returncode}"


def _with_output(error: OperatorError, done: subprocess.CompletedProcess[str]) -> OperatorError:
    """Attach SAM's output to an error; `--debug` shows it."""
    error.add_note(f"{done.stdout}\n{done.stderr}")
    return error
