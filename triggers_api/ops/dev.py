"""Prepare `triggers dev`: its settings, its data and its port, before the service is built."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from triggers_api.api.web_access import ANY_ORIGIN, LocalAccess, is_host, is_origin, local_access
from triggers_api.core.keys import LOCAL_KEY
from triggers_api.errors import ConfigurationError, LocalEnvironmentError
from triggers_api.settings import Settings
from triggers_api.store.sqlite.database import Database

EVENTS_TABLE = "triggers-api-events-dev"
KEYS_TABLE = "triggers-api-keys-dev"


@dataclass(frozen=True, slots=True)
class DevOptions:
    """The options of the command."""

    host: str
    port: int
    data_dir: Path | None
    dynamodb_endpoint: str | None
    allowed_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DevServer:
    """What the command serves with: the service's settings, an open socket, and what to print.

    `key` is the key that is valid without being created; None if only the keys of the table are.
    """

    settings: Settings
    access: LocalAccess
    listener: socket.socket
    url: str
    data: str
    key: str | None


def prepare(options: DevOptions, environment: Mapping[str, str]) -> DevServer:
    """Check the settings and the data, create missing tables, and open the port.

    Raises:
        ConfigurationError: A setting is wrong.
        LocalEnvironmentError: The data or the port cannot be used. Existing data is unchanged.
    """
    _check_access(options)
    try:
        settings = Settings.from_environment(_service_environment(options, environment))
    except ConfigurationError as error:
        if options.dynamodb_endpoint and "DYNAMODB_ENDPOINT_URL" in error.message:
            raise ConfigurationError(
                error.message.replace("DYNAMODB_ENDPOINT_URL", "--dynamodb-endpoint"),
                hint="Give another URL.",
            ) from error
        raise
    if settings.table_events and settings.table_keys and settings.dynamodb_endpoint_url:
        from triggers_api.ops.dev_tables import create_missing_tables  # botocore, only if needed

        create_missing_tables(
            endpoint_url=settings.dynamodb_endpoint_url,
            region=settings.region,
            events=settings.table_events,
            keys=settings.table_keys,
        )
        data = f"{settings.table_events} and {settings.table_keys} at {settings.dynamodb_endpoint_url}"
    else:
        database = Database(settings.sqlite_folder)
        database.check()
        database.close()
        data = str(database.path)
    listener = _listen(options.host, options.port)
    host, port = listener.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    key = LOCAL_KEY if settings.auth_mode == "local" else None
    hosts = (options.host, host, *options.allowed_hosts)
    access = local_access(settings, hosts=hosts, origins=options.cors_origins)
    return DevServer(settings, access, listener, url, data, key)


def _check_access(options: DevOptions) -> None:
    for host in options.allowed_hosts:
        if not is_host(host):
            raise ConfigurationError(
                "--allowed-host must be a host name such as triggers.example.com.",
                hint="Give the name alone, without scheme and port.",
            )
    for origin in options.cors_origins:
        if origin != ANY_ORIGIN and not is_origin(origin):
            raise ConfigurationError(
                "--cors-origin must be * or an origin such as https://app.example.com.",
                hint="Give scheme, host and port as the browser shows them, without a path.",
            )


def _service_environment(options: DevOptions, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the service: the options take precedence over the shell's variables.

    Raises:
        ConfigurationError: The options exclude each other, or one is empty.
    """
    if options.data_dir is not None and options.dynamodb_endpoint is not None:
        raise ConfigurationError(
            "--data-dir and --dynamodb-endpoint exclude each other.",
            reason="the data is either in a folder or in a DynamoDB",
            hint="Give one of them.",
        )
    result = dict(environment)
    if options.dynamodb_endpoint is not None:
        if not options.dynamodb_endpoint:
            raise ConfigurationError("--dynamodb-endpoint is empty.", hint="Give a URL, or leave it out.")
        result["DYNAMODB_ENDPOINT_URL"] = options.dynamodb_endpoint
        result["DYNAMODB_TABLE_EVENTS"] = result.get("DYNAMODB_TABLE_EVENTS") or EVENTS_TABLE
        result["DYNAMODB_TABLE_KEYS"] = result.get("DYNAMODB_TABLE_KEYS") or KEYS_TABLE
    else:
        result["AUTH_MODE"] = "local"
        for name in ("DYNAMODB_ENDPOINT_URL", "DYNAMODB_TABLE_EVENTS", "DYNAMODB_TABLE_KEYS"):
            result.pop(name, None)
    if options.data_dir:
        result["TRIGGERS_DATA_DIR"] = str(options.data_dir)
    return result


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # Name the protocol: asyncio turns Nagle's algorithm off only for a socket that does. With Nagle's
        # algorithm, every answer on a kept connection waits 40 ms for an acknowledgement.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        raise _cannot_listen(host, port, error) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise _cannot_listen(host, port, error) from error
    return listener


def _cannot_listen(host: str, port: int, error: Exception) -> LocalEnvironmentError:
    return LocalEnvironmentError(
        f"Cannot listen on {host}, port {port}.",
        reason=(getattr(error, "strerror", None) or str(error)).lower(),
        hint="Stop the program that listens there, or choose another --port. "
        "--host is an address of this machine.",
    )
