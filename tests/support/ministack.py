"""An AWS of its own for a rehearsal: MiniStack, one process, on loopback, with IAM policies enforced.

It runs a deployed function in the Python that runs it, whatever the function's runtime is: an artifact must
be built for the Python of the tests. What it has installed itself, such as boto3 and pydantic, a function can
import too. All that it knows is in memory and in a temporary folder, and ends with it.
"""

import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3

from tests.support.dynamodb_local import free_port
from tests.support.tool_env import tool

REQUIREMENT = "ministack[full]==1.5.33"
REGION = "us-east-1"
START_SECONDS = 60.0
STOP_SECONDS = 10.0
_LIFETIME_SECONDS = "3600"  # longer than any run of the tests; then it stops by itself, whoever forgot it
# Its change sets list resources whose condition is false, which AWS's do not.
# MiniStack waits 50 ms for the output of a function, and 5 ms after a line for the next. If the machine
# stalls for longer, a line is delivered only at the next call of the function, and a test does not find it.
_PROGRAM = """
from ministack.app import main
from ministack.core.lambda_runtime import Worker
from ministack.services.cloudformation import changesets

resolve = changesets._resolve_props_for_diff

def resolve_wanted(template, params, *names):
    resolved = resolve(template, params, *names)
    if resolved:
        conditions = changesets._evaluate_conditions(template, params)
        resolved["Resources"] = {
            name: one
            for name, one in resolved["Resources"].items()
            if conditions.get(one.get("Condition"), True)
        }
    return resolved

changesets._resolve_props_for_diff = resolve_wanted
of_the_first_line, of_the_next, in_all = 1.0, 0.05, 2.0  # seconds
Worker._drain_stderr_bounded.__defaults__ = of_the_first_line, of_the_next, in_all
main()
"""
_ROOT = "test"  # both halves of the key that it takes for the account's root


@dataclass(frozen=True)
class Emulator:
    """A running account, seen by one of its users. The first is root, which no policy limits."""

    url: str
    log: Path
    """What the process has printed; a function's own log is in CloudWatch Logs."""
    access_key_id: str = _ROOT
    secret_access_key: str = _ROOT
    region: str = REGION

    def variables(self) -> dict[str, str]:
        """Return the variables that direct a CLI to this account and no other. The CLI sets the region."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAM_CLI_TELEMETRY": "0",
        }

    def client(self, service: str, region: str | None = None) -> Any:
        session: Any = boto3.Session(
            self.access_key_id, self.secret_access_key, region_name=region or self.region
        )
        return session.client(service, endpoint_url=self.url)

    def user(self, name: str, *statements: dict[str, Any]) -> "Emulator":
        """Create a user with a policy of these statements, and return the account seen by that user."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName=name, PolicyName="rehearsal", PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return replace(self, access_key_id=key["AccessKeyId"], secret_access_key=key["SecretAccessKey"])

    def api_url(self, api_id: str, stage: str) -> str:
        """Return the URL of a REST API. The URL in a stack's outputs has a host of AWS."""
        return f"{self.url}/_aws/execute-api/{api_id}/{stage}"

    def tail(self, lines: int = 40) -> str:
        """Return the end of its log, for the message of a test that fails."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


@contextmanager
def running() -> Iterator[Emulator]:
    """Run one and yield it once it answers. Several can run at the same time."""
    command = [str(tool(REQUIREMENT, "python")), "-c", _PROGRAM]
    if timeout := shutil.which("timeout"):
        command = [timeout, "--signal=KILL", _LIFETIME_SECONDS, *command]
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="ministack-") as folder:
        log = Path(folder, "log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=_environment(port, folder),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        emulator = Emulator(f"http://127.0.0.1:{port}", log)
        try:
            _wait_for(port, process, emulator)
            yield emulator
        finally:
            # The functions that it started are in its group.
            for ending in (signal.SIGTERM, signal.SIGKILL):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, ending)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_SECONDS)


def _environment(port: int, folder: str) -> dict[str, str]:
    """Return its whole environment, which functions inherit: it contains nothing of this process."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "HOME": folder,
        "TMPDIR": folder,
        "S3_DATA_DIR": f"{folder}/s3",
        "STATE_DIR": f"{folder}/state",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",  # these two listen on all interfaces
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{folder}/none",  # else it removes each MiniStack container of this machine
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": _ROOT,
        "AWS_SECRET_ACCESS_KEY": _ROOT,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "*",
    }


def _wait_for(port: int, process: subprocess.Popen[bytes], emulator: Emulator) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"MiniStack ended with {process.returncode}:\n{emulator.tail()}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/_ministack/health")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    raise RuntimeError(f"MiniStack did not answer within {START_SECONDS} s:\n{emulator.tail()}")
