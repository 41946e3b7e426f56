"""The SAM CLI, driven: it uploads the artifact and makes the change set; another module executes it.

Every argument is passed, and a configuration file of its own, so that a stray `samconfig.toml` changes
nothing. SAM runs in its own environment: the one on PATH, else one that uv makes and keeps.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from triggers_api.errors import (
    BuildError,
    CredentialsError,
    DeploymentError,
    PermissionDeniedError,
    PreflightError,
    TriggersError,
)
from triggers_api.ops.aws import BAD_CREDENTIALS, DENIED
from triggers_api.ops.build.artifact import find_uv
from triggers_api.ops.build.scratch import scratch_folder

PACKAGE = "aws-sam-cli==1.170.0"
"""What uv runs where there is no sam on PATH: the version that this package is tested with."""

_ARN = re.compile(r"arn:[\w-]+:cloudformation:\S+:changeSet/\S+")
_REFUSED = re.compile(r"An error occurred \((\w+)\) when calling the (\w+) operation[^:]*: (.*)")
_FAILED = re.compile(r"^Error: (.*)", re.MULTILINE | re.DOTALL)
_EMPTY = "No changes to deploy"
_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Sam:
    """A SAM CLI: how it is called, its version, and the environment that it runs in."""

    command: tuple[str, ...]
    version: str
    environment: Mapping[str, str] = field(repr=False)

    def build(
        self, template: Path, into: Path, *, parameters: Mapping[str, str], use_container: bool
    ) -> Path:
        """Run `sam build` and return the template that it wrote; `BuildError` where it fails."""
        arguments = [
            "build",
            f"--template-file={template}",
            f"--build-dir={into}",
            f"--config-file={_own_config(template.parent)}",
            "--no-cached",
            *(["--use-container"] if use_container else []),
            *_overrides(parameters),
        ]
        done = self._run(arguments, template.parent)
        built = into / "template.yaml"
        if done.returncode or not built.is_file():
            raise _with_output(BuildError("sam build failed.", reason=_reason(done), hint=_hint(done)), done)
        return built

    def change_set(
        self,
        template: Path,
        *,
        stack_name: str,
        region: str,
        profile: str | None,
        parameters: Mapping[str, str],
    ) -> str | None:
        """Upload the artifact and make a change set that is not executed.

        Return its ARN, or None where there is nothing to change; `DeploymentError`, `CredentialsError` or
        `PermissionDeniedError` where SAM or AWS refuses.
        """
        arguments = [
            "deploy",
            f"--template-file={template}",
            f"--config-file={_own_config(template.parent)}",
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
            *_overrides(parameters),
        ]
        done = self._run(arguments, template.parent)
        if done.returncode:
            raise _with_output(_refusal(done), done)
        if found := _ARN.search(done.stdout):
            return found.group()
        if _EMPTY in done.stdout + done.stderr:
            return None
        raise _with_output(
            DeploymentError(
                "sam deploy made no change set.",
                reason=_last_line(done),
                hint=f"This program knows {PACKAGE}; the sam that ran is {self.version}.",
            ),
            done,
        )

    def _run(self, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        # SAM leaves folders behind where it keeps temporary files: they go with ours.
        return run((*self.command, *arguments), folder, {**self.environment, "TMPDIR": str(folder)})


def find(environment: Mapping[str, str], region: str) -> Sam:
    """Return the SAM CLI on PATH, else the one that uv makes; `PreflightError` where there is neither."""
    variables = {**environment, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": region, "AWS_REGION": region}
    on_path = shutil.which("sam", path=environment.get("PATH"))
    hint = f"Install it: python3 -m pip install pipx && pipx install {PACKAGE}"
    try:
        command = (on_path,) if on_path else (find_uv(), "tool", "run", "--quiet", "--from", PACKAGE, "sam")
        with scratch_folder() as folder:
            done = run((*command, "--version"), folder, variables)
    except (BuildError, OSError) as error:
        reason = getattr(error, "reason", "") or str(error)
        raise PreflightError("There is no SAM CLI on this machine.", reason=reason, hint=hint) from error
    version = re.search(r"\d+\.\d+\.\d+", done.stdout)
    if done.returncode or version is None:
        what = f"{on_path} does not run." if on_path else "There is no SAM CLI, and uv cannot make one."
        raise PreflightError(what, reason=_last_line(done), hint=hint)
    return Sam(command, version.group(), variables)


def run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. Whatever ends this early stops it too, and waits: nothing is left running."""
    with subprocess.Popen(  # noqa: S603 - no shell, and nothing of a stranger in it
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,  # a Ctrl-C is passed on once, to all of it
    ) as process:
        try:
            output, errors = process.communicate()
        except SystemExit:  # told twice to end: at once
            os.killpg(process.pid, signal.SIGKILL)
            raise
        except BaseException:
            _stop(process)
            raise
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def _stop(process: subprocess.Popen[str]) -> None:
    """Ask a group of processes to end, and wait; at the end of patience, or at a second Ctrl-C, end it."""
    try:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it has just ended
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise


def _overrides(parameters: Mapping[str, str]) -> list[str]:
    return ["--parameter-overrides", *(f'{name}="{value}"' for name, value in parameters.items())]


def _own_config(folder: Path) -> Path:
    path = folder / "samconfig.toml"
    path.write_text("version = 0.1\n", encoding="utf-8")
    return path


def _refusal(done: subprocess.CompletedProcess[str]) -> TriggersError:
    refused = _REFUSED.search(done.stderr)
    if refused and refused.group(1) in {*DENIED, "403"}:
        return PermissionDeniedError(
            "These AWS credentials lack a permission.",
            reason=refused.group(3).strip(),
            hint="Ask for it, or use another profile with --profile; triggers doctor names what is needed.",
        )
    if refused and refused.group(1) in BAD_CREDENTIALS:
        return CredentialsError(
            "AWS does not take these credentials.",
            reason=refused.group(3).strip(),
            hint="Run aws configure or aws sso login, set AWS_PROFILE, or give --profile.",
        )
    return DeploymentError("sam deploy failed.", reason=_reason(done), hint=_hint(done))


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """Return what SAM says went wrong, as one line."""
    found = _FAILED.search(done.stderr)
    return " ".join(found.group(1).split()) if found else _last_line(done)


def _hint(done: subprocess.CompletedProcess[str]) -> str:
    if "NoSuchBucket" in done.stderr:
        return (
            "SAM's bucket is gone but its stack is not: delete the stack aws-sam-cli-managed-default, "
            "and deploy again."
        )
    return "Run triggers doctor; with --debug this command shows all that sam said."


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1].strip() if lines else f"it ended with {done.returncode}"


def _with_output(error: TriggersError, done: subprocess.CompletedProcess[str]) -> TriggersError:
    """Note down for `--debug` all that SAM said."""
    error.add_note(f"{done.stdout}\n{done.stderr}")
    return error
