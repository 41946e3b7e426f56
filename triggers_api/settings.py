"""The service's settings: read from the environment once, and checked before anything starts.

| variable                | meaning                                                | default            |
|-------------------------|--------------------------------------------------------|--------------------|
| `DYNAMODB_TABLE_EVENTS` | the events table; if unset, the service uses SQLite     | none               |
| `DYNAMODB_TABLE_KEYS`   | the keys table; required with the events table          | none               |
| `DYNAMODB_ENDPOINT_URL` | another DynamoDB than the region's, for local work      | none               |
| `AWS_REGION`            | the tables' region; Lambda sets it                      | `us-east-1`        |
| `AUTH_MODE`             | `aws`: keys are looked up; `local`: the test key too    | `local`            |
| `AUTH_CACHE_SECONDS`    | how long a looked-up key is cached, 0 to 3600           | `30`               |
| `EVENT_TTL_DAYS`        | how long an event is kept, 1 to 3650                    | `7`                |
| `MAX_DELIVERIES`        | receives of an event before it is dead, 0 (never) to 1000 | `10`             |
| `INBOX_SHARDS`          | shards of the index that are written, 1 to 16           | `1`                |
| `INBOX_SHARDS_READ`     | shards that are read, 0 (as many as are written) to 16  | `0`                |
| `CORS_ALLOW_ORIGIN`     | `*`, or the one origin whose pages may call             | `*`                |
| `LOG_LEVEL`             | `DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`       | `INFO`             |
| `STAGE`                 | the name of the stage in the backlog's metrics          | `local`            |
| `TRIGGERS_DATA_DIR`     | the folder of the SQLite file                           | the user's data    |
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from triggers_api.core.keys import DEFAULT_AUTH_CACHE_SECONDS
from triggers_api.core.paging import MAX_SHARDS
from triggers_api.errors import ConfigurationError

AUTH_MODES = ("local", "aws")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_ORIGIN = re.compile(r"\*|https?://([A-Za-z0-9][A-Za-z0-9.\-]*|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?", re.ASCII)
_URL = re.compile(r"https?://[^\s/?#:@][^\s/?#@]*/?", re.ASCII)
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+", re.ASCII)
_TABLE = re.compile(r"[A-Za-z0-9_.\-]{3,255}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one service. The module's docstring lists their variables."""

    table_events: str | None
    table_keys: str | None
    dynamodb_endpoint_url: str | None
    region: str
    auth_mode: str
    auth_cache_seconds: int
    event_ttl_days: int
    max_deliveries: int
    inbox_shards: int
    inbox_shards_read: int
    cors_allow_origin: str
    log_level: str
    stage: str
    data_dir: Path | None
    in_lambda: bool

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings. An empty variable counts as unset.

        Raises:
            ConfigurationError: A variable is wrong or missing; the message names it.
        """
        read = _Reader(environment)
        settings = cls(
            table_events=read.matching("DYNAMODB_TABLE_EVENTS", _TABLE, "a table name"),
            table_keys=read.matching("DYNAMODB_TABLE_KEYS", _TABLE, "a table name"),
            dynamodb_endpoint_url=read.url(
                "DYNAMODB_ENDPOINT_URL", _URL, "a URL such as http://localhost:8000"
            ),
            region=read.matching("AWS_REGION", _REGION, "a region such as us-east-1") or "us-east-1",
            auth_mode=read.one_of("AUTH_MODE", AUTH_MODES, "local", str.lower),
            auth_cache_seconds=read.whole_number("AUTH_CACHE_SECONDS", DEFAULT_AUTH_CACHE_SECONDS, 0, 3600),
            event_ttl_days=read.whole_number("EVENT_TTL_DAYS", 7, 1, 3650),
            max_deliveries=read.whole_number("MAX_DELIVERIES", 10, 0, 1000),
            inbox_shards=read.whole_number("INBOX_SHARDS", 1, 1, MAX_SHARDS),
            inbox_shards_read=read.whole_number("INBOX_SHARDS_READ", 0, 0, MAX_SHARDS),
            cors_allow_origin=read.url(
                "CORS_ALLOW_ORIGIN", _ORIGIN, "* or an origin such as https://example.com"
            )
            or "*",
            log_level=read.one_of("LOG_LEVEL", LOG_LEVELS, "INFO", str.upper),
            stage=environment.get("STAGE") or "local",
            data_dir=read.path("TRIGGERS_DATA_DIR"),
            in_lambda="AWS_LAMBDA_FUNCTION_NAME" in environment,
        )
        settings._check_consistency()
        return settings

    @property
    def sqlite_folder(self) -> Path:
        """The folder of the SQLite file: `data_dir`, or the platform's folder for user data."""
        if self.data_dir is not None:
            return self.data_dir
        from platformdirs import user_data_path  # noqa: PLC0415 - not in the Lambda

        return user_data_path("triggers-api", appauthor=False)

    def _check_consistency(self) -> None:
        if self.in_lambda and self.auth_mode != "aws":
            raise ConfigurationError(
                "AUTH_MODE must be aws inside Lambda.",
                reason="the local mode accepts the published test key",
                hint="Set AUTH_MODE=aws.",
            )
        events, keys = self.table_events, self.table_keys
        if self.auth_mode == "aws" and events is None:
            raise _missing("DYNAMODB_TABLE_EVENTS", "AUTH_MODE is aws")
        if events is None and keys is not None:
            raise _missing("DYNAMODB_TABLE_EVENTS", "DYNAMODB_TABLE_KEYS is set")
        if events is not None and keys is None:
            raise _missing("DYNAMODB_TABLE_KEYS", "DYNAMODB_TABLE_EVENTS is set")


class _Reader:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def path(self, name: str) -> Path | None:
        value = self._environment.get(name)
        try:
            return Path(value).expanduser() if value else None
        except RuntimeError:
            raise _wrong(name, "a folder; its ~user is unknown on this machine") from None

    def matching(self, name: str, form: re.Pattern[str], expected: str) -> str | None:
        value = self._environment.get(name)
        if not value:
            return None
        if not form.fullmatch(value):
            raise _wrong(name, expected)
        return value

    def url(self, name: str, form: re.Pattern[str], expected: str) -> str | None:
        value = self.matching(name, form, expected)
        try:
            impossible = value is not None and urlsplit(value).port == 0
        except ValueError:
            impossible = True
        if impossible:
            raise _wrong(name, expected)
        return value

    def one_of(self, name: str, allowed: tuple[str, ...], default: str, normal: Callable[[str], str]) -> str:
        value = self._environment.get(name) or default
        value = normal(value) if value.isascii() else value
        if value not in allowed:
            raise _wrong(name, f"one of {', '.join(allowed)}")
        return value

    def whole_number(self, name: str, default: int, lowest: int, highest: int) -> int:
        value = self._environment.get(name) or str(default)
        if not re.fullmatch(r"\d{1,9}", value, re.ASCII) or not lowest <= int(value) <= highest:
            raise _wrong(name, f"a whole number from {lowest} to {highest}")
        return int(value)


def _wrong(name: str, expected: str) -> ConfigurationError:
    # The value is left out: it may be a secret, set in the wrong variable.
    return ConfigurationError(
        f"{name} must be {expected}.", hint=f"Set {name}, or unset it to use its default."
    )


def _missing(name: str, because: str) -> ConfigurationError:
    return ConfigurationError(f"{name} is not set.", reason=because, hint=f"Set {name}.")
