"""Describe the stage that a command works on, and the origin of each of its settings."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from triggers_api.errors import ConfigurationError

LOCAL = "local"
"""The stage of the embedded store on this machine, without AWS."""

DEFAULT_REGION = "us-east-1"

YOUR_ANSWER = "your answer"
"""The origin of a value that the operator typed at a prompt."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and its origin: a flag, a variable, `triggers.toml`, a profile or the default."""

    value: str
    origin: str

    def __str__(self) -> str:
        """Return both, for people."""
        return f"{self.value} ({self.origin})"


@dataclass(frozen=True, slots=True)
class Target:
    """The stage that a command works on. `region` is None if only the profile may define it.

    `endpoint_url` replaces all of AWS with an emulator; `dynamodb_endpoint_url` replaces DynamoDB alone.
    """

    stage: Setting
    stack_name: Setting
    region: Setting | None
    profile: Setting | None
    data_dir: Setting
    dynamodb_endpoint_url: str | None
    endpoint_url: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether the stage is the store on this machine."""
        return self.stage.value == LOCAL

    @property
    def events_table(self) -> str:
        """The stage's events table (requirements, section 2.6)."""
        return f"triggers-api-events-{self.stage.value}"

    @property
    def keys_table(self) -> str:
        """The stage's keys table (requirements, section 2.7)."""
        return f"triggers-api-keys-{self.stage.value}"

    @property
    def log_group(self) -> str:
        """The function's log group (requirements, section 2.8)."""
        return f"/aws/lambda/triggers-api-{self.stage.value}"

    @property
    def sqlite_folder(self) -> Path:
        """The data folder of the local stage.

        Raises:
            ConfigurationError: The path starts with an unknown user's home, such as `~ada`.
        """
        try:
            return Path(self.data_dir.value).expanduser()
        except RuntimeError as error:
            raise ConfigurationError(
                f"{self.data_dir.origin}: unknown user in {self.data_dir.value!r}.", hint="Correct the path."
            ) from error


def aws_command(target: Target, region: str, *words: str, endpoint_url: str | None = None) -> str:
    """Return an `aws` command that works on the target, whatever the shell's own profile and region are.

    Resource names of a stage are the same in every region and account. Without explicit flags the command
    could change another stage's resources.

    Args:
        target: Supplies the profile, and the endpoint of an emulator.
        region: The region to work in.
        words: The service, the operation and its arguments.
        endpoint_url: The endpoint of this one service, if it is not AWS's.
    """
    flags = ["--region", region]
    if target.profile is not None:
        flags += ["--profile", target.profile.value]
    if endpoint := endpoint_url or target.endpoint_url:
        flags += ["--endpoint-url", endpoint]
    return shlex.join(["aws", *words[:2], *flags, *words[2:]])
