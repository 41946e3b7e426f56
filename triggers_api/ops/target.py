"""Which stage a command works on, and where it is; every part with the place where it was said."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from triggers_api.errors import ConfigurationError

LOCAL = "local"
"""The stage of the embedded store on this machine: no AWS."""

DEFAULT_REGION = "us-east-1"

YOUR_ANSWER = "your answer"
"""The origin of what an operator typed when asked."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A value, and where it comes from: a flag, a variable, `triggers.toml`, a profile, or the default."""

    value: str
    origin: str

    def __str__(self) -> str:
        """Say both, for a person."""
        return f"{self.value} ({self.origin})"


@dataclass(frozen=True, slots=True)
class Target:
    """What a command works on. `region` is None where only a profile can tell it.

    `endpoint_url` is an emulator's, which stands for all of AWS; `dynamodb_endpoint_url` for DynamoDB alone.
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
        """Tell whether it is this machine's own store."""
        return self.stage.value == LOCAL

    @property
    def events_table(self) -> str:
        """The stage's table of events (requirements, section 2.6)."""
        return f"triggers-api-events-{self.stage.value}"

    @property
    def keys_table(self) -> str:
        """The stage's table of keys (requirements, section 2.7)."""
        return f"triggers-api-keys-{self.stage.value}"

    @property
    def log_group(self) -> str:
        """The function's log group (requirements, section 2.8)."""
        return f"/aws/lambda/triggers-api-{self.stage.value}"

    @property
    def sqlite_folder(self) -> Path:
        """The folder of the local stage's data."""
        try:
            return Path(self.data_dir.value).expanduser()
        except RuntimeError as error:
            raise ConfigurationError(
                f"{self.data_dir.origin}: the user of {self.data_dir.value!r} is not known here.",
                hint="Correct it.",
            ) from error


def aws_command(target: Target, region: str, *words: str, endpoint_url: str | None = None) -> str:
    """Return a command of AWS's own tool that works where the target is, whatever the shell's own place is.

    The names of a stage are the same in every region and account: without a place, it may change another's.
    `endpoint_url` is of the one service, where that is not AWS's.
    """
    more = ["--region", region]
    if target.profile is not None:
        more += ["--profile", target.profile.value]
    if endpoint := endpoint_url or target.endpoint_url:
        more += ["--endpoint-url", endpoint]
    return shlex.join(["aws", *words[:2], *more, *words[2:]])
