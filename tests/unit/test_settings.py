"""Settings: their defaults, what is refused, and in which words."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from triggers_api import settings as module
from triggers_api.errors import ConfigurationError, Kind
from triggers_api.settings import Settings

CANARY = "s3cret c4n4ry"
TABLES = {"DYNAMODB_TABLE_EVENTS": "events", "DYNAMODB_TABLE_KEYS": "keys"}
LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "triggers-api-prod"}

WRONG = {
    "DYNAMODB_TABLE_EVENTS": ["ab", "a" * 256, "a b", "a/b", "tåble", "events\n"],
    "DYNAMODB_TABLE_KEYS": ["ab", "a" * 256, "a b", "a:b", "keys\n"],
    "DYNAMODB_ENDPOINT_URL": [
        "localhost:8000",
        "ftp://a",
        "http://",
        "http://a/b",
        "http://a b",
        "http://a?b",
        "http://a:65536",
        "http://:8000",
        "http://user@a",
    ],
    "AWS_REGION": ["us", "us-east", "US-EAST-1", "us_east_1", "us-east-1\n", "us-east-1a", "-1"],
    "AUTH_MODE": ["none", "aws ", "off", "0", "true", "AWS,local"],
    "AUTH_CACHE_SECONDS": [
        "-1",
        "3601",
        "1.5",
        "30s",
        " 30",
        "+30",
        "1e3",
        "\u0663",
        "3_0",
        "9" * 20,
        "30\n",
    ],
    "EVENT_TTL_DAYS": ["0", "-7", "3651", "7.0", "7d", "7 ", "0x7", "\u0667", "9" * 5000],
    "MAX_DELIVERIES": ["-1", "1001", "1.0", "ten", "10 ", "1_0"],
    "CORS_ALLOW_ORIGIN": [
        "example.com",
        "https://example.com/",
        "https://a.com,https://b.com",
        "https://*.example.com",
        "null",
        "**",
        "https://user@example.com",
        "ftp://example.com",
        "https://example.com\r\nSet-Cookie: a=b",
        "https://exämple.com",
        "https://example.com:99999",
        "http://.",
    ],
    "LOG_LEVEL": ["TRACE", "10", "INFO ", "verbose", "\u0131nfo"],
}
RIGHT = {
    "DYNAMODB_ENDPOINT_URL": ["http://localhost:8000", "https://127.0.0.1:1/", "http://[::1]:8000"],
    "AWS_REGION": ["us-east-1", "eu-central-2", "us-gov-west-1", "ap-southeast-12"],
    "AUTH_CACHE_SECONDS": ["0", "3600"],
    "EVENT_TTL_DAYS": ["1", "3650"],
    "MAX_DELIVERIES": ["0", "1", "1000"],
    "CORS_ALLOW_ORIGIN": ["*", "https://example.com", "http://localhost:3000", "http://[::1]:3000"],
    "LOG_LEVEL": ["debug", "Warning", "CRITICAL"],
}


class Spy(Mapping[str, str]):
    """An environment that notes which variables are read, and which are only looked for."""

    def __init__(self) -> None:
        self.read: set[str] = set()
        self.looked_for: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.read.add(name)
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        self.looked_for.add(str(name))
        return False

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("the environment is not for browsing")

    def __len__(self) -> int:
        return 0


def documented() -> dict[str, str]:
    """Return the variables of the module's table, and their defaults."""
    rows = re.findall(r"^\| `([A-Z_]+)` *\|[^|\n]*\| *([^|\n]+?) *\|$", module.__doc__ or "", re.MULTILINE)
    return {name: default.strip("`") for name, default in rows}


def refused(environment: Mapping[str, str]) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environment(environment)
    return caught.value


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings(
        table_events=None,
        table_keys=None,
        dynamodb_endpoint_url=None,
        region="us-east-1",
        auth_mode="local",
        auth_cache_seconds=30,
        event_ttl_days=7,
        max_deliveries=10,
        inbox_shards=1,
        inbox_shards_read=0,
        cors_allow_origin="*",
        log_level="INFO",
        stage="local",
        data_dir=None,
        in_lambda=False,
    )


def test_without_a_folder_the_data_is_where_the_platform_keeps_a_users_data() -> None:
    folder = Settings.from_environment({}).sqlite_folder
    assert folder.is_absolute()
    assert "triggers-api" in folder.parts


def test_the_data_folder_is_used_if_it_is_set() -> None:
    assert Settings.from_environment({"TRIGGERS_DATA_DIR": "/srv/inbox"}).sqlite_folder == Path("/srv/inbox")


def test_the_documented_defaults_are_the_defaults() -> None:
    settings = Settings.from_environment({})
    assert documented() == {
        "DYNAMODB_TABLE_EVENTS": "none",
        "DYNAMODB_TABLE_KEYS": "none",
        "DYNAMODB_ENDPOINT_URL": "none",
        "AWS_REGION": settings.region,
        "AUTH_MODE": settings.auth_mode,
        "AUTH_CACHE_SECONDS": str(settings.auth_cache_seconds),
        "EVENT_TTL_DAYS": str(settings.event_ttl_days),
        "MAX_DELIVERIES": str(settings.max_deliveries),
        "INBOX_SHARDS": str(settings.inbox_shards),
        "INBOX_SHARDS_READ": str(settings.inbox_shards_read),
        "CORS_ALLOW_ORIGIN": settings.cors_allow_origin,
        "LOG_LEVEL": settings.log_level,
        "STAGE": settings.stage,
        "TRIGGERS_DATA_DIR": "the user's data",
    }


def test_the_documented_variables_are_those_that_are_read() -> None:
    spy = Spy()
    Settings.from_environment(spy)
    assert spy.read == documented().keys()
    assert spy.looked_for == {"AWS_LAMBDA_FUNCTION_NAME"}  # Lambda's own mark: not a setting


def test_an_empty_variable_counts_as_unset() -> None:
    assert Settings.from_environment(dict.fromkeys(documented(), "")) == Settings.from_environment({})


def test_every_variable_is_taken() -> None:
    assert Settings.from_environment(
        {
            **TABLES,
            "DYNAMODB_ENDPOINT_URL": "http://localhost:8000",
            "AWS_REGION": "eu-west-1",
            "AUTH_MODE": "AWS",
            "AUTH_CACHE_SECONDS": "0",
            "EVENT_TTL_DAYS": "365",
            "MAX_DELIVERIES": "3",
            "INBOX_SHARDS": "4",
            "INBOX_SHARDS_READ": "8",
            "CORS_ALLOW_ORIGIN": "https://example.com",
            "LOG_LEVEL": "debug",
            "STAGE": "staging",
            "TRIGGERS_DATA_DIR": "/srv/inbox",
            **LAMBDA,
        }
    ) == Settings(
        table_events="events",
        table_keys="keys",
        dynamodb_endpoint_url="http://localhost:8000",
        region="eu-west-1",
        auth_mode="aws",
        auth_cache_seconds=0,
        event_ttl_days=365,
        max_deliveries=3,
        inbox_shards=4,
        inbox_shards_read=8,
        cors_allow_origin="https://example.com",
        log_level="DEBUG",
        stage="staging",
        data_dir=Path("/srv/inbox"),
        in_lambda=True,
    )


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in WRONG for value in WRONG[name]])
def test_a_wrong_value_is_rejected_with_the_name_of_the_variable(name: str, value: str) -> None:
    error = refused({**TABLES, name: value})
    assert error.message.startswith(f"{name} must be ")
    assert name in error.hint
    assert error.kind is Kind.USAGE


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_not_repeated(name: str) -> None:
    error = refused({**TABLES, name: CANARY})
    for said in (error.message, error.reason, error.hint, repr(dict(error.details))):
        assert "s3cret" not in said
        assert "c4n4ry" not in said
    assert error.__cause__ is None


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in RIGHT for value in RIGHT[name]])
def test_a_right_value_is_taken(name: str, value: str) -> None:
    assert Settings.from_environment({name: value}) is not None


def test_the_folder_of_an_unknown_user_is_refused() -> None:
    error = refused({"TRIGGERS_DATA_DIR": f"~{CANARY}/data"})
    assert error.message.startswith("TRIGGERS_DATA_DIR ")
    assert CANARY not in error.message


def test_the_users_own_folder_may_be_written_with_a_tilde() -> None:
    assert Settings.from_environment({"TRIGGERS_DATA_DIR": "~/inbox"}).sqlite_folder == Path.home() / "inbox"


@pytest.mark.parametrize("environment", [{"AUTH_MODE": "aws"}, {"DYNAMODB_TABLE_KEYS": "keys"}])
def test_the_events_table_is_required_if_keys_are_looked_up(environment: dict[str, str]) -> None:
    error = refused(environment)
    assert error.message == "DYNAMODB_TABLE_EVENTS is not set."
    assert next(iter(environment)) in error.reason


@pytest.mark.parametrize("mode", ["aws", "local"])
def test_the_keys_table_goes_with_the_events_table(mode: str) -> None:
    error = refused({"DYNAMODB_TABLE_EVENTS": "events", "AUTH_MODE": mode})
    assert error.message == "DYNAMODB_TABLE_KEYS is not set."


@pytest.mark.parametrize("mode", [{}, {"AUTH_MODE": ""}, {"AUTH_MODE": "local"}, {"AUTH_MODE": "LOCAL"}])
def test_lambda_never_starts_in_local_mode(mode: dict[str, str]) -> None:
    assert refused({**TABLES, **LAMBDA, **mode}).message == "AUTH_MODE must be aws inside Lambda."


def test_lambda_starts_in_aws_mode_with_both_tables() -> None:
    assert Settings.from_environment({**TABLES, **LAMBDA, "AUTH_MODE": "aws"}).in_lambda


def test_dynamodb_may_be_used_in_local_mode_outside_lambda() -> None:
    assert Settings.from_environment(TABLES).auth_mode == "local"


def test_settings_do_not_change_once_they_are_read() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings.from_environment({}).auth_mode = "aws"  # type: ignore[misc]  # that is the point
