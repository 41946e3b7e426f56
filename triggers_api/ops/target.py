"""Describe the stage that a command works on, and the origin of each of its settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from triggers_api.errors import ConfigurationError

LOCAL = "local"
"""The stage of the embedded store on this machine, without AWS."""

DEFAULT_REGION = "us-east-1"

_SERVICE_IDS = {"apigateway": "API_GATEWAY", "logs": "CLOUDWATCH_LOGS"}
"""The services whose endpoint variable has another name than their command of the AWS CLI."""

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
    """The stage that a command works on. `region` is None if only the profile may define it."""

    stage: Setting
    stack_name: Setting
    region: Setting | None
    profile: Setting | None
    data_dir: Setting
    endpoints: Mapping[str, str] = field(default_factory=dict)
    """The variables that direct requests to an emulator, and their URLs."""
    config_files: Mapping[str, str] = field(default_factory=dict)
    """The variables that name AWS configuration files, and the absolute paths of the files."""

    @property
    def endpoint_url(self) -> str | None:
        """The URL of an emulator that replaces all of AWS."""
        return self.endpoints.get("AWS_ENDPOINT_URL")

    @property
    def dynamodb_endpoint_url(self) -> str | None:
        """The URL of the DynamoDB that replaces that of AWS for the keys and nothing else."""
        return self.endpoints.get("DYNAMODB_ENDPOINT_URL")

    def endpoint_of(self, service: str) -> str | None:
        """Return the URL of the emulator that replaces a service, such as `logs`."""
        name = _SERVICE_IDS.get(service, service.upper())
        return self.endpoints.get(f"AWS_ENDPOINT_URL_{name}") or self.endpoint_url

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
