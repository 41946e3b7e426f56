"""What `triggers dev` needs before it can serve: a place for the data, its tables, and a port."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from triggers_api.core.keys import LOCAL_KEY
from triggers_api.errors import ConfigurationError, LocalEnvironmentError
from triggers_api.settings import Settings
from triggers_api.store.sqlite.database import Database

EVENTS_TABLE = "triggers-api-events-dev"
KEYS_TABLE = "triggers-api-keys-dev"


@dataclass(frozen=True, slots=True)
class DevOptions:
    """What the command was asked for."""

    host: str
    port: int
    data_dir: Path | None
    dynamodb_endpoint: str | None


@dataclass(frozen=True, slots=True)
class DevServer:
    """All that the server needs: the environment of the service, an open socket, and what to tell.

    `key` is the key that opens without being made first; None where only the keys of the table do.
    """

    environment: Mapping[str, str]
    listener: socket.socket
    url: str
    data: str
    key: str | None


def prepare(options: DevOptions, environment: Mapping[str, str]) -> DevServer:
    """Check and make what the server needs.

    `LocalEnvironmentError` where the data or the port cannot be used, `ConfigurationError` where a setting is
    wrong; nothing is damaged then.
    """
    environment = _environment(options, environment)
    try:
        settings = Settings.from_environment(environment)
    except ConfigurationError as error:
        if options.dynamodb_endpoint and "DYNAMODB_ENDPOINT_URL" in error.message:
            raise ConfigurationError(
                error.message.replace("DYNAMODB_ENDPOINT_URL", "--dynamodb-endpoint"),
                hint="Give another URL.",
            ) from error
        raise
    if settings.table_events and settings.table_keys and settings.dynamodb_endpoint_url:
        from triggers_api.ops.dev_tables import create_missing_tables  # boto3, where it is needed

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
    return DevServer(environment, listener, url, data, key)


def _environment(options: DevOptions, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the service's environment: the store that was asked for, whatever else a shell has set."""
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
        # The protocol is named because asyncio turns Nagle's algorithm off only where it is: with it, every
        # answer on a kept connection waits 40 ms for an acknowledgement.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        raise _cannot_listen(host, port, error) from error
    try:
        if os.name == "posix":  # elsewhere it would let two servers listen on one port
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
        hint="End what listens there, or choose another --port; --host is an address of this machine.",
    )
